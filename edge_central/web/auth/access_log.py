"""The access log: deletes expired rows, and recognises requests that belong to one access. A row is stored
before the file is sent."""

from __future__ import annotations

import threading
from collections import OrderedDict

from sqlalchemy import Connection, delete, func, insert, select

from edge_agent.core.clock import Clock
from edge_central.store import tables

DAY_MS = 86_400_000
SAME_ACCESS_S = 600
"""A further request for the same file within this time belongs to the same access: a player requests a clip
in many pieces, and a page loads again. Browsers may keep a picture for the same time."""
MAX_RECENT = 20_000


def delete_old_accesses(connection: Connection, days: float, now_ms: int) -> int:
    """Delete expired rows, and record this deletion in the way that retention does."""
    columns = tables.access.c
    over = columns.time_ms < now_ms - round(days * DAY_MS)
    first_ms, last_ms = connection.execute(
        select(func.min(columns.time_ms), func.max(columns.time_ms)).where(over)
    ).one()
    count = connection.execute(delete(tables.access).where(over)).rowcount
    if count:
        connection.execute(
            insert(tables.deletion).values(
                begun_ms=now_ms,
                ended_ms=now_ms,
                what="access",
                kind="",
                rule=f"access_days: {days:g}",
                rows=count,
                first_ms=first_ms,
                last_ms=last_ms,
                held=0,
            )
        )
    return count


MediaAccessKey = tuple[str, ...]
"""Account, address, and what was opened: gateway, media id and AccessKind, or a file of a case."""


class MediaAccessLog:
    """The recorded accesses of the last SAME_ACCESS_S, in memory: after a restart the next request is
    recorded once more. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()  # protects ``_until_mono``
        self._until_mono: OrderedDict[MediaAccessKey, float] = OrderedDict()

    def is_new(self, access: MediaAccessKey) -> bool:
        with self._lock:
            return self._until_mono.get(access, 0.0) <= self._clock.monotonic()

    def add(self, access: MediaAccessKey) -> None:
        """Remember an access whose row is committed."""
        with self._lock:
            self._until_mono[access] = self._clock.monotonic() + SAME_ACCESS_S
            self._until_mono.move_to_end(access)
            while len(self._until_mono) > MAX_RECENT:
                self._until_mono.popitem(last=False)
