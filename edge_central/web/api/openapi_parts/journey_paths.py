"""The paths of journeys."""

from __future__ import annotations

from edge_central.journeys.asking import NeighbourQuestion
from edge_central.web.api.journey_documents import (
    BeginJourney,
    BegunJourney,
    CandidatePage,
    DecideCandidate,
    JourneyDocument,
    JourneyList,
    StepEntry,
    WithdrawDecision,
)
from edge_central.web.api.openapi_parts.operations import (
    Document,
    answer,
    get_operation,
    path_part,
    post_operation,
    problems,
    query_parameter,
)
from edge_central.web.api.search_documents import StartedSearch

OF_JOURNEYS = (
    *(BeginJourney, BegunJourney, JourneyList, JourneyDocument, NeighbourQuestion),
    *(CandidatePage, DecideCandidate, StepEntry, WithdrawDecision),
)


def journey_paths() -> Document:
    """The paths of journeys."""
    whole, parts = "/api/journeys", [path_part("id", "of the journey")]
    deciding_answers = {"201": answer("It is recorded", StepEntry), **problems("409")}
    undone = {"204": {"description": "It is undone"}, **problems("409")}
    return {
        whole: {
            "get": get_operation("The journeys that you may see", [], answer("By change", JourneyList)),
            "post": post_operation(
                "Begin with a match of your own search; it is on record",
                [],
                BeginJourney,
                {"201": answer("It is stored", BegunJourney)},
            ),
        },
        f"{whole}/{{id}}": {
            "get": get_operation(
                "One journey with its steps", parts, answer("As it is now", JourneyDocument)
            ),
        },
        f"{whole}/{{id}}/searches": {
            "post": post_operation(
                "Ask the neighbours of a step; a search like any other",
                parts,
                NeighbourQuestion,
                {"201": answer("It is stored", StartedSearch)},
            ),
        },
        f"{whole}/{{id}}/candidates": {
            "get": get_operation(
                "Candidates of a step: passages that may be the same object",
                [*parts, *_of_step()],
                answer("Those that fit best first", CandidatePage),
            ),
        },
        f"{whole}/{{id}}/decisions": {
            "post": post_operation(
                "Confirm or reject a candidate; it is on record",
                parts,
                DecideCandidate,
                deciding_answers,
            ),
        },
        f"{whole}/{{id}}/withdrawals": {
            "post": post_operation("Undo a decision; it is on record", parts, WithdrawDecision, undone),
        },
    }


def _of_step() -> list[Document]:
    """Return the parameters that name the step for which candidates are listed."""
    way = {"type": "string", "enum": ["forward", "backward"], "default": "forward"}
    return [
        {**query_parameter("step", {"type": "integer"}, "a confirmed step"), "required": True},
        query_parameter("way", way, "of time"),
    ]
