"""The events after a cursor, in the order in which they were stored, as the bytes that came.

The cursor that a subscriber keeps: a place in the history, and a check that it is still the same history.

``1042-5f3a9c01``: the number of a stored event, and digits made of that event. A centre whose database was
restored from a backup gives numbers again that it had given before, to other events; whoever comes with such
a number would silently miss what came in between.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, func, select

from edge_central.store import tables
from edge_central.store.scope import Scope
from edge_central.web.http_errors import BadRequest, Conflict

_FORM = re.compile(r"(\d{1,18})(?:-([0-9a-f]{8}))?")
_EVENT = tables.event.c


@dataclass(frozen=True, slots=True)
class EventCursor:
    number: int
    check: str = ""  # empty: of no event, the beginning

    def __str__(self) -> str:
        return f"{self.number}-{self.check}" if self.check else str(self.number)


FIRST_CURSOR = EventCursor(0)


def parse_cursor(text: str) -> EventCursor:
    """Raises BadRequest."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise BadRequest("after is the cursor that an answer has named as next, or now, or left out")
    return EventCursor(int(match[1]), match[2] or "")


def newest_number(connection: Connection) -> int:
    return connection.scalar(select(func.max(_EVENT.cursor))) or 0


def cursor_at_or_before(connection: Connection, number: int) -> EventCursor:
    """Cursor of the last stored event up to ``number``."""
    found = connection.scalar(select(func.max(_EVENT.cursor)).where(_EVENT.cursor <= number))
    return FIRST_CURSOR if found is None else EventCursor(found, _check_digits(connection, found) or "")


def check_cursor(connection: Connection, cursor: EventCursor) -> None:
    """Raises Conflict if the cursor is of another history."""
    if cursor.number == 0:
        return
    here = _check_digits(connection, cursor.number)
    if here is not None:
        known = here == cursor.check or not cursor.check
    else:  # retention has deleted the event, or it was never here
        known = cursor.number <= max(newest_number(connection), _deleted_upto(connection))
    if not known:
        raise Conflict(
            "this cursor is not of this database: it was restored from a backup, or is another one. Begin "
            "again without after, and leave out what you have by (source, id)"
        )


def _check_digits(connection: Connection, number: int) -> str | None:
    wanted = select(_EVENT.stream, _EVENT.sequence, _EVENT.received_ms).where(_EVENT.cursor == number)
    row = connection.execute(wanted).first()
    if row is None:
        return None
    return hashlib.sha256(f"{row.stream}/{row.sequence}/{row.received_ms}".encode()).hexdigest()[:8]


def _deleted_upto(connection: Connection) -> int:
    return connection.scalar(select(func.max(tables.deletion.c.last_cursor))) or 0


MOST_BYTES = 4_000_000
"""Size of a response before gzip; the last event may exceed it."""
WINDOW = 20_000
"""Cursors searched in one query, so that a rare kind does not search the whole history at once."""
WITHIN_S = 0.5
"""After this time the response is sent as it is, and says that there is more."""
CHUNK = 200

_E = tables.event.c
_D = tables.deletion.c


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    scope: Scope
    kinds: frozenset[str] = frozenset()  # none: all
    least_severity: int = 0

    def apply(self, query: Select[Any]) -> Select[Any]:
        query = query.where(self.scope.of(_E.ward))
        if self.kinds:
            query = query.where(_E.kind.in_(sorted(self.kinds)))
        if self.least_severity:
            query = query.where(_E.severity >= self.least_severity)
        return query


@dataclass(frozen=True, slots=True)
class DeletedKind:
    """Events of this kind after the cursor were deleted."""

    kind: str
    upto_ms: int  # received until then


@dataclass(frozen=True, slots=True)
class EventBatch:
    payloads: tuple[bytes, ...]
    next: EventCursor
    more: bool  # ask again at once
    deleted: tuple[DeletedKind, ...]


def events_after(
    connection: Connection,
    wanted: HistoryFilter,
    after: int,
    limit: int,
    monotonic: Callable[[], float] = time.monotonic,
) -> EventBatch:
    """Read at most ``limit`` events. The returned cursor is after everything that was searched."""
    until_mono = monotonic() + WITHIN_S
    newest, at, taken, size = newest_number(connection), after, list[bytes](), 0
    while at < newest and len(taken) < limit and size < MOST_BYTES and monotonic() < until_mono:
        upper = min(_start(connection, at) + WINDOW - 1, newest)
        most = min(CHUNK, limit - len(taken))
        between = select(_E.cursor, _E.payload).where(_E.cursor > at, _E.cursor <= upper)
        query: Select[Any] = wanted.apply(between)
        rows = connection.execute(query.order_by(_E.cursor).limit(most)).all()
        at = upper if len(rows) < most else rows[-1].cursor
        for row in rows:
            taken.append(row.payload)
            size += len(row.payload)
            if size >= MOST_BYTES:
                at = row.cursor
                break
    return EventBatch(
        tuple(taken),
        cursor_at_or_before(connection, at),
        at < newest,
        deleted_after(connection, wanted, after),
    )


def deleted_after(connection: Connection, wanted: HistoryFilter, after: int) -> tuple[DeletedKind, ...]:
    """What retention has taken of what a subscriber at this cursor has not read yet. Of all wards: it is the
    same for each of them."""
    query = (
        select(_D.kind, func.max(_D.last_ms).label("upto_ms"))
        .where(_D.what == "event", _D.last_cursor > after)
        .group_by(_D.kind)
        .order_by(_D.kind)
    )
    if wanted.kinds:
        query = query.where(_D.kind.in_(sorted(wanted.kinds)))
    return tuple(DeletedKind(row.kind, row.upto_ms) for row in connection.execute(query))


def _start(connection: Connection, after: int) -> int:
    """Of the next event: what retention has emptied is leapt over."""
    return connection.scalar(select(func.min(_E.cursor)).where(_E.cursor > after)) or after + 1
