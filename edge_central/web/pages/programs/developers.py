"""``/developers``: every operation of the API with a form to try it, and the OpenAPI document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from starlette.responses import Response

from edge_agent.core.problems.problem import encode_json
from edge_central.web.api import openapi
from edge_central.web.api.events import JSON
from edge_central.web.auth.accounts import ALL_ROLES
from edge_central.web.request_context import UserRequestContext
from edge_central.web.request_handler import Page


@dataclass(frozen=True, slots=True)
class OperationField:
    """A parameter as a field of the form. If ``choices`` is empty, any text is possible."""

    name: str
    place: str  # path or query
    text: str
    required: bool
    choices: tuple[str, ...]
    default: str


@dataclass(frozen=True, slots=True)
class ApiOperation:
    id: str
    method: str
    path: str
    summary: str
    fields: tuple[OperationField, ...]
    body: str | None  # example in JSON, may be empty; None: the operation has no body


@cache
def operations() -> tuple[ApiOperation, ...]:
    """Return the operations of the document, in its order."""
    return tuple(_operations(openapi.document()))


def _operations(document: dict[str, Any]) -> Iterator[ApiOperation]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield ApiOperation(
                operation["operationId"],
                method.upper(),
                path,
                operation["summary"],
                tuple(_field(each) for each in operation.get("parameters", ())),
                _body(operation),
            )


def _field(parameter: dict[str, Any]) -> OperationField:
    schema = parameter["schema"]
    return OperationField(
        parameter["name"],
        parameter["in"],
        parameter.get("description", ""),
        parameter.get("required", False),
        tuple(schema.get("enum", ())),
        str(schema.get("default", "")),
    )


def _body(operation: dict[str, Any]) -> str | None:
    if "requestBody" not in operation:
        return None
    example = operation["requestBody"]["content"][JSON].get("example")
    return "" if example is None else json.dumps(example, indent=2, ensure_ascii=False)


@cache
def _encoded_document() -> bytes:
    return encode_json(openapi.document())


def developers_page(visit: UserRequestContext) -> Response:
    return visit.render("developers.html", operations=operations())


def openapi_document(visit: UserRequestContext) -> Response:
    return Response(_encoded_document(), media_type=JSON)


PAGES = (
    Page("/developers", developers_page),
    Page("/api/openapi.json", openapi_document, roles=ALL_ROLES),
)
