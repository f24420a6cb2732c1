"""The API as an OpenAPI 3.1 document: ``python -m edge_central.web.api.openapi`` prints
``docs/reference/openapi.json``; a test keeps it current, and checks real answers against it."""

from __future__ import annotations

import inspect
import json
import sys
from typing import Any, Literal

import msgspec

from edge_agent import __version__
from edge_central.journeys.asking import NeighbourQuestion
from edge_central.searches.question import SearchQuestion
from edge_central.web.api.event_history import ApiDocument, EventPage
from edge_central.web.api.events import DEFAULT_EVENTS, JSON, MOST_EVENTS, MOST_WAIT_S, SEVERITIES
from edge_central.web.api.inventory import Inventory
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
from edge_central.web.api.search_documents import (
    MatchPage,
    OpenPicture,
    PictureEntry,
    PictureList,
    SearchList,
    SearchStatus,
    StartedSearch,
)
from edge_central.web.api.searches import DEFAULT_MATCHES, MATCHES, MOST_MATCHES
from edge_central.web.http_errors import PROBLEM

Document = dict[str, Any]
REFERENCES = "#/components/schemas/{name}"


class Problem(ApiDocument, frozen=True, kw_only=True):
    """RFC 9457. `code` and `type` never change their meaning; `detail` is for people."""

    type: str
    title: str
    status: int
    code: Literal[
        "bad-request",
        "not-logged-in",
        "forbidden",
        "not-found",
        "method-not-allowed",
        "conflict",
        "too-large",
        "too-many",
        "internal",
        "unavailable",
    ]
    detail: str


def document() -> Document:
    kinds = [EventPage, Inventory, Problem, *OF_SEARCHES, *OF_JOURNEYS]
    (page, inventory, problem, *others), schemas = msgspec.json.schema_components(
        kinds, ref_template=REFERENCES
    )
    of_searches, of_journeys = others[: len(OF_SEARCHES)], others[len(OF_SEARCHES) :]
    for schema in schemas.values():
        if "description" in schema:  # 3.11 leaves the indentation in
            schema["description"] = inspect.cleandoc(schema["description"])
    schemas["EventPage"]["properties"]["events"]["items"] = {
        "type": "object",
        "description": "see asyncapi.json and events.md",
        "required": ["specversion", "id", "source", "type", "time"],
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "edge-agent, the centre",
            "version": __version__,
            "description": "For subscribers: history, inventory, pictures; searches of passages, journeys. "
            "In words: docs/reference/api.md.",
        },
        "security": [{"token": []}, {"session": []}],
        "paths": {
            "/api/events": {"get": _events(page, problem)},
            "/api/inventory": {
                "get": {
                    "summary": "Wards, gateways and cameras, with names",
                    "parameters": [_query("ward", {"type": "string"}, "of this one ward only")],
                    "responses": {"200": _answer("As it is now", JSON, inventory), **_problems(problem)},
                }
            },
            "/api/media/{gateway}/{media_id}": {"get": _media(problem)},
            **_searches(problem, *of_searches),
            **_journeys(problem, of_searches[1], *of_journeys),
        },
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "edge-agent central user token"},
                "session": {"type": "apiKey", "in": "cookie", "name": "__Host-session"},
            },
            "schemas": schemas,
        },
    }


OF_SEARCHES = (
    *(SearchQuestion, StartedSearch, SearchList, SearchStatus),
    *(MatchPage, OpenPicture, PictureEntry, PictureList),
)


def _searches(
    problem: Document,
    question: Document,
    started: Document,
    listed: Document,
    status: Document,
    matches: Document,
    opening: Document,
    entry: Document,
    pictures: Document,
) -> Document:
    """The paths of searches."""
    whole, parts = "/api/searches", [_part("id", "of the search")]
    picture = [*parts, _part("gateway", "of the match"), _part("passage", "of the match")]
    binary = {"schema": {"type": "string", "format": "binary"}}
    return {
        whole: {
            "get": _get("Your newest searches", [], _answer("Newest first", JSON, listed), problem),
            "post": _post(
                "Ask the gateways for passages; it is on record with purpose and case",
                *([], question, {"201": _answer("It is stored", JSON, started)}, problem),
            ),
        },
        f"{whole}/{{id}}": {
            "get": _get("One search, with the answer of each gateway", parts,
                        _answer("As it is now", JSON, status), problem),
            "delete": {
                "summary": "Withdraw a search: gateways that have not answered are not asked any more",
                "parameters": parts,
                "responses": {"204": {"description": "It is withdrawn"}, **_problems(problem, "403")},
            },
        },
        MATCHES: {
            "get": _get("Matches in the order in which they came", [*parts, *_follow_matches()],
                        _answer("Matches", JSON, matches), problem),
        },
        f"{whole}/{{id}}/pictures": {
            "get": _get("The pictures that you have opened", parts,
                        _answer("By gateway and passage", JSON, pictures), problem),
            "post": _post(
                "Open the picture of a match; it is on record before the gateway is asked",
                *(parts, opening, {"202": _answer("The gateway is asked", JSON, entry)}, problem),
            ),
        },
        f"{whole}/{{id}}/pictures/{{gateway}}/{{passage}}": {
            "get": {
                "summary": "A picture that you have opened",
                "parameters": picture,
                "responses": {
                    "200": {
                        "description": "The picture. A sealed one is an octet stream",
                        "content": {"image/jpeg": binary, "application/octet-stream": binary},
                    },
                    "202": _answer("The gateway has not answered yet", JSON, entry),
                    **_problems(problem, "403"),
                },
            },
        },
    }  # fmt: skip


