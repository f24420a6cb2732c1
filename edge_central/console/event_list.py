"""Lists of events, page by page: one row for each event, with all its messages.

The messages of an event (start, updates, end) have one ``event_id``. The first message that matches the
filter sets the place of the row in the list. So an end that arrives later changes the row but does not move
it, even if the end itself would be on another page.

Without a time range, events are in the order of storage (``cursor``): it is stable, and a gateway with a
wrong clock cannot keep events on top. With a time range, events are in the order of their own times.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Text, and_, func, literal_column, or_, select

from edge_central.console.events import (
    EVENT_COLUMNS,
    INFO,
    NOT_HIDDEN,
    OF_NOTE,
    QUIET,
    EventRow,
    event_rows,
    rows_of,
)
from edge_central.store import tables
from edge_central.store.ringing import ALARM, WARNING
from edge_central.store.scope import Scope

PAGE = 50
MAX_EXAMINED = 3_000
"""One page reads at most this many messages: an event may have thousands of updates."""
FIRST_MESSAGES = 3
"""A row is made of this many first messages of its event, and the last one."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Filter of a list; an empty value matches everything."""

    ward: str = ""
    kinds: frozenset[str] = frozenset()
    severity: int = INFO  # the lowest severity to list
    gateway: str = ""
    camera: str = ""
    from_ms: int | None = None
    to_ms: int | None = None  # not included

    @property
    def by_time(self) -> bool:
        return self.from_ms is not None or self.to_ms is not None


@dataclass(frozen=True, slots=True)
class PagePosition:
    """The last message of a page; the next page begins after it."""

    cursor: int
    time_ms: int

    def __str__(self) -> str:
        return f"{self.cursor}-{self.time_ms}"

    @classmethod
    def parse(cls, text: str) -> PagePosition | None:
        cursor, _, time_ms = text.partition("-")
        if not (cursor.isdecimal() and time_ms.isdecimal() and len(text) <= 40):
            return None
        return cls(min(int(cursor), 2**63 - 1), min(int(time_ms), 2**63 - 1))


@dataclass(frozen=True, slots=True)
class EventRowPage:
    rows: tuple[EventRow, ...]
    next: PagePosition | None


def read_events(
    connection: Connection,
    scope: Scope,
    event_filter: EventFilter,
    after: PagePosition | None = None,
    size: int = PAGE,
) -> EventRowPage:
    """Return one page: the newest events that follow ``after``. The page has ``size`` rows, or fewer at the
    end of the list or when the limit of examined messages is reached."""
    listed, position = _listed_cursors(connection, scope, event_filter, after, size)
    stored = {row.cursor: row for row in rows_of(connection, scope, listed)}
    messages = _messages_of(connection, scope, stored.values())
    rows = (
        _merged(row, messages.get((row.gateway, row.event_id), ()))
        for cursor in listed
        if (row := stored.get(cursor)) is not None
    )
    return EventRowPage(tuple(rows), position)


_E = tables.event.c
_EARLIER = tables.event.alias("earlier").c
_IS_ALARM = _E.severity >= literal_column(str(ALARM))
"""In the same form as in the partial index of alarms."""
_HAVE_PHASES = (_E.phase.is_not(None), _EARLIER.phase.is_not(None))
"""Evidence has the id of its event but no phase: each evidence message is a row of its own."""


def _listed_cursors(
    connection: Connection,
    scope: Scope,
    event_filter: EventFilter,
    after: PagePosition | None,
    size: int,
) -> tuple[list[int], PagePosition | None]:
    """Return the cursors of the page's messages, one for each event, in order, and the next position."""
    query = _examined(scope, event_filter)
    batch = 2 * size + 20
    listed: list[int] = []
    position = after
    for _ in range(0, MAX_EXAMINED, batch):
        rows = connection.execute(_beyond(query, event_filter, position).limit(batch)).all()
        for row in rows:
            if not row.continues:
                if len(listed) == size:
                    return listed, position
                listed.append(row.cursor)
            position = PagePosition(row.cursor, row.time_ms)
        if len(rows) < batch:
            return listed, None
    return listed, position


