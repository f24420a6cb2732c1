"""The documents of ``/api/journeys``, as ``openapi.json`` describes them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from edge_central.web.api.event_history import ApiDocument, Time
from edge_central.web.api.search_documents import PassageEntry

WayName = Annotated[
    Literal["forward", "backward"],
    Meta(description="forward: where it may have gone; backward: where it may have come from"),
]
GatewayName = Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,63}$(?!\n)")]
PassageNumber = Annotated[int, Meta(ge=0, le=2**53)]
SearchName = Annotated[str, Meta(pattern=r"^[0-9a-f]{1,64}$(?!\n)", description="that found the passage")]


class BeginJourney(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Begin with a match of your own search; purpose and case are those of the search."""

    search: SearchName
    gateway: GatewayName
    passage: PassageNumber


class DecideCandidate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Confirm or reject a candidate of a step. Your name is on record; it is an opinion, no proof."""

    step: PassageNumber
    search: SearchName
    gateway: GatewayName
    passage: PassageNumber
    decision: Literal["confirmed", "rejected"]


class WithdrawDecision(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Undo the decision of a step. This is not possible for the first step, nor for a step from which others
    were confirmed."""

    step: PassageNumber


class BegunJourney(ApiDocument, frozen=True, kw_only=True):
    """The journey, and its first step."""

    id: str
    step: int


class JourneyEntry(ApiDocument, frozen=True, kw_only=True):
    """A journey in the list."""

    id: str
    purpose: str
    case: str
    author: str
    begun_at: Time
    changed_at: Time
    confirmed: Annotated[int, Meta(description="passages, with the first one")]


class JourneyList(ApiDocument, frozen=True, kw_only=True):
    """The journeys that you may see, those that changed last first."""

    journeys: list[JourneyEntry]


class StepEntry(ApiDocument, frozen=True, kw_only=True):
    """A decided passage, as it was when it was decided."""

    step: int
    parent: Annotated[int | None, Meta(description="the step it was searched from; null: the first")]
    way: WayName | None
    decision: Literal["confirmed", "rejected"]
    decided_by: str
    decided_at: Time
    search: str
    passage: PassageEntry


class StepSearch(ApiDocument, frozen=True, kw_only=True):
    """A search of the neighbours of a step."""

    search: str
    step: int
    way: WayName
    asked_at: Time


class JourneyDocument(ApiDocument, frozen=True, kw_only=True):
    """A journey. Its steps are confirmed by officers, not proved."""

    id: str
    purpose: str
    case: str
    author: str
    begun_at: Time
    changed_at: Time
    wards: list[str]
    route: Annotated[list[StepEntry], Meta(description="the confirmed steps by time")]
    rejected: list[StepEntry]
    searches: list[StepSearch]


class ReasonEntry(ApiDocument, frozen=True, kw_only=True):
    """Why a candidate fits or not. `here` is of the passage that is followed, `there` of the candidate."""

    kind: Literal["learnt-time", "map-time", "colour", "label", "heading", "appearance"]
    supports: Annotated[bool, Meta(description="whether it speaks for the candidate")]
    after_s: Annotated[float | None, Meta(description="between both passages; of times")]
    low_s: Annotated[float | None, Meta(description="usual (learnt) or possible (by the map)")]
    high_s: float | None
    others: Annotated[int | None, Meta(description="passages of the kind at this camera in that time")]
    part: str | None
    here: str | None
    there: str | None
    text: Annotated[str | None, Meta(description="of appearance")]


class CandidateEntry(ApiDocument, frozen=True, kw_only=True):
    """A passage that may be the same object."""

    search: str
    passage: PassageEntry
    reasons: list[ReasonEntry]
    decision: Literal["confirmed", "rejected"] | None


class NeighbourEntry(ApiDocument, frozen=True, kw_only=True):
    """A camera of your wards at which the object may be seen, and when."""

    gateway: str
    camera: str
    name: Annotated[str, Meta(description="of the site")]
    distance_m: float | None
    learnt: Annotated[bool, Meta(description="false: the times follow from the distance")]
    low_s: Annotated[float, Meta(description="between both passages")]
    high_s: float


class OtherSite(ApiDocument, frozen=True, kw_only=True):
    """A site of a ward that is not yours. It is not asked."""

    gateway: str
    ward: str
    name: str


class CandidatePage(ApiDocument, frozen=True, kw_only=True):
    """Candidates, those that fit best first. They are hints only."""

    candidates: list[CandidateEntry]
    rejected: list[CandidateEntry]
    more: Annotated[int, Meta(description="that fit less well, and are left out")]
    neighbours: Annotated[list[NeighbourEntry], Meta(description="in your wards")]
    not_yours: list[OtherSite]
    searches: Annotated[list[str], Meta(description="of this step and way, the newest first")]
    open: Annotated[bool, Meta(description="false: no gateway will answer any more")]
