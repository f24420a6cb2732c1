"""The officers' queue: alarms of cameras, one row for each camera and rule, and alerts of gateways.

Badge, bar, list and handover read the same query (``query.py``). So their counts agree, and every counted row
is on a page of the list. ``edge_central/store/open_alarms.py`` maintains the rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Subquery, func, select, tuple_

from edge_agent.wire.received.bounds import with_problem
from edge_central.console.alarms.model import (
    EVERYTHING,
    UNHANDLED_RANKS,
    AlarmBar,
    QueueCounts,
    QueueFilter,
    QueueItem,
    QueuePage,
    QueuePosition,
    QueueRank,
    SeenUpTo,
)
from edge_central.console.alarms.owners import owners_of_rows
from edge_central.console.alarms.query import ALERT_SUBJECT, QueueSource, open_queue, queue_order
from edge_central.console.alarms.silences import Silence, active_silences
from edge_central.console.alarms.subjects import MAX_AT_ONCE, row_name
from edge_central.console.events import rows_of
from edge_central.console.incident_log import Handling, handling_of, handlings, subject_of
from edge_central.store import tables
from edge_central.store.open_alarms import AlarmRule
from edge_central.store.ringing import ALARM
from edge_central.store.scope import Scope

PAGE = 50
MAX_RINGING_KEYS = 200
"""Keys of the newest ringing rows that a page gets: enough to notice a new one."""
_A, _H, _O, _R = tables.alert.c, tables.handling.c, tables.open_alarm.c, tables.alarm_row.c


def read_queue(
    connection: Connection,
    scope: Scope,
    now_ms: int,
    wanted: QueueFilter = EVERYTHING,
    after: QueuePosition | None = None,
    size: int = PAGE,
) -> QueuePage:
    """Return one page of the list: the first ``size`` rows that follow ``after``."""
    queue = open_queue(scope, now_ms, wanted)
    order = tuple_(*queue_order(queue))
    query = select(queue).order_by(*queue_order(queue)).limit(size + 1)
    before = 0
    if after is not None:
        place = tuple_(after.rank, after.place_ms, after.source, after.id)
        query = query.where(order > place)
        before = connection.scalar(select(func.count()).select_from(queue).where(order <= place)) or 0
    found = connection.execute(query).all()
    listed = found[:size]
    last = listed[-1] if len(found) > size else None
    return QueuePage(
        _items(connection, scope, now_ms, listed),
        _counts(connection, queue),
        before + 1,
        None if last is None else QueuePosition(last.rank, last.place_ms, last.source, last.id),
        _newest(connection, scope),
    )


def read_alarm_bar(connection: Connection, scope: Scope, now_ms: int) -> AlarmBar:
    queue = open_queue(scope, now_ms)
    counts = _counts(connection, queue)
    if not counts.ringing:
        return AlarmBar(counts, ())
    newest = (
        select(queue.c.source, queue.c.id)
        .where(queue.c.rank == int(QueueRank.RINGING))
        .order_by(queue.c.place_ms.desc(), queue.c.source, queue.c.id.desc())
        .limit(MAX_RINGING_KEYS)
    )
    return AlarmBar(counts, tuple(_key(row.source, row.id) for row in connection.execute(newest)))


def foremost_alarms(connection: Connection, scope: Scope, now_ms: int, most: int) -> tuple[QueueItem, ...]:
    """Return ringing rows for the few places at the top of every page: the newest row of each gateway comes
    before the second row of any gateway; within that order the newest first."""
    queue = open_queue(scope, now_ms)
    number = func.row_number().over(
        partition_by=(queue.c.ward, queue.c.gateway),
        order_by=(queue.c.place_ms, queue.c.source, queue.c.id),
    )
    ringing = select(queue, number.label("number")).where(queue.c.rank == int(QueueRank.RINGING)).subquery()
    order = (ringing.c.number, ringing.c.place_ms.desc(), ringing.c.source, ringing.c.id)
    found = connection.execute(select(ringing).order_by(*order).limit(most)).all()
    return _items(connection, scope, now_ms, found)


def open_names(connection: Connection, scope: Scope, now_ms: int) -> tuple[str, ...]:
    """Return the names of all rows in the list, in its order."""
    queue = open_queue(scope, now_ms)
    query = select(queue.c.source, queue.c.id, queue.c.last_cursor).order_by(*queue_order(queue))
    return tuple(_name(row) for row in connection.execute(query))


def open_wards(connection: Connection, scope: Scope, now_ms: int) -> tuple[str, ...]:
    """Return the wards in the list."""
    queue = open_queue(scope, now_ms)
    return tuple(connection.scalars(select(queue.c.ward).distinct().order_by(queue.c.ward)))


def open_kinds(connection: Connection, scope: Scope, now_ms: int) -> tuple[tuple[str, str], ...]:
    """Return the kinds in the list, each with the group of its texts: ``kind``, or ``rule`` for an alert."""
    queue = open_queue(scope, now_ms)
    query = select(queue.c.source, queue.c.kind).distinct().order_by(queue.c.source, queue.c.kind)
    return tuple(("rule" if row.source else "kind", row.kind) for row in connection.execute(query))


def unhandled_subjects(
    connection: Connection, scope: Scope, now_ms: int, wanted: QueueFilter, seen: SeenUpTo
) -> dict[str, str]:
    """Return the subjects, with wards, that match the filter and are in ``seen`` but not acknowledged: up to
    MAX_AT_ONCE alarms and as many alerts. Silenced alarms are left out: the page folds them."""
    queue = open_queue(scope, now_ms, wanted)
    ids = [
        select(queue.c.id).where(
            queue.c.source == int(source), queue.c.rank.in_(list(map(int, UNHANDLED_RANKS)))
        )
        for source in QueueSource
    ]
    alarms = (
        select(_O.subject, _R.ward)
        .join_from(tables.open_alarm, tables.alarm_row, _R.id == _O.alarm_row)
        .where(_R.id.in_(ids[0]), _O.acknowledged.is_(False), _O.cursor <= seen.cursor)
        .limit(MAX_AT_ONCE)
    )
    alerts = select(ALERT_SUBJECT.label("subject"), _A.ward).where(_A.id.in_(ids[1]), _A.id <= seen.alert)
    return {
        row.subject: row.ward
        for query in (alarms, alerts.limit(MAX_AT_ONCE))
        for row in connection.execute(query)
    }


def counts_by_ward(connection: Connection, scope: Scope, now_ms: int) -> dict[str, QueueCounts]:
    """Return the counts of the list for each ward that has rows in it."""
    queue = open_queue(scope, now_ms)
    by_ward: defaultdict[str, list[Any]] = defaultdict(list)
    query = select(queue.c.ward, *_summed(queue)).group_by(queue.c.ward, queue.c.rank)
    for row in connection.execute(query):
        by_ward[row.ward].append(row)
    return {ward: _made(rows) for ward, rows in by_ward.items()}


def _counts(connection: Connection, queue: Subquery) -> QueueCounts:
    return _made(connection.execute(select(*_summed(queue)).group_by(queue.c.rank)))


def _summed(queue: Subquery) -> tuple[ColumnElement[Any], ...]:
    return (
        queue.c.rank,
        func.count().label("rows"),
        func.sum(queue.c.alarms).label("alarms"),
        func.sum(queue.c.waiting).label("waiting"),
    )


def _made(rows: Iterable[Any]) -> QueueCounts:
    found = {QueueRank(row.rank): row for row in rows}
    return QueueCounts(
        {rank: row.rows for rank, row in found.items()},
        {rank: int(row.alarms) for rank, row in found.items()},
        {rank: int(row.waiting) for rank, row in found.items()},
    )


def _newest(connection: Connection, scope: Scope) -> SeenUpTo:
    cursor = connection.scalar(select(func.max(_R.last_cursor)).where(scope.of(_R.ward)))
    return SeenUpTo(cursor or 0, connection.scalar(select(func.max(_A.id))) or 0)


# --- the rows of a page ---


def _key(source: int, id_: int) -> str:
    return f"alert {id_}" if source == QueueSource.ALERT else f"row {id_}"


def _name(row: Any) -> str:
    return f"alert {row.id}" if row.source == QueueSource.ALERT else row_name(row.id, row.last_cursor)


def _items(connection: Connection, scope: Scope, now_ms: int, found: Sequence[Any]) -> tuple[QueueItem, ...]:
    """Return the details of these rows of the queue, in the same order."""
    rows = [row for row in found if row.source == QueueSource.ALARM_ROW]
    alerts = [row for row in found if row.source == QueueSource.ALERT]
    made: dict[str, QueueItem] = {}
    if rows:
        made |= _row_items(connection, scope, now_ms, rows)
    if alerts:
        made |= _alert_items(connection, alerts)
    keys = [_key(row.source, row.id) for row in found]
    return tuple(made[key] for key in keys if key in made)


def _row_items(
    connection: Connection, scope: Scope, now_ms: int, found: Sequence[Any]
) -> dict[str, QueueItem]:
    ranks = {row.id: QueueRank(row.rank) for row in found}
    query = select(tables.alarm_row).where(_R.id.in_(list(ranks)))
    rows = connection.execute(query).all()
    events = {each.cursor: each for each in rows_of(connection, scope, [row.last_cursor for row in rows])}
    subjects = {cursor: subject_of(event) for cursor, event in events.items()}
    known = handlings(connection, scope, subjects.values())
    silences: Mapping[AlarmRule, Silence] = {}
    if QueueRank.SILENCED in ranks.values():
        silences = {each.rule: each for each in active_silences(connection, scope, now_ms)}
    owners = owners_of_rows(connection, [row.id for row in rows if row.alarms > max(1, row.waiting)])
    items = {}
    for row in rows:
        event, rule = events.get(row.last_cursor), AlarmRule.of_row(row)
        is_view = row.kind == "camera-view"
        subject = subjects.get(row.last_cursor, "")
        key = _key(QueueSource.ALARM_ROW, row.id)
        items[key] = QueueItem(
            *(key, row_name(row.id, row.last_cursor), ranks[row.id], ALARM),
            *(row.ward, row.gateway, row.camera, row.kind),
            *("" if is_view else row.rule, row.rule if is_view else ""),
            *("" if event is None else event.data.why, row.last_ms if event is None else event.time_ms),
            first_ms=row.first_ms,
            last_ms=row.last_ms,
            handling=known.get(subject, Handling(subject)),
            count=row.alarms,
            waiting=row.waiting,
            event=event,
            silence=silences.get(rule),
            owners=owners.get(row.id, ()),
        )
    return items


def _alert_items(connection: Connection, found: Sequence[Any]) -> dict[str, QueueItem]:
    ranks = {row.id: QueueRank(row.rank) for row in found}
    handled = [_H[name] for name in ("acknowledged_ms", "acknowledged_by", "owner", "outcome", "closed_ms")]
    query = (
        select(
            *(_A.id, _A.severity, _A.ward, _A.gateway, _A.camera, _A.rule, _A.text, _A.problem),
            *(_A.since_ms, _A.opened_ms, *handled),
        )
        .join_from(tables.alert, tables.handling, _H.subject == ALERT_SUBJECT, isouter=True)
        .where(_A.id.in_(list(ranks)))
    )
    items = {}
    for row in connection.execute(query):
        key = _key(QueueSource.ALERT, row.id)
        items[key] = QueueItem(
            *(key, key, ranks[row.id], row.severity, row.ward, row.gateway, row.camera, row.rule, "", ""),
            *(with_problem(row.text, row.problem), row.since_ms, row.opened_ms, row.opened_ms),
            handling_of(row, key),
            waiting=int(row.acknowledged_ms is None),
        )
    return items
