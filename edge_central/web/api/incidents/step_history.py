"""Reads the steps of the incident log after a cursor, in the order in which they were recorded.

A cursor is the number of a step and check digits of this step, as for ``/api/events``. Steps that hide or
show an event are for administrators only, and left out.
"""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import Connection, func, select

from edge_agent.core.clock import rfc3339_of_ms
from edge_agent.wire.received.bounds import bounded_time
from edge_central.console.incident_log import FOR_ADMINISTRATORS
from edge_central.store import tables
from edge_central.store.scope import Scope
from edge_central.web.api.event_history import FIRST_CURSOR, EventCursor
from edge_central.web.api.incidents.documents import IncidentStepData, IncidentStepEvent, IncidentStepPage
from edge_central.web.http_errors import Conflict

_S, _H = tables.handling_step.c, tables.handling.c
_COLUMNS = (_S.id, _S.subject, _S.at_ms, _S.who, _S.what, _S.words)


def steps_after(
    connection: Connection, scope: Scope, after: int, limit: int, *, source: str, subject: str = ""
) -> IncidentStepPage:
    """Read at most ``limit`` steps; ``subject``: only steps of this incident."""
    newest = _newest(connection)
    query = (
        select(*_COLUMNS, _H.ward)
        .join_from(tables.handling_step, tables.handling, _H.subject == _S.subject)
        .where(_S.id > after, _S.id <= newest, _S.what.not_in(FOR_ADMINISTRATORS), scope.of(_H.ward))
    )
    if subject:
        query = query.where(_S.subject == subject)
    rows = connection.execute(query.order_by(_S.id).limit(limit)).all()
    at = rows[-1].id if len(rows) == limit else max(newest, after)
    return IncidentStepPage(
        events=[_event(row, source) for row in rows],
        next=str(step_cursor(connection, at)),
        more=at < newest,
    )


def newest_step_cursor(connection: Connection) -> EventCursor:
    return step_cursor(connection, _newest(connection))


def step_cursor(connection: Connection, number: int) -> EventCursor:
    """Return the cursor of the last step up to ``number``."""
    found = connection.scalar(select(func.max(_S.id)).where(_S.id <= number))
    return FIRST_CURSOR if found is None else EventCursor(found, _check_digits(connection, found) or "")


def check_step_cursor(connection: Connection, cursor: EventCursor) -> None:
    """Raises Conflict if the cursor does not belong to this database."""
    here = _check_digits(connection, cursor.number)
    # No digits: retention has deleted the step, but never the newest, or this database never had it.
    if cursor.number > _newest(connection) if here is None else cursor.check not in ("", here):
        raise Conflict(
            "this cursor is not of this database: it was restored from a backup, or is another one. Begin "
            "again without after, and leave out what you have by id"
        )


def _newest(connection: Connection) -> int:
    return connection.scalar(select(func.max(_S.id))) or 0


def _check_digits(connection: Connection, number: int) -> str | None:
    row = connection.execute(select(*_COLUMNS).where(_S.id == number)).first()
    return None if row is None else _digits(row)


def _digits(row: Any) -> str:
    """Return a digest of what never changes: a correction of the centre's clock changes ``at_ms``."""
    return hashlib.sha256(f"{row.subject}/{row.who}/{row.what}/{row.words}".encode()).hexdigest()[:8]


def _event(row: Any, source: str) -> IncidentStepEvent:
    return IncidentStepEvent(
        specversion="1.0",
        id=str(EventCursor(row.id, _digits(row))),
        source=source,
        type="vn.thaibinh.edge.incident-step.v1",
        time=rfc3339_of_ms(bounded_time(row.at_ms)),
        subject=row.subject,
        datacontenttype="application/json",
        ward=row.ward,
        data=IncidentStepData(step=row.what, by=row.who, value=row.words),
    )
