"""Which stored events were sent: a confirmation of the centre deletes only these.

Within a rank, events are sent oldest first. So two cursors per rank are enough: one for events found at the
start, one for events stored since. Events below a cursor that the broker refused are listed.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping

from edge_agent.outbox.bookkeeping.numbering import Rank, n_of, rank_of, rank_range, row_id

Rows = tuple[int, int]
"""First and last row id, both included."""


class SendCursors:
    """The cursors of all ranks. ``text`` is stored and survives a restart. The caller locks."""

    def __init__(self) -> None:
        floor = {rank: rank_range(rank)[0] for rank in Rank}
        self._found = dict(floor)  # newest row when this run began
        self._old = dict(floor)  # of the rows up to ``found``, all up to here were sent
        self._new = dict(floor)  # of the rows after ``found``, all up to here were sent
        self._refused: list[int] = []  # sorted
        self._count = 0
        self._used = False

    def begin(self, found: Mapping[Rank, int], text: str) -> None:
        """Set the cursors. ``found``: the newest row of each rank; ``text``: that of the run before."""
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
            self._count += not self._is_refused(row)

    def mark_refused(self, row: int) -> None:
        """Count the row as not sent, also if the cursor reaches it later."""
        if not self._is_refused(row):
            self._count -= row in self
            insort(self._refused, row)

    def mark_accepted(self, row: int) -> None:
        """Count the row as sent again: the broker has acknowledged it."""
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
        """One number per rank: all events up to it were sent."""
        marks = (self._new if self._old[rank] >= self._found[rank] else self._old for rank in Rank)
        return " ".join(str(n_of(mark[rank])) for rank, mark in zip(Rank, marks, strict=True))

    @property
    def old(self) -> Mapping[Rank, int]:
        """Of the events found at the start, all up to these rows were sent."""
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
