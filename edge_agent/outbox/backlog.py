"""Which stored events are sent next, which are deferred, and which are to be deleted.

Each rank has two cursors: one over events that were stored since the agent started and never sent, and one
over resends: events that an earlier run left, or that were sent and not confirmed. All of this is in memory
only. After a restart everything that is stored is sent again, which is allowed: a resend is the same event,
byte for byte.
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Mapping

from edge_agent.outbox.numbering import Rank, n_of, rank_of, rank_range, row_id

Rows = tuple[int, int]  # first and last row id, both included


class PendingDeletes:
    """Rows to delete from the disk: single ones, and ranges that the centre confirmed. The caller locks."""

    def __init__(self) -> None:
        self._single: set[int] = set()
        self._ranges: dict[Rank, dict[int, int]] = {rank: {} for rank in Rank}  # first row -> last row

    def __contains__(self, row: int) -> bool:
        return row in self._single or self.end_of(row) is not None

    def __bool__(self) -> bool:
        return bool(self._single) or any(self._ranges.values())

    @property
    def max_count(self) -> int:
        return len(self._single) + sum(high - low + 1 for low, high in self.ranges)

    @property
    def single(self) -> frozenset[int]:
        return frozenset(self._single)

    @property
    def ranges(self) -> tuple[Rows, ...]:
        return tuple(part for ends in self._ranges.values() for part in ends.items())

    def end_of(self, row: int) -> int | None:
        """Return the last row of the range that contains ``row``; None if no range does."""
        for low, high in self._ranges[rank_of(row)].items():
            if low <= row <= high:
                return high
        return None

    def add(self, row: int) -> None:
        self._single.add(row)

    def add_range(self, low: int, high: int) -> Rows | None:
        """Add a range; return the part of it that was not in a range before, or None."""
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

    def first_ranges(self, max_rows: int) -> tuple[Rows, ...]:
        """Return the first ranges, with at most ``max_rows`` rows together."""
        parts: list[Rows] = []
        for low, high in self.ranges:
            if max_rows <= 0:
                break
            high = min(high, low + max_rows - 1)
            max_rows -= high - low + 1
            parts.append((low, high))
        return tuple(parts)

    def committed(self, single: frozenset[int], ranges: tuple[Rows, ...]) -> None:
        """Remove these deletions: the disk has committed them."""
        self._single -= single
        for low, high in ranges:
            ends = self._ranges[rank_of(low)]
            last = ends.pop(low, high)
            if last > high:  # the range has grown since the transaction began
                ends[high + 1] = last


class SendCursors:
    """Which stored events were sent: a confirmation of the centre deletes only these. The caller locks.

    Within a rank, events are sent oldest first. So two cursors per rank are enough: one for events found at
    the start, one for events stored since. Events below a cursor that the broker refused are listed. ``text``
    is stored and survives a restart.
    """

    def __init__(self) -> None:
        floor = {rank: rank_range(rank)[0] for rank in Rank}
        self._found = dict(floor)  # newest row when this run began
        self._old = dict(floor)  # of the rows up to ``found``, all up to here were sent
        self._new = dict(floor)  # of the rows after ``found``, all up to here were sent
        self._refused: list[int] = []  # sorted
        self._count = 0
        self._used = False
        self._text: str | None = None  # ``text`` until a cursor moves: every commit asks for it

    def begin(self, found: Mapping[Rank, int], text: str) -> None:
        """Set the cursors. ``found``: newest row of each rank; ``text``: cursors that the last run stored."""
        self._text = None
        for rank, n in zip(Rank, _numbers(text), strict=True):
            self._found[rank] = max(self._found[rank], found[rank])
            self._old[rank] = max(self._old[rank], min(row_id(rank, n), self._found[rank]))
            self._new[rank] = max(self._new[rank], self._found[rank])

    def mark_sent(self, row: int) -> None:
        """Move the cursor to this row."""
        self._used = True
        rank = rank_of(row)
        marks = self._new if row > self._found[rank] else self._old
        if row > marks[rank]:
            marks[rank] = row
            self._text = None
            self._count += not self._is_refused(row)

    def mark_refused(self, row: int) -> None:
        """Count the row as not sent, also if the cursor reaches it later."""
        if not self._is_refused(row):
            self._count -= row in self
            insort(self._refused, row)

    def mark_accepted(self, row: int) -> None:
        """Undo ``mark_refused`` for the row, because the broker has acknowledged it."""
        if self._is_refused(row):
            self._refused.remove(row)
            self._count += row in self

    def remove(self, row: int) -> None:
        """Forget a row that was shed."""
        if self._is_refused(row):
            self._refused.remove(row)
        elif row in self:
            self._count -= 1

    def add_count(self, count: int) -> None:
        """Add the number of stored events that an earlier run sent."""
        self._count += count

    def confirmed(self, count: int) -> None:
        self._count = max(0, self._count - count)

    def __contains__(self, row: int) -> bool:
        rank = rank_of(row)
        marks = self._new if row > self._found[rank] else self._old
        return row <= marks[rank] and not self._is_refused(row)

    @property
    def count(self) -> int:
        """Number of stored events that were sent; 0 if PUBACK counts as delivery and none is marked."""
        return self._count if self._used else 0

    def within(self, low: int, high: int) -> list[Rows]:
        """Return the ranges of sent rows of one rank between ``low`` and ``high``."""
        rank = rank_of(low)
        found, old, new = self._found[rank], self._old[rank], self._new[rank]
        parts = [(low, min(high, new))]
        if old < found:
            parts = [(low, min(high, old)), (max(low, found + 1), min(high, new))]
        return [rest for part in parts if part[0] <= part[1] for rest in self._without_refused(*part)]

    @property
    def text(self) -> str:
        """The cursors as stored: for each rank the number up to which all events were sent."""
        if self._text is None:
            marks = (self._new if self._old[rank] >= self._found[rank] else self._old for rank in Rank)
            self._text = " ".join(str(n_of(mark[rank])) for rank, mark in zip(Rank, marks, strict=True))
        return self._text

    @property
    def old(self) -> Mapping[Rank, int]:
        """The last sent row of each rank among the events found at the start; all before it were sent."""
        return self._old

    def _is_refused(self, row: int) -> bool:
        at = bisect_left(self._refused, row)
        return at < len(self._refused) and self._refused[at] == row

    def _without_refused(self, low: int, high: int) -> list[Rows]:
        parts, start = [], low
        for row in self._refused[bisect_left(self._refused, low) : bisect_right(self._refused, high)]:
            if start < row:
                parts.append((start, row - 1))
            start = row + 1
        return [*parts, (start, high)] if start <= high else parts


def _numbers(text: str) -> list[int]:
    """Return one number per rank; zeros for a damaged text: then fewer events count as sent."""
    words = text.split()
    if len(words) != len(Rank) or not all(word.isdecimal() for word in words):
        return [0] * len(Rank)
    return [int(word) for word in words]


MAX_DEFERRED = 10_000
RESEND_ALL_AFTER_S = 900.0
"""With more than ``MAX_DEFERRED`` deferred events, the time of each is forgotten and the whole backlog is
sent again after this time, which is the longest time between two resends of one event anyway. This bounds
memory when half a million events meet a broker without subscribers or a centre that confirms nothing."""

RowsBetween = Callable[[int, int], Iterable[int]]
"""A function that returns the stored rows after the first argument and up to the second, ascending."""

FirstStored = Callable[[int, int], int | None]
"""A function that returns the first stored row from the first argument up to the second, or None."""


class Backlog:
    """Row ids of events in sending order: new ones, resends, deferred and deleted ones. The caller locks."""

    def __init__(self) -> None:
        self.pending_deletes = PendingDeletes()  # delivered, row not deleted yet
        self.send_cursors = SendCursors()
        self.begun = False
        self._deferred: dict[int, tuple[float, int]] = {}  # row id -> not before, attempts
        self._later: list[tuple[float, int]] = []  # heap over _deferred; may hold outdated pairs
        self._due: dict[Rank, list[int]] = {rank: [] for rank in Rank}  # sorted
        floor = {rank: rank_range(rank)[0] for rank in Rank}
        # All rows up to a cursor are pending deletes, deferred or deleted, or belong to the other cursor.
        self._fresh = dict(floor)
        self._resend = dict(floor)
        self._resend_end = dict(floor)
        self._resend_all_mono: dict[Rank, float] = {}  # by rank: when to send all of it again

    def begin(self, found: Mapping[Rank, int], sent: str) -> None:
        """Set the cursors. ``found``: the newest row of each rank when the store was opened; ``sent``:
        ``SendCursors.text`` as the last run stored it."""
        self.begun = True
        self.send_cursors.begin(found, sent)
        for rank, row in found.items():
            self._fresh[rank] = self._resend_end[rank] = max(row, self._fresh[rank])

    def attempts(self, row: int) -> int:
        return self._deferred.get(row, (0.0, 0))[1]

    def defer(self, row: int, not_before_mono: float, now_mono: float) -> None:
        self._deferred[row] = (not_before_mono, self.attempts(row) + 1)
        self._not_due(row)
        heapq.heappush(self._later, (not_before_mono, row))
        if len(self._deferred) > MAX_DEFERRED:
            self.reschedule(now_mono + RESEND_ALL_AFTER_S, hold_back=True)

    def forget(self, row: int) -> None:
        """Drop the deferral of an event that is delivered or deleted."""
        if self._deferred.pop(row, None) is not None:
            self._not_due(row)

    def reschedule(self, not_before_mono: float, *, hold_back: bool) -> None:
        """Make all deferred events due at ``not_before_mono``; without ``hold_back``, those that are due
        earlier keep their time."""
        keep_until_mono = -math.inf if hold_back else not_before_mono
        kept = {
            row: deferred
            for row, deferred in self._deferred.items()
            if row > self._fresh[rank_of(row)] or deferred[0] <= keep_until_mono
        }
        self._deferred = kept
        self._later = [(not_before, row) for row, (not_before, _) in kept.items()]
        heapq.heapify(self._later)
        for rank, due in self._due.items():
            self._due[rank] = [row for row in due if row in kept]
        for rank in Rank:
            self._resend_all_mono[rank] = min(not_before_mono, self._resend_all_mono.get(rank, math.inf))

    def advance(self, now_mono: float) -> None:
        """Make those deferred events due that may be sent again at ``now_mono``."""
        # Each rank by itself: an alarm does not wait for informative events that the data budget holds back.
        for rank, due_mono in list(self._resend_all_mono.items()):
            if due_mono <= now_mono and self._resend[rank] >= self._resend_end[rank]:
                del self._resend_all_mono[rank]
                self._resend[rank], self._resend_end[rank] = rank_range(rank)[0], self._fresh[rank]
        while self._later and self._later[0][0] <= now_mono:
            not_before, row = heapq.heappop(self._later)
            if self._deferred.get(row, (None, 0))[0] == not_before and not self._is_due(row):
                insort(self._due[rank_of(row)], row)

    def resends(self, rank: Rank, rows: RowsBetween) -> Iterator[int]:
        """Yield the due rows that an earlier run left or that were sent before, ascending."""
        if not self._due[rank] and self._resend[rank] >= self._resend_end[rank]:
            return iter(())  # the usual case, for each rank at each call of ``pending``
        return heapq.merge(tuple(self._due[rank]), self._below_resend_end(rank, rows))

    def fresh(self, rank: Rank, rows: RowsBetween) -> Iterator[int]:
        """Yield the rows that were stored in this run and never sent, ascending."""
        return self._passing(self._fresh, rank, rows(self._fresh[rank], rank_range(rank)[1]))

    def confirm(self, low: int, high: int, first_stored: FirstStored) -> list[Rows]:
        """Mark rows of one rank as delivered, as far as they were sent; return the ranges that are new.

        Each range begins at a stored row, because each confirmation names the whole epoch, and deleting its
        beginning again and again would delay the rest.
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
        for cursor, end in ((self._resend, self._resend_end[rank]), (self._fresh, high)):
            if low - 1 <= cursor[rank] < high:
                cursor[rank] = max(cursor[rank], min(high, end))

    def _passing(self, cursor: dict[Rank, int], rank: Rank, rows: Iterable[int]) -> Iterator[int]:
        """Yield the rows that can be sent; move the cursor past the rows before the first of these."""
        before_first = True
        for row in rows:
            if row in self.pending_deletes or row in self._deferred:
                if before_first:
                    cursor[rank] = row
                continue
            before_first = False
            yield row

    def _below_resend_end(self, rank: Rank, rows: RowsBetween) -> Iterator[int]:
        end, found = self._resend_end[rank], False
        if self._resend[rank] >= end:
            return
        for row in self._passing(self._resend, rank, rows(self._resend[rank], end)):
            found = True
            yield row
        if not found:
            self._resend[rank] = end

    def _is_due(self, row: int) -> bool:
        due = self._due[rank_of(row)]
        at = bisect_left(due, row)
        return at < len(due) and due[at] == row

    def _not_due(self, row: int) -> None:
        if self._is_due(row):
            due = self._due[rank_of(row)]
            del due[bisect_left(due, row)]
