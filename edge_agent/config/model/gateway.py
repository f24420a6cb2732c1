"""``gateway``: the identity of this gateway; ``commands``: what the centre may order the gateway to do."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

from edge_agent.config.fields.collections import ListOf
from edge_agent.config.fields.field_types import Number, Text, WordChoice, identifier
from edge_agent.config.fields.public_keys import OperatorKeys
from edge_agent.config.fields.schema_types import Field, Section, SectionValues, build_from_values
from edge_agent.config.fields.times import DateSpan, TimeZone
from edge_agent.config.model.settings import SIGNED_COMMANDS, Commands, Gateway, Location
from edge_agent.config.texts.messages import message
from edge_agent.wire import ARGUMENTS

MAX_HOLIDAYS = 400
"""Enough for many years; Vietnam has about 12 a year."""
_TIMEZONE = "Asia/Ho_Chi_Minh"

LOCATION = Section(
    "location",
    "The position of the site in degrees (WGS 84), as a phone or a map shows it.",
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
    if days > MAX_HOLIDAYS:
        text = message("many-holidays", days=days, most=MAX_HOLIDAYS)
        values.reading.refuse(values.place("holidays"), text)


GATEWAY = Section(
    "gateway",
    "The identity of this gateway.",
    (
        Field(
            "id",
            identifier(),
            "the gateway's id; also its MQTT client id, the CN of its certificate and its broker user",
        ),
        Field("ward", identifier(), "id of its ward; a level of every topic"),
        Field("name", Text(), "its name for people", "", "the id"),
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
            "public holidays for schedules: dates, or spans like 2027-02-05..2027-02-11. Add them for each "
            "year, because Tet moves; `check` warns when new ones are needed",
            (),
        ),
        Field("ward_name", Text(), "the ward's name for people, such as Đề Thám", "", "the ward's id"),
        Field("location", LOCATION, "position of the site", None, "unknown"),
    ),
    _build,
    _check,
)


COMMANDS = Section(
    "commands",
    "Commands that the gateway accepts from the centre. Risky commands must be signed by an operator.",
    (
        Field(
            "operator_keys",
            ListOf(OperatorKeys(), "files and folders", most=16),
            "public keys of the operators, read at each signed command; without a key no risky command is "
            "accepted",
            (),
            "none",
        ),
        Field(
            "signed",
            ListOf(WordChoice(tuple(ARGUMENTS)), "types of commands", unique=True),
            "commands that need an operator's signature too; others are accepted from every user with write"
            " access to the broker. Always needed for collect, model, reboot, set-config, update, uploads "
            "to a URL and releasing evidence; never to end a mask, disarm or collect (for_s: 0)",
            SIGNED_COMMANDS,
            ", ".join(SIGNED_COMMANDS),
        ),
    ),
    build_from_values(Commands),
)
