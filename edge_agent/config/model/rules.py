"""``rules`` of a camera: which events in its zones and at its lines are reported. Each kind of rule has its
own keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from edge_agent.config.fields.collections import tagged_union
from edge_agent.config.fields.field_types import Flag, Number, Text, WordChoice, identifier
from edge_agent.config.fields.schema_types import Field, Section, SectionValues
from edge_agent.config.fields.shapes import segment
from edge_agent.config.model.detector import LABEL_LIST
from edge_agent.config.model.schedule import SCHEDULE, check_lasts
from edge_agent.config.model.settings import (
    AnyRule,
    CrossingMode,
    CrowdingRule,
    Direction,
    LineRule,
    RuleKind,
    StoppedRule,
    WrongWayRule,
    ZoneRule,
)
from edge_agent.config.texts.messages import message
from edge_agent.core.languages import Bilingual
from edge_agent.core.model import GROUP_OF_LABEL, LABELS, PERSON, TWO_WHEELER, VEHICLE, Severity

MAX_OBJECTS = 200
"""Largest plausible number of objects at one camera; the tracker itself has no such limit."""


@dataclass(frozen=True, slots=True)
class WrittenRule:
    """A rule as it was read. The zone or line that it names may not exist."""

    make: Callable[..., AnyRule]
    about: str  # the key: zone or line
    name: str  # name of that zone or line
    rest: Mapping[str, Any]  # the other fields of the rule


def _builder(make: Callable[..., AnyRule], about: str = "zone") -> Callable[[SectionValues], WrittenRule]:
    def build(values: SectionValues) -> WrittenRule:
        rest = dict(values.found)
        return WrittenRule(make, about, rest.pop(about), rest)

    return build


_ID = Field("id", identifier(), "the rule's id, unique in this camera")
_KIND = Field(
    "kind",
    WordChoice(tuple(RuleKind), RuleKind),
    "what it reports; each kind has its own keys in addition to these",
)
_COOLDOWN = Field(
    "cooldown_s",
    Number(0, 86400, "seconds"),
    "shortest time between two starts of this rule",
    60.0,
)
_SCHEDULE = Field("schedule", SCHEDULE, "when it is armed", None, "always")
_ENABLED = Field("enabled", Flag(), "false: the rule is ignored", True)
_ZONE = Field("zone", Text("the id of a zone", 63), "the id of one of this camera's zones")
_LINE = Field("line", Text("the id of a line", 63), "the id of one of this camera's lines")

_ALL = LABELS


def _of(*groups: str) -> tuple[str, ...]:
    return tuple(label for label in LABELS if GROUP_OF_LABEL[label] in groups)


def _labels(default: tuple[str, ...]) -> Field:
    text = "all of them" if default == _ALL else ", ".join(default)
    return Field("labels", LABEL_LIST, "labels of the objects; see detector.labels", default, text)


def _severity(default: Severity) -> Field:
    return Field(
        "severity",
        WordChoice(tuple(each.name.lower() for each in Severity), lambda word: Severity[word.upper()]),
        "severity of the event; waiting events are sent in the order of severity",
        default,
        f"`{default.name.lower()}`",
    )


_WARNING, _INFO = _severity(Severity.WARNING), _severity(Severity.INFO)


def _rule(
    kind: RuleKind,
    doc: str,
    own: tuple[Field, ...],
    labels: Field,
    severity: Field,
    build: Callable[[SectionValues], WrittenRule],
    check: Callable[[SectionValues], None] = lambda values: None,
) -> Section:
    fields = (_ID, _KIND, *own, labels, severity, _COOLDOWN, _SCHEDULE, _ENABLED)
    return Section(Bilingual(f"{kind} rule", f"quy tắc {kind}"), doc, fields, build, check)


def _stay(kind: RuleKind, doc: str, min_duration_s: float, grace_s: float) -> Section:
    own = (
        _ZONE,
        Field(
            "min_duration_s",
            Number(0, 3600, "seconds"),
            "time that an object must be in the zone; a longer time gives fewer events",
            min_duration_s,
        ),
        Field("grace_s", Number(0, 600, "seconds"), "a shorter absence from the zone is ignored", grace_s),
    )
    return _rule(kind, doc, own, _labels(_ALL), _WARNING, _builder(ZoneRule), _check_stay)


def _check_stay(values: SectionValues) -> None:
    if values.valid("kind") is RuleKind.LOITERING and values.valid("min_duration_s") == 0:
        values.reading.refuse(values.place("min_duration_s"), message("loitering-lasts"))
    check_lasts(values, "min_duration_s")


def _check_line(values: SectionValues) -> None:
    if values.valid("each") is False and values.valid("counts_s") == 0:
        values.reading.refuse(values.key_place("each"), message("tells-nothing"))


_LINE_CROSSING = _rule(
    RuleKind.LINE_CROSSING,
    "An object crosses a line. Crossings are counted in both directions, whatever `direction` says, from "
    "midnight of the site. An object that crosses the extension of the line does not cross the line.",
    (
        _LINE,
        Field(
            "direction",
            WordChoice(tuple(Direction), Direction),
            "direction of crossings that are reported one by one; seen from the line's first point towards "
            "the second, side A is on the left and side B on the right",
            Direction.BOTH,
        ),
        Field(
            "mode",
            WordChoice(tuple(CrossingMode), CrossingMode),
            "distance from the line at which an object counts as on a side. strict may miss an object that "
            "appears or disappears near the line; loose may count one that only touches it",
            CrossingMode.BALANCED,
        ),
        Field("each", Flag(), "true: an event for each crossing; false: counts only", True),
        Field(
            "counts_s",
            Number(1, 86400, "seconds", or_zero=True),
            "time between reports of the counts, if they have changed; 0: never",
            60.0,
        ),
    ),
    _labels(_ALL),
    _INFO,
    _builder(LineRule, "line"),
    _check_line,
)

_STOPPED_VEHICLE = _rule(
    RuleKind.STOPPED_VEHICLE,
    "A vehicle moved, and then stands still where vehicles must not stop.",
    (
        _ZONE,
        Field(
            "still_s",
            Number(1, 86400, "seconds"),
            "time that it must stand still in the zone; more than a red light",
            120.0,
        ),
    ),
    _labels(("car", "bus", "truck", "motorcycle")),
    _WARNING,
    _builder(StoppedRule),
    lambda values: check_lasts(values, "still_s"),
)

ARROW = segment(
    "arrow",
    "The right direction of travel.",
    "its first point",
    "the tip of the arrow: traffic must move from `from` to `to`",
)

_WRONG_WAY = _rule(
    RuleKind.WRONG_WAY,
    "An object moves against the arrow.",
    (
        _ZONE,
        Field("arrow", ARROW, ARROW.doc),
        Field(
            "angle_deg",
            Number(1, 90, "degrees"),
            "largest deviation from the exact opposite of the arrow; a smaller angle gives fewer events",
            60.0,
        ),
        Field(
            "min_distance",
            Number(0.01, 2, "widths of the picture"),
            "distance that it must have moved that way; a longer distance gives fewer events",
            0.1,
        ),
    ),
    _labels(_of(TWO_WHEELER, VEHICLE)),
    _INFO,
    _builder(WrongWayRule),
)


def _built_crowding(values: SectionValues) -> WrittenRule:
    if values["release_count"] is None:
        values.found["release_count"] = values["count"] * 7 // 10
    return _builder(CrowdingRule)(values)


def _check_crowding(values: SectionValues) -> None:
    count, release = values.valid("count"), values.valid("release_count")
    if count is not None and release is not None and release >= count:
        text = message("release-count", count=count, release=release)
        values.reading.refuse(values.place("release_count"), text)
    check_lasts(values, "min_duration_s")


_CROWDING = _rule(
    RuleKind.CROWDING,
    "Many objects are in a zone for a while. Vehicles at a red light are a crowd too: choose the zone and "
    "the schedule accordingly.",
    (
        _ZONE,
        Field(
            "count", Number(2, MAX_OBJECTS, "objects", whole=True), "number of objects in the zone at once"
        ),
        Field("min_duration_s", Number(0, 3600, "seconds"), "time that the count must last", 30.0),
        Field(
            "release_count",
            Number(0, MAX_OBJECTS, "objects", whole=True),
            "the crowd ends when there are no more objects than this for min_duration_s; less than count",
            None,
            "0.7 of count, rounded down",
        ),
    ),
    _labels(_of(PERSON, TWO_WHEELER)),
    _INFO,
    _built_crowding,
    _check_crowding,
)

KINDS: Mapping[str, Section] = {
    RuleKind.ZONE_INTRUSION: _stay(
        RuleKind.ZONE_INTRUSION, "An object entered a zone.", min_duration_s=1.0, grace_s=1.0
    ),
    RuleKind.LOITERING: _stay(
        RuleKind.LOITERING,
        "An object stays in a zone; a short absence does not restart the time.",
        min_duration_s=30.0,
        grace_s=5.0,
    ),
    RuleKind.LINE_CROSSING: _LINE_CROSSING,
    RuleKind.STOPPED_VEHICLE: _STOPPED_VEHICLE,
    RuleKind.WRONG_WAY: _WRONG_WAY,
    RuleKind.CROWDING: _CROWDING,
}

RULE = tagged_union(
    "rule",
    "What is reported about a zone or a line. The position of an object is the middle of the lower edge of "
    "its box.",
    "kind",
    KINDS,
)
