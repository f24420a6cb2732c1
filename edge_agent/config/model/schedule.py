"""``schedule`` of a rule: when it is armed."""

from dataclasses import dataclass
from datetime import time, timedelta
from enum import StrEnum
from typing import Annotated

from edge_agent.config.fields.collections import UnionOf
from edge_agent.config.fields.declare import Key, section
from edge_agent.config.fields.field_types import WordChoice
from edge_agent.config.fields.schema_types import SectionValues
from edge_agent.config.fields.times import EVERY_DAY, DaySpan, TimeOfDay
from edge_agent.config.texts.messages import message


class OnHolidays(StrEnum):
    USUAL = "usual"  # armed on a holiday as on any other day
    OFF = "off"  # not armed on a holiday
    ALSO = "also"  # armed on a holiday, whatever the day of the week
    ONLY = "only"  # armed on holidays only


class WhenUnsynced(StrEnum):
    """What a schedule does while the clock has not been synchronised since the boot."""

    ARMED = "armed"  # all day
    OFF = "off"  # not at all
    CLOCK = "clock"  # by the clock, which may be hours or days behind


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a rule is armed, in the gateway's time zone. A period over midnight (from 22:00 to 05:00)
    belongs to the day on which it begins."""

    days: Annotated[
        frozenset[int],  # 0 is Monday, 6 Sunday
        Key("days on which the period begins", UnionOf(DaySpan(), "days", least=1), "all of them"),
    ] = EVERY_DAY
    begin: Annotated[
        time, Key("beginning of the period; needs `to`", TimeOfDay(), "the whole day", key="from")
    ] = time(0)
    end: Annotated[
        time,
        Key(
            "end of the period; if it is before `from`: on the next day; if it equals `from`: the whole day",
            TimeOfDay(end=True),
            "the whole day",
            key="to",
        ),
    ] = time(0)
    holidays: Annotated[
        OnHolidays,
        Key(
            "whether it is armed on the dates of gateway.holidays. usual: as on other days; off: not armed; "
            "also: armed, "
            "whatever the day of the week; only: armed on these dates only, if `days` allows",
            WordChoice(tuple(OnHolidays), OnHolidays, no="off"),
        ),
    ] = OnHolidays.USUAL
    unsynced: Annotated[
        WhenUnsynced,
        Key(
            "whether it is armed while the clock has not been synchronised since the boot; without a "
            "battery, the clock then "
            "starts at the time of the last shutdown. armed: all day; off: not at all; clock: by the clock, "
            "for a gateway with a battery clock and without a time server",
            WordChoice(tuple(WhenUnsynced), WhenUnsynced, no="off"),
        ),
    ] = WhenUnsynced.ARMED


SCHEDULE = section(Schedule, "schedule", check=lambda values: values.require_both("from", "to"))


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
    """Return the seconds from begin to end of a period. A rule counts durations only while it is armed."""
    begin, end = (timedelta(hours=t.hour, minutes=t.minute) for t in (schedule.begin, schedule.end))
    return ((end - begin) % timedelta(days=1) or timedelta(days=1)).total_seconds()
