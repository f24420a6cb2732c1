"""Searches the neighbours of a step for candidates: one search, with a time window for each gateway."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, get_args

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import Connection, insert

from edge_agent.core.clock import rfc3339_of_ms
from edge_agent.wire.received.bounds import bounded_time
from edge_agent.wire.searches import ColourTerm, Group
from edge_central.console.site_names import Names
from edge_central.journeys.journey import note_change
from edge_central.journeys.model import Journey, JourneyStep, Way
from edge_central.journeys.neighbours import (
    DEFAULT_REACH_M,
    MAX_REACH_M,
    Neighbour,
    neighbours_of,
    window_ms,
)
from edge_central.searches.model import SearchAuthor
from edge_central.searches.new_search import start_search
from edge_central.searches.question import InvalidQuestion, SearchQuestion, SearchWindow
from edge_central.sentences import problem_text
from edge_central.store import tables

MAX_STOP_MIN = 240.0


class NeighbourQuestion(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request to search the neighbours of a step for candidates."""

    step: Annotated[int, Meta(ge=0, le=2**53)]
    way: Annotated[Way, Meta(description="forward: where it may have gone")]
    reach_m: Annotated[
        float,
        Meta(ge=50, le=MAX_REACH_M, description="sites within this distance; learnt pairs are asked anyway"),
    ] = DEFAULT_REACH_M
    stop_min: Annotated[
        float, Meta(ge=0, le=MAX_STOP_MIN, description="the object may have stopped for so many minutes")
    ] = 0.0
    colour: Annotated[
        ColourTerm | None,
        Meta(description="null: all. About one in five colours is named wrong or not at all"),
    ] = None


def ask_neighbours(
    connection: Connection,
    author: SearchAuthor,
    journey: Journey,
    step: JourneyStep,
    asked: NeighbourQuestion,
    now_ms: int,
    names: Names,
) -> str:
    """Start the search and return its id. Raises InvalidQuestion, TooManySearches, SearchesUnavailable."""
    found = neighbours_of(connection, author.scope, names, step.match, asked.way, now_ms, asked.reach_m)
    yours = [each for each in found if each.is_yours]
    if not yours:
        raise InvalidQuestion("reach_m", problem_text("journey-no-neighbours"))
    question = neighbour_question(journey, step, asked, yours)
    search = start_search(connection, author, question, now_ms, names)
    row = {
        "search": search,
        "journey": journey.id,
        "step": step.id,
        "way": asked.way.value,
        "reach_m": asked.reach_m,
        "asked_ms": now_ms,
    }
    connection.execute(insert(tables.journey_search), row)
    note_change(connection, journey, {each.ward for each in yours}, now_ms)
    return search


def neighbour_question(
    journey: Journey, step: JourneyStep, asked: NeighbourQuestion, neighbours: Sequence[Neighbour]
) -> SearchQuestion:
    """Return the search question for these neighbours: for the group of the step, and for all colours unless
    one is chosen. The time window of a gateway covers the windows of all its cameras."""
    match, spans = step.match, dict[str, tuple[int, int]]()
    for each in neighbours:
        low_ms, high_ms = window_ms(match, each.low_s, each.high_s + asked.stop_min * 60, asked.way)
        before = spans.get(each.gateway, (low_ms, high_ms))
        spans[each.gateway] = min(low_ms, before[0]), max(high_ms, before[1])
    windows = [
        SearchWindow(gateway=gateway, from_at=_time(low_ms), to_at=_time(high_ms))
        for gateway, (low_ms, high_ms) in spans.items()
    ]
    own = [f"{each.gateway}/{each.camera}" for each in neighbours if each.gateway == match.gateway]
    return SearchQuestion(
        purpose=journey.purpose,
        case=journey.case,
        from_at=min(each.from_at for each in windows),
        to_at=max(each.to_at for each in windows),
        gateways=[each for each in spans if each != match.gateway] or None,
        cameras=own or None,
        windows=windows,
        group=msgspec.convert(match.group, Group) if match.group in get_args(Group) else None,
        colour=asked.colour,
        oldest_first=asked.way is Way.FORWARD,  # the first passage after this one is the likeliest
    )


def _time(milliseconds: int) -> str:
    return rfc3339_of_ms(bounded_time(milliseconds))
