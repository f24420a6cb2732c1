"""Which numbers of a chain its ``loss`` events announce, answered in the logarithm of their count."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LossRange:
    """A range that a loss event announces."""

    first: int
    last: int
    by: str  # id of that event
    proven: bool


class LossRanges:
    """The announcements for one chain. A hostile file may hold many, overlapping as it likes."""

    def __init__(self, ranges: Iterable[LossRange] = ()) -> None:
        given = list(ranges)
        self._starts = {lost.first: lost for lost in reversed(given)}
        self._proven = _Cover(lost for lost in given if lost.proven)
        self._doubtful = _Cover(lost for lost in given if not lost.proven)

    def beginning_at(self, sequence: int) -> LossRange | None:
        return self._starts.get(sequence)

    def unproven_parts(self, first: int, last: int) -> Iterator[tuple[int, int, LossRange | None]]:
        """What of this range no proven loss event announces, with the unproven one that does, or None."""
        for low, high, proven in self._proven.parts(first, last):
            if proven is None:
                yield from self._doubtful.parts(low, high)


class _Cover:
    """Ranges made disjoint, ascending: where two overlap, the one that begins first keeps the numbers."""

    def __init__(self, ranges: Iterable[LossRange]) -> None:
        self._pieces: list[tuple[int, int, LossRange]] = []
        end = 0
        for lost in sorted(ranges, key=lambda lost: (lost.first, -lost.last)):
            first = max(lost.first, end + 1)
            if first <= lost.last:
                self._pieces.append((first, lost.last, lost))
                end = lost.last

    def parts(self, first: int, last: int) -> Iterator[tuple[int, int, LossRange | None]]:
        """The range cut where the pieces begin and end."""
        at = first
        for index in range(bisect.bisect_left(self._pieces, first, key=_last_of), len(self._pieces)):
            low, high, lost = self._pieces[index]
            if low > last:
                break
            if at < low:
                yield at, low - 1, None
            yield max(at, low), min(high, last), lost
            at = high + 1
        if at <= last:
            yield at, last, None


def _last_of(piece: tuple[int, int, LossRange]) -> int:
    return piece[1]
