"""When a rule is armed."""

from __future__ import annotations

from datetime import datetime, timedelta

from edge_agent.config.settings import Schedule


def is_armed(schedule: Schedule | None, local: datetime) -> bool:
    """``local``: the moment in the site's own time. A time over midnight belongs to the day it begins on."""
    if schedule is None:
        return True
    now, today = local.time(), local.weekday()
    if schedule.begin < schedule.end:
        return today in schedule.days and schedule.begin <= now < schedule.end
    yesterday = (local - timedelta(days=1)).weekday()
    begun_today = today in schedule.days and now >= schedule.begin
    return begun_today or (yesterday in schedule.days and now < schedule.end)
