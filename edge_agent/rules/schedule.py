"""Decides when a rule is armed, and how often it reports: event ids, cooldown and updates."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from edge_agent.config.model.settings import OnHolidays, Rule, Schedule, WhenUnsynced
from edge_agent.core.facts import RuleRef
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


UPDATE_EVERY_S = 60.0


@dataclass(slots=True)
class OpenRuleEvent:
    """The last reported event about a situation that still lasts."""

    event_id: str
    label: str | None
    mono: float

    def is_update_due(self, label: str | None, now: float) -> bool:
        """Whether an update is due: at once for another label, otherwise once a minute."""
        return label != self.label or now - self.mono >= UPDATE_EVERY_S

    def updated(self, label: str | None, now: float) -> None:
        self.label, self.mono = label, now


class EventThrottle:
    """The throttle of one rule. Call ``started`` after yielding a start: only then the sink has stored it."""

    def __init__(self, rule: Rule) -> None:
        self.ref = RuleRef(rule.id, rule.kind.value, rule.severity)
        self._cooldown_s = rule.cooldown_s
        self._last_start_mono: float | None = None

    def event_id(self, track_id: str, since_mono: float) -> str:
        """Return an id that is unique over restarts, as track ids are, and over replaced rules: a new rule
        does not know the events that an earlier rule started for the track."""
        return f"{self.ref.id}-{track_id}-{round(since_mono * 1000)}"

    def may_start(self, now: float) -> bool:
        """Whether the cooldown since the last start is over."""
        return self._last_start_mono is None or now - self._last_start_mono >= self._cooldown_s

    def started(self, event_id: str, label: str | None, now: float) -> OpenRuleEvent:
        """Record a start that the sink has stored."""
        self._last_start_mono = now
        return OpenRuleEvent(event_id, label, now)
