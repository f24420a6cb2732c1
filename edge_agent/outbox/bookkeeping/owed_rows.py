"""Events whose deletion is owed to the disk: single rows, and whole ranges that the centre confirmed."""

from __future__ import annotations

from edge_agent.outbox.bookkeeping.order import Rank, rank_of
from edge_agent.outbox.bookkeeping.sent_marks import Rows


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
