"""Holds: events and media that retention must not delete, by event id, or by gateway or camera and time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, false, func, or_, select, true, update

from edge_central.retention.proofs import Proofs, find_proofs
from edge_central.store import tables
from edge_central.store.database import insert_row

PROVEN_WITHIN_MS = 3_600_000
"""A hold on a period keeps all events of the gateway up to so long after it: they prove those of the period.
The next signed head comes within minutes, also after a reboot, and so do the events that name clips."""
MAX_ORS = 100
"""Limit for the ORs in one row of a condition."""


@dataclass(frozen=True, slots=True)
class RetentionHold:
    """One hold: either ``event_id``, or ``gateway`` with a time. Times are milliseconds since 1970."""

    id: int
    why: str
    placed_by: str
    placed_ms: int
    event_id: str | None = None
    gateway: str | None = None
    camera: str | None = None  # None: all cameras of the gateway
    from_ms: int | None = None
    to_ms: int | None = None  # included
    released_by: str | None = None
    released_ms: int | None = None


class ActiveHolds:
    """The holds in force, indexed by event id and gateway. ``proofs``: what proves the events of the ids."""

    def __init__(self, holds: Iterable[RetentionHold], proofs: Proofs) -> None:
        self._event_ids = set[str]()
        self._spans: defaultdict[str, list[RetentionHold]] = defaultdict(list)
        self._proofs = proofs
        for hold in holds:
            if hold.event_id is not None:
                self._event_ids.add(hold.event_id)
            elif hold.gateway is not None:
                self._spans[hold.gateway].append(hold)

    @property
    def has_time_holds(self) -> bool:
        return bool(self._spans)

    def covers(self, row: Row[Any], event_times_ms: Iterable[int]) -> bool:
        """Whether a hold covers a row of ``event`` or ``media``. ``event_times_ms``: when its event happened
        by the gateway's clock, and when it arrived by the centre's clock. One time within the hold is enough.
        """
        if row.event_id is not None and row.event_id in self._event_ids:
            return True
        times_ms = [row.received_ms, *event_times_ms]
        spans = self._spans.get(row.gateway, ())
        if "sequence" in row._fields:
            if any(first <= row.sequence <= last for first, last in self._proofs.get(row.stream, ())):
                return True
            times_ms.append(row.time_ms)
            own_ms = (row.time_ms, row.received_ms)
            if any(_is_within(_proof_of(hold), own_ms) for hold in spans):
                return True
        return any(hold.camera in (None, row.camera) and _is_within(hold, times_ms) for hold in spans)

    def condition(self, columns: Any) -> ColumnElement[bool]:
        """Return the SQL condition for the rows of ``event`` or ``media`` that ``covers`` accepts."""
        conditions: list[ColumnElement[bool]] = [columns.event_id.in_(self._event_ids)]
        if "sequence" in columns:
            for stream, ranges in self._proofs.items():
                of_range = (columns.sequence.between(*each) for each in ranges)
                conditions.append(and_(columns.stream == stream, _any_of(of_range)))
        for hold in chain.from_iterable(self._spans.values()):
            ids = select(tables.event.c.event_id).where(_in_span(hold, tables.event.c))
            same_event = and_(columns.gateway == hold.gateway, columns.event_id.in_(ids))
            conditions += [_in_span(hold, columns), same_event]
            if "sequence" in columns:
                conditions.append(_in_span(_proof_of(hold), columns))
        return _any_of(conditions)


def _any_of(conditions: Iterable[ColumnElement[bool]]) -> ColumnElement[bool]:
    """Return the SQL condition that one of these is true, for any number of them.

    SQLite accepts 1,000 levels in an expression, and each OR of a row is one. SQLAlchemy joins nested ``or_``
    to one row, but not those in a function.
    """
    found = list(conditions)
    while len(found) > MAX_ORS:
        batches = (found[start : start + MAX_ORS] for start in range(0, len(found), MAX_ORS))
        found = [func.coalesce(or_(*each), false()) for each in batches]
    return func.coalesce(or_(false(), *found), false())


def _proof_of(hold: RetentionHold) -> RetentionHold:
    """Return a hold on the events that prove those of a period."""
    assert hold.to_ms is not None
    return replace(hold, camera=None, to_ms=hold.to_ms + PROVEN_WITHIN_MS)


def _is_within(hold: RetentionHold, times_ms: Iterable[int]) -> bool:
    assert hold.from_ms is not None
    assert hold.to_ms is not None
    return any(hold.from_ms <= each <= hold.to_ms for each in times_ms)


def _in_span(hold: RetentionHold, columns: Any) -> ColumnElement[bool]:
    times = [columns[name] for name in ("time_ms", "received_ms") if name in columns]
    in_time = or_(*(each.between(hold.from_ms, hold.to_ms) for each in times))
    return and_(_of_source(hold, columns), in_time)


def _of_source(hold: RetentionHold, columns: Any) -> ColumnElement[bool]:
    of_camera = true() if hold.camera is None else columns.camera == hold.camera
    return and_(columns.gateway == hold.gateway, of_camera)


def active_holds(connection: Connection, holds: Sequence[RetentionHold]) -> ActiveHolds:
    """Return these holds with what proves their events."""
    event_ids = {hold.event_id for hold in holds if hold.event_id is not None}
    return ActiveHolds(holds, find_proofs(connection, event_ids))


def read_holds(connection: Connection, *, released: bool = False) -> list[RetentionHold]:
    """Return the holds in force, oldest first. ``released``: also return the released holds."""
    query = select(tables.hold).order_by(tables.hold.c.id)
    if not released:
        query = query.where(tables.hold.c.released_ms.is_(None))
    return [RetentionHold(**row._mapping) for row in connection.execute(query)]


def place_hold(connection: Connection, hold: RetentionHold) -> int:
    """Store a hold and return its id."""
    names = ("why", "placed_by", "placed_ms", "event_id", "gateway", "camera", "from_ms", "to_ms")
    row = {name: getattr(hold, name) for name in names}
    return insert_row(connection, tables.hold, row)


def is_stored(connection: Connection, event_id: str) -> bool:
    """Whether the event or media of it are stored: a hold on a mistyped id would keep nothing, unnoticed."""
    columns = (tables.event.c.event_id, tables.media.c.event_id)
    return any(connection.scalar(select(each).where(each == event_id).limit(1)) for each in columns)


def count_covered(connection: Connection, hold: RetentionHold) -> int:
    """Count the stored events that match the hold directly, without related ones."""
    columns = tables.event.c
    if hold.event_id is not None:
        which: ColumnElement[bool] = columns.event_id == hold.event_id
    else:
        which = and_(_of_source(hold, columns), columns.time_ms.between(hold.from_ms, hold.to_ms))
    return int(connection.scalar(select(func.count()).select_from(tables.event).where(which)) or 0)


def release_hold(connection: Connection, id: int, who: str, now_ms: int) -> bool:
    """Release a hold. Returns False if no hold with this id is in force."""
    if id >= 2**63:  # no database has such a number
        return False
    which = (tables.hold.c.id == id) & tables.hold.c.released_ms.is_(None)
    done = connection.execute(update(tables.hold).where(which).values(released_by=who, released_ms=now_ms))
    return done.rowcount == 1
