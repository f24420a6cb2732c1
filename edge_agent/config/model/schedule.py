"""``schedule`` of a rule: when it is armed."""

from __future__ import annotations

from datetime import time, timedelta

from edge_agent.config.fields.collections import ListOf
from edge_agent.config.fields.field_types import WordChoice
from edge_agent.config.fields.schema_types import Field, Section, SectionValues
from edge_agent.config.fields.times import EVERY_DAY, DaySpan, TimeOfDay
from edge_agent.config.model.settings import OnHolidays, Schedule, WhenUnsynced
from edge_agent.config.texts.messages import message


def _build(values: SectionValues) -> Schedule:
    days: frozenset[int] = frozenset().union(*values["days"])
    begin, end = (values[key] or time(0, 0) for key in ("from", "to"))
    return Schedule(days, begin, end, values["holidays"], values["unsynced"])


SCHEDULE = Section(
    "schedule",
    "When a rule is armed, in the gateway's time zone. A period over midnight (from 22:00 to 05:00) belongs "
    "to the day on which it begins.",
    (
        Field(
            "days",
            ListOf(DaySpan(), "days", least=1),
            "days on which the period begins",
            (EVERY_DAY,),
            "all of them",
        ),
        Field("from", TimeOfDay(), "beginning of the period; needs `to`", None, "the whole day"),
        Field(
            "to",
            TimeOfDay(end=True),
            "end of the period; if it is before `from`: on the next day; if it equals `from`: the whole day",
            None,
            "the whole day",
        ),
        Field(
            "holidays",
            WordChoice(tuple(OnHolidays), OnHolidays, no="off"),
            "on the dates of gateway.holidays. usual: as on other days; off: not armed; also: armed, "
            "whatever the day of the week; only: armed on these dates only, if `days` allows",
            OnHolidays.USUAL,
        ),
        Field(
            "unsynced",
            WordChoice(tuple(WhenUnsynced), WhenUnsynced, no="off"),
            "while the clock has not been synchronised since the boot; without a battery, the clock then "
            "starts at the time of the last shutdown. armed: all day; off: not at all; clock: by the clock, "
            "for a gateway with a battery clock and without a time server",
            WhenUnsynced.ARMED,
        ),
    ),
    _build,
    lambda values: values.require_both("from", "to"),
)


def check_lasts(values: SectionValues, key: str) -> None:
    """Report a rule whose armed time is shorter than the duration that it needs."""
    schedule: Schedule | None = values.valid("schedule")
    needed_s: float | None = values.valid(key)
    if schedule is None or needed_s is None:
        return
    armed_s = _armed_s(schedule)
    if armed_s <= needed_s:
        text = message("never-fires", armed=armed_s, key=key, needed=needed_s)
        values.reading.refuse(values.place("schedule"), text)


def _armed_s(schedule: Schedule) -> float:
    """Seconds from begin to end: a rule counts durations only while it is armed."""
    begin, end = (timedelta(hours=t.hour, minutes=t.minute) for t in (schedule.begin, schedule.end))
    return ((end - begin) % timedelta(days=1) or timedelta(days=1)).total_seconds()
