"""What rules and camera truth have to tell: facts on their way to becoming events.

Everything here is frozen. The events stage makes one event of each hit. The fields of facts have the wire's
names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Literal

from edge_agent.core.load_limits import WorkloadLimits
from edge_agent.core.model import Box, Severity, Track


class Phase(StrEnum):
    START = "start"
    UPDATE = "update"
    END = "end"
    MOMENT = "moment"  # began and ended at once; no other event follows with its id


@dataclass(frozen=True, slots=True)
class ObjectObservation:
    """Something to say about one confirmed object."""

    phase: Phase
    track: Track
    started_mono: float
    end_reason: str | None = None  # only with Phase.END


@dataclass(frozen=True, slots=True)
class CountsObservation:
    """New objects per label since ``from_mono``."""

    from_mono: float
    to_mono: float
    new: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RuleRef:
    """The configured rule that an event speaks of."""

    id: str
    kind: str  # of its events on the wire
    severity: Severity
    masked: bool = False  # for now it tells infos only


@dataclass(frozen=True, slots=True)
class Stay:
    """Of ``zone-intrusion`` and ``loitering``."""

    zone: str
    inside_s: float


@dataclass(frozen=True, slots=True)
class Crossing:
    """Of ``line-crossing``."""

    line: str
    direction: Literal["a-to-b", "b-to-a"]


@dataclass(frozen=True, slots=True)
class Standstill:
    """Of ``stopped-vehicle``."""

    zone: str
    still_s: float


@dataclass(frozen=True, slots=True)
class AgainstArrow:
    """Of ``wrong-way``."""

    zone: str
    angle_deg: float  # between its way and the arrow, 180: straight against it
    distance: float  # in widths of the picture


@dataclass(frozen=True, slots=True)
class Crowd:
    """Of ``crowding``."""

    zone: str
    count: int
    most: int  # since it began


Facts = Stay | Crossing | Standstill | AgainstArrow | Crowd


@dataclass(frozen=True, slots=True)
class RuleObservation:
    """Something that a configured rule has to tell."""

    phase: Phase
    event_id: str  # the same for start, updates and end; unique over restarts
    rule: RuleRef
    facts: Facts
    why: str  # one line for humans: which place, how long, which direction
    started_mono: float
    last_mono: float  # when it was last so; an end ends then
    track: Track | None  # None: it is about several
    box: Box  # of the object, or of all of them
    end_reason: str | None = None  # only with Phase.END


@dataclass(frozen=True, slots=True)
class LineCountsObservation:
    """How many crossed a line since the site's midnight; label -> number."""

    rule: RuleRef
    line: str
    day: str  # the site's own, YYYY-MM-DD
    from_mono: float  # of the interval since the last one
    to_mono: float
    a_to_b: dict[str, int]
    b_to_a: dict[str, int]


class ViewState(StrEnum):
    """What has happened to a camera's view. The wire's words."""

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
"""What somebody has to look after; the other states are weather, light or a fact."""


@dataclass(frozen=True, slots=True)
class ViewObservation:
    """Something to say about the view of a camera."""

    phase: Phase
    event_id: str
    state: ViewState
    severity: Severity
    why: str  # one line for humans, with the figures that decided
    started_mono: float
    last_mono: float
    features: dict[str, float]  # rounded; what the verdict rests on
    end_reason: str | None = None


Observation = (
    ObjectObservation | CountsObservation | RuleObservation | LineCountsObservation | ViewObservation
)
"""What a camera's stages yield; the events stage turns each into one event."""


@dataclass(frozen=True, slots=True)
class CertificateChange:
    """A certificate of the broker connection ends soon, or was renewed."""

    phase: Phase
    event_id: str
    which: Literal["client", "ca"]
    days_left: int  # of the certificate in force; below 0: it has expired
    expires_at: datetime
    started_at: str  # RFC 3339; of an agent that may have been restarted since
    alarm: bool


@dataclass(frozen=True, slots=True)
class RequestOrigin:
    """The command that changed a rule or made a camera relearn; both None: asked for on the gateway."""

    command_id: str | None = None
    signed_by: str | None = None  # id of the operator's key


@dataclass(frozen=True, slots=True)
class OverrideChange:
    """A rule is overridden for a time, or a camera relearns its view."""

    phase: Phase
    event_id: str
    camera: str
    rule: str | None  # None: relearn
    what: Literal["mask", "arm", "disarm", "relearn"]
    for_s: float | None
    by: RequestOrigin
    started_at: str  # RFC 3339; of an agent that may have been restarted since
    end_reason: Literal["over", "command", "replaced"] | None = None


@dataclass(frozen=True, slots=True)
class ThermalChange:
    """The box does less because it is hot, or more again; see ``control/thermal_ladder.py`` for the steps."""

    phase: Phase
    event_id: str
    from_step: int
    to_step: int
    why: str
    temperature_c: float | None
    throttled: bool | None
    limits: WorkloadLimits  # from now on
    started_mono: float  # when the first step was taken
    at_mono: float
    end_reason: str


@dataclass(frozen=True, slots=True)
class UplinkChange:
    """Less is sent because the budget of the billing period runs short, or more again; steps:
    ``uplink/budget.py``."""

    phase: Phase
    event_id: str
    from_step: int
    to_step: int
    why: str
    held: tuple[Literal["media", "info", "heartbeat"], ...]  # from now on
    heartbeat_s: float | None
    monthly_bytes: int
    used_bytes: int
    forecast_bytes: int | None
    period_from: date
    resets_on: date
    started_mono: float
    at_mono: float
    end_reason: str
