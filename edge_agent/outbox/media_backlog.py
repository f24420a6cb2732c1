"""Which stored picture is to be sent next. Memory only: after a restart it is made from the rows."""

from __future__ import annotations

import heapq
from collections.abc import Iterable


class MediaBacklog:
    """Row ids of pictures whose event is delivered. The caller locks.

    No scan of the table: a picture becomes ready when its event is delivered, or comes due again.
    """

    def __init__(self, ready: Iterable[int] = ()) -> None:
        self.pending_deletes: set[int] = set()  # delivered or damaged, row not deleted yet
        self._ready = sorted(ready)  # heap; may hold rows that are owed, deferred or gone
        self._not_before: dict[int, float] = {}
        self._later: list[tuple[float, int]] = []  # heap over _not_before; may hold outdated pairs

    @property
    def deferred(self) -> int:
        """How many are remembered as deferred; one that was shed is forgotten when its time comes."""
        return len(self._not_before)

    def release(self, row: int) -> None:
        """Its event is delivered."""
        heapq.heappush(self._ready, row)

    def first(self, now: float) -> int | None:
        """The most important one, the oldest of these; the same until something changes."""
        while self._later and self._later[0][0] <= now:
            not_before, row = heapq.heappop(self._later)
            if self._not_before.get(row) == not_before:
                del self._not_before[row]
                heapq.heappush(self._ready, row)
        while self._ready and (self._ready[0] in self.pending_deletes or self._ready[0] in self._not_before):
            heapq.heappop(self._ready)
        return self._ready[0] if self._ready else None

    def drop_first(self) -> None:
        """What ``first`` gave is gone."""
        heapq.heappop(self._ready)

    def defer(self, row: int, not_before_mono: float) -> None:
        self._not_before[row] = not_before_mono
        heapq.heappush(self._later, (not_before_mono, row))
