"""The events of one track: which rules have reported an object that a search has found."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, select

from edge_central.console.events import EventRow, rows_of
from edge_central.store import tables
from edge_central.store.scope import Scope

MARGIN_MS = 5 * 60_000
"""A rule may report an object before its passage begins, for example at its first frame, or afterwards."""
MAX_EXAMINED = 2_000
MAX_EVENTS = 8


class _Data(msgspec.Struct):
    track_id: str | None = None


class _Event(msgspec.Struct):
    data: _Data = msgspec.field(default_factory=_Data)


_DECODE = msgspec.json.Decoder(_Event).decode


def events_of_track(
    connection: Connection, scope: Scope, gateway: str, camera: str, track: str, from_ms: int, to_ms: int
) -> tuple[EventRow, ...]:
    """Return the first messages of the events that name the track, in the order of time, with their pictures.
    ``from_ms`` and ``to_ms`` are the times of the passage."""
    if not track:
        return ()
    columns = tables.event.c
    query = (
        select(columns.cursor, columns.event_id, columns.payload)
        .where(
            columns.time_ms.between(from_ms - MARGIN_MS, to_ms + MARGIN_MS),
            *(columns.gateway == gateway, columns.camera == camera, scope.of(columns.ward)),
        )
        .order_by(columns.time_ms, columns.cursor)
        .limit(MAX_EXAMINED)
    )
    found: dict[str, int] = {}
    for row in connection.execute(query):
        if _track_of(row.payload) == track:
            found.setdefault(row.event_id or f"cursor {row.cursor}", row.cursor)
    rows = rows_of(connection, scope, list(found.values())[:MAX_EVENTS])
    return tuple(sorted(rows, key=lambda each: (each.time_ms, each.cursor)))


def _track_of(payload: bytes) -> str | None:
    try:
        return _DECODE(payload).data.track_id
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
