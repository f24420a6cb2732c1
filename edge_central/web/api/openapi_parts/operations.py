"""Makes the parts of an operation: parameters, bodies and responses."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from edge_central.web.api.event_history import ApiDocument
from edge_central.web.api.events import JSON
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
        "range-not-satisfiable",
        "too-many",
        "internal",
        "unavailable",
    ]
    detail: str


def ref(kind: Any) -> Document:
    """Return a reference to the schema of ``kind``, a struct, or the references of a union of structs."""
    (reference,), _ = msgspec.json.schema_components([kind], ref_template=REFERENCES)
    return reference


def path_part(name: str, says: str) -> Document:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}, "description": says}


def get_operation(summary: str, parameters: list[Document], response: Document, *more: str) -> Document:
    responses = {"200": response, **problems("403", *more)}
    return {"summary": summary, "parameters": parameters, "responses": responses}


def post_operation(summary: str, parameters: list[Document], body: Any, response: Document) -> Document:
    return {
        "summary": summary,
        "parameters": parameters,
        "requestBody": {"required": True, "content": {JSON: {"schema": ref(body)}}},
        "responses": {**response, **problems("403", "413", "429")},
    }


def query_parameter(name: str, schema: Document, says: str) -> Document:
    return {"name": name, "in": "query", "schema": schema, "description": says}


def answer(says: str, kind: Any) -> Document:
    return {"description": says, "content": {JSON: {"schema": ref(kind)}}}


def problems(*more: str) -> Document:
    says = {
        "400": "The question makes no sense; `detail` says why",
        "401": "No token, or one that does not hold",
        "403": "Not for this role",
        "404": "Not there, or not yours",
        "409": "The cursor is of another history: begin again; the step is not possible: `detail`",
        "413": "The body has more than 64 kB",
        "416": "The file has no such range; `Content-Range` has its length",
        "429": "Too many searches, pictures or waiting requests of this account; `Retry-After`",
        "503": "The database does not answer, or too many ask at once; `Retry-After`",
    }
    usual = ("400", "401", "404", "503")
    return {
        status: {"description": says[status], "content": {PROBLEM: {"schema": ref(Problem)}}}
        for status in sorted({*usual, *more})
    }
