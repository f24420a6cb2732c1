"""Counts the events that were stored by a version without counts: the newest first, some at a time."""

from __future__ import annotations

from datetime import tzinfo

from sqlalchemy import Connection, func, select

from edge_central.store import tables
from edge_central.store.database import REBUILD_KEY, read_meta, write_meta
from edge_central.traffic.recorder import TrafficRecorder
from edge_central.traffic.reports import KINDS

MAX_EVENTS = 5_000
"""Number of events, of any kind, that one call examines."""


class TrafficRebuild:
    """Counts older events, from the newest event at the time of the upgrade downwards. ``meta`` has the
    cursor up to which events are still to be counted; it is changed in the transaction that counts them."""

    def __init__(self, timezone: tzinfo) -> None:
        self._timezone = timezone

    def has_work(self, connection: Connection) -> bool:
        return _remaining(connection) > 0

    def work(self, connection: Connection) -> None:
        """Count the next events. ``connection`` is in a transaction."""
        columns, upto = tables.event.c, _remaining(connection)
        first = connection.scalar(select(func.min(columns.cursor))) or 0
        recorder = TrafficRecorder(self._timezone)
        query = select(
            *(columns.ward, columns.gateway, columns.camera, columns.kind),
            *(columns.payload, columns.received_ms),
        ).where(
            columns.cursor > upto - MAX_EVENTS,
            columns.cursor <= upto,
            # Not the bare column: then the index of the kinds would search the events of all times.
            func.coalesce(columns.kind, "").in_(KINDS),
        )
        for row in connection.execute(query):
            recorder.add_event(*row)
        recorder.write(connection)
        remaining = upto - MAX_EVENTS
        write_meta(connection, REBUILD_KEY, str(remaining if remaining >= first else 0))


def _remaining(connection: Connection) -> int:
    return int(read_meta(connection, REBUILD_KEY) or 0)
