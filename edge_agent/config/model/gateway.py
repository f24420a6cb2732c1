"""``gateway``: the identity of this gateway; ``acceptance``: the parties of its commissioning report;
``commands``: what the centre may order the gateway to do."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from edge_agent.config.fields.collections import ListOf, UnionOf
from edge_agent.config.fields.declare import Key, section
from edge_agent.config.fields.field_types import Number, Text, WordChoice, identifier
from edge_agent.config.fields.public_keys import OperatorKeys
from edge_agent.config.fields.schema_types import ReloadScope, SectionValues
from edge_agent.config.fields.times import DateSpan, TimeZone
from edge_agent.config.texts.messages import message
from edge_agent.wire import ARGUMENTS

MAX_HOLIDAYS = 400  # enough for many years; Vietnam has about 12 a year
_TIMEZONE = ZoneInfo("Asia/Ho_Chi_Minh")


@dataclass(frozen=True, slots=True)
class Location:
    """The position of the site in degrees (WGS 84), as a phone or a map shows it."""

    latitude: Annotated[float, Key("north is positive", Number(-90, 90, "degrees"))]
    longitude: Annotated[float, Key("east is positive", Number(-180, 180, "degrees"))]


LOCATION = section(Location, "location", example="{latitude: 20.4463, longitude: 106.3366}")


@dataclass(frozen=True, slots=True)
class Gateway:
    """The identity of this gateway."""

    id: Annotated[
        str,
        Key(
            "the gateway's id; also its MQTT client id, the CN of its certificate and its broker user",
            identifier(),
        ),
    ]
    ward: Annotated[str, Key("id of its ward; a level of every topic", identifier())]
    name: Annotated[
        str,
        Key(
            "its name for people",
            Text(),
            "the id",
            default="",
            make=lambda values: values["name"] or values["id"],
        ),
    ]
    timezone: Annotated[
        ZoneInfo,
        Key(
            "time zone of the site, for schedules and daily counts; the box itself may run in UTC",
            TimeZone(),
            _TIMEZONE.key,
        ),
    ] = _TIMEZONE
    holidays: Annotated[
        frozenset[date],
        Key(
            "public holidays for schedules: dates, or spans like 2027-02-05..2027-02-11. Add them for each "
            "year, because Tet moves; `check` warns when new ones are needed",
            UnionOf(DateSpan(), "dates", most=200),
        ),
    ] = frozenset()
    ward_name: Annotated[str, Key("the ward's name for people, such as Đề Thám", Text(), "the ward's id")] = (
        ""
    )
    location: Annotated[Location | None, Key("position of the site", LOCATION, "unknown")] = None

    @property
    def ward_shown(self) -> str:
        return self.ward_name or self.ward


def _check(values: SectionValues) -> None:
    days = len(values.valid("holidays") or ())
    if days > MAX_HOLIDAYS:
        text = message("many-holidays", days=days, most=MAX_HOLIDAYS)
        values.reading.refuse(values.place("holidays"), text)


GATEWAY = section(Gateway, "gateway", check=_check)


def _paper_name(doc: str, default: str = "a blank line on the paper") -> Key:
    return Key(doc, Text(), default, default="", reload=ReloadScope.NOTHING)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Names on the commissioning report that ``doctor --report`` makes; ``doctor`` has options for some."""

    authority: Annotated[
        str, _paper_name("superior of the organisation that draws up the report", "none")
    ] = ""
    organisation: Annotated[str, _paper_name("organisation that draws up the report")] = ""
    symbol: Annotated[str, _paper_name("its abbreviation, in the report's number after BB-", "none")] = ""
    place: Annotated[str, _paper_name("place name before the date", "the ward's name")] = ""
    owner: Annotated[str, _paper_name("the owner of the site")] = ""
    contractor: Annotated[str, _paper_name("who installs the site")] = ""
    ward: Annotated[str, _paper_name("authority of the ward that signs")] = ""


ACCEPTANCE = section(Acceptance, "acceptance")

SIGNED_COMMANDS = ("camera-reboot", "disarm", "mask", "relearn", "restart")
"""Commands that need an operator's signature by default, in addition to those that always need one."""


@dataclass(frozen=True, slots=True)
class Commands:
    """Commands that the gateway accepts from the centre. Risky commands must be signed by an operator."""

    operator_keys: Annotated[
        tuple[Path, ...],  # files, and folders of files
        Key(
            "public keys of the operators, read at each signed command; without a key no risky command is "
            "accepted",
            ListOf(OperatorKeys(), "files and folders", most=16),
            "none",
        ),
    ] = ()
    search_keys: Annotated[
        tuple[Path, ...],  # files, and folders of files
        Key(
            "public keys of the centre's searches, read at each signed command. Such a key may sign search, "
            "passage-hold, passage-pictures, passage-times and rehearse and nothing else, names the person "
            "and the wards, and each use is on record; a key that is in operator_keys too is a search key",
            ListOf(OperatorKeys(), "files and folders", most=16),
            "none",
        ),
    ] = ()
    signed: Annotated[
        tuple[str, ...],
        Key(
            "commands that need an operator's signature too; others are accepted from every user with write "
            "access to the broker. Always needed for collect, model, passage-hold, passage-pictures, "
            "passage-times, reboot, rehearse, search, set-config, set-rule, unclaim, update, a snapshot with "
            "still, uploads to a URL and releasing evidence; never to end a mask, a disarm or a collection "
            "that is not deleted (for_s: 0)",
            ListOf(WordChoice(tuple(ARGUMENTS)), "types of commands", unique=True),
            ", ".join(SIGNED_COMMANDS),
        ),
    ] = SIGNED_COMMANDS


COMMANDS = section(Commands, "commands")