OF_JOURNEYS = (
    *(BeginJourney, BegunJourney, JourneyList, JourneyDocument, NeighbourQuestion),
    *(CandidatePage, DecideCandidate, StepEntry, WithdrawDecision),
)


def _journeys(
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
    whole, parts = "/api/journeys", [_part("id", "of the journey")]
    of_step = [
        {"in": "query", "name": "step", "required": True, "schema": {"type": "integer"}},
        _query("way", {"type": "string", "enum": ["forward", "backward"], "default": "forward"}, "of time"),
    ]
    deciding_answers = {"201": _answer("It is recorded", JSON, step), **_problems(problem, "409")}
    undone = {"204": {"description": "It is undone"}, **_problems(problem, "409")}
    return {
        whole: {
            "get": _get("The journeys that you may see", [], _answer("By change", JSON, listed), problem),
            "post": _post("Begin with a match of your own search; it is on record",
                          *([], beginning, {"201": _answer("It is stored", JSON, begun)}, problem)),
        },
        f"{whole}/{{id}}": {
            "get": _get("One journey with its steps", parts, _answer("As it is now", JSON, journey), problem),
        },
        f"{whole}/{{id}}/searches": {
            "post": _post("Ask the neighbours of a step; a search like any other",
                          *(parts, asking, {"201": _answer("It is stored", JSON, started)}, problem)),
        },
        f"{whole}/{{id}}/candidates": {
            "get": _get("Candidates of a step: passages that may be the same object", [*parts, *of_step],
                        _answer("Those that fit best first", JSON, candidates), problem),
        },
        f"{whole}/{{id}}/decisions": {
            "post": _post("Confirm or reject a candidate; it is on record",
                          *(parts, deciding, deciding_answers, problem)),
        },
        f"{whole}/{{id}}/withdrawals": {
            "post": _post("Undo a decision; it is on record", *(parts, withdrawal, undone, problem)),
        },
    }  # fmt: skip


def _follow_matches() -> list[Document]:
    """The parameters with which a client follows the matches as they come."""
    return [
        _query("after", {"type": "integer", "minimum": 0, "default": 0}, "`next` of the answer before"),
        _query(
            "limit",
            {"type": "integer", "minimum": 1, "maximum": MOST_MATCHES, "default": DEFAULT_MATCHES},
            "matches in one answer",
        ),
        _query("wait", {"type": "number", "minimum": 0, "maximum": MOST_WAIT_S, "default": 0}, WAIT),
    ]


WAIT = "seconds to wait for the next match where there is none"


def _part(name: str, says: str) -> Document:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}, "description": says}


def _get(summary: str, parameters: list[Document], answer: Document, problem: Document) -> Document:
    responses = {"200": answer, **_problems(problem, "403")}
    return {"summary": summary, "parameters": parameters, "responses": responses}


def _post(
    summary: str, parameters: list[Document], body: Document, answer: Document, problem: Document
) -> Document:
    return {
        "summary": summary,
        "parameters": parameters,
        "requestBody": {"required": True, "content": {JSON: {"schema": body}}},
        "responses": {**answer, **_problems(problem, "403", "413", "429")},
    }


def _events(page: Document, problem: Document) -> Document:
    ward = "of this one ward only"
    return {
        "summary": "Events after a cursor, in the order in which they were stored",
        "parameters": [
            _query(
                "after",
                {"type": "string"},
                "`next` of the answer before; left out: from the beginning; `now`",
            ),
            _query(
                "limit",
                {"type": "integer", "minimum": 1, "maximum": MOST_EVENTS, "default": DEFAULT_EVENTS},
                "events at most; an answer may have fewer, and still say that there is more",
            ),
            _query("ward", {"type": "string"}, ward),
            _query(
                "kind",
                {"type": "string"},
                "kinds with commas between them, such as `loitering,line-crossing`",
            ),
            _query("severity", {"type": "string", "enum": list(SEVERITIES)}, "this one and worse"),
            _query(
                "wait",
                {"type": "number", "minimum": 0, "maximum": MOST_WAIT_S, "default": 0},
                "seconds to wait for the next event where there is none",
            ),
        ],
        "responses": {"200": _answer("Events", JSON, page), **_problems(problem, "409")},
    }


def _media(problem: Document) -> Document:
    named = [("gateway", "of the event's `source`"), ("media_id", "of the event's `snapshot` or `clip`")]
    binary = {"type": "string", "format": "binary"}
    return {
        "summary": "A picture, clip or file; who has it is written down",
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}, "description": says}
            for name, says in named
        ],
        "responses": {
            "200": {
                "description": "The file. What is sealed to the centre's key is an octet stream",
                "content": {
                    kind: {"schema": binary}
                    for kind in ("image/jpeg", "video/mp4", "application/gzip", "application/octet-stream")
                },
            },
            "206": {"description": "The range that was asked for"},
            **_problems(problem),
        },
    }


def _query(name: str, schema: Document, says: str) -> Document:
    return {"name": name, "in": "query", "schema": schema, "description": says}


def _answer(says: str, kind: str, schema: Document) -> Document:
    return {"description": says, "content": {kind: {"schema": schema}}}


def _problems(problem: Document, *more: str) -> Document:
    says = {
        "400": "The question makes no sense; `detail` says why",
        "401": "No token, or one that does not hold",
        "403": "Not for this role",
        "404": "Not there, or not yours",
        "409": "The cursor is of another history: begin again; the decision is not possible: `detail`",
        "413": "The body has more than 64 kB",
        "429": "Too many searches or pictures of this account; `Retry-After`",
        "503": "The database does not answer, or too many ask at once; `Retry-After`",
    }
    usual = ("400", "401", "404", "503")
    return {status: _answer(says[status], PROBLEM, problem) for status in sorted({*usual, *more})}


def text() -> str:
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
