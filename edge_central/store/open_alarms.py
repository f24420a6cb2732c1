"""Lists open alarms, and maintains the rows that group them by camera and rule.

A row stores its counts and times, so that a page need not count a million alarms of one camera. Every change
goes through this module, in a transaction of one writer at a time (``Store.batch``,
``DatabaseConnections.writing``): counts are read and then written.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, TypeVar

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
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
"""After this time, acknowledged alarms without an outcome leave the list; others never leave it by age."""
MAX_GATEWAY_ROWS = 200
"""Maximum number of rows of one gateway: one for each rule of 16 cameras. Further alarms of the gateway share
one row for each kind, so that a gateway that invents names of cameras cannot fill the list."""
MANY_CAMERAS = "*"
"""The camera in a row that such alarms share."""
MAX_RULE_CHARACTERS = 63
_QUERY_ROWS = 500
"""Values in one IN list: SQLite accepts 32,766 parameters."""

T = TypeVar("T")
_E, _H, _O, _R = tables.event.c, tables.handling.c, tables.open_alarm.c, tables.alarm_row.c
EVENT_SUBJECT = literal("event ") + _E.gateway + " " + _E.event_id
"""The event's name in the incident log, with the gateway: event ids are unique for each gateway only."""

COUNTED = (
    *("alarms", "waiting", "last_cursor", "first_ms", "last_ms"),
    *("first_waiting_ms", "last_waiting_ms"),
)
"""The columns of a row that are computed from its alarms."""
_UPDATE_ROW = (
    update(tables.alarm_row)
    .where(_R.id == bindparam("of"))
    .values({name: bindparam(f"new_{name}") for name in COUNTED})
)


@dataclass(frozen=True, slots=True)
class AlarmRule:
    """The values that all alarms of one row share. ``rule``: the rule's id or, for alarms about a camera's
    view, the state of the view."""

    ward: str
    gateway: str
    camera: str
    kind: str
    rule: str

    @classmethod
    def of_row(cls, row: Row[Any]) -> AlarmRule:
        return cls(*(getattr(row, field.name) for field in fields(cls)))

    def where(self, columns: Any) -> ColumnElement[bool]:
        """Return the SQL condition for a table with these columns."""
        return and_(*(columns[field.name] == getattr(self, field.name) for field in fields(self)))


class _RuleFields(msgspec.Struct):
    rule_id: Any = None
    state: Any = None


class _RuleOfEvent(msgspec.Struct):
    data: _RuleFields = msgspec.field(default_factory=_RuleFields)


_DECODER = msgspec.json.Decoder(_RuleOfEvent)


def rule_of(kind: str, payload: bytes) -> str:
    """Return the rule that an event reports, or the state of a camera's view; empty without either."""
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
    """List those events with these numbers (stream, sequence) that ring."""
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
    """List the alarms of the last week, in the database of an older centre, which had no such list."""
    newest_ms = connection.scalar(select(_E.received_ms).order_by(_E.cursor.desc()).limit(1)) or 0
    gateways = connection.scalars(select(tables.gateway.c.id)).all()
    for gateway in gateways:
        # With the gateway and the cursor SQLite can use the partial index of alarms: see its table.
        of_gateway = and_(_E.gateway == gateway, _E.cursor > 0)
        list_alarms(connection, and_(of_gateway, _E.received_ms >= newest_ms - OPEN_ALARM_AGE_MS))


def list_alarms(connection: Connection, which: ColumnElement[bool]) -> None:
    """List the events that match ``which`` and ring, unless they are closed, hidden or already listed."""
    by_rule: defaultdict[AlarmRule, list[Row[Any]]] = defaultdict(list)
    for event in connection.execute(_ringing_events(which)):
        rule = rule_of(event.kind, event.payload)
        by_rule[AlarmRule(event.ward, event.gateway, event.camera, event.kind, rule)].append(event)
    if by_rule:
        _add(connection, by_rule)


def _ringing_events(which: ColumnElement[bool]) -> Select[Any]:
    listed = select(_O.cursor).where(_O.cursor == _E.cursor).exists()
    return (
        select(
            *(_E.cursor, _E.ward, _E.gateway, _E.camera, _E.kind, _E.received_ms, _E.payload),
            *(EVENT_SUBJECT.label("subject"), _H.acknowledged_ms.is_not(None).label("acknowledged")),
        )
        .join_from(tables.event, tables.handling, _H.subject == EVENT_SUBJECT, isouter=True)
        .where(which, _E.severity >= literal_column(str(ALARM)))
        # Not the bare columns: SQLite would use the index of one of them.
        .where(_E.phase.in_(RINGING_PHASES), func.coalesce(_E.kind, "").in_(RINGING_KINDS))
        .where(func.coalesce(_E.event_id, "") != "", _H.outcome.is_(None), ~listed)
        .where(EVENT_SUBJECT.not_in(select(tables.hidden_event.c.subject)))
        .order_by(_E.cursor)
    )


