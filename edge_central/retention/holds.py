"""Holds: events and media that retention must not delete, by event id, or by gateway or camera and time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, false, func, or_, select, true, update

from edge_central.store import tables
from edge_central.store.database import insert_row


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
    """The holds in force, indexed by event id and gateway."""

    def __init__(self, holds: Iterable[RetentionHold]) -> None:
        self._event_ids = set[str]()
        self._spans: defaultdict[str, list[RetentionHold]] = defaultdict(list)
        for hold in holds:
            if hold.event_id is not None:
                self._event_ids.add(hold.event_id)
            elif hold.gateway is not None:
                self._spans[hold.gateway].append(hold)

    @property
    def has_time_holds(self) -> bool:
        return bool(self._spans)

    def covers(self, event_id: str | None, gateway: str, camera: str, *times_ms: int) -> bool:
        """Whether a hold covers the event. ``times_ms``: when the event happened by the gateway's clock, and
        when it arrived by the centre's clock. One time within the hold is enough."""
        if event_id is not None and event_id in self._event_ids:
            return True
        return any(
            hold.camera in (None, camera)
            and hold.from_ms is not None
            and hold.to_ms is not None
            and any(hold.from_ms <= each <= hold.to_ms for each in times_ms)
            for hold in self._spans.get(gateway, ())
        )


def covered_by(holds: Iterable[RetentionHold], columns: Any) -> ColumnElement[bool]:
    """Return the SQL condition for rows of ``event`` or ``media`` that ``ActiveHolds.covers`` accepts."""
    conditions: list[ColumnElement[bool]] = []
    for hold in holds:
        if hold.event_id is not None:
            conditions.append(columns.event_id == hold.event_id)
            continue
        ids = select(tables.event.c.event_id).where(_in_span(hold, tables.event.c))
        same_event = and_(columns.gateway == hold.gateway, columns.event_id.in_(ids))
        conditions.append(or_(_in_span(hold, columns), same_event))
    return func.coalesce(or_(false(), *conditions), false())


def _in_span(hold: RetentionHold, columns: Any) -> ColumnElement[bool]:
    times = [columns[name] for name in ("time_ms", "received_ms") if name in columns]
    in_time = or_(*(each.between(hold.from_ms, hold.to_ms) for each in times))
    return and_(_of_source(hold, columns), in_time)


def _of_source(hold: RetentionHold, columns: Any) -> ColumnElement[bool]:
    of_camera = true() if hold.camera is None else columns.camera == hold.camera
    return and_(columns.gateway == hold.gateway, of_camera)


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
    which = (tables.hold.c.id == id) & tables.hold.c.released_ms.is_(None)
    done = connection.execute(update(tables.hold).where(which).values(released_by=who, released_ms=now_ms))
    return done.rowcount == 1
