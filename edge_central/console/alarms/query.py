"""The one query of the queue: every page, count and list reads it."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Subquery,
    Text,
    and_,
    case,
    cast,
    literal,
    literal_column,
    or_,
    select,
    union_all,
)

from edge_central.console.alarms.model import EVERYTHING, QueueFilter, QueueRank
from edge_central.console.alarms.silences import is_silenced
from edge_central.store import tables
from edge_central.store.open_alarms import OPEN_ALARM_AGE_MS
from edge_central.store.ringing import ALARM
from edge_central.store.scope import Scope


class QueueSource(IntEnum):
    """The table that a row of the queue comes from; the id of the row is of this table."""

    ALARM_ROW = 0
    ALERT = 1


_A, _H, _O, _R = tables.alert.c, tables.handling.c, tables.open_alarm.c, tables.alarm_row.c
ALERT_SUBJECT = literal("alert ") + cast(_A.id, Text)
"""The alert's name in the incident log."""


def open_queue(scope: Scope, now_ms: int, wanted: QueueFilter = EVERYTHING) -> Subquery:
    """Return the query for all open rows that match the filter: rank, place_ms, source, id, ward, gateway,
    kind, alarms, waiting and last_cursor."""
    return union_all(_alarm_rows(scope, now_ms, wanted), _alerts(scope, wanted)).subquery("queue")


def queue_order(queue: Subquery) -> tuple[ColumnElement[Any], ...]:
    return queue.c.rank, queue.c.place_ms, queue.c.source, queue.c.id


def _number(value: int) -> ColumnElement[int]:
    return literal_column(str(int(value)), Integer)


def _alarm_rows(scope: Scope, now_ms: int, wanted: QueueFilter) -> Select[Any]:
    flooded = (
        select(_A.id)
        .where(tables.IS_FLOOD, _A.gateway == _R.gateway, _A.since_ms <= _R.first_waiting_ms)
        .where(or_(_A.cleared_ms.is_(None), _A.cleared_ms >= _R.last_waiting_ms))
        .exists()
    )
    rank = case(
        (is_silenced(now_ms, _R), _number(QueueRank.SILENCED)),
        (_R.waiting == 0, _number(QueueRank.ACKNOWLEDGED)),
        (flooded, _number(QueueRank.QUIET)),
        else_=_number(QueueRank.RINGING),
    )
    place = case((_R.waiting == 0, -_R.last_ms), else_=_R.first_waiting_ms)
    query = select(
        *(rank.label("rank"), place.label("place_ms"), _number(QueueSource.ALARM_ROW).label("source"), _R.id),
        *(_R.ward, _R.gateway, _R.kind, _R.alarms, _R.waiting, _R.last_cursor),
    ).where(or_(_R.waiting > 0, _R.last_ms >= now_ms - OPEN_ALARM_AGE_MS))
    if wanted.owner:
        own = (
            select(_O.alarm_row)
            .join_from(tables.handling, tables.open_alarm, _O.subject == _H.subject)
            .where(_H.owner == wanted.owner, _H.outcome.is_(None))
        )
        query = query.where(_R.id.in_(own))
    return _narrowed(query, scope, wanted, _R.ward, _R.gateway, _R.kind)


def _alerts(scope: Scope, wanted: QueueFilter) -> Select[Any]:
    """Return the query for open alerts that are not folded into another alert."""
    is_alarm, is_waiting = _A.severity >= ALARM, _H.acknowledged_ms.is_(None)
    rank = case(
        (and_(is_alarm, is_waiting), _number(QueueRank.RINGING)),
        (is_alarm, _number(QueueRank.ACKNOWLEDGED)),
        (is_waiting, _number(QueueRank.OTHER_WAITING)),
        else_=_number(QueueRank.OTHER_ACKNOWLEDGED),
    )
    place = case((is_waiting, _A.opened_ms), else_=-_A.opened_ms)
    waiting = case((is_waiting, _number(1)), else_=_number(0))
    query = (
        select(
            *(rank.label("rank"), place.label("place_ms"), _number(QueueSource.ALERT).label("source"), _A.id),
            *(_A.ward, _A.gateway, _A.rule.label("kind"), _number(1).label("alarms")),
            *(waiting.label("waiting"), _number(0).label("last_cursor")),
        )
        .join_from(tables.alert, tables.handling, _H.subject == ALERT_SUBJECT, isouter=True)
        .where(_A.cleared_ms.is_(None), _A.folded.is_(False), _H.outcome.is_(None))
    )
    if wanted.severity:
        query = query.where(_A.severity >= wanted.severity)
    if wanted.owner:
        query = query.where(_H.owner == wanted.owner)
    return _narrowed(query, scope, wanted, _A.ward, _A.gateway, _A.rule)


def _narrowed(
    query: Select[Any],
    scope: Scope,
    wanted: QueueFilter,
    ward: ColumnElement[str],
    gateway: ColumnElement[str],
    kind: ColumnElement[str],
) -> Select[Any]:
    query = query.where(scope.narrowed(wanted.ward or None).of(ward))
    if wanted.gateway:
        query = query.where(gateway == wanted.gateway)
    if wanted.kind:
        query = query.where(kind == wanted.kind)
    return query
