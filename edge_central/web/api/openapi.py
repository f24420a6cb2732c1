"""The API as an OpenAPI 3.1 document: ``python -m edge_central.web.api.openapi`` prints
``docs/reference/openapi.json``; a test keeps it current, and checks real answers against it."""

from __future__ import annotations

import json
import sys

import msgspec

from edge_agent import __version__, wire
from edge_agent.wire.json_schema import simplify
from edge_central.web.api.event_history import EventPage
from edge_central.web.api.event_query import DEFAULT_EVENTS, LABELS, MOST_EVENTS, MOST_WAIT_S, SEVERITIES
from edge_central.web.api.events import JSON
from edge_central.web.api.inventory import Inventory
from edge_central.web.api.openapi_parts.availability_paths import OF_AVAILABILITY, availability_paths
from edge_central.web.api.openapi_parts.event_schemas import add_event_schemas, event_types
from edge_central.web.api.openapi_parts.examples import add_examples
from edge_central.web.api.openapi_parts.fleet_paths import OF_FLEET, fleet_paths
from edge_central.web.api.openapi_parts.incident_paths import OF_INCIDENTS, incident_paths
from edge_central.web.api.openapi_parts.journey_paths import OF_JOURNEYS, journey_paths
from edge_central.web.api.openapi_parts.operation_ids import add_operation_ids
from edge_central.web.api.openapi_parts.operations import (
    REFERENCES,
    Document,
    Problem,
    answer,
    problems,
    query_parameter,
)
from edge_central.web.api.openapi_parts.search_paths import OF_SEARCHES, search_paths
from edge_central.web.api.openapi_parts.traffic_paths import OF_TRAFFIC, traffic_paths


def document() -> Document:
    of_subjects = [*(*OF_INCIDENTS, *OF_SEARCHES, *OF_JOURNEYS), *(*OF_TRAFFIC, *OF_FLEET, *OF_AVAILABILITY)]
    kinds, events = [EventPage, Inventory, Problem, *of_subjects], event_types()
    references, schemas = msgspec.json.schema_components([*kinds, *events], ref_template=REFERENCES)
    any_event = add_event_schemas(schemas, list(references[len(kinds) :]))
    schemas["EventPage"]["properties"]["events"]["items"] = any_event
    paths = {
        "/api/events": {"get": _events()},
        "/api/inventory": {"get": _inventory()},
        **incident_paths(),
        "/api/media/{gateway}/{media_id}": {"get": _media()},
        **search_paths(),
        **journey_paths(),
        **traffic_paths(),
        **fleet_paths(),
        **availability_paths(),
        "/api/openapi.json": {
            "get": {
                "summary": "This document",
                "parameters": [],
                "responses": {
                    "200": {
                        "description": "OpenAPI 3.1",
                        "content": {JSON: {"schema": {"type": "object"}}},
                    },
                    **problems(),
                },
            }
        },
    }
    add_operation_ids(paths)
    add_examples(paths)
    simplify([paths, schemas])
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "edge-agent, the centre",
            "version": __version__,
            "description": "For programs: events, inventory, pictures; incidents and their handling; "
            "searches of passages, journeys; counts and availability. In words: docs/reference/api.md. "
            "Events are sent on as they came from the gateways; their schemas are those of the agent of this "
            "version.",
        },
        "security": [{"token": []}, {"session": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "edge-agent central user token"},
                "session": {"type": "apiKey", "in": "cookie", "name": "__Host-session"},
            },
            "schemas": schemas,
        },
    }


TEXT: Document = {"type": "string"}
WARD = "of this one ward only"


def _events() -> Document:
    limit = {"type": "integer", "minimum": 1, "maximum": MOST_EVENTS, "default": DEFAULT_EVENTS}
    wait = {"type": "number", "minimum": 0, "maximum": MOST_WAIT_S, "default": 0}
    time, severity = {"type": "string", "format": "date-time"}, {"type": "string", "enum": list(SEVERITIES)}
    kinds = {"type": "array", "items": {"type": "string", "enum": list(wire.DATA_OF_KIND)}}
    kind = {**query_parameter("kind", kinds, "kinds with commas between them"), "explode": False}
    return {
        "summary": "Events after a cursor, in the order in which they were stored",
        "parameters": [
            query_parameter(
                "after", TEXT, "`next` of the answer before; left out: from the beginning; `now`"
            ),
            query_parameter(
                "limit", limit, "events at most; an answer may have fewer, and still say that there is more"
            ),
            query_parameter("ward", TEXT, WARD),
            query_parameter("gateway", TEXT, "of this one gateway only"),
            query_parameter(
                "camera", TEXT, "of this one camera of `gateway`; `gateway`: of the gateway itself"
            ),
            kind,
            query_parameter(
                "label", {"type": "string", "enum": list(LABELS)}, "about an object of this class"
            ),
            query_parameter("severity", severity, "this one and worse"),
            query_parameter("from", time, "`time` of the event is this one or later"),
            query_parameter("to", time, "`time` of the event is earlier"),
            query_parameter("wait", wait, "seconds to wait for the next event where there is none"),
        ],
        "responses": {"200": answer("Events", EventPage), **problems("409", "429")},
    }


def _inventory() -> Document:
    return {
        "summary": "Wards, gateways and cameras, with names",
        "parameters": [query_parameter("ward", TEXT, WARD)],
        "responses": {"200": answer("As it is now", Inventory), **problems()},
    }


def _media() -> Document:
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
            **problems("416"),
        },
    }


def text() -> str:
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
