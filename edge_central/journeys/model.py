"""Journeys as facts: the passage that an officer follows, the steps that were decided, and the searches."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from edge_central.searches.matches import PassageMatch


class Way(StrEnum):
    """The direction of time in which the neighbours of a passage are searched."""

    FORWARD = "forward"  # where it may have gone
    BACKWARD = "backward"  # where it may have come from


class StepStatus(StrEnum):
    CONFIRMED = "confirmed"  # by an officer: an opinion, no proof
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class MatchKey:
    """A match of a search."""

    search: str
    gateway: str
    passage: int


@dataclass(frozen=True, slots=True)
class JourneyStep:
    """A passage of a journey, as it was when an officer decided."""

    id: int
    parent: int | None  # the step whose neighbours were searched; None: the first step
    way: Way | None
    status: StepStatus
    search: str  # id of the search that found it, which may be deleted
    match: PassageMatch
    decided_by: str
    decided_ms: int


@dataclass(frozen=True, slots=True)
class JourneySearch:
    """A search of the neighbours of a step."""

    search: str
    step: int
    way: Way
    reach_m: float  # sites within this distance were searched
    asked_ms: int


@dataclass(frozen=True, slots=True)
class Journey:
    id: str
    case: str
    purpose: str
    author: str
    made_ms: int
    changed_ms: int
    wards: tuple[str, ...]  # wards of its steps and of the searched gateways, sorted
    steps: tuple[JourneyStep, ...]  # in the order of the decisions
    searches: tuple[JourneySearch, ...]  # the newest first

    def step(self, id: int) -> JourneyStep | None:
        return next((each for each in self.steps if each.id == id), None)

    def is_confirmed(self, id: int) -> bool:
        found = self.step(id)
        return found is not None and found.status is StepStatus.CONFIRMED

    @property
    def route(self) -> tuple[JourneyStep, ...]:
        """The confirmed steps in the order of their start."""
        confirmed = (each for each in self.steps if each.status is StepStatus.CONFIRMED)
        return tuple(sorted(confirmed, key=lambda each: (each.match.start_ms, each.id)))

    @property
    def rejected(self) -> tuple[JourneyStep, ...]:
        return tuple(each for each in self.steps if each.status is StepStatus.REJECTED)

    def includes(self, match: MatchKey) -> bool:
        """Return whether the match is a candidate or a step of the journey. Of the search with which the
        journey began, only the first step belongs to the journey."""
        steps = (MatchKey(each.search, each.match.gateway, each.match.passage) for each in self.steps)
        return any(each.search == match.search for each in self.searches) or match in steps

    def searches_of(self, step: int, way: Way) -> tuple[JourneySearch, ...]:
        return tuple(each for each in self.searches if (each.step, each.way) == (step, way))


@dataclass(frozen=True, slots=True)
class JourneySummary:
    """A line in the list of journeys."""

    id: str
    case: str
    purpose: str
    author: str
    made_ms: int
    changed_ms: int
    confirmed: int  # number of confirmed steps, the first one included
