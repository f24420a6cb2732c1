"""Field types of time: time zones, times of day, days of the week, dates."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

from edge_agent.config.fields import tree
from edge_agent.config.fields.field_types import text_of
from edge_agent.config.fields.schema_types import (
    InvalidValue,
    ReadContext,
    ScalarType,
    did_you_mean,
    nearest,
    quoted,
)
from edge_agent.config.texts.messages import message
from edge_agent.config.texts.phrases import phrase

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_OF_VIETNAM = dict.fromkeys(
    ("asia/hanoi", "asia/ha_noi", "asia/ha noi", "asia/hà nội", "hanoi", "vietnam", "asia/vietnam", "ict"),
    "Asia/Ho_Chi_Minh",
)
"""Names that people in Vietnam write but the IANA database lacks: it names a zone after its largest city."""
EVERY_DAY = frozenset(range(len(DAYS)))


@dataclass(frozen=True)
class TimeZone(ScalarType):
    """A name of the IANA time zone database."""

    def describe(self) -> str:
        return message("zone")

    def parse(self, scalar: tree.Scalar, reading: ReadContext) -> ZoneInfo:
        name = text_of(scalar, self.describe())
        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, OSError):  # unknown, not a name, a directory such as "Asia"
            near = did_you_mean(_OF_VIETNAM.get(name.strip().lower(), name), available_timezones())
            text = message("must-be-not", kind=self.describe(), found=quoted(name))
            raise InvalidValue(message("with-hint", text=text, hint=near)) from None


@dataclass(frozen=True)
class TimeOfDay(ScalarType):
    """Hours and minutes. As an end, 24:00 is the midnight at which the next day begins."""

    end: bool = False

    def describe(self) -> str:
        return message("time-of-day", end="24:00" if self.end else "23:59")

    def parse(self, scalar: tree.Scalar, reading: ReadContext) -> time:
        match = re.fullmatch(r"([01]\d|2[0-4]):([0-5]\d)", scalar.text)
        if match is None:
            text = message("must-be-not", kind=self.describe(), found=quoted(scalar.text))
            raise InvalidValue(message("with-hint", text=text, hint=_time_meant(scalar)))
        text_of(scalar, self.describe())
        hour, minute = int(match[1]), int(match[2])
        if hour < 24:
            return time(hour, minute)
        if not self.end or minute:
            raise InvalidValue(message("must-be-not", kind=self.describe(), found=quoted(scalar.text)))
        return time(0, 0)


def _time_meant(scalar: tree.Scalar) -> str:
    """Suggest a time: ``7:00`` is 07:00, and 1320 is how another YAML reader reads an unquoted 22:00."""
    if (match := re.fullmatch(r"(\d):([0-5]\d)", scalar.text)) is not None:
        return message("mean", name=f"0{match[1]}:{match[2]}")
    if scalar.plain and re.fullmatch(r"\d{1,4}", scalar.text):
        hour, minute = divmod(int(scalar.text), 60)
        if hour < 24:
            when = f"{hour:02}:{minute:02}"
            return message("time-meant", when=when)
    return ""


@dataclass(frozen=True)
class DaySpan(ScalarType):
    """A day of the week or several consecutive ones, as numbers from 0, Monday."""

    def describe(self) -> str:
        return message("day")

    def parse(self, scalar: tree.Scalar, reading: ReadContext) -> frozenset[int]:
        ends = scalar.text.split("-")
        if len(ends) > 2 or any(end not in DAYS for end in ends):
            text = message("must-be-not", kind=self.describe(), found=quoted(scalar.text))
            raise InvalidValue(message("with-hint", text=text, hint=_days_meant(scalar.text)))
        first, last = DAYS.index(ends[0]), DAYS.index(ends[-1])
        length = (last - first) % 7 + 1  # the span sat-mon crosses the end of the week
        return frozenset((first + i) % 7 for i in range(length))


def _days_meant(text: str) -> str:
    meant = [_day_meant(part.strip().lower()) for part in re.split("[-\u2013]|\\.\\.", text)]
    days = [day for day in meant if day is not None]
    return message("mean", name="-".join(days)) if len(days) == len(meant) <= 2 else ""


def _day_meant(word: str) -> str | None:
    return word[:3] if word[:3] in DAYS else nearest(word, DAYS)


@dataclass(frozen=True)
class DateSpan(ScalarType):
    """A date or several consecutive ones, both ends included."""

    most: int = 100  # days

    def describe(self) -> str:
        return message("dates")

    def parse(self, scalar: tree.Scalar, reading: ReadContext) -> frozenset[date]:
        # Unlike a time, an unquoted date is the same date to every YAML reader.
        ends = scalar.text.split("..")
        if len(ends) > 2:
            raise InvalidValue(message("must-be-not", kind=self.describe(), found=quoted(scalar.text)))
        first, last = (self._date(text, scalar) for text in (ends[0], ends[-1]))
        days = (last - first).days + 1
        if days < 1:
            raise InvalidValue(message("span-backwards", kind=self.describe()))
        if days > self.most:
            raise InvalidValue(message("span-long", days=days, most=self.most))
        return frozenset(first + timedelta(days=i) for i in range(days))

    def _date(self, text: str, scalar: tree.Scalar) -> date:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            try:
                return date.fromisoformat(text)
            except ValueError as error:
                raise InvalidValue(message("no-such-day", day=text, error=phrase(str(error)))) from None
        refused = message("must-be-not", kind=self.describe(), found=quoted(scalar.text))
        raise InvalidValue(message("with-hint", text=refused, hint=_date_meant(text)))


def _date_meant(text: str) -> str:
    """Suggest a date for ``text``: in Vietnam, 5/2/2027 is the fifth of February."""
    if (match := re.fullmatch(r"(\d{4})[-/.](\d\d?)[-/.](\d\d?)", text.strip(), re.ASCII)) is not None:
        year, month, day = match.groups()
    elif (match := re.fullmatch(r"(\d\d?)[-/.](\d\d?)[-/.](\d{4})", text.strip(), re.ASCII)) is not None:
        day, month, year = match.groups()
    else:
        return ""
    return message("mean", name=f"{year}-{month:0>2}-{day:0>2}")
