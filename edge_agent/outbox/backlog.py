"""What of the stored events is to be sent next: what is owed a deletion, and what waits until later.

All of it is memory only. After a restart everything that is stored is sent again, which is
allowed: a resend is the same event, byte for byte.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator

from edge_agent.outbox.order import Rank, rank_of, rank_range

MAX_DEFERRED = 10_000
GIVE_BACK_AFTER_S = 900.0
"""Beyond ``MAX_DEFERRED`` events, single times are forgotten and the whole backlog comes again after
this time, the slowest pace at which an event is repeated anyway. It bounds memory when a broker
without subscribers meets an outbox of half a million events."""


class Backlog:
    """Row ids of events by what may be done with them. The caller locks."""

    def __init__(self) -> None:
        self.owed: set[int] = set()  # delivered, row not deleted yet
        self._deferred: dict[int, tuple[float, int]] = {}  # row id -> not before, attempts
        self._later: list[tuple[float, int]] = []  # heap over _deferred; may hold outdated pairs
        self._due: set[int] = set()
        self._passed = {rank: rank_range(rank)[0] for rank in Rank}
        self._give_back_mono: float | None = None

    def attempts(self, row: int) -> int:
        return self._deferred.get(row, (0.0, 0))[1]

    def defer(self, row: int, not_before_mono: float, now_mono: float) -> None:
        self._deferred[row] = (not_before_mono, self.attempts(row) + 1)
        self._due.discard(row)
        heapq.heappush(self._later, (not_before_mono, row))
        if len(self._deferred) > MAX_DEFERRED:
            self._forget_times(now_mono)

    def forget(self, row: int) -> None:
        """The event is delivered or gone."""
        self._deferred.pop(row, None)
        self._due.discard(row)

    def advance(self, now_mono: float) -> None:
        """Make due what has waited long enough."""
        if self._give_back_mono is not None and self._give_back_mono <= now_mono:
            self._give_back_mono = None
            self._passed = {rank: rank_range(rank)[0] for rank in Rank}
        while self._later and self._later[0][0] <= now_mono:
            not_before, row = heapq.heappop(self._later)
            if self._deferred.get(row, (None, 0))[0] == not_before:
                self._due.add(row)

    def due(self, rank: Rank) -> list[int]:
        """Deferred events of that rank whose time has come, oldest first."""
        return sorted(row for row in self._due if rank_of(row) is rank)

    def passed(self, rank: Rank) -> int:
        """All rows of the rank up to this one are owed, deferred or gone: a scan starts behind it."""
        return self._passed[rank]

    def fresh(self, rank: Rank, rows: Iterable[int]) -> Iterator[int]:
        """Of ``rows``, ascending from ``passed(rank)``, those that were never deferred."""
        in_a_run = True
        for row in rows:
            if row in self.owed or row in self._deferred:
                if in_a_run:
                    self._passed[rank] = row
                continue
            in_a_run = False
            yield row

    def _forget_times(self, now_mono: float) -> None:
        for row in self._deferred:
            rank = rank_of(row)
            self._passed[rank] = max(self._passed[rank], row)
        self._deferred.clear()
        self._later.clear()
        self._due.clear()
        if self._give_back_mono is None:
            self._give_back_mono = now_mono + GIVE_BACK_AFTER_S
