"""The incident log: which alarms ring, who acknowledged them, who is in charge, the outcome; and shift
handovers.

Every step is stored with its author and time, beside the current state, and never deleted by an officer.
Writing functions need a connection in a transaction; docs/design/console.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    Subquery,
    and_,
    case,
    delete,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    update,
)

from edge_central.console.events import NOT_HIDDEN, EventRow, rows_of
from edge_central.store import tables
from edge_central.store.database import conflict_insert, insert_row
from edge_central.store.ringing import ALARM, RINGING_KINDS, RINGING_PHASES
from edge_central.store.scope import Scope

OPEN_ALARM_AGE_MS = 7 * 86_400_000
"""An alarm that is still open after a week leaves the queue and stays in the history."""
MAX_NOTE_CHARACTERS = 2_000
MAX_COUNTED, MAX_GATEWAYS = 1_000, 100_000
"""Newest alarms counted per gateway, and gateways counted."""
MAX_PER_GATEWAY, MAX_LISTED = 5, 200
"""Listed alarms per gateway, and in all, so that a gateway with many alarms does not displace the others."""


class IncidentOutcome(StrEnum):
    REAL = "real"
    FALSE = "false"
    HANDLED = "handled"


@dataclass(frozen=True, slots=True)
class HandlingStep:
    at_ms: int
    who: str
    what: str
    words: str


@dataclass(frozen=True, slots=True)
class Handling:
    """The current state of one incident."""

    subject: str
    acknowledged_ms: int | None = None
    acknowledged_by: str | None = None
    owner: str | None = None
    outcome: IncidentOutcome | None = None
    closed_ms: int | None = None

    @property
    def rings(self) -> bool:
        return self.acknowledged_ms is None and self.outcome is None

    @property
    def is_open(self) -> bool:
        return self.outcome is None


@dataclass(frozen=True, slots=True)
class AlarmCounts:
    """Counts in the database, whether listed or not."""

    open: int = 0
    ringing: int = 0


@dataclass(frozen=True, slots=True)
class Alarm:
    event: EventRow
    handling: Handling
    quiet: bool  # the flood alert of its gateway rings instead
    place: int  # rank among the alarms of its gateway, from 1: unacknowledged ones first, then the oldest
    of_gateway: AlarmCounts
    of_all: AlarmCounts


@dataclass(frozen=True, slots=True)
class Handover:
    id: int
    scope: Scope  # of the officer who left
    left_ms: int
    left_by: str
    note: str
    open: tuple[str, ...]  # subjects
    taken_ms: int | None
    taken_by: str | None


def subject_of(event: EventRow) -> str:
    """The subject of an event, also without an event_id."""
    return f"event {event.gateway} {event.event_id}" if event.event_id else f"cursor {event.cursor}"


Row = dict[str, Any]
_H = tables.handling.c
_E = tables.event.c
_SUBJECT = literal("event ") + _E.gateway + " " + _E.event_id
_A = tables.alert.c
_QUIET = (
    select(_A.id)
    .where(tables.IS_FLOOD, _A.gateway == _E.gateway, _A.since_ms <= _E.received_ms)
    .where(or_(_A.cleared_ms.is_(None), _A.cleared_ms >= _E.received_ms))
    .exists()
)


def read_alarms(
    connection: Connection,
    scope: Scope,
    now_ms: int,
    *,
    gateway: str | None = None,
    per_gateway: int = MAX_PER_GATEWAY,
    most: int = MAX_LISTED,
) -> tuple[Alarm, ...]:
    """Open alarms: events that ring or rang. The first ``per_gateway`` of each gateway, the first of every
    gateway before the second of any; or only those of one ``gateway``."""
    numbered = _open_alarms(scope, now_ms, gateway).subquery()
    query = (
        select(numbered)
        .where(numbered.c.place <= per_gateway)
        .order_by(numbered.c.place, numbered.c.cursor)
        .limit(most)
    )
    found = {row.cursor: row for row in connection.execute(query)}
    events = {event.cursor: event for event in rows_of(connection, scope, found)}
    return tuple(
        Alarm(
            events[cursor],
            handling_of(row, subject_of(events[cursor])),
            bool(row.quiet),
            row.place,
            AlarmCounts(row.own_open, row.own_ringing),
            AlarmCounts(row.all_open, row.all_ringing),
        )
        for cursor, row in found.items()
    )


def _counted(gateway: str | None) -> Subquery:
    """Each gateway with the cursor from which its alarms are counted: the newest MAX_COUNTED."""
    gateway_columns, alarms = tables.gateway.c, tables.event.alias("mine")
    first = (
        select(alarms.c.cursor)
        .where(alarms.c.gateway == gateway_columns.id, alarms.c.severity >= literal_column(str(ALARM)))
        .order_by(alarms.c.cursor.desc())
        .limit(1)
        .offset(MAX_COUNTED - 1)
        .scalar_subquery()
    )
    query = select(gateway_columns.id, func.coalesce(first, 0).label("first"))
    if gateway is not None:
        query = query.where(gateway_columns.id == gateway)
    # The limit makes SQLite run this query once, and not for every alarm.
    return query.limit(MAX_GATEWAYS).subquery()


def _open_alarms(scope: Scope, now_ms: int, gateway: str | None) -> Select[Any]:
    is_ringing = case((and_(_H.acknowledged_ms.is_(None), ~_QUIET), 1), else_=0)
    place = func.row_number().over(
        order_by=(_H.acknowledged_ms.is_not(None), _E.cursor), partition_by=_E.gateway
    )
    counted = _counted(gateway)
    return (
        select(
            *(_E.cursor, *_H, _QUIET.label("quiet"), place.label("place")),
            *(
                func.count().over(partition_by=_E.gateway).label("own_open"),
                func.sum(is_ringing).over(partition_by=_E.gateway).label("own_ringing"),
            ),
            *(func.count().over().label("all_open"), func.sum(is_ringing).over().label("all_ringing")),
        )
        .select_from(counted)
        .join(tables.event, and_(_E.gateway == counted.c.id, _E.cursor >= counted.c.first))
        .join(tables.handling, _H.subject == _SUBJECT, isouter=True)
        .where(_E.severity >= literal_column(str(ALARM)))
        # Not the bare columns: SQLite would use the index of one of them, and read alarms beyond
        # ``MAX_COUNTED``.
        .where(_E.phase.in_(RINGING_PHASES), func.coalesce(_E.kind, "").in_(RINGING_KINDS))
        .where(_E.received_ms >= now_ms - OPEN_ALARM_AGE_MS, func.coalesce(_E.event_id, "") != "")
        .where(_H.outcome.is_(None), scope.of(_E.ward), NOT_HIDDEN)
    )


def handlings(connection: Connection, scope: Scope, subjects: Iterable[str]) -> dict[str, Handling]:
    """Handlings by subject; subjects without one are left out."""
    wanted = sorted(set(subjects))
    query = select(tables.handling).where(_H.subject.in_(wanted), scope.of(_H.ward))
    return {row.subject: handling_of(row, row.subject) for row in connection.execute(query)}


def steps(connection: Connection, subject: str) -> tuple[HandlingStep, ...]:
    """The steps of a subject, in order. The caller must have checked the scope of the subject."""
    columns = tables.handling_step.c
    query = select(tables.handling_step).where(columns.subject == subject).order_by(columns.id)
    return tuple(HandlingStep(row.at_ms, row.who, row.what, row.words) for row in connection.execute(query))


# --- writing ---


@dataclass(frozen=True, slots=True)
class LogAuthor:
    """The author and time of a step."""

    who: str
    now_ms: int


def acknowledge(connection: Connection, by: LogAuthor, subject: str, ward: str) -> bool:
    """Silence a subject for everyone and put the author in charge. False if it was acknowledged before."""
    _ensure_handling(connection, subject, ward)
    done = connection.execute(
        update(tables.handling)
        .where(_H.subject == subject, _H.acknowledged_ms.is_(None))
        .values(acknowledged_ms=by.now_ms, acknowledged_by=by.who, owner=by.who)
    )
    if done.rowcount == 0:
        return False
    _step(connection, by, subject, "acknowledged", "")
    return True


def assign_owner(connection: Connection, by: LogAuthor, subject: str, ward: str, owner: str) -> None:
    _change(connection, by, subject, ward, "owner", owner, {"owner": owner})


def close(
    connection: Connection, by: LogAuthor, subject: str, ward: str, outcome: IncidentOutcome, words: str
) -> None:
    """Close a subject, which also acknowledges it."""
    acknowledge(connection, by, subject, ward)
    values = {"outcome": outcome.value, "closed_ms": by.now_ms}
    _change(connection, by, subject, ward, "outcome", outcome.value, values)
    note(connection, by, subject, ward, words)


def reopen(connection: Connection, by: LogAuthor, subject: str, ward: str) -> None:
    _change(connection, by, subject, ward, "reopened", "", {"outcome": None, "closed_ms": None})


def note(connection: Connection, by: LogAuthor, subject: str, ward: str, words: str) -> None:
    """Add a note; an empty one is ignored."""
    if words.strip():
        _ensure_handling(connection, subject, ward)
        _step(connection, by, subject, "note", _cleaned(words))


@dataclass(frozen=True, slots=True)
class HiddenEvent:
    subject: str
    cursor: int
    ward: str
    hidden_ms: int
    hidden_by: str


def hide(connection: Connection, by: LogAuthor, event: EventRow, words: str) -> None:
    """Hide an event with all its phases from lists and the bell. Nothing is deleted, and the step names
    the author."""
    row = HiddenEvent(subject_of(event), event.cursor, event.ward, by.now_ms, by.who)
    statement = conflict_insert(connection, tables.hidden_event).values(asdict(row))
    if connection.execute(statement.on_conflict_do_nothing()).rowcount:
        _step(connection, by, row.subject, "hidden", _cleaned(words))


def unhide(connection: Connection, by: LogAuthor, event: EventRow) -> None:
    subject = subject_of(event)
    found = delete(tables.hidden_event).where(tables.hidden_event.c.subject == subject)
    if connection.execute(found).rowcount:
        _step(connection, by, subject, "shown", "")


def hidden(connection: Connection, scope: Scope, most: int = 500) -> tuple[HiddenEvent, ...]:
    """Hidden events, newest first."""
    columns = tables.hidden_event.c
    query = select(tables.hidden_event).where(scope.of(columns.ward)).order_by(columns.hidden_ms.desc())
    return tuple(HiddenEvent(**row._mapping) for row in connection.execute(query.limit(most)))


def is_hidden(connection: Connection, subject: str) -> bool:
    columns = tables.hidden_event.c
    return connection.scalar(select(columns.subject).where(columns.subject == subject)) is not None


def _change(
    connection: Connection, by: LogAuthor, subject: str, ward: str, what: str, words: str, values: Row
) -> None:
    """Set columns of the handling, and record the step."""
    _ensure_handling(connection, subject, ward)
    connection.execute(update(tables.handling).where(_H.subject == subject).values(values))
    _step(connection, by, subject, what, words)


def _ensure_handling(connection: Connection, subject: str, ward: str) -> None:
    row = conflict_insert(connection, tables.handling).values(subject=subject, ward=ward)
    connection.execute(row.on_conflict_do_nothing())


def _step(connection: Connection, by: LogAuthor, subject: str, what: str, words: str) -> None:
    row = {"subject": subject, "at_ms": by.now_ms, "who": by.who, "what": what, "words": words}
    connection.execute(insert(tables.handling_step), row)


def _cleaned(words: str) -> str:
    return words.strip().replace("\0", "")[:MAX_NOTE_CHARACTERS]


def handling_of(row: Any, subject: str) -> Handling:
    return Handling(
        subject,
        row.acknowledged_ms,
        row.acknowledged_by,
        row.owner,
        None if row.outcome is None else IncidentOutcome(row.outcome),
        row.closed_ms,
    )


# --- shifts ---


def hand_over(connection: Connection, by: LogAuthor, scope: Scope, words: str, open_: Sequence[str]) -> int:
    row = {
        "wards": "" if scope.wards is None else " ".join(sorted(scope.wards)),
        "left_ms": by.now_ms,
        "left_by": by.who,
        "note": _cleaned(words),
        "open": "\n".join(open_),
    }
    return insert_row(connection, tables.handover, row)


def take_over(connection: Connection, by: LogAuthor, scope: Scope, handover: int) -> bool:
    """Accept a handover: the author takes charge of its open subjects. False if it was accepted before, or
    is not in scope."""
    found = next((each for each in handovers(connection, scope, most=100) if each.id == handover), None)
    if found is None:
        return False
    columns = tables.handover.c
    done = connection.execute(
        update(tables.handover)
        .where(columns.id == handover, columns.taken_ms.is_(None))
        .values(taken_ms=by.now_ms, taken_by=by.who)
    )
    if done.rowcount == 0:
        return False
    for handling in handlings(connection, scope, found.open).values():
        if handling.is_open:
            connection.execute(
                update(tables.handling).where(_H.subject == handling.subject).values(owner=by.who)
            )
            _step(connection, by, handling.subject, "owner", by.who)
    return True


def handovers(connection: Connection, scope: Scope, most: int = 20) -> tuple[Handover, ...]:
    """The newest handovers, newest first, whose wards are all in ``scope``."""
    columns = tables.handover.c
    query = select(tables.handover).order_by(columns.id.desc()).limit(most * 5)
    found = [
        Handover(
            *(row.id, Scope(frozenset(row.wards.split()) or None), row.left_ms, row.left_by, row.note),
            *(tuple(row.open.splitlines()), row.taken_ms, row.taken_by),
        )
        for row in connection.execute(query)
    ]
    return tuple([each for each in found if scope.includes(each.scope)][:most])
