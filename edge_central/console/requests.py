"""Requests of the console to a gateway: rows that the ingest sends as commands and updates by the replies.

The console has no broker session, so an attacker who takes it over cannot send any other command. One table
holds each request, its author and its result. docs/decisions/0034-requests-are-rows.md
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select

from edge_agent.core.problems.problem import ProblemText
from edge_agent.wire.received.bounds import with_problem
from edge_central.console.incident_log import LogAuthor
from edge_central.store import tables
from edge_central.store.batch import UNFINISHED
from edge_central.store.scope import Scope

NO_CLIP = "no-such-clip"  # reply code of a gateway that has no clip of an event


@dataclass(frozen=True, slots=True)
class ConsoleRequest:
    id: str
    gateway: str
    type: str
    about: str | None
    asked_ms: int
    asked_by: str
    status: str
    words: str  # text of the gateway's reply
    answered_ms: int | None

    @property
    def goes_on(self) -> bool:
        return self.status in UNFINISHED

    @property
    def has_no_clip(self) -> bool:
        """Return whether the gateway replied that it has no clip of the event: a new request is useless."""
        return isinstance(self.words, ProblemText) and self.words.problem.code == NO_CLIP


@dataclass(frozen=True, slots=True)
class IncompleteFile:
    """A file of which some parts have arrived."""

    bytes: int
    parts: int
    received_parts: int
    refused: str | None  # why the centre refuses the file; None: it does not
    last_ms: int


def incomplete_files(
    connection: Connection, scope: Scope, gateway: str, event_id: str
) -> tuple[IncompleteFile, ...]:
    """Return the files of an event that arrive in parts now, the newest first."""
    columns = tables.transfer.c
    wanted = (columns.bytes, columns.parts, columns.received_parts, columns.refused, columns.last_ms)
    query = (
        select(*wanted)
        .where(columns.gateway == gateway, columns.event_id == event_id, scope.of(columns.ward))
        .order_by(columns.last_ms.desc())
        .limit(5)
    )
    return tuple(IncompleteFile(**row._mapping) for row in connection.execute(query))


def request_clip(connection: Connection, by: LogAuthor, gateway: str, ward: str, event_id: str) -> bool:
    """Store a request for a clip. False: a request for it is already under way."""
    scope = Scope(frozenset((ward,)))
    if any(each.goes_on for each in requests_about(connection, scope, gateway, event_id)):
        return False
    row = {
        "id": f"clip-{secrets.token_hex(8)}",
        "gateway": gateway,
        "ward": ward,
        "type": "clip",
        "args": json.dumps({"event_id": event_id}),
        "about": event_id,
        "asked_ms": by.now_ms,
        "asked_by": by.who,
        "status": "asked",
        "words": "",
    }
    connection.execute(insert(tables.request), row)
    return True


def requests_about(
    connection: Connection, scope: Scope, gateway: str, event_id: str
) -> tuple[ConsoleRequest, ...]:
    """Return the newest requests about an event, newest first."""
    columns = tables.request.c
    names = ("id", "gateway", "type", "about", "asked_ms", "asked_by", "status", "words", "answered_ms")
    wanted = [columns[name] for name in (*names, "problem")]
    query = (
        select(*wanted)
        .where(columns.gateway == gateway, columns.about == event_id, scope.of(columns.ward))
        .order_by(columns.asked_ms.desc())
        .limit(5)
    )
    return tuple(_request(dict(row._mapping)) for row in connection.execute(query))


def _request(row: dict[str, Any]) -> ConsoleRequest:
    problem = row.pop("problem")
    return ConsoleRequest(**row | {"words": with_problem(row["words"], problem)})
