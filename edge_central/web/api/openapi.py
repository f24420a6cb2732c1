"""The API as an OpenAPI 3.1 document: ``python -m edge_central.web.api.openapi`` prints
``docs/reference/openapi.json``; a test keeps it current, and checks real answers against it."""

from __future__ import annotations

import inspect
import json
import sys
from typing import Any, Literal

import msgspec

from edge_agent import __version__
from edge_central.web.api.event_history import ApiDocument, EventPage
from edge_central.web.api.events import DEFAULT_EVENTS, JSON, MOST_EVENTS, MOST_WAIT_S, SEVERITIES
from edge_central.web.api.inventory import Inventory
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
    (page, inventory, problem), schemas = msgspec.json.schema_components(
        [EventPage, Inventory, Problem], ref_template=REFERENCES
    )
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
            "description": "For subscribers: history, inventory, pictures. In words: docs/reference/api.md.",
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
        },
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "edge-agent central user token"},
                "session": {"type": "apiKey", "in": "cookie", "name": "__Host-session"},
            },
            "schemas": schemas,
        },
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
        "404": "Not there, or not yours",
        "409": "The cursor is of another history: begin again",
        "503": "The database does not answer, or too many ask at once; `Retry-After`",
    }
    usual = ("400", "401", "404", "503")
    return {status: _answer(says[status], PROBLEM, problem) for status in sorted({*usual, *more})}


def text() -> str:
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
