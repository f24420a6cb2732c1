"""Decides when a rule is armed."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from datetime import date, datetime, timedelta, tzinfo

from edge_agent.config.model.settings import OnHolidays, Schedule, WhenUnsynced
from edge_agent.core.overrides import OverrideKind

CLOCK_IS_SET = 2020
"""A clock before this year was not set since power-on, so the time of day is unknown."""


class Arming:
    """Whether one rule is armed, in the site's local time.

    A clock that has not been synchronised since boot may be off by as long as the gateway was without power.
    Until then the schedule's ``unsynced`` decides; its default is armed all day, because a false alarm shows
    ``clock: unsynced``, while a missing alarm shows nothing.
    """

    def __init__(
        self,
        schedule: Schedule | None,
        timezone: tzinfo,
        holidays: AbstractSet[date],
        override: Callable[[], OverrideKind | None] = lambda: None,
        clock_known: Callable[[], bool] = lambda: True,
    ) -> None:
        """``override``: the centre's override of the rule, if any. ``clock_known``: whether the clock was
        synchronised since boot; called for each frame."""
        self._schedule = schedule
        self._timezone = timezone
        self._holidays = holidays
        self._override = override
        self._clock_known = clock_known

    def armed(self, at: datetime) -> bool:
        """Whether the rule is armed at that time. A period over midnight belongs to the day it begins on."""
        match self._override():
            case OverrideKind.DISARM:
                return False
            case OverrideKind.ARM:
                return True
        schedule = self._schedule
        if schedule is None:
            return True
        if schedule.unsynced is not WhenUnsynced.CLOCK and not self._clock_known():
            return schedule.unsynced is WhenUnsynced.ARMED
        if at.year < CLOCK_IS_SET:
            return True
        local = at.astimezone(self._timezone)
        now, today = local.time(), local.date()
        if schedule.begin < schedule.end:
            return schedule.begin <= now < schedule.end and self._begins_on(schedule, today)
        begun_today = now >= schedule.begin and self._begins_on(schedule, today)
        return begun_today or (now < schedule.end and self._begins_on(schedule, today - timedelta(days=1)))

    def _begins_on(self, schedule: Schedule, day: date) -> bool:
        usual, holiday = day.weekday() in schedule.days, day in self._holidays
        match schedule.holidays:
            case OnHolidays.USUAL:
                return usual
            case OnHolidays.OFF:
                return usual and not holiday
            case OnHolidays.ALSO:
                return usual or holiday
            case OnHolidays.ONLY:
                return usual and holiday
