"""Travel times between two cameras, as the database stores them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import ColumnElement, Connection, Row, delete, select

from edge_central.store import tables
from edge_central.store.database import conflict_insert

_KEY = ("from_gateway", "from_camera", "to_gateway", "to_camera", "object_group")


@dataclass(frozen=True, slots=True)
class TravelTime:
    """How long objects of a group take from one camera to another: from the end of the passage at the first
    camera to the start of the passage at the second. Both cameras may belong to one gateway."""

    from_gateway: str
    from_camera: str
    to_gateway: str
    to_camera: str
    group: str  # person, two-wheeler or vehicle
    median_s: float
    low_s: float  # quantile 0.1
    high_s: float  # quantile 0.9
    share: float  # share (0..1) of the first camera's passages that the second camera sees
    passages: int  # number of passages at the first camera from which this was learnt
    certainty: float  # standard deviations above chance
    learnt_ms: int  # since 1970, UTC


def read_travel_times(
    connection: Connection, gateway: str, camera: str, group: str | None = None, *, arriving: bool = False
) -> list[TravelTime]:
    """Return the pairs that leave this camera, or (``arriving``) those that arrive at it, the largest share
    first.

    ``group`` None: all groups.
    """
    columns = tables.travel_time.c
    end = (columns.to_gateway, columns.to_camera) if arriving else (columns.from_gateway, columns.from_camera)
    wanted = [end[0] == gateway, end[1] == camera]
    if group is not None:
        wanted.append(columns.object_group == group)
    return _read(connection, *wanted)


def all_travel_times(connection: Connection) -> list[TravelTime]:
    """Return every stored pair, the largest share first."""
    return _read(connection)


def store_travel_times(connection: Connection, learnt: Sequence[TravelTime]) -> None:
    """Store these travel times. Each replaces the stored one of the same cameras and group; all others are
    kept."""
    if not learnt:
        return
    statement = conflict_insert(connection, tables.travel_time)
    changes = {
        column.name: statement.excluded[column.name]
        for column in tables.travel_time.columns
        if column.name not in _KEY
    }
    statement = statement.on_conflict_do_update(index_elements=list(_KEY), set_=changes)
    connection.execute(statement, [_row(each) for each in learnt])


def delete_travel_times(connection: Connection, before_ms: int) -> None:
    """Delete the travel times that were learnt before ``before_ms``."""
    connection.execute(delete(tables.travel_time).where(tables.travel_time.c.learnt_ms < before_ms))


def _read(connection: Connection, *wanted: ColumnElement[bool]) -> list[TravelTime]:
    columns = tables.travel_time.c
    order = (columns.share.desc(), *(columns[name] for name in _KEY))
    return [
        _of(row) for row in connection.execute(select(tables.travel_time).where(*wanted).order_by(*order))
    ]


def _of(row: Row[tuple[object, ...]]) -> TravelTime:
    values = dict(row._mapping)
    return TravelTime(group=values.pop("object_group"), **values)


def _row(pair: TravelTime) -> dict[str, object]:
    values = asdict(pair)
    return {"object_group": values.pop("group"), **values}
