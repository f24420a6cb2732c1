"""Writes intervals of a series to the database, so that they never overlap."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select, update

from edge_central.availability.model import PointChange, SeriesKey, StateChange
from edge_central.store import tables
from edge_central.store.availability_days import delete_sums_from

COLUMNS = tables.availability.c


def of_series(key: SeriesKey) -> ColumnElement[bool]:
    """Return the SQL condition for the rows of a series."""
    return (COLUMNS.gateway == key.gateway) & (COLUMNS.camera == key.camera) & (COLUMNS.layer == key.layer)


def write_change(connection: Connection, change: StateChange) -> None:
    """Write one change."""
    if isinstance(change, PointChange):
        # Two neighbouring intervals of equal state stay two rows: the row boundary is the end of an interval
        # whose begin may arrive later.
        later = select(func.min(COLUMNS.from_ms)).where(of_series(change.key), COLUMNS.from_ms > change.at_ms)
        next_ms: int | None = connection.scalar(later)
        _put(connection, change.key, change.at_ms, next_ms, change.state, change.detail)
    else:
        _put(connection, change.key, change.from_ms, change.to_ms, change.state, change.detail)


def _put(
    connection: Connection, key: SeriesKey, from_ms: int, to_ms: int | None, state: str, detail: str
) -> None:
    """Replace what is stored for this series from ``from_ms`` to ``to_ms``; None: without an end."""
    if to_ms is not None and to_ms <= from_ms:
        return
    delete_sums_from(connection, [key.gateway], from_ms)
    query = select(tables.availability).where(of_series(key))
    # Intervals of a series do not overlap: of those that begin before the range, only the last can reach into
    # it.
    first = select(func.max(COLUMNS.from_ms)).where(of_series(key), COLUMNS.from_ms <= from_ms)
    first_ms: int | None = connection.scalar(first)
    query = query.where(COLUMNS.from_ms >= (from_ms if first_ms is None else first_ms))
    query = query.where(or_(COLUMNS.to_ms.is_(None), COLUMNS.to_ms > from_ms))
    if to_ms is not None:
        query = query.where(COLUMNS.from_ms < to_ms)
    for row in connection.execute(query).all():
        if to_ms is not None and (row.to_ms is None or row.to_ms > to_ms):
            _insert(connection, key, to_ms, row.to_ms, row.state, row.detail)
        this = COLUMNS.id == row.id
        if row.from_ms < from_ms:
            connection.execute(update(tables.availability).where(this).values(to_ms=from_ms))
        else:
            connection.execute(delete(tables.availability).where(this))
    _insert(connection, key, from_ms, to_ms, state, detail)


def _insert(
    connection: Connection, key: SeriesKey, from_ms: int, to_ms: int | None, state: str, detail: str
) -> None:
    row: dict[str, Any] = {
        "gateway": key.gateway,
        "camera": key.camera,
        "layer": key.layer.value,
        "state": state,
        "detail": detail,
        "from_ms": from_ms,
        "to_ms": to_ms,
    }
    connection.execute(insert(tables.availability), row)


def delete_before(connection: Connection, before_ms: int) -> None:
    """Delete the intervals that ended before ``before_ms``, and the sums of days that ended by then."""
    connection.execute(delete(tables.availability).where(COLUMNS.to_ms < before_ms))
    days, gateways = tables.availability_day, select(tables.availability_summed.c.gateway)
    # By gateway and begin, so that the primary key finds the rows.
    old = days.c.gateway.in_(gateways), days.c.from_ms < before_ms, days.c.to_ms <= before_ms
    connection.execute(delete(days).where(*old))
