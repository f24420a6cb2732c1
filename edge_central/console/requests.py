"""What somebody at the console asks of a gateway: a row, which the ingest sends as a command and answers.

The console's process has no session with the broker: whoever takes it over cannot order gateways about, and
what was asked, by whom, and what came of it stand in one table. docs/decisions/0034-requests-are-rows.md
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from edge_central.console.incident_log import LogAuthor
from edge_central.store import tables
from edge_central.store.scope import Scope

UNFINISHED = ("asked", "sent", "accepted", "running")


@dataclass(frozen=True, slots=True)
class ConsoleRequest:
    id: str
    gateway: str
    type: str
    about: str | None
    asked_ms: int
    asked_by: str
    status: str
    words: str  # of the gateway, why or what
    answered_ms: int | None

    @property
    def goes_on(self) -> bool:
        return self.status in UNFINISHED


def request_clip(connection: Connection, by: LogAuthor, gateway: str, ward: str, event_id: str) -> bool:
    """False: one is under way already."""
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
    """The newest first."""
    columns = tables.request.c
    names = ("id", "gateway", "type", "about", "asked_ms", "asked_by", "status", "words", "answered_ms")
    query = (
        select(*(columns[name] for name in names))
        .where(columns.gateway == gateway, columns.about == event_id, scope.of(columns.ward))
        .order_by(columns.asked_ms.desc())
        .limit(5)
    )
    return tuple(ConsoleRequest(**row._mapping) for row in connection.execute(query))
