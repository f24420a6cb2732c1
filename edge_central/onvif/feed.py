"""Reads stored events by cursor, and the presence of gateways, and makes notifications of both."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from sqlalchemy import Connection, func, select

from edge_central.onvif.connections import ConnectionTracker
from edge_central.onvif.mapping import TOPICS_OF_KIND
from edge_central.onvif.notification import Notification, PropertyOperation
from edge_central.onvif.properties import MappedEvent, PropertyTracker
from edge_central.store import tables
from edge_central.store.database import newest_cursor
from edge_central.store.scope import Scope

WINDOW = 1_000
"""How many cursors one call reads."""
WARM_UP = 10_000
"""At the start, the state of properties is learnt from the events of this many cursors before it."""
_E = tables.event.c


class NotificationFeed:
    """Turns stored events into ONVIF notifications, in the order of their cursors. Not thread-safe.

    ``cursor``: the events up to this cursor have been read.
    """

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._tracker = PropertyTracker()
        self._connections = ConnectionTracker(scope)
        self.cursor = 0

    def start(self, connection: Connection, cursor: int) -> None:
        """Begin after ``cursor``: learn the state of the properties from the events before it."""
        self._tracker = PropertyTracker()
        self._connections = ConnectionTracker(self._scope)
        self._connections.changes(connection)
        self.cursor = max(0, cursor - WARM_UP)
        while self.cursor < cursor:
            self._apply(*self._rows(connection, cursor))

    def read(self, connection: Connection) -> tuple[list[Notification], bool]:
        """Return the notifications of the next window, and whether there are more events to read."""
        newest = newest_cursor(connection)
        if newest < self.cursor:  # a backup was restored: new events get the same cursors again
            self.start(connection, newest)
        rows, upper = self._rows(connection, newest)
        presence = self._connections.changes(connection)  # last: the next call repeats a failed read
        found = self._apply(rows, upper)
        for each in presence:
            if each.operation is PropertyOperation.DELETED:  # removed, or moved to another ward
                found += self._tracker.forget(each.ward, each.gateway)
        return found + presence, self.cursor < newest

    def alive(self) -> Iterator[Notification]:
        """Return the present state of each gateway and of each property."""
        return chain(self.gateways(), self._tracker.alive())

    def gateways(self) -> Iterator[Notification]:
        """Return the present state of each gateway."""
        return self._connections.alive()

    def _rows(self, connection: Connection, newest: int) -> tuple[list[MappedEvent], int]:
        """Return the events of the next window, and its last cursor."""
        upper = min(self.cursor + WINDOW, newest)
        if upper <= self.cursor:
            return [], self.cursor
        # Keep SQLite from using other indexes than that of the cursor: they are in another order.
        query = (
            select(_E.ward, _E.gateway, _E.camera, _E.kind, _E.time_ms, _E.received_ms, _E.payload)
            .where(_E.cursor > self.cursor, _E.cursor <= upper)
            .where(func.coalesce(_E.kind, "").in_(sorted(TOPICS_OF_KIND)))
            .where(self._scope.of(func.coalesce(_E.ward, "")))
            .order_by(_E.cursor)
        )
        return [MappedEvent(*row) for row in connection.execute(query)], upper

    def _apply(self, events: list[MappedEvent], upper: int) -> list[Notification]:
        self.cursor = upper
        return [notification for each in events for notification in self._tracker.apply(each)]
