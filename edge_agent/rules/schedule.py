"""When a rule is armed."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from datetime import date, datetime, timedelta, tzinfo

from edge_agent.config.settings import OnHolidays, Schedule
from edge_agent.overrides import Override

CLOCK_IS_SET = 2020
"""A clock before this year has not been set since the power came: it says nothing about the time of day."""


class Arming:
    """Of one rule, in the site's own time.

    While the clock is plainly not set a rule with a schedule is armed all day: an alarm too many says
    ``clock: unsynced``, one that does not come says nothing. A clock that may be right is believed.
    """

    def __init__(
        self,
        schedule: Schedule | None,
        timezone: tzinfo,
        holidays: AbstractSet[date],
        override: Callable[[], Override | None] = lambda: None,
    ) -> None:
        """``override``: what the centre asks of the rule now."""
        self._schedule = schedule
        self._timezone = timezone
        self._holidays = holidays
        self._override = override

    def armed(self, at: datetime) -> bool:
        """Whether it is, at that moment. A time over midnight belongs to the day it begins on."""
        match self._override():
            case Override.DISARM:
                return False
            case Override.ARM:
                return True
        schedule = self._schedule
        if schedule is None or at.year < CLOCK_IS_SET:
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