def _examined(scope: Scope, event_filter: EventFilter) -> Select[Any]:
    """Return the query for matching messages. ``continues``: an earlier one of the same event matches too."""
    cursor, time_ms = (_unindexed(_EARLIER[name]) for name in ("cursor", "time_ms"))
    same = (_EARLIER.event_id == _E.event_id, _unindexed(_EARLIER.gateway) == _E.gateway, *_HAVE_PHASES)
    before: ColumnElement[bool] = cursor < _E.cursor
    if event_filter.by_time:
        before = or_(time_ms < _E.time_ms, and_(time_ms == _E.time_ms, before))
    matching = _conditions(scope, event_filter, {name: _unindexed(_EARLIER[name]) for name in FILTERED})
    earlier = select(_EARLIER.cursor).where(*same, before, *matching).exists()
    columns: dict[str, ColumnElement[Any]] = {name: _E[name] for name in FILTERED}
    if event_filter.by_time or event_filter.gateway:
        # Without this, SQLite may read all events of a ward instead of those of the period or gateway.
        columns["ward"] = _unindexed(_E.ward)
    wanted = [*_conditions(scope, event_filter, columns), NOT_HIDDEN]
    if event_filter.severity >= WARNING:
        wanted.append(OF_NOTE)
    order = (_E.time_ms.desc(), _E.cursor.desc()) if event_filter.by_time else (_E.cursor.desc(),)
    query = select(_E.cursor, _E.time_ms, earlier.label("continues")).where(*wanted).order_by(*order)
    if event_filter.severity >= ALARM and event_filter.gateway:
        # Without this, SQLite may read all events of the gateway, of which alarms are few.
        query = query.where(_IS_ALARM).with_hint(tables.event, "INDEXED BY event_alarm", "sqlite")
    return query


def _beyond(query: Select[Any], event_filter: EventFilter, after: PagePosition | None) -> Select[Any]:
    if after is None:
        return query
    if not event_filter.by_time:
        return query.where(_E.cursor < after.cursor)
    same_time = and_(_E.time_ms == after.time_ms, _E.cursor < after.cursor)
    return query.where(or_(_E.time_ms < after.time_ms, same_time))


FILTERED = ("ward", "kind", "severity", "gateway", "camera", "time_ms")
"""Columns that a filter compares."""


def _unindexed(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the value of a column in a form for which SQLite uses no index of this column; the column must
    have a value in each row. If two indexes suit a query equally, SQLite uses the index that was created
    last, which differs between databases."""
    return func.coalesce(column, "" if isinstance(column.type, Text) else 0)


def _conditions(
    scope: Scope, event_filter: EventFilter, columns: Mapping[str, ColumnElement[Any]]
) -> Iterable[ColumnElement[bool]]:
    yield scope.narrowed(event_filter.ward or None).of(columns["ward"])
    kind = columns["kind"]
    yield kind.in_(sorted(event_filter.kinds)) if event_filter.kinds else kind.not_in(QUIET)
    if event_filter.severity >= WARNING:
        yield columns["severity"] >= event_filter.severity
    if event_filter.gateway:
        yield columns["gateway"] == event_filter.gateway
    if event_filter.camera:
        yield columns["camera"] == event_filter.camera
    if event_filter.from_ms is not None:
        yield columns["time_ms"] >= event_filter.from_ms
    if event_filter.to_ms is not None:
        yield columns["time_ms"] < event_filter.to_ms


_Messages = Mapping[tuple[str, str | None], Sequence[EventRow]]


def _messages_of(connection: Connection, scope: Scope, rows: Iterable[EventRow]) -> _Messages:
    """Return the first messages and the last message of the events of these rows, by gateway and event id."""
    named = [row for row in rows if row.event_id is not None and row.phase is not None]
    if not named:
        return {}
    event, gateway = (_E.gateway, _E.event_id), _E.gateway
    first = func.row_number().over(partition_by=event, order_by=(_E.stream, _E.sequence))
    last = func.row_number().over(partition_by=event, order_by=(_E.stream.desc(), _E.sequence.desc()))
    numbered = (
        select(_E.cursor, first.label("first"), last.label("last"))
        .where(_E.event_id.in_({row.event_id for row in named}), _E.phase.is_not(None))
        # Else SQLite would use an index of one of these columns instead of the index of event ids.
        .where(_unindexed(gateway).in_({row.gateway for row in named}))
        .where(scope.of(_unindexed(_E.ward)))
        .subquery()
    )
    query = (
        select(*EVENT_COLUMNS)
        .join_from(numbered, tables.event, _E.cursor == numbered.c.cursor)
        .where(or_(numbered.c.first <= FIRST_MESSAGES, numbered.c.last == 1))
        .order_by(_E.stream, _E.sequence)
    )
    found: dict[tuple[str, str | None], list[EventRow]] = {}
    for row in event_rows(connection, scope, query):
        found.setdefault((row.gateway, row.event_id), []).append(row)
    return found


def _merged(row: EventRow, messages: Sequence[EventRow]) -> EventRow:
    """Return the row of an event: its first message, with the end, the highest severity and the first picture
    of all messages. The row has the cursor of ``row``."""
    if not messages or row.phase is None:
        return row
    first, last = messages[0], messages[-1]
    ended = last.phase == "end"
    return replace(
        first,
        cursor=row.cursor,
        severity=max(each.severity for each in messages),
        media_id=next((each.media_id for each in messages if each.media_id is not None), None),
        goes_on=last.phase in ("start", "update"),
        ended_ms=last.time_ms if ended else None,
        end_reason=last.data.end_reason if ended else None,
    )
