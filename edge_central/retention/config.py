"""The section ``retention:`` of the centre's configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edge_agent import wire
from edge_agent.config.fields import tree
from edge_agent.config.fields.collections import MapOf
from edge_agent.config.fields.field_types import Number
from edge_agent.config.fields.schema_types import (
    Field,
    ReadContext,
    Section,
    SectionValues,
    did_you_mean,
    quoted,
)
from edge_central.settings import Retention

_DAYS = Number(1, 36_600, "days")


@dataclass(frozen=True)
class DaysByKind(MapOf):
    """Days by kind of event; unknown kinds are refused."""

    def describe(self) -> str:
        return "a mapping of days by kind of event"

    def read(self, node: tree.Node, reading: ReadContext) -> Any:
        if isinstance(node, tree.Mapping):
            for name, entry in node.entries.items():
                if name not in wire.DATA_OF_KIND:
                    near = did_you_mean(name, wire.DATA_OF_KIND)
                    reading.refuse(entry.key, f"no kind of event is called {quoted(name)}{near}")
        return super().read(node, reading)


KINDS = {"chain-head": 730.0, "evidence": 730.0}
"""Evidence of an alarm is kept as long as the alarm."""


def _build(values: SectionValues) -> Retention:
    return Retention(**{**values.found, "kinds": KINDS | values["kinds"]})


RETENTION = Section(
    "retention",
    "Rows and media older than these are deleted, unless a hold keeps them; each deletion is recorded.",
    (
        Field("info_days", _DAYS, "events of severity info", 90.0),
        Field("warning_days", _DAYS, "warnings", 180.0),
        Field("alarm_days", _DAYS, "alarms", 730.0),
        Field(
            "kinds",
            DaysByKind(_DAYS, "kinds"),
            "days of single kinds of events, whatever their severity; add a kind with `{counts: 730}`",
            {},
            f"`{', '.join(f'{kind}: {days:g}' for kind, days in KINDS.items())}`",
        ),
        Field("media_days", _DAYS, "pictures", 90.0),
        Field("alert_days", _DAYS, "cleared alerts", 365.0),
        Field(
            "duty_days",
            _DAYS,
            "notes, requests and handovers of the officers; those about an event or alert are kept at least "
            "as long as the event or alert",
            730.0,
        ),
    ),
    _build,
    replacements={
        "days": "write info_days:, warning_days: and alarm_days:",
        "pictures_days": "write media_days:",
    },
)
