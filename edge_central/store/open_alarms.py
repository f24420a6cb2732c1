"""Lists open alarms, and maintains the rows that group them by camera and rule.

A row stores its counts and times, so that a page need not count a million alarms of one camera. Every change
goes through this module, in a transaction of one writer at a time (``Store.batch``,
``DatabaseConnections.writing``): counts are read and then written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, TypeVar

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    case,
    delete,
    func,
    insert,
    literal,
    literal_column,
    select,
    update,
)

from edge_central.store import tables
from edge_central.store.ringing import ALARM, RINGING_KINDS, RINGING_PHASES

OPEN_ALARM_AGE_MS = 7 * 86_400_000
"""Acknowledged alarms that nobody closes leave the list after a week. Others never leave it by age."""
MAX_GATEWAY_ROWS = 200
"""Rows of one gateway: a row per rule of 16 cameras. Beyond them its alarms share a row for each kind, so
that a gateway that invents names of cameras cannot fill the list."""
MANY_CAMERAS = "*"
"""The camera of such a row."""
MAX_RULE_CHARACTERS = 63
_QUERY_ROWS = 500
"""Values in one IN list: SQLite accepts 32,766 parameters."""

T = TypeVar("T")
_E, _H, _O, _R = tables.event.c, tables.handling.c, tables.open_alarm.c, tables.alarm_row.c
EVENT_SUBJECT = literal("event ") + _E.gateway + " " + _E.event_id
"""The event's name in the incident log. Ids of events are unique for each gateway only."""


@dataclass(frozen=True, slots=True)
class AlarmRule:
    """What the alarms of one row have in common. ``rule``: the rule's id; of a camera's view its state."""

    ward: str
    gateway: str
    camera: str
    kind: str
    rule: str

    @classmethod
    def of_row(cls, row: Row[Any]) -> AlarmRule:
        return cls(*(getattr(row, field.name) for field in fields(cls)))

    def where(self, columns: Any) -> ColumnElement[bool]:
        """The condition on a table with these columns."""
        return and_(*(columns[field.name] == getattr(self, field.name) for field in fields(self)))


class _RuleFields(msgspec.Struct):
    rule_id: Any = None
    state: Any = None


class _RuleOfEvent(msgspec.Struct):
    data: _RuleFields = msgspec.field(default_factory=_RuleFields)


_DECODER = msgspec.json.Decoder(_RuleOfEvent)


def rule_of(kind: str, payload: bytes) -> str:
    """The rule that an event reports, or the state of a camera's view; empty if the event names none."""
    try:
        data = _DECODER.decode(payload).data
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return ""
    named = data.state if kind == "camera-view" else data.rule_id
    if isinstance(named, str) and named.isprintable() and len(named) <= MAX_RULE_CHARACTERS:
        return named
    return ""


# --- new alarms ---


def list_stored_alarms(connection: Connection, numbers: Iterable[tuple[int, int]]) -> None:
    """List the events with these (stream, sequence) that ring."""
    by_stream: defaultdict[int, list[int]] = defaultdict(list)
    for stream, sequence in numbers:
        by_stream[stream].append(sequence)
    for stream, sequences in by_stream.items():
        for part in _parts(sequences):
            list_alarms(connection, and_(_E.stream == stream, _E.sequence.in_(part)))


def list_event(connection: Connection, gateway: str, event_id: str) -> None:
    """List an event again that was closed or hidden."""
    list_alarms(connection, and_(_E.event_id == event_id, _E.gateway == gateway))


def list_recent_alarms(connection: Connection) -> None:
    """List the alarms of the last week in the database of an older centre, which had no such list."""
    newest_ms = connection.scalar(select(_E.received_ms).order_by(_E.cursor.desc()).limit(1)) or 0
    gateways = connection.scalars(select(tables.gateway.c.id)).all()
    for gateway in gateways:
        # With the gateway and the cursor the partial index of alarms applies; see its table.
        of_gateway = and_(_E.gateway == gateway, _E.cursor > 0)
        list_alarms(connection, and_(of_gateway, _E.received_ms >= newest_ms - OPEN_ALARM_AGE_MS))


def list_alarms(connection: Connection, which: ColumnElement[bool]) -> None:
    """List the events that match ``which``, ring, and are neither closed, hidden nor listed already."""
    by_rule: defaultdict[AlarmRule, list[Row[Any]]] = defaultdict(list)
    for event in connection.execute(_ringing_events(which)):
        rule = rule_of(event.kind, event.payload)
        by_rule[AlarmRule(event.ward, event.gateway, event.camera, event.kind, rule)].append(event)
    for key, events in by_rule.items():
        _add(connection, key, events)


def _ringing_events(which: ColumnElement[bool]) -> Select[Any]:
    listed = select(_O.cursor).where(_O.cursor == _E.cursor).exists()
    return (
        select(
            *(_E.cursor, _E.ward, _E.gateway, _E.camera, _E.kind, _E.received_ms, _E.payload),
            *(EVENT_SUBJECT.label("subject"), _H.acknowledged_ms.is_not(None).label("acknowledged")),
        )
        .join_from(tables.event, tables.handling, _H.subject == EVENT_SUBJECT, isouter=True)
        .where(which, _E.severity >= literal_column(str(ALARM)))
        # Not the bare columns: SQLite would go by the index of one of them.
        .where(_E.phase.in_(RINGING_PHASES), func.coalesce(_E.kind, "").in_(RINGING_KINDS))
        .where(func.coalesce(_E.event_id, "") != "", _H.outcome.is_(None), ~listed)
        .where(EVENT_SUBJECT.not_in(select(tables.hidden_event.c.subject)))
        .order_by(_E.cursor)
    )


