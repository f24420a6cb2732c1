"""Reads the events after a cursor, in the order in which they were stored, as the bytes that arrived.

A cursor, such as ``1042-5f3a9c01``, is the number of a stored event and check digits of that event. After the
database of a centre is restored from a backup, new events get numbers that other events had before. With an
old number a subscriber would silently miss events, so the digits must match.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy import ColumnElement, Connection, LargeBinary, Select, Text, func, literal, select

from edge_agent import wire
from edge_agent.core.clock import rfc3339_of_ms
from edge_central.console.events import OF_NOTE
from edge_central.store import tables
from edge_central.store.database import newest_cursor
from edge_central.store.ringing import WARNING
from edge_central.store.scope import EVERYWHERE, Scope
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
    check: str = ""  # empty in the cursor of the beginning, which is before all events

    def __str__(self) -> str:
        return f"{self.number}-{self.check}" if self.check else str(self.number)


FIRST_CURSOR = EventCursor(0)


def parse_cursor(text: str) -> EventCursor:
    """Parse the text of a cursor. Raises BadRequest."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise BadRequest(
            "after must be the cursor that an earlier answer gave as next, or now, or be left out"
        )
    return EventCursor(int(match[1]), match[2] or "")


def cursor_at_or_before(connection: Connection, number: int) -> EventCursor:
    """Return the cursor of the last stored event up to ``number``."""
    found = connection.scalar(select(func.max(_E.cursor)).where(_E.cursor <= number))
    return FIRST_CURSOR if found is None else EventCursor(found, _check_digits(connection, found) or "")


def check_cursor(connection: Connection, cursor: EventCursor) -> None:
    """Raises Conflict if the cursor does not belong to this database."""
    if cursor.number == 0:
        return
    here = _check_digits(connection, cursor.number)
    if here is not None:
        known = here == cursor.check or not cursor.check
    else:  # retention has deleted the event, or this database never had it
        deleted = connection.scalar(select(func.max(_D.last_cursor))) or 0
        known = cursor.number <= max(newest_cursor(connection), deleted)
    if not known:
        raise Conflict(
            "this cursor is not of this database: it was restored from a backup, or is another one. Begin "
            "again without after, and leave out what you have by (source, id)"
        )


def _check_digits(connection: Connection, number: int) -> str | None:
    """Return a digest of what never changes: a correction of the centre's clock changes ``received_ms``."""
    wanted = select(_E.stream, _E.sequence, _E.payload).where(_E.cursor == number)
    row = connection.execute(wanted).first()
    if row is None:
        return None
    return hashlib.sha256(f"{row.stream}/{row.sequence}/".encode() + row.payload).hexdigest()[:8]


MOST_BYTES = 4_000_000  # size of a response before gzip; the last event may exceed it
WINDOW = 20_000
"""Number of cursors in one query, so that a rare kind does not search the whole history at once."""
WITHIN_S = 0.5  # after this time the response is sent as it is, and says that there is more
NARROW_WINDOW = 2_000
"""The same if an index finds events that are not near, but not in the order of the cursors."""
FAR_WINDOW = 200_000
"""The same if an index has the order of the cursors."""
CHUNK = 200


class _LabelData(msgspec.Struct):
    label: object = None


class _Labelled(msgspec.Struct):
    data: _LabelData


_LABELLED = msgspec.json.Decoder(_Labelled)
LABELLED_KINDS = frozenset(
    kind for kind, data in wire.DATA_OF_KIND.items() if "label" in data.__struct_fields__
)
"""The kinds of events that are about one object."""


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """Which events to return. An empty value matches everything."""

    scope: Scope
    kinds: frozenset[str] = frozenset()
    least_severity: int = 0
    gateway: str = ""
    camera: str = ""
    label: str = ""  # checked in the document of the event, because there is no column for it
    from_ms: int | None = None  # by the gateway's clock, like ``to_ms``
    to_ms: int | None = None  # not included

    def conditions(self, lead: str) -> Iterator[ColumnElement[bool]]:
        """Yield the conditions on columns. ``lead``: the only column with an index that the database may use.
        SQLite has no statistics, and would choose an index by the form of a condition."""
        if self.scope.wards is not None:
            yield self.scope.of(_column(_E.ward, lead))
        kinds = self.kinds or (LABELLED_KINDS if self.label else frozenset())
        if kinds:
            yield _column(_E.kind, lead).in_(sorted(kinds))
        if self.least_severity >= WARNING:
            yield OF_NOTE
        if self.least_severity:
            yield _column(_E.severity, lead) >= self.least_severity
        if self.gateway:
            yield _column(_E.gateway, lead) == self.gateway
        if self.camera:
            yield _column(_E.camera, lead) == self.camera
        if self.from_ms is not None:
            yield _column(_E.time_ms, lead) >= self.from_ms
        if self.to_ms is not None:
            yield _column(_E.time_ms, lead) < self.to_ms

    @property
    def lead(self) -> str:
        """Return the column with the index that leaves the fewest events; empty: there is none."""
        if self.gateway:
            return "gateway"
        if self.from_ms is not None or self.to_ms is not None:
            return "time_ms"
        if self.least_severity >= WARNING:
            return "severity"
        if self.kinds:
            return "kind"
        return "ward" if self.scope.wards is not None else ""

    @property
    def is_ordered(self) -> bool:
        """Whether the index of ``lead`` has the events in the order of their cursors."""
        one_ward = self.scope.wards is not None and len(self.scope.wards) == 1
        return self.lead in ("gateway", "severity") or (self.lead == "ward" and one_ward)

    @property
    def of_lead(self) -> HistoryFilter:
        """Return only the conditions that an index with another order than the cursors' can answer."""
        match self.lead:
            case "time_ms":
                return HistoryFilter(EVERYWHERE, from_ms=self.from_ms, to_ms=self.to_ms)
            case "kind":
                return HistoryFilter(EVERYWHERE, kinds=self.kinds)
        return HistoryFilter(self.scope)

    def accepts(self, payload: bytes) -> bool:
        """Whether the event is about an object with the wanted label; True if no label is wanted."""
        if not self.label:
            return True
        try:
            return _LABELLED.decode(payload).data.label == self.label
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return False


