"""The types of rehearsals: what was asked, and what the gateway counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from edge_agent.config.written import Written
from edge_agent.wire.base import Id
from edge_central.searches.model import GatewayAnswer

Count = Annotated[int, Meta(ge=0, le=2**53)]
Time = Annotated[str, Meta(max_length=40)]
Day = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\d$(?!\n)")]
Word = Annotated[str, Meta(pattern=r"^[a-z0-9_-]{1,40}$(?!\n)")]

DAYS = (7, 14, 30)
"""The numbers of days over which the console can rehearse a rule."""
MAX_EXAMPLES = 12


class CountedReports(msgspec.Struct, frozen=True, kw_only=True):
    """The type ``RehearsedReports`` of the wire, with bounds on its values."""

    reports: Count
    objects: Count | None = None
    by_hour: Annotated[list[Count], Meta(min_length=24, max_length=24)]
    by_day: Annotated[dict[Day, Count], Meta(max_length=40)] = msgspec.field(default_factory=dict)


class CountedRehearsal(msgspec.Struct, frozen=True, kw_only=True):
    """The type ``RehearsalResult`` of the wire, with bounds on its values, and without the examples, which
    are separate rows."""

    from_at: Time
    to_at: Time
    first_at: Time | None = None
    passages: Count
    used: Count
    undated: Count = 0
    accuracy: Word
    draft: CountedReports
    in_force: CountedReports | None = None
    live: Count | None = None
    both: Count | None = None
    only_draft: Count | None = None
    only_in_force: Count | None = None


class ReceivedExample(msgspec.Struct, frozen=True, kw_only=True):
    """The type ``RehearsalExample`` of the wire, with bounds on its values."""

    time: Time
    passage: Annotated[int, Meta(ge=0, le=2**53)]
    group: Word | None = None
    by: Word = "draft"
    picture: bool = False


class RehearsalDraft(msgspec.Struct, frozen=True, kw_only=True):
    """The draft to rehearse: a whole rule, and the zones or lines that it adds."""

    rule: dict[str, Any]
    zones: dict[str, Any] = msgspec.field(default_factory=dict)
    lines: dict[str, Any] = msgspec.field(default_factory=dict)

    def written(self) -> Written:
        """Return the draft as a part of the camera's section."""
        places = {"zones": self.zones, "lines": self.lines}
        return {key: each for key, each in places.items() if each} | {"rules": [self.rule]}


@dataclass(frozen=True, slots=True)
class RehearsalQuestion:
    """The question of an officer: which draft is rehearsed on which camera, and over which days."""

    gateway: str
    camera: str
    draft: RehearsalDraft
    days: int
    with_examples: bool
    purpose: str
    case: str


@dataclass(frozen=True, slots=True)
class RehearsedExample:
    """An object that the draft, the rule in force, or both would have reported."""

    gateway: str
    ward: str
    camera: str
    passage: int
    start_ms: int
    group: str | None
    by: str  # draft, in-force, both
    has_picture: bool
    label: str | None = None  # gateways name the group only


@dataclass(frozen=True, slots=True)
class RehearsalView:
    """A rehearsal, with what its gateway has answered so far."""

    id: str  # also the id of its search
    gateway: str
    ward: str
    camera: Id
    rule: str
    days: int
    asked_ms: int
    asked_by: str
    purpose: str
    case: str
    expires_ms: int
    draft: RehearsalDraft
    answer: GatewayAnswer
    result: CountedRehearsal | None
    examples: tuple[RehearsedExample, ...]
    dropped: int  # number of examples that cannot be true
