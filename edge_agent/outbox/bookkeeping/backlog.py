"""What of the stored events is to be sent next: what is owed a deletion, and what waits until later.

Two cursors a rank: one over what was stored since the agent started and was never sent, which goes at once,
and one over what comes *again*: what an earlier run left behind, and what was sent and not confirmed. All of
it is memory only. After a restart everything that is stored is sent again, which is allowed: a resend is the
same event, byte for byte.

Events whose deletion is owed to the disk: single rows, and whole ranges that the centre confirmed.
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Mapping

from edge_agent.outbox.bookkeeping.numbering import Rank, rank_of, rank_range
from edge_agent.outbox.bookkeeping.send_cursors import Rows, SendCursors


class PendingDeletes:
    """The caller locks."""

    def __init__(self) -> None:
        self._single: set[int] = set()
        self._ranges: dict[Rank, dict[int, int]] = {rank: {} for rank in Rank}  # first row -> last row

    def __contains__(self, row: int) -> bool:
        return row in self._single or self.end_of(row) is not None

    def __bool__(self) -> bool:
        return bool(self._single) or any(self._ranges.values())

    @property
    def at_most(self) -> int:
        """How many they are, if every row of the ranges is stored."""
        return len(self._single) + sum(high - low + 1 for low, high in self.ranges)

    @property
    def single(self) -> frozenset[int]:
        return frozenset(self._single)

    @property
    def ranges(self) -> tuple[Rows, ...]:
        return tuple(part for ends in self._ranges.values() for part in ends.items())

    def end_of(self, row: int) -> int | None:
        """The last row of the range that ``row`` lies in."""
        for low, high in self._ranges[rank_of(row)].items():
            if low <= row <= high:
                return high
        return None

    def add(self, row: int) -> None:
        self._single.add(row)

    def add_range(self, low: int, high: int) -> Rows | None:
        """Returns what of it is new, and perhaps some that is not."""
        ends = self._ranges[rank_of(low)]
        for first, last in tuple(ends.items()):
            if low <= first and last <= high:
                del ends[first]
            elif first <= low <= last:
                low = last + 1
            elif first <= high <= last:
                high = first - 1
        if low > high:
            return None
        ends[low] = high
        return low, high

    def part(self, most: int) -> tuple[Rows, ...]:
        """Of the ranges, no more than so many rows."""
        parts: list[Rows] = []
        for low, high in self.ranges:
            if most <= 0:
                break
            high = min(high, low + most - 1)
            most -= high - low + 1
            parts.append((low, high))
        return tuple(parts)

    def settle(self, single: frozenset[int], ranges: tuple[Rows, ...]) -> None:
        """These deletions are committed."""
        self._single -= single
        for low, high in ranges:
            ends = self._ranges[rank_of(low)]
            last = ends.pop(low, high)
            if last > high:  # it has grown meanwhile
                ends[high + 1] = last


MAX_DEFERRED = 10_000
GIVE_BACK_AFTER_S = 900.0
"""Beyond ``MAX_DEFERRED`` events, single times are forgotten and the whole backlog comes again after
this time, the slowest pace at which an event is repeated anyway. It bounds memory when a broker
without subscribers, or a dead ingest, meets an outbox of half a million events."""

RowsBetween = Callable[[int, int], Iterable[int]]
"""Stored rows behind the first argument and up to the second, ascending."""

FirstStored = Callable[[int, int], int | None]
"""The first stored row from the first argument up to the second; None: none is."""


class Backlog:
    """Row ids of events by what may be done with them. The caller locks."""

    def __init__(self) -> None:
        self.pending_deletes = PendingDeletes()  # delivered, row not deleted yet
        self.send_cursors = SendCursors()
        self.begun = False
        self._deferred: dict[int, tuple[float, int]] = {}  # row id -> not before, attempts
        self._later: list[tuple[float, int]] = []  # heap over _deferred; may hold outdated pairs
        self._due: dict[Rank, list[int]] = {rank: [] for rank in Rank}  # sorted
        floor = {rank: rank_range(rank)[0] for rank in Rank}
        # All rows up to a cursor are owed, deferred or gone, or the other cursor's.
        self._fresh = dict(floor)
        self._again = dict(floor)
        self._again_end = dict(floor)
        self._give_back_mono: float | None = None

    def begin(self, found: Mapping[Rank, int], sent: str) -> None:
        """``found``: the newest row of each rank when the store was opened."""
        self.begun = True
        self.send_cursors.begin(found, sent)
        for rank, row in found.items():
            self._fresh[rank] = self._again_end[rank] = max(row, self._fresh[rank])

    def attempts(self, row: int) -> int:
        return self._deferred.get(row, (0.0, 0))[1]

    def defer(self, row: int, not_before_mono: float, now_mono: float) -> None:
        self._deferred[row] = (not_before_mono, self.attempts(row) + 1)
        self._not_due(row)
        heapq.heappush(self._later, (not_before_mono, row))
        if len(self._deferred) > MAX_DEFERRED:
            self._forget_times(now_mono + GIVE_BACK_AFTER_S)

    def forget(self, row: int) -> None:
        """The event is delivered or gone."""
        if self._deferred.pop(row, None) is not None:
            self._not_due(row)

    def reschedule(self, not_before_mono: float, *, hold_back: bool) -> None:
        """Make all deferred events due at ``not_before_mono`` unless they are due earlier; with ``hold_back``
        none of them earlier."""
        self._forget_times(not_before_mono, sooner_mono=-math.inf if hold_back else not_before_mono)

    def _forget_times(self, again_mono: float, sooner_mono: float = -math.inf) -> None:
        """All that rests comes again together, from ``again_mono`` on, but for what comes until
        ``sooner_mono`` by itself."""
        kept = {
            row: rest
            for row, rest in self._deferred.items()
            if row > self._fresh[rank_of(row)] or rest[0] <= sooner_mono
        }
        self._deferred = kept
        self._later = [(not_before, row) for row, (not_before, _) in kept.items()]
        heapq.heapify(self._later)
        for rank, due in self._due.items():
            self._due[rank] = [row for row in due if row in kept]
        if self._give_back_mono is None or self._give_back_mono > again_mono:
            self._give_back_mono = again_mono

    def advance(self, now_mono: float) -> None:
        """Make due what has waited long enough."""
        if self._give_back_mono is not None and self._give_back_mono <= now_mono and self._once_through():
            self._give_back_mono = None
            self._again = {rank: rank_range(rank)[0] for rank in Rank}
            self._again_end = dict(self._fresh)
        while self._later and self._later[0][0] <= now_mono:
            not_before, row = heapq.heappop(self._later)
            if self._deferred.get(row, (None, 0))[0] == not_before and not self._is_due(row):
                insort(self._due[rank_of(row)], row)

    def resends(self, rank: Rank, rows: RowsBetween) -> Iterator[int]:
        """What an earlier run left behind or was sent before, and is due; ascending."""
        return heapq.merge(tuple(self._due[rank]), self._left(rank, rows))

    def fresh(self, rank: Rank, rows: RowsBetween) -> Iterator[int]:
        """What was stored in this run and never sent; ascending."""
        return self._passing(self._fresh, rank, rows(self._fresh[rank], rank_range(rank)[1]))

    def confirm(self, low: int, high: int, first_stored: FirstStored) -> list[Rows]:
        """Rows of one rank, as far as they were sent, are delivered. Returns what of it is new.

        A range begins where something is stored: the centre names the whole epoch in each confirmation, and
        to delete what is long gone once more would hold up what is there.
        """
        new: list[Rows] = []
        for begin, end in self.send_cursors.within(low, high):
            first = first_stored(begin, end)
            part = None if first is None else self.pending_deletes.add_range(first, end)
            new += [part] if part is not None else []
        for part in new:
            self._pass_over(*part)
        return new

    def _pass_over(self, low: int, high: int) -> None:
        rank = rank_of(low)
        few = range(low, high + 1) if high - low < len(self._deferred) else tuple(self._deferred)
        for row in few:
            if low <= row <= high:
                self._deferred.pop(row, None)
        due = self._due[rank]
        del due[bisect_left(due, low) : bisect_right(due, high)]
        for cursor, end in ((self._again, self._again_end[rank]), (self._fresh, high)):
            if low - 1 <= cursor[rank] < high:
                cursor[rank] = max(cursor[rank], min(high, end))

    def _passing(self, cursor: dict[Rank, int], rank: Rank, rows: Iterable[int]) -> Iterator[int]:
        in_a_run = True
        for row in rows:
            if row in self.pending_deletes or row in self._deferred:
                if in_a_run:
                    cursor[rank] = row
                continue
            in_a_run = False
            yield row

    def _left(self, rank: Rank, rows: RowsBetween) -> Iterator[int]:
        end, found = self._again_end[rank], False
        if self._again[rank] >= end:
            return
        for row in self._passing(self._again, rank, rows(self._again[rank], end)):
            found = True
            yield row
        if not found:
            self._again[rank] = end

    def _once_through(self) -> bool:
        return all(self._again[rank] >= self._again_end[rank] for rank in Rank)

    def _is_due(self, row: int) -> bool:
        due = self._due[rank_of(row)]
        at = bisect_left(due, row)
        return at < len(due) and due[at] == row

    def _not_due(self, row: int) -> None:
        if self._is_due(row):
            due = self._due[rank_of(row)]
            del due[bisect_left(due, row)]
