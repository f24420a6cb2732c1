"""Observations: what rules, tracking and tamper detection report, before it becomes events.

Everything here is frozen. The events stage makes one event of each observation. The fields have the names
that the wire uses.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from edge_agent.core.geometry import Polygon
from edge_agent.core.model import Box, Severity, Track


class Phase(StrEnum):
    START = "start"
    UPDATE = "update"
    END = "end"
    MOMENT = "moment"  # began and ended at once; no other event with its id follows


@dataclass(frozen=True, slots=True)
class ObjectObservation:
    """A change of a confirmed object."""

    phase: Phase
    track: Track
    started_mono: float
    end_reason: str | None = None  # only with Phase.END


@dataclass(frozen=True, slots=True)
class FlowNumbers:
    """Vehicles and two-wheelers in the picture. Counts are means over ``watched_s``."""

    watched_s: float
    moving: float
    standing: float  # stand for less than five minutes, after they moved
    standing_long: float  # stand for five minutes or longer, after they moved
    speed: float | None  # median of the moving ones, in lengths of the object a second; None: not measured
    speed_m_s: float | None  # median of the moving ones on the ground plane


@dataclass(frozen=True, slots=True)
class CountsObservation:
    """New objects per label since ``from_mono``, and the traffic; at least one of them."""

    from_mono: float
    to_mono: float
    new: dict[str, int] = field(default_factory=dict)
    flow: FlowNumbers | None = None


@dataclass(frozen=True, slots=True)
class RuleRef:
    """The configured rule that an event refers to."""

    id: str
    kind: str  # kind of its events on the wire
    severity: Severity
    masked: bool = False  # overridden for now: its events have severity info


@dataclass(frozen=True, slots=True)
class Stay:
    """Facts of ``zone-intrusion`` and ``loitering``."""

    zone: str
    inside_s: float


@dataclass(frozen=True, slots=True)
class Crossing:
    """Facts of ``line-crossing``."""

    line: str
    direction: Literal["a-to-b", "b-to-a"]


@dataclass(frozen=True, slots=True)
class Standstill:
    """Facts of ``stopped-vehicle``."""

    zone: str
    still_s: float


@dataclass(frozen=True, slots=True)
class AgainstArrow:
    """Facts of ``wrong-way``."""

    zone: str
    angle_deg: float  # angle between its direction and the arrow; 180: straight against the arrow
    distance: float  # in picture widths


@dataclass(frozen=True, slots=True)
class Crowd:
    """Facts of ``crowding``."""

    zone: str
    count: int
    most: int  # highest count since the event began


Facts = Stay | Crossing | Standstill | AgainstArrow | Crowd


@dataclass(frozen=True, slots=True)
class RuleObservation:
    """A report of a configured rule."""

    phase: Phase
    event_id: str  # the same for start, updates and end; unique across restarts
    rule: RuleRef
    facts: Facts
    why: str  # one line for humans: which place, how long, which direction
    started_mono: float
    last_mono: float  # when its condition last held; an end event ends then
    track: Track | None  # None: several objects
    box: Box  # around the object, or around all of them
    end_reason: str | None = None  # only with Phase.END


@dataclass(frozen=True, slots=True)
class Turn:
    """How many objects, by label, crossed ``line`` first and the line of the observation last."""

    line: str
    direction: Literal["a-to-b", "b-to-a"]  # across ``line``
    to_direction: Literal["a-to-b", "b-to-a"]  # across the line of the observation
    objects: dict[str, int]


@dataclass(frozen=True, slots=True)
class TurnNumbers:
    """Movements, by label and since the site's midnight, of objects whose last line was the observation's."""

    only: dict[str, int]  # objects that crossed no other line of the camera
    turns: tuple[Turn, ...]
    others: dict[str, int]  # objects of further turns, beyond the number of turns that is listed


@dataclass(frozen=True, slots=True)
class LineCountsObservation:
    """How many objects crossed a line since midnight at the site. Numbers are by label."""

    rule: RuleRef
    line: str
    day: str  # in the site's time zone, YYYY-MM-DD
    from_mono: float  # end of the last interval
    to_mono: float
    a_to_b: dict[str, int]
    b_to_a: dict[str, int]
    turns: TurnNumbers | None = None  # None: the camera counts at fewer than two lines


class ViewState(StrEnum):
    """What has happened to a camera's view. The values are words of the wire."""

    COVERED = "covered"
    DEFOCUSED = "defocused"
    MOVED = "moved"
    FROZEN = "frozen"
    DARK = "dark"
    OVEREXPOSED = "overexposed"
    VISIBILITY_DEGRADED = "visibility-degraded"  # rain, fog, insects on the lens
    ILLUMINATION_CHANGE = "illumination-change"  # a moment
    COLOUR_MONO_SWITCH = "colour-mono-switch"  # a moment: the infrared filter went in or out


TAMPER = frozenset({ViewState.COVERED, ViewState.DEFOCUSED, ViewState.MOVED, ViewState.FROZEN})
"""States that need a person on site; the others are weather, light or a plain fact."""


@dataclass(frozen=True, slots=True)
class ViewObservation:
    """A change of a camera's view."""

    phase: Phase
    event_id: str
    state: ViewState
    severity: Severity
    why: str  # one line for humans, with the figures that decided
    started_mono: float
    last_mono: float
    features: dict[str, float]  # the figures that decided, rounded
    end_reason: str | None = None


Observation = (
    ObjectObservation | CountsObservation | RuleObservation | LineCountsObservation | ViewObservation
)
"""What a camera's stages return; the events stage turns each into one event."""


@dataclass(frozen=True, slots=True)
class RequestOrigin:
    """Command that overrode a rule or made a camera relearn; both None: it was requested on the gateway."""

    command_id: str | None = None
    signed_by: str | None = None  # id of the operator's key


@dataclass(frozen=True, slots=True)
class OverrideChange:
    """A rule is overridden for a time, or a camera relearns its view."""

    phase: Phase
    event_id: str
    camera: str
    rule: str | None  # None: the camera relearns
    what: Literal["mask", "arm", "disarm", "relearn"]
    for_s: float | None
    by: RequestOrigin
    started_at: str  # RFC 3339, because the agent may have been restarted since
    end_reason: Literal["over", "command", "replaced"] | None = None


@dataclass(frozen=True, slots=True)
class ChangedMasks:
    """All masks of a camera after a change."""

    ignored: tuple[Polygon, ...]  # not analysed
    private: tuple[Polygon, ...]  # blacked out before a picture leaves the gateway


@dataclass(frozen=True, slots=True)
class RuleChange:
    """A lasting change of a rule or of a camera's masks. Either an operator changed it or reset it to the
    configuration, or the gateway reverted such a change because the gateway did not work as before."""

    camera: str
    rule: str | None  # None: the masks
    what: Literal["set", "reset", "reverted"]
    by: RequestOrigin
    enabled: bool | None = None  # whether the changed rule is enabled; None if no rule was set
    reason: str = ""  # why the change was reverted
    removed: bool = False  # True: the rule was reset, and the configuration does not have it
    masks: ChangedMasks | None = None  # None: the change of a rule, or a reverted change


@dataclass(frozen=True, slots=True)
class StepChange:
    """A limit of the gateway gets stricter or looser; step 0 limits nothing."""

    from_step: int
    to_step: int
    why: str  # one line for humans


@dataclass(frozen=True, slots=True)
class StepReport:
    """One step of a limit. The event of the limit lasts from the first step until step 0 is back."""

    phase: Phase
    event_id: str
    change: StepChange
    started_mono: float  # when the limit left step 0
    at_mono: float
    end_reason: str