def _add(connection: Connection, rule: AlarmRule, events: Sequence[Row[Any]]) -> None:
    rule, row = _row_for(connection, rule)
    received = [event.received_ms for event in events]
    if row is not None and row.waiting == 0 and row.last_ms < min(received) - OPEN_ALARM_AGE_MS:
        # Alarms that have left the list by age are not counted with the new ones.
        _delete_row(connection, row.id)
        row = None
    waiting = [event.received_ms for event in events if not event.acknowledged]
    values: dict[str, Any] = {"alarms": len(events), "waiting": len(waiting)}
    values["last_cursor"] = events[-1].cursor
    if row is None:
        values |= _times(received, waiting)
        key = connection.execute(insert(tables.alarm_row), asdict(rule) | values).inserted_primary_key
        assert key is not None
        row_id = key[0]
    else:
        row_id = row.id
        values["alarms"] += row.alarms
        values["waiting"] += row.waiting
        values["last_cursor"] = max(values["last_cursor"], row.last_cursor)
        before = [row.first_waiting_ms, row.last_waiting_ms] if row.waiting else []
        values |= _times([row.first_ms, row.last_ms, *received], [*before, *waiting])
        connection.execute(update(tables.alarm_row).where(_R.id == row_id).values(values))
    names = ("cursor", "subject", "received_ms", "acknowledged")
    listed = [{name: getattr(event, name) for name in names} | {"alarm_row": row_id} for event in events]
    connection.execute(insert(tables.open_alarm), listed)


def _row_for(connection: Connection, rule: AlarmRule) -> tuple[AlarmRule, Row[Any] | None]:
    """The row of a rule, None: there is none yet; and the rule, or what a gateway with too many rows gets
    instead."""
    row = connection.execute(select(tables.alarm_row).where(rule.where(_R))).first()
    if row is None:
        of_gateway = select(func.count()).select_from(tables.alarm_row).where(_R.gateway == rule.gateway)
        if (connection.scalar(of_gateway) or 0) >= MAX_GATEWAY_ROWS:
            rule = replace(rule, camera=MANY_CAMERAS, rule="")
            row = connection.execute(select(tables.alarm_row).where(rule.where(_R))).first()
    return rule, row


def _times(received: Sequence[int], waiting: Sequence[int]) -> dict[str, Any]:
    return {
        "first_ms": min(received),
        "last_ms": max(received),
        "first_waiting_ms": min(waiting, default=None),
        "last_waiting_ms": max(waiting, default=None),
    }


# --- acknowledged, closed, hidden and deleted alarms ---


def mark_acknowledged(connection: Connection, subjects: Sequence[str]) -> None:
    rows: set[int] = set()
    for part in _parts(subjects):
        changed = update(tables.open_alarm).where(_O.subject.in_(part), _O.acknowledged.is_(False))
        rows |= set(connection.scalars(changed.values(acknowledged=True).returning(_O.alarm_row)))
    _count_again(connection, rows)


def unlist_subjects(connection: Connection, subjects: Sequence[str]) -> None:
    """Take closed or hidden events off the list."""
    _unlist(connection, (_O.subject.in_(part) for part in _parts(subjects)))


def unlist_deleted(connection: Connection, cursors: Sequence[int]) -> None:
    """Take events off the list that retention has deleted."""
    _unlist(connection, (_O.cursor.in_(part) for part in _parts(cursors)))


def _unlist(connection: Connection, conditions: Iterable[ColumnElement[bool]]) -> None:
    rows: set[int] = set()
    for which in conditions:
        rows |= set(connection.scalars(delete(tables.open_alarm).where(which).returning(_O.alarm_row)))
    _count_again(connection, rows)


def _count_again(connection: Connection, rows: Collection[int]) -> None:
    """Count the alarms of these rows; delete a row without any."""
    waits = case((_O.acknowledged.is_(False), _O.received_ms))
    for row_id in sorted(rows):
        query = select(
            func.count().label("alarms"),
            func.count(waits).label("waiting"),
            func.max(_O.cursor).label("last_cursor"),
            func.min(_O.received_ms).label("first_ms"),
            func.max(_O.received_ms).label("last_ms"),
            func.min(waits).label("first_waiting_ms"),
            func.max(waits).label("last_waiting_ms"),
        ).where(_O.alarm_row == row_id)
        counted = connection.execute(query).one()
        if counted.alarms:
            values = dict(counted._mapping)
            connection.execute(update(tables.alarm_row).where(_R.id == row_id).values(values))
        else:
            _delete_row(connection, row_id)


def _delete_row(connection: Connection, row_id: int) -> None:
    connection.execute(delete(tables.open_alarm).where(_O.alarm_row == row_id))
    connection.execute(delete(tables.alarm_row).where(_R.id == row_id))


def _parts(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for first in range(0, len(values), _QUERY_ROWS):
        yield values[first : first + _QUERY_ROWS]
