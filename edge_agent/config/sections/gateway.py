"""``gateway``: who this box is."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from edge_agent.config.kinds import Text, identifier
from edge_agent.config.settings import Gateway
from edge_agent.config.spec import Field, Section, Values
from edge_agent.config.times import TimeZone

_TIMEZONE = "Asia/Ho_Chi_Minh"


def _build(values: Values) -> Gateway:
    return Gateway(**values.found | {"name": values["name"] or values["id"], "holidays": frozenset()})


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
    ),
    _build,
)
