"""When a rule is armed."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from datetime import date, datetime, timedelta, tzinfo

from edge_agent.config.model.settings import OnHolidays, Schedule, WhenUnsynced
from edge_agent.core.overrides import OverrideKind

CLOCK_IS_SET = 2020
"""A clock before this year has not been set since the power came: it says nothing about the time of day."""


class Arming:
    """Of one rule, in the site's own time.

    A clock that has not been synchronised since the box started may be off by as long as the power was away:
    then the schedule's own ``unsynced`` decides, by default for armed all day. An alarm too many says
    ``clock: unsynced``, one that does not come says nothing.
    """

    def __init__(
        self,
        schedule: Schedule | None,
        timezone: tzinfo,
        holidays: AbstractSet[date],
        override: Callable[[], OverrideKind | None] = lambda: None,
        clock_known: Callable[[], bool] = lambda: True,
    ) -> None:
        """``override``: what the centre asks of the rule now. ``clock_known``: whether the clock has been
        right since the box started; asked for each frame."""
        self._schedule = schedule
        self._timezone = timezone
        self._holidays = holidays
        self._override = override
        self._clock_known = clock_known

    def armed(self, at: datetime) -> bool:
        """Whether it is, at that moment. A time over midnight belongs to the day it begins on."""
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
