"""The settings of a camera's rules, and their keys. ``rule_kinds.py`` has what depends on the kind."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from edge_agent.config.fields.declare import Key
from edge_agent.config.fields.field_types import Flag, Number, Text, WordChoice, identifier
from edge_agent.config.fields.schema_types import SectionValues
from edge_agent.config.fields.shapes import segment
from edge_agent.config.model.detector import LABEL_LIST
from edge_agent.config.model.schedule import SCHEDULE, Schedule
from edge_agent.config.model.zones import Line, Zone
from edge_agent.core.geometry import Point
from edge_agent.core.model import Severity

MAX_OBJECTS = 200
"""Largest plausible number of objects at one camera; the tracker itself has no such limit."""


class RuleKind(StrEnum):
    """The kinds of rules; each is also the kind of its events on the wire."""

    ZONE_INTRUSION = "zone-intrusion"  # an object entered a zone and stayed for ``min_duration_s``
    LOITERING = "loitering"  # the same, but a short absence does not restart the time
    LINE_CROSSING = "line-crossing"
    STOPPED_VEHICLE = "stopped-vehicle"  # a vehicle moved, and then stood still in a zone
    WRONG_WAY = "wrong-way"
    CROWDING = "crowding"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The settings that all rules have. The kind of a rule decides its class."""

    id: Annotated[str, Key("the rule's id, unique in this camera", identifier())]
    kind: Annotated[
        RuleKind,
        Key(
            "what it reports; each kind has its own keys in addition to these",
            WordChoice(tuple(RuleKind), RuleKind),
        ),
    ]
    name: Annotated[str, Key("its name for people, such as Đêm ở cổng trường", Text(), "the id")] = ""
    labels: Annotated[tuple[str, ...], Key("labels of the objects; see detector.labels", LABEL_LIST)]
    min_score: Annotated[
        float,
        Key(
            "least score of the objects: the mean of the inferences that voted for the label. A higher score "
            "gives fewer events and misses more objects; 0: all that the detector is sure enough of",
            Number(0, 1),
        ),
    ] = 0.0
    severity: Annotated[
        Severity,
        Key(
            "severity of the event; waiting events are sent in the order of severity",
            WordChoice(tuple(each.name.lower() for each in Severity), lambda word: Severity[word.upper()]),
        ),
    ]
    cooldown_s: Annotated[
        float, Key("shortest time between two starts of this rule", Number(0, 86400, "seconds"))
    ] = 60.0
    schedule: Annotated[Schedule | None, Key("when it is armed", SCHEDULE, "always")] = None
    enabled: Annotated[bool, Key("false: the rule is ignored", Flag())] = True


_ZONE = Key("the id of one of this camera's zones", Text("the id of a zone", 63))


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneRule(Rule):
    """``zone-intrusion`` and ``loitering``."""

    zone: Annotated[Zone, _ZONE]
    min_duration_s: Annotated[
        float,
        Key(
            "time that an object must be in the zone; a longer time gives fewer events",
            Number(0, 3600, "seconds"),
        ),
    ]
    grace_s: Annotated[float, Key("a shorter absence from the zone is ignored", Number(0, 600, "seconds"))]


class Direction(StrEnum):
    A_TO_B = "a-to-b"
    B_TO_A = "b-to-a"
    BOTH = "both"


class CrossingMode(StrEnum):
    """How much of an object must be across before it counts."""

    STRICT = "strict"
    BALANCED = "balanced"
    LOOSE = "loose"


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRule(Rule):
    """An object crosses a line. Crossings are counted in both directions, whatever `direction` says, from
    midnight of the site. An object that crosses the extension of the line does not cross the line."""

    line: Annotated[Line, Key("the id of one of this camera's lines", Text("the id of a line", 63))]
    direction: Annotated[
        Direction,
        Key(
            "direction of crossings that are reported one by one; seen from the line's first point towards "
            "the second, side A is on the left and side B on the right",
            WordChoice(tuple(Direction), Direction),
        ),
    ] = Direction.BOTH
    mode: Annotated[
        CrossingMode,
        Key(
            "distance from the line at which an object counts as on a side. strict may miss an object that "
            "appears or disappears near the line; loose may count one that only touches it",
            WordChoice(tuple(CrossingMode), CrossingMode),
        ),
    ] = CrossingMode.BALANCED
    each: Annotated[bool, Key("true: an event for each crossing; false: counts only", Flag())] = True
    counts_s: Annotated[
        float,
        Key(
            "time between reports of the counts, if they have changed; 0: never",
            Number(1, 86400, "seconds", or_zero=True),
        ),
    ] = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoppedRule(Rule):
    """A vehicle moved, and then stands still where vehicles must not stop."""

    zone: Annotated[Zone, _ZONE]
    still_s: Annotated[
        float,
        Key("time that it must stand still in the zone; more than a red light", Number(1, 86400, "seconds")),
    ] = 120.0


ARROW = segment(
    "arrow",
    "The right direction of travel.",
    "its first point",
    "the tip of the arrow: traffic must move from `from` to `to`",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongWayRule(Rule):
    """An object moves against the arrow."""

    zone: Annotated[Zone, _ZONE]
    arrow: Annotated[tuple[Point, Point], ARROW]
    angle_deg: Annotated[
        float,
        Key(
            "largest deviation from the exact opposite of the arrow; a smaller angle gives fewer events",
            Number(1, 90, "degrees"),
        ),
    ] = 60.0
    min_distance: Annotated[
        float,
        Key(
            "distance that it must have moved in the wrong direction; a longer distance gives fewer events",
            Number(0.01, 2, "widths of the picture"),
        ),
    ] = 0.1


def _release_count(values: SectionValues) -> int:
    release: int | None = values["release_count"]
    count: int = values["count"]
    return count * 7 // 10 if release is None else release


@dataclass(frozen=True, slots=True, kw_only=True)
class CrowdingRule(Rule):
    """Many objects are in a zone for a while. Vehicles at a red light are a crowd too: choose the zone and
    the schedule accordingly."""

    zone: Annotated[Zone, _ZONE]
    count: Annotated[
        int, Key("number of objects in the zone at once", Number(2, MAX_OBJECTS, "objects", whole=True))
    ]
    min_duration_s: Annotated[float, Key("time that the count must last", Number(0, 3600, "seconds"))] = 30.0
    release_count: Annotated[
        int,
        Key(
            "the crowd ends when there are no more objects than this for min_duration_s; less than count",
            Number(0, MAX_OBJECTS, "objects", whole=True),
            "0.7 of count, rounded down",
            default=None,
            make=_release_count,
        ),
    ]


AnyRule = ZoneRule | LineRule | StoppedRule | WrongWayRule | CrowdingRule
