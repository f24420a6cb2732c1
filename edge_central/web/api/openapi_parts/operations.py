"""Makes the parts of an operation: parameters, bodies and responses."""

from __future__ import annotations

from typing import Any

from edge_central.web.api.events import JSON
from edge_central.web.http_errors import PROBLEM

Document = dict[str, Any]


def path_part(name: str, says: str) -> Document:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}, "description": says}


def get_operation(
    summary: str, parameters: list[Document], response: Document, problem: Document, *more: str
) -> Document:
    responses = {"200": response, **problems(problem, "403", *more)}
    return {"summary": summary, "parameters": parameters, "responses": responses}


def post_operation(
    summary: str, parameters: list[Document], body: Document, response: Document, problem: Document
) -> Document:
    return {
        "summary": summary,
        "parameters": parameters,
        "requestBody": {"required": True, "content": {JSON: {"schema": body}}},
        "responses": {**response, **problems(problem, "403", "413", "429")},
    }


def query_parameter(name: str, schema: Document, says: str) -> Document:
    return {"name": name, "in": "query", "schema": schema, "description": says}


def answer(says: str, kind: str, schema: Document) -> Document:
    return {"description": says, "content": {kind: {"schema": schema}}}


def problems(problem: Document, *more: str) -> Document:
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
    return {status: answer(says[status], PROBLEM, problem) for status in sorted({*usual, *more})}
