"""Candidates of a step: passages that the searches of its neighbours have found, the most likely first.

A candidate may be the object that the officer follows, but this module never decides that it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from edge_central.appearance.comparison import AppearanceComparison, read_embeddings
from edge_central.console.site_names import Names
from edge_central.journeys.likelihood import (
    Appearance,
    Reason,
    ReasonKind,
    colour_reasons,
    product,
    reasons_of,
    shares,
)
from edge_central.journeys.model import Journey, JourneyStep, StepStatus, Way
from edge_central.journeys.neighbours import (
    DEFAULT_REACH_M,
    MAX_REACH_M,
    Neighbour,
    gap_s,
    is_in_order,
    neighbours_of,
)
from edge_central.searches.matches import MAX_READ, PassageMatch
from edge_central.searches.model import SearchAuthor, SearchReader, SearchView
from edge_central.searches.records import read_matches, read_search
from edge_central.store.scope import Scope

MAX_SEARCHES = 8
"""Only this many of the newest searches of a step in one direction are read."""
MAX_CANDIDATES = 60


@dataclass(frozen=True, slots=True)
class Candidate:
    search: str  # id of the search that found it
    match: PassageMatch
    gap_s: float  # from the end of the earlier passage to the start of the later one
    reasons: tuple[Reason, ...]
    decision: JourneyStep | None  # the step in which an officer confirmed or rejected it

    @property
    def is_rejected(self) -> bool:
        return self.decision is not None and self.decision.status is StepStatus.REJECTED


@dataclass(frozen=True, slots=True)
class CandidateList:
    """The candidates of a step in one direction of time."""

    candidates: tuple[Candidate, ...]  # undecided and confirmed ones, the most likely first
    rejected: tuple[Candidate, ...]
    more: int  # number of less likely candidates beyond MAX_CANDIDATES
    searches: tuple[SearchView, ...]  # the newest first
    neighbours: tuple[Neighbour, ...]

    @property
    def is_open(self) -> bool:
        return any(each.is_open for each in self.searches)

    @property
    def yours(self) -> tuple[Neighbour, ...]:
        """The neighbours in the reader's wards."""
        return tuple(each for each in self.neighbours if each.is_yours)

    @property
    def not_yours(self) -> tuple[Neighbour, ...]:
        """The sites of wards that the reader may not see, each represented by one neighbour. They are not
        searched."""
        sites = {each.gateway: each for each in reversed(self.neighbours) if not each.is_yours}
        return tuple(reversed(sites.values()))


def read_candidates(
    connection: Connection,
    author: SearchAuthor,
    names: Names,
    journey: Journey,
    step: JourneyStep,
    way: Way,
    now_ms: int,
) -> CandidateList:
    """Return the candidates that have arrived so far, within the author's scope."""
    asked = journey.searches_of(step.id, way)[:MAX_SEARCHES]
    reach_m = max((each.reach_m for each in asked), default=DEFAULT_REACH_M)
    neighbours = neighbours_of(connection, author.scope, names, step.match, way, now_ms, reach_m)
    reader = SearchReader(author.scope, None)  # an account that sees a journey also sees its searches
    searches = [view for each in asked if (view := read_search(connection, reader, each.search))]
    found: dict[tuple[str, int], tuple[str, PassageMatch]] = {}
    for search in searches:
        for match in _all_matches(connection, reader, search.id):
            found.setdefault((match.gateway, match.passage), (search.id, match))
    found.pop((step.match.gateway, step.match.passage), None)
    appearance = read_appearance(connection, step, [each.id for each in searches])
    ranked = rank(step.match, list(found.values()), neighbours, way, unsent(searches), appearance)
    decided = {(each.match.gateway, each.match.passage): each for each in journey.steps}
    all_of = [
        Candidate(
            search,
            match,
            gap_s(step.match, match, way),
            reasons,
            decided.get((match.gateway, match.passage)),
        )
        for search, match, reasons in ranked
    ]
    rejected = [each for each in all_of if each.is_rejected]
    others = [each for each in all_of if not each.is_rejected]
    return CandidateList(
        candidates=tuple(others[:MAX_CANDIDATES]),
        rejected=tuple(rejected),
        more=max(0, len(others) - MAX_CANDIDATES),
        searches=tuple(searches),
        neighbours=tuple(neighbours),
    )


def _all_matches(connection: Connection, reader: SearchReader, search: str) -> Iterator[PassageMatch]:
    """Return all matches of a search: at most 50 matches of each of 60 gateways."""
    found = read_matches(connection, reader, search, limit=MAX_READ)
    while found:
        yield from found
        found = read_matches(connection, reader, search, found[-1].cursor, MAX_READ)


def read_appearance(connection: Connection, step: JourneyStep, searches: Sequence[str]) -> Appearance:
    """Compare the opened pictures by the operator's model. The result is empty if no model is in use."""
    match, group = step.match, step.match.group
    embeddings = read_embeddings(connection, {step.search, *searches})
    followed = embeddings.pop((match.gateway, match.passage), None)
    if followed is None:
        return {}
    comparison = AppearanceComparison.read(connection)
    return {
        key: Reason(ReasonKind.APPEARANCE, comparison.likelihood_ratio(followed, each, group), words=words)
        for key, each in embeddings.items()
        if (words := comparison.sentence(followed, each, group)) is not None
    }


def unsent(searches: Sequence[SearchView]) -> Mapping[str, float]:
    """Return for each gateway the number of passages that it counted, divided by the number that it sent."""
    return {
        answer.gateway: max(1.0, answer.total / max(answer.stored, 1))
        for search in reversed(searches)
        for answer in search.answers
        if answer.stored
    }


def rank(
    match: PassageMatch,
    found: Sequence[tuple[str, PassageMatch]],
    neighbours: Sequence[Neighbour],
    way: Way,
    unsent_by: Mapping[str, float] | None = None,
    appearance: Appearance | None = None,
) -> list[tuple[str, PassageMatch, tuple[Reason, ...]]]:
    """Order the found passages, each with its search, by the product of their reasons. Passages that came too
    soon for their distance, or in the wrong order, are left out. ``unsent_by``: the result of ``unsent``."""
    by_key = {each.key: each for each in neighbours}
    possible = [
        (search, each)
        for search, each in found
        if (there := by_key.get((each.gateway, each.camera)))
        and gap_s(match, each, way) >= there.low_s
        and is_in_order(match, each, way)
    ]
    counts = Counter((each.gateway, each.camera) for _, each in possible)
    share, times = shares(neighbours), unsent_by or {}
    ranked = []
    for search, each in possible:
        key = (each.gateway, each.camera)
        passages = round(counts[key] * times.get(each.gateway, 1.0))
        reasons = reasons_of(match, each, by_key[key], way, share[key], passages, appearance)
        ranked.append((search, each, reasons))
    ranked.sort(key=lambda row: (-product(row[2]), abs(gap_s(match, row[1], way)), row[1].cursor))
    return ranked


def link_reasons(
    connection: Connection, scope: Scope, names: Names, one: PassageMatch, later: PassageMatch, now_ms: int
) -> tuple[Reason, ...]:
    """Return why two confirmed passages may show the same object. Travel times are a reason only if the two
    cameras are neighbours."""
    found = neighbours_of(connection, scope, names, one, Way.FORWARD, now_ms, MAX_REACH_M)
    share = shares(found)
    for each in found:
        if each.key == (later.gateway, later.camera):
            return reasons_of(one, later, each, Way.FORWARD, share[each.key], 1)
    return tuple(colour_reasons(one, later))
