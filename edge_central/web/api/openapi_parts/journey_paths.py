"""The paths of journeys."""

from __future__ import annotations

from edge_central.journeys.asking import NeighbourQuestion
from edge_central.web.api.events import JSON
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

OF_JOURNEYS = (
    *(BeginJourney, BegunJourney, JourneyList, JourneyDocument, NeighbourQuestion),
    *(CandidatePage, DecideCandidate, StepEntry, WithdrawDecision),
)


def journey_paths(
    problem: Document,
    started: Document,
    beginning: Document,
    begun: Document,
    listed: Document,
    journey: Document,
    asking: Document,
    candidates: Document,
    deciding: Document,
    step: Document,
    withdrawal: Document,
) -> Document:
    """The paths of journeys."""
    whole, parts = "/api/journeys", [path_part("id", "of the journey")]
    deciding_answers = {"201": answer("It is recorded", JSON, step), **problems(problem, "409")}
    undone = {"204": {"description": "It is undone"}, **problems(problem, "409")}
    return {
        whole: {
            "get": get_operation(
                "The journeys that you may see", [], answer("By change", JSON, listed), problem
            ),
            "post": post_operation(
                "Begin with a match of your own search; it is on record",
                *([], beginning, {"201": answer("It is stored", JSON, begun)}, problem),
            ),
        },
        f"{whole}/{{id}}": {
            "get": get_operation(
                "One journey with its steps", parts, answer("As it is now", JSON, journey), problem
            ),
        },
        f"{whole}/{{id}}/searches": {
            "post": post_operation(
                "Ask the neighbours of a step; a search like any other",
                *(parts, asking, {"201": answer("It is stored", JSON, started)}, problem),
            ),
        },
        f"{whole}/{{id}}/candidates": {
            "get": get_operation(
                "Candidates of a step: passages that may be the same object",
                [*parts, *_of_step()],
                answer("Those that fit best first", JSON, candidates),
                problem,
            ),
        },
        f"{whole}/{{id}}/decisions": {
            "post": post_operation(
                "Confirm or reject a candidate; it is on record",
                *(parts, deciding, deciding_answers, problem),
            ),
        },
        f"{whole}/{{id}}/withdrawals": {
            "post": post_operation("Undo a decision; it is on record", *(parts, withdrawal, undone, problem)),
        },
    }


def _of_step() -> list[Document]:
    """Return the parameters that name the step for which candidates are listed."""
    way = {"type": "string", "enum": ["forward", "backward"], "default": "forward"}
    return [
        {**query_parameter("step", {"type": "integer"}, "a confirmed step"), "required": True},
        query_parameter("way", way, "of time"),
    ]
