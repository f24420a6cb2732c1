"""The incident log: who acknowledged an alarm or alert, who is in charge, the outcome; and shift handovers.

Every step is stored with its author and time, beside the current state; officers cannot delete it. Functions
that write need a connection in a transaction. See docs/design/console.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from edge_central.console.alarms.subjects import find_subjects
from edge_central.console.events import EventRow
from edge_central.sentences import problem_text
from edge_central.store import tables
from edge_central.store.database import conflict_insert, insert_row
from edge_central.store.open_alarms import list_event, mark_acknowledged, unlist_subjects
from edge_central.store.scope import Scope

MAX_NOTE_CHARACTERS = 2_000
FOR_ADMINISTRATORS = ("hidden", "shown")  # steps that only administrators may read


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
class Handover:
    id: int
    scope: Scope  # scope of the officer who hands over
    left_ms: int
    left_by: str
    note: str
    open: tuple[str, ...]  # names of alarms/subjects.py
    taken_ms: int | None
    taken_by: str | None


def subject_of(event: EventRow) -> str:
    """Return the subject of an event, also of an event without an event_id."""
    return f"event {event.gateway} {event.event_id}" if event.event_id else f"cursor {event.cursor}"


Row = dict[str, Any]
Subjects = Mapping[str, str]  # subjects with their wards
_H = tables.handling.c
_QUERY_ROWS = 500  # values in one IN list: SQLite accepts 32,766 parameters


def handlings(connection: Connection, scope: Scope, subjects: Iterable[str]) -> dict[str, Handling]:
    """Return the handlings by subject; subjects without a handling are left out."""
    found: dict[str, Handling] = {}
    for part in _parts(sorted(set(subjects))):
        query = select(tables.handling).where(_H.subject.in_(part), scope.of(_H.ward))
        found |= {row.subject: handling_of(row, row.subject) for row in connection.execute(query)}
    return found


def steps(connection: Connection, subject: str) -> tuple[HandlingStep, ...]:
    """Return the steps of a subject, in order. The caller must have checked the scope of the subject."""
    columns = tables.handling_step.c
    query = select(tables.handling_step).where(columns.subject == subject).order_by(columns.id)
    return tuple(HandlingStep(row.at_ms, row.who, row.what, row.words) for row in connection.execute(query))


@dataclass(frozen=True, slots=True)
class LogAuthor:
    """The author and time of a step."""

    who: str
    now_ms: int


def acknowledge_all(connection: Connection, by: LogAuthor, subjects: Subjects) -> int:
    """Acknowledge these subjects. Return how many of them were not acknowledged before."""
    return len(acknowledge_waiting(connection, by, subjects))


def acknowledge_waiting(connection: Connection, by: LogAuthor, subjects: Subjects) -> Subjects:
    """Acknowledge these subjects; the author takes charge of those that have no owner. Return those that were
    not acknowledged before."""
    _ensure_handlings(connection, subjects)
    new: list[str] = []
    for part in _parts(list(subjects)):
        waiting = update(tables.handling).where(_H.subject.in_(part), _H.acknowledged_ms.is_(None))
        values = {
            "acknowledged_ms": by.now_ms,
            "acknowledged_by": by.who,
            "owner": func.coalesce(_H.owner, by.who),
        }
        new += connection.scalars(waiting.values(values).returning(_H.subject))
    _steps(connection, by, new, "acknowledged")
    mark_acknowledged(connection, new)
    return {subject: subjects[subject] for subject in new}


def assign_all(connection: Connection, by: LogAuthor, subjects: Subjects, owner: str) -> None:
    _change(connection, by, subjects, "owner", owner, {"owner": owner})


def close_all(
    connection: Connection, by: LogAuthor, subjects: Subjects, outcome: IncidentOutcome, words: str
) -> int:
    """Close these subjects with one outcome and note, which also acknowledges them. One that is closed keeps
    its outcome until it is reopened. Return how many have this outcome now."""
    acknowledge_all(connection, by, subjects)
    values = {"outcome": outcome.value, "closed_ms": by.now_ms}
    new: list[str] = []
    same: list[str] = []
    for part in _parts(list(subjects)):
        is_open = update(tables.handling).where(_H.subject.in_(part), _H.outcome.is_(None))
        new += connection.scalars(is_open.values(values).returning(_H.subject))
        has_it = (_H.subject.in_(part), _H.outcome == outcome.value)
        same += connection.scalars(select(_H.subject).where(*has_it))
    _steps(connection, by, new, "outcome", outcome.value)
    unlist_subjects(connection, list(subjects))
    note_all(connection, by, {subject: subjects[subject] for subject in same}, words)
    return len(same)


def why_closed(connection: Connection, subject: str) -> str:
    """Return the sentence that names who closed a subject and its outcome; empty if it is open. The caller
    must have checked the scope of the subject."""
    closings = [step for step in steps(connection, subject) if step.what == "outcome"]
    return problem_text(f"closed-as-{closings[-1].words}", who=closings[-1].who) if closings else ""


def reopen(connection: Connection, by: LogAuthor, subject: str, ward: str) -> None:
    _change(connection, by, {subject: ward}, "reopened", "", {"outcome": None, "closed_ms": None})
    what, _, rest = subject.partition(" ")
    if what == "event":
        gateway, _, event_id = rest.partition(" ")
        list_event(connection, gateway, event_id)


def note_all(connection: Connection, by: LogAuthor, subjects: Subjects, words: str) -> None:
    """Add the same note to these subjects; an empty one is ignored."""
    if words.strip():
        _ensure_handlings(connection, subjects)
        _steps(connection, by, subjects, "note", cleaned_note(words))


def record_step(connection: Connection, by: LogAuthor, subject: str, what: str, words: str) -> None:
    """Record a step about a subject without a handling, such as a silence."""
    _steps(connection, by, (subject,), what, cleaned_note(words))


@dataclass(frozen=True, slots=True)
class HiddenEvent:
    subject: str
    cursor: int
    ward: str
    hidden_ms: int
    hidden_by: str


def hide(connection: Connection, by: LogAuthor, event: EventRow, words: str) -> None:
    """Hide an event and its phases from lists and bell. Nothing is deleted; a step records the author."""
    row = HiddenEvent(subject_of(event), event.cursor, event.ward, by.now_ms, by.who)
    statement = conflict_insert(connection, tables.hidden_event).values(asdict(row))
    if connection.execute(statement.on_conflict_do_nothing()).rowcount:
        record_step(connection, by, row.subject, "hidden", words)
        unlist_subjects(connection, [row.subject])


def unhide(connection: Connection, by: LogAuthor, event: EventRow) -> None:
    subject = subject_of(event)
    found = delete(tables.hidden_event).where(tables.hidden_event.c.subject == subject)
    if connection.execute(found).rowcount:
        record_step(connection, by, subject, "shown", "")
        if event.event_id:
            list_event(connection, event.gateway, event.event_id)


def hidden(connection: Connection, scope: Scope, most: int = 500) -> tuple[HiddenEvent, ...]:
    """Return the hidden events, newest first."""
    columns = tables.hidden_event.c
    query = select(tables.hidden_event).where(scope.of(columns.ward)).order_by(columns.hidden_ms.desc())
    return tuple(HiddenEvent(**row._mapping) for row in connection.execute(query.limit(most)))


def is_hidden(connection: Connection, subject: str) -> bool:
    columns = tables.hidden_event.c
    return connection.scalar(select(columns.subject).where(columns.subject == subject)) is not None


def _change(
    connection: Connection, by: LogAuthor, subjects: Subjects, what: str, words: str, values: Row
) -> None:
    """Set columns of the handlings, and record the step."""
    _ensure_handlings(connection, subjects)
    for part in _parts(list(subjects)):
        connection.execute(update(tables.handling).where(_H.subject.in_(part)).values(values))
    _steps(connection, by, subjects, what, words)


def _ensure_handlings(connection: Connection, subjects: Subjects) -> None:
    rows = [{"subject": subject, "ward": ward} for subject, ward in subjects.items()]
    if rows:
        connection.execute(conflict_insert(connection, tables.handling).on_conflict_do_nothing(), rows)


def _steps(
    connection: Connection, by: LogAuthor, subjects: Iterable[str], what: str, words: str = ""
) -> None:
    row = {"at_ms": by.now_ms, "who": by.who, "what": what, "words": words}
    rows = [row | {"subject": subject} for subject in subjects]
    if rows:
        connection.execute(insert(tables.handling_step), rows)


def _parts(subjects: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(subjects), _QUERY_ROWS):
        yield subjects[first : first + _QUERY_ROWS]


def cleaned_note(words: str) -> str:
    """Return a text as it is stored: without NUL characters, cut to ``MAX_NOTE_CHARACTERS``."""
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


def hand_over(connection: Connection, by: LogAuthor, scope: Scope, words: str, open_: Sequence[str]) -> int:
    row = {
        "wards": _ward_list(scope),
        "left_ms": by.now_ms,
        "left_by": by.who,
        "note": cleaned_note(words),
        "open": "\n".join(open_),
    }
    return insert_row(connection, tables.handover, row)


def take_over(connection: Connection, by: LogAuthor, scope: Scope, handover: int) -> bool:
    """Accept a handover: the author takes charge of its open subjects. False: the handover was accepted
    before, or is not in scope."""
    named = handovers(connection, scope, id_=handover)
    if not named:
        return False
    columns = tables.handover.c
    done = connection.execute(
        update(tables.handover)
        .where(columns.id == handover, columns.taken_ms.is_(None))
        .values(taken_ms=by.now_ms, taken_by=by.who)
    )
    if done.rowcount == 0:
        return False
    subjects = find_subjects(connection, scope, named[0].open)
    is_open = {subject for subject, each in handlings(connection, scope, subjects).items() if each.is_open}
    assign_all(connection, by, {subject: subjects[subject] for subject in is_open}, by.who)
    return True


def handovers(
    connection: Connection,
    scope: Scope,
    most: int = 20,
    *,
    id_: int | None = None,
    from_ms: int | None = None,
    to_ms: int | None = None,
    same_wards: bool = False,
) -> tuple[Handover, ...]:
    """Return the newest handovers from ``from_ms`` to ``to_ms``, both included, newest first. Only handovers
    of which all wards are in ``scope``. ``id_``: only the handover with this id. ``same_wards``: only
    handovers of exactly the wards of ``scope``, which are those of one room."""
    columns = tables.handover.c
    query = select(tables.handover).order_by(columns.id.desc())
    if id_ is not None:
        query = query.where(columns.id == id_)
    if from_ms is not None:
        query = query.where(columns.left_ms >= from_ms)
    if to_ms is not None:
        query = query.where(columns.left_ms <= to_ms)
    if same_wards:
        query = query.where(columns.wards == _ward_list(scope))
    found: list[Handover] = []
    for row in connection.execute(query).yield_per(100):  # a city has others for each ward and shift
        wards = _scope_of(row.wards)
        if scope.includes(wards):
            what = tuple(row.open.splitlines()), row.taken_ms, row.taken_by
            found.append(Handover(row.id, wards, row.left_ms, row.left_by, row.note, *what))
            if len(found) == most:
                break
    return tuple(found)


def count_handovers(connection: Connection, scope: Scope, *, from_ms: int, to_ms: int) -> int:
    """Return the number of the handovers that ``handovers`` returns without a limit."""
    columns = tables.handover.c
    query = select(columns.wards, func.count().label("rows")).group_by(columns.wards)
    rows = connection.execute(query.where(columns.left_ms.between(from_ms, to_ms)))
    return sum(row.rows for row in rows if scope.includes(_scope_of(row.wards)))


def _scope_of(wards: str) -> Scope:
    """Return the scope of the wards that the table has."""
    return Scope(frozenset(wards.split()) or None)


def _ward_list(scope: Scope) -> str:
    """Return the wards of a scope as the table has them."""
    return "" if scope.wards is None else " ".join(sorted(scope.wards))