def _column(column: ColumnElement[Any], lead: str) -> ColumnElement[Any]:
    """Return the column in a form that prevents the use of its index, unless it is ``lead``."""
    if column.key == lead:
        return column
    return func.coalesce(column, "") if isinstance(column.type, Text) else column + 0


def events_after(
    connection: Connection, wanted: HistoryFilter, after: int, limit: int, monotonic: Callable[[], float]
) -> EventPage:
    """Read at most ``limit`` events. The returned cursor is that of the last event that was searched."""
    until_mono = monotonic() + WITHIN_S
    newest, at, taken, size = newest_cursor(connection), after, list[msgspec.Raw](), 0
    while at < newest and len(taken) < limit and size < MOST_BYTES and monotonic() < until_mono:
        before, most = at, min(CHUNK, limit - len(taken))
        rows, at = _read_window(connection, wanted, at, newest, most)
        if not rows and at < newest and wanted.lead:
            if wanted.is_ordered:
                rows, at = _read_by_index(connection, wanted, at, newest, most)
            else:
                at = _skip(connection, wanted.of_lead, before, at, newest)
                rows, at = _read_window(connection, wanted, at, newest, most)
        for row in rows:
            if not wanted.accepts(row.payload):
                continue
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


def _read_window(
    connection: Connection, wanted: HistoryFilter, at: int, newest: int, most: int
) -> tuple[Sequence[Any], int]:
    """Return the first events after ``at`` in a window of cursors, and the cursor up to which it searched."""
    # Retention may have deleted many events in a row: search from the next stored event.
    first = connection.scalar(select(func.min(_E.cursor)).where(_E.cursor > at)) or at + 1
    is_narrow = wanted.lead and not wanted.is_ordered
    upper = min(first + (NARROW_WINDOW if is_narrow else WINDOW) - 1, newest)
    query = select(_E.cursor, _E.payload).where(_E.cursor > at, _E.cursor <= upper)
    lead = "gateway" if wanted.gateway else "ward"
    query = query.where(*wanted.conditions(lead), *_label(connection, wanted)).order_by(_E.cursor).limit(most)
    rows = connection.execute(query).all()
    return rows, upper if len(rows) < most else rows[-1].cursor


def _read_by_index(
    connection: Connection, wanted: HistoryFilter, at: int, newest: int, most: int
) -> tuple[Sequence[Any], int]:
    """Do the same as ``_read_window`` for a wider window, with an index that has the order of the cursors."""
    upper = min(at + FAR_WINDOW, newest)
    found = list(connection.scalars(far_query(connection, wanted, at, upper, most)))
    rows = connection.execute(
        select(_E.cursor, _E.payload).where(_E.cursor.in_(found)).order_by(_E.cursor)
    ).all()
    return rows, upper if len(found) < most else found[-1]


def _skip(connection: Connection, lead: HistoryFilter, before: int, at: int, newest: int) -> int:
    """Return the cursor before the next event that matches ``lead``; ``at`` if an event from ``before`` to
    ``at`` matches: then many events match, and the query would read their whole index."""
    near = select(_E.cursor).where(_E.cursor > before, _E.cursor <= at, *lead.conditions("")).limit(1)
    if connection.scalar(near) is not None:
        return at
    following = connection.scalar(far_query(connection, lead, at, newest, 1))
    return newest if following is None else int(following) - 1


def far_query(connection: Connection, wanted: HistoryFilter, at: int, newest: int, most: int) -> Select[Any]:
    """Select the cursors of the first ``most`` events after ``at``, which may be far away."""
    # Use the bare cursor only if the index has its order; otherwise the database would search all events.
    cursor = _E.cursor if wanted.is_ordered else _E.cursor + 0
    query = select(_E.cursor).where(cursor > at, cursor <= newest, *wanted.conditions(wanted.lead))
    return query.where(*_label(connection, wanted)).order_by(cursor).limit(most)


def _label(connection: Connection, wanted: HistoryFilter) -> Iterator[ColumnElement[bool]]:
    """Yield the condition that the document of an event contains the label anywhere; ``accepts`` then checks
    the document. Without a label there is no condition."""
    if wanted.label:
        word = literal(wanted.label.encode(), LargeBinary)
        of_postgresql = connection.dialect.name == "postgresql"
        yield (func.pg_catalog.position if of_postgresql else func.instr)(_E.payload, word) > 0


def deleted_after(connection: Connection, wanted: HistoryFilter, after: int) -> list[DeletedEvents]:
    """Return the kinds of events after this cursor that retention has deleted before the subscriber has read
    them. The answer is the same for all wards, because retention does not distinguish them."""
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
