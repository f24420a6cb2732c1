"""Reads the events after a cursor, in the order in which they were stored, as the bytes that arrived.

A cursor, such as ``1042-5f3a9c01``, is the number of a stored event and check digits of that event. After its
database was restored from a backup, a centre gives the same numbers again, to other events: a subscriber with
a number from before would silently miss events, so the digits must match.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy import Connection, Select, func, select

from edge_agent.core.clock import rfc3339_of_ms
from edge_central.store import tables
from edge_central.store.database import newest_cursor
from edge_central.store.scope import Scope
from edge_central.web.http_errors import BadRequest, Conflict

_FORM = re.compile(r"(\d{1,18})(?:-([0-9a-f]{8}))?")
_E = tables.event.c
_D = tables.deletion.c

Time = Annotated[str, Meta(description="RFC 3339, UTC, milliseconds, Z")]


class ApiDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Fields may be added within `v1`: ignore what you do not know."""


class DeletedEvents(ApiDocument, frozen=True, kw_only=True):
    """Events of this kind after the requested cursor were deleted because of their age."""

    kind: str
    received_until: Annotated[Time, Meta(description="the newest of them came to the centre then")]


class EventPage(ApiDocument, frozen=True, kw_only=True):
    """Events in the order in which the centre stored them."""

    events: Annotated[
        list[msgspec.Raw], Meta(description="CloudEvents 1.0, byte for byte as the gateway sent them")
    ]
    next: Annotated[
        str, Meta(description="ask with it as `after` the next time, also when there was nothing")
    ]
    more: Annotated[bool, Meta(description="true: ask again at once")]
    deleted: Annotated[
        list[DeletedEvents], Meta(description="empty: nothing behind your cursor has been deleted")
    ]


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


def cursor_at_or_before(connection: Connection, number: int) -> EventCursor:
    """Cursor of the last stored event up to ``number``."""
    found = connection.scalar(select(func.max(_E.cursor)).where(_E.cursor <= number))
    return FIRST_CURSOR if found is None else EventCursor(found, _check_digits(connection, found) or "")


def check_cursor(connection: Connection, cursor: EventCursor) -> None:
    """Raises Conflict if the cursor is of another history."""
    if cursor.number == 0:
        return
    here = _check_digits(connection, cursor.number)
    if here is not None:
        known = here == cursor.check or not cursor.check
    else:  # retention has deleted the event, or it was never here
        deleted = connection.scalar(select(func.max(_D.last_cursor))) or 0
        known = cursor.number <= max(newest_cursor(connection), deleted)
    if not known:
        raise Conflict(
            "this cursor is not of this database: it was restored from a backup, or is another one. Begin "
            "again without after, and leave out what you have by (source, id)"
        )


def _check_digits(connection: Connection, number: int) -> str | None:
    wanted = select(_E.stream, _E.sequence, _E.received_ms).where(_E.cursor == number)
    row = connection.execute(wanted).first()
    if row is None:
        return None
    return hashlib.sha256(f"{row.stream}/{row.sequence}/{row.received_ms}".encode()).hexdigest()[:8]


MOST_BYTES = 4_000_000
"""Size of a response before gzip; the last event may exceed it."""
WINDOW = 20_000
"""Cursors searched in one query, so that a rare kind does not search the whole history at once."""
WITHIN_S = 0.5
"""After this time the response is sent as it is, and says that there is more."""
CHUNK = 200


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


def events_after(
    connection: Connection,
    wanted: HistoryFilter,
    after: int,
    limit: int,
    monotonic: Callable[[], float],
) -> EventPage:
    """Read at most ``limit`` events. The returned cursor is after everything that was searched."""
    until_mono = monotonic() + WITHIN_S
    newest, at, taken, size = newest_cursor(connection), after, list[msgspec.Raw](), 0
    while at < newest and len(taken) < limit and size < MOST_BYTES and monotonic() < until_mono:
        # Retention may have deleted many events in a row: search from the next one that is there.
        first = connection.scalar(select(func.min(_E.cursor)).where(_E.cursor > at)) or at + 1
        upper = min(first + WINDOW - 1, newest)
        most = min(CHUNK, limit - len(taken))
        between = select(_E.cursor, _E.payload).where(_E.cursor > at, _E.cursor <= upper)
        query: Select[Any] = wanted.apply(between)
        rows = connection.execute(query.order_by(_E.cursor).limit(most)).all()
        at = upper if len(rows) < most else rows[-1].cursor
        for row in rows:
            taken.append(msgspec.Raw(row.payload))
            size += len(row.payload)
            if size >= MOST_BYTES:
                at = row.cursor
                break
    return EventPage(
        events=taken,
        next=str(cursor_at_or_before(connection, at)),
        more=at < newest,
        deleted=deleted_after(connection, wanted, after),
    )


def deleted_after(connection: Connection, wanted: HistoryFilter, after: int) -> list[DeletedEvents]:
    """Kinds of which retention has deleted events after this cursor, which a subscriber has not read. The
    same for all wards: retention does not distinguish them."""
    query = (
        select(_D.kind, func.max(_D.last_ms).label("upto_ms"))
        .where(_D.what == "event", _D.last_cursor > after)
        .group_by(_D.kind)
        .order_by(_D.kind)
    )
    if wanted.kinds:
        query = query.where(_D.kind.in_(sorted(wanted.kinds)))
    return [
        DeletedEvents(kind=row.kind, received_until=rfc3339_of_ms(row.upto_ms))
        for row in connection.execute(query)
    ]
