"""Makes notifications of the presence of gateways, as the centre has published it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sqlalchemy import Connection, select

from edge_agent.wire.received.bounds import bounded_time
from edge_central.onvif.mapping import CONNECTED
from edge_central.onvif.notification import Notification, PropertyOperation
from edge_central.store import tables
from edge_central.store.presence_reports import PRESENT
from edge_central.store.scope import Scope

_P = tables.presence.c


class ConnectionTracker:
    """Finds changes of presence: compares the stored reports with those of the last call. Not thread-safe."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._states: dict[tuple[str, str], Notification] = {}

    def changes(self, connection: Connection) -> list[Notification]:
        """Return the changes since the last call; the first call returns the state of all gateways."""
        query = select(_P.ward, _P.gateway, _P.standing, _P.since_ms).where(self._scope.of(_P.ward))
        now = {(row.ward, row.gateway): _notification(*row) for row in connection.execute(query)}
        gone = [
            replace(each, operation=PropertyOperation.DELETED, data=())
            for key, each in self._states.items()
            if key not in now
        ]
        changed = [
            each
            for key, each in now.items()
            if (before := self._states.get(key)) is None or before.data != each.data
        ]
        self._states = now
        return gone + changed

    def alive(self) -> Iterator[Notification]:
        """Return the present states, as ``Initialized``."""
        for each in self._states.values():
            yield replace(each, operation=PropertyOperation.INITIALIZED)


def _notification(ward: str, gateway: str, state: str, since_ms: int) -> Notification:
    data = (("State", state in PRESENT), ("edge:Presence", state))
    camera, rule = "gateway", ""
    time_ms = bounded_time(since_ms)
    return Notification(ward, gateway, camera, CONNECTED, rule, time_ms, PropertyOperation.CHANGED, data)