def _add(connection: Connection, by_rule: Mapping[AlarmRule, Sequence[Row[Any]]]) -> None:
    """Add events to the rows of their rules; missing rows are made."""
    rows = _rows_of(connection, {rule.gateway for rule in by_rule})
    per_gateway = Counter(rule.gateway for rule in rows)
    new: dict[AlarmRule, dict[str, Any]] = {}
    changed: dict[int, dict[str, Any]] = {}
    listed: list[tuple[AlarmRule, Sequence[Row[Any]]]] = []
    for own_rule, events in by_rule.items():
        rule = own_rule
        if rule not in rows and rule not in new and per_gateway[rule.gateway] >= MAX_GATEWAY_ROWS:
            rule = replace(rule, camera=MANY_CAMERAS, rule="")
        row = rows.get(rule) or new.get(rule) or {}
        if "id" in row and not row["waiting"] and row["last_ms"] < _oldest(events) - OPEN_ALARM_AGE_MS:
            # Alarms that have left the list by age are not counted with the new ones.
            connection.execute(delete(tables.open_alarm).where(_O.alarm_row == row["id"]))
            row = {"id": row["id"]}
        values = _with_alarms(row, events)
        if rule in rows:
            rows[rule] = changed[values["id"]] = values
        else:
            per_gateway[rule.gateway] += rule not in new
            new[rule] = values
        listed.append((rule, events))
    ids = {rule: row["id"] for rule, row in rows.items()} | _insert_rows(connection, new)
    _update_rows(connection, changed)
    names = ("cursor", "subject", "received_ms", "acknowledged")
    connection.execute(
        insert(tables.open_alarm),
        [
            {name: getattr(event, name) for name in names} | {"alarm_row": ids[rule]}
            for rule, events in listed
            for event in events
        ],
    )


def _rows_of(connection: Connection, gateways: Collection[str]) -> dict[AlarmRule, dict[str, Any]]:
    """Return the rows of these gateways: at most MAX_GATEWAY_ROWS of each gateway, and its rows for all
    further alarms."""
    return {
        AlarmRule.of_row(row): dict(row._mapping)
        for part in _parts(sorted(gateways))
        for row in connection.execute(select(tables.alarm_row).where(_R.gateway.in_(part)))
    }


def _oldest(events: Sequence[Row[Any]]) -> int:
    return min(int(event.received_ms) for event in events)


def _with_alarms(row: Mapping[str, Any], events: Sequence[Row[Any]]) -> dict[str, Any]:
    """Return the values of a row after these alarms are added to it. ``row`` is ``{}`` for a new row."""
    received = [event.received_ms for event in events]
    waiting = [event.received_ms for event in events if not event.acknowledged]
    cursors = [event.cursor for event in events]
    values = dict(row) | {
        "alarms": row.get("alarms", 0) + len(received),
        "waiting": row.get("waiting", 0) + len(waiting),
    }
    if row.get("alarms"):
        received += [row["first_ms"], row["last_ms"]]
        cursors.append(row["last_cursor"])
    if row.get("waiting"):
        waiting += [row["first_waiting_ms"], row["last_waiting_ms"]]
    return values | {"last_cursor": max(cursors)} | _times(received, waiting)


def _insert_rows(connection: Connection, new: Mapping[AlarmRule, dict[str, Any]]) -> dict[AlarmRule, int]:
    """Insert rows; return their ids."""
    if not new:
        return {}
    statement = insert(tables.alarm_row).returning(_R.id, sort_by_parameter_order=True)
    made = connection.scalars(statement, [asdict(rule) | values for rule, values in new.items()])
    return dict(zip(new, made, strict=True))


def _update_rows(connection: Connection, changed: Mapping[int, Mapping[str, Any]]) -> None:
    if changed:
        values = [
            {f"new_{name}": row[name] for name in COUNTED} | {"of": id_} for id_, row in changed.items()
        ]
        connection.execute(_UPDATE_ROW, values)


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
    """Remove closed or hidden events from the list."""
    _unlist(connection, (_O.subject.in_(part) for part in _parts(subjects)))


def unlist_deleted(connection: Connection, cursors: Sequence[int]) -> None:
    """Remove events from the list that retention has deleted."""
    _unlist(connection, (_O.cursor.in_(part) for part in _parts(cursors)))


def _unlist(connection: Connection, conditions: Iterable[ColumnElement[bool]]) -> None:
    rows: set[int] = set()
    for which in conditions:
        rows |= set(connection.scalars(delete(tables.open_alarm).where(which).returning(_O.alarm_row)))
    _count_again(connection, rows)


def _count_again(connection: Connection, rows: Collection[int]) -> None:
    """Count the alarms of these rows again; delete rows without alarms."""
    waits = case((_O.acknowledged.is_(False), _O.received_ms))
    for part in _parts(sorted(rows)):
        query = select(
            _O.alarm_row,
            func.count().label("alarms"),
            func.count(waits).label("waiting"),
            func.max(_O.cursor).label("last_cursor"),
            func.min(_O.received_ms).label("first_ms"),
            func.max(_O.received_ms).label("last_ms"),
            func.min(waits).label("first_waiting_ms"),
            func.max(waits).label("last_waiting_ms"),
        ).where(_O.alarm_row.in_(part))
        found = connection.execute(query.group_by(_O.alarm_row))
        counted = {row.alarm_row: dict(row._mapping) for row in found}
        _update_rows(connection, counted)
        connection.execute(delete(tables.alarm_row).where(_R.id.in_(set(part) - counted.keys())))


def _parts(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for first in range(0, len(values), _QUERY_ROWS):
        yield values[first : first + _QUERY_ROWS]
