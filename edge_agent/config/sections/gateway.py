"""``gateway``: who this box is."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

from edge_agent.config.fields.kinds import Number, Text, identifier
from edge_agent.config.fields.many import ListOf
from edge_agent.config.fields.spec import Field, Section, SectionValues, build_from_values
from edge_agent.config.fields.times import DateSpan, TimeZone
from edge_agent.config.model.settings import Gateway, Location
from edge_agent.config.texts.messages import message

MOST_HOLIDAYS = 400
"""In a few years together; Vietnam has about 12 a year."""
_TIMEZONE = "Asia/Ho_Chi_Minh"

LOCATION = Section(
    "location",
    "Where the site is, in degrees (WGS 84), as a phone or a map gives them.",
    (
        Field("latitude", Number(-90, 90, "degrees"), "north is positive"),
        Field("longitude", Number(-180, 180, "degrees"), "east is positive"),
    ),
    build_from_values(Location),
    example="{latitude: 20.4463, longitude: 106.3366}",
)


def _build(values: SectionValues) -> Gateway:
    holidays: frozenset[date] = frozenset().union(*values["holidays"])
    return Gateway(**values.found | {"name": values["name"] or values["id"], "holidays": holidays})


def _check(values: SectionValues) -> None:
    spans: tuple[frozenset[date], ...] = values.valid("holidays") or ()
    days = len(frozenset().union(*spans))
    if days > MOST_HOLIDAYS:
        text = message("many-holidays", days=days, most=MOST_HOLIDAYS)
        values.reading.refuse(values.place("holidays"), text)


GATEWAY = Section(
    "gateway",
    "Who this box is.",
    (
        Field(
            "id",
            identifier(),
            "the gateway's id; also its MQTT client id, the CN of its certificate and its broker user",
        ),
        Field("ward", identifier(), "the ward it stands in; a level of every topic"),
        Field("name", Text(), "a name for humans", "", "the id"),
        Field(
            "timezone",
            TimeZone(),
            "time zone of the site, for schedules and daily counts; the box itself may run in UTC",
            ZoneInfo(_TIMEZONE),
            _TIMEZONE,
        ),
        Field(
            "holidays",
            ListOf(DateSpan(), "dates", most=200),
            "public holidays, for schedules that follow them: dates, or spans like 2027-02-05..2027-02-11, "
            "of each year anew, because Tet moves; check warns when the list has run out",
            (),
        ),
        Field("ward_name", Text(), "the ward's name for humans, such as Đề Thám", "", "the ward's id"),
        Field("location", LOCATION, "where the site is", None, "unknown"),
    ),
    _build,
    _check,
)
