"""The hash links between the events of one gateway and epoch, and the ranges that loss events announce."""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from edge_agent.evidence.chain.records import Record


def epoch_joins(records: Iterable[Record]) -> list[tuple[Record, Record]]:
    """Return the first events of epochs, each with the event of an older epoch that it names.

    A first event is left out if the event that it names is not among ``records``.
    """
    every = list(records)
    firsts = [record for record in every if record.sequence == 1]
    named = {(first.gateway, first.prevhash) for first in firsts}
    found = {key: record for record in every if (key := (record.gateway, record.sha256)) in named}
    joins = ((first, found.get((first.gateway, first.prevhash or ""))) for first in firsts)
    return [(first, last) for first, last in joins if last is not None and last.epoch != first.epoch]


class ChainLinks:
    """The events of one chain. Call ``add`` and ``trust`` for all events and heads, then ``follow``."""

    def __init__(self) -> None:
        self._given: dict[int, dict[str, Record]] = defaultdict(dict)  # sequence -> hash -> event
        self._trusted: dict[int, set[str]] = defaultdict(set)  # sequence -> proven hashes
        self._signed: set[int] = set()  # sequences that a head names directly
        self._signed_ascending: list[int] = []

    def add(self, record: Record) -> None:
        self._given[record.sequence].setdefault(record.sha256, record)

    def trust(self, sequence: int, sha256: str) -> None:
        """Trust this hash of an event, because a head with a valid signature names it."""
        self._trusted[sequence].add(sha256)
        self._signed.add(sequence)

    def follow_from(self, sequence: int, sha256: str) -> bool:
        """Trust this hash, because a proven event of another epoch names it, and follow the links back.

        Returns False, and does nothing, if it was trusted already.
        """
        if sha256 in self._trusted[sequence]:
            return False
        while sha256 not in self._trusted[sequence]:
            self._trusted[sequence].add(sha256)
            record = self._given.get(sequence, {}).get(sha256)
            if record is None or not record.prevhash or sequence == 1:
                break
            sequence, sha256 = sequence - 1, record.prevhash
        return True

    def follow(self) -> None:
        """Follow the links from each trusted event back to earlier ones."""
        self._signed_ascending = sorted(self._signed)
        # Links end at a missing event, and start again at the next earlier event that a signed head names.
        for sequence in sorted(self._given, reverse=True):
            for digest, record in self._given[sequence].items():
                if digest in self._trusted.get(sequence, ()) and record.prevhash and sequence > 1:
                    self._trusted[sequence - 1].add(record.prevhash)

    # --- results, after ``follow`` ---

    def records(self) -> Iterator[Record]:
        for sequence in sorted(self._given):
            yield from self._given[sequence].values()

    def is_proven(self, record: Record) -> bool:
        return record.sha256 in self._trusted.get(record.sequence, ())

    def has_trusted_hash(self, sequence: int) -> bool:
        """Return whether a proven link or head names the hash of this event."""
        return bool(self._trusted.get(sequence))

    def is_disputed(self, sequence: int) -> bool:
        """Return whether signed heads prove two different hashes of this event, so contradict each other."""
        return len(self._trusted.get(sequence, ())) > 1

    def fits(self, record: Record) -> bool:
        """Return whether the chain's hashes link this event to the one before it and to the one after it.

        Returns False if two different events have this number: without a signature neither is reliable.
        """
        if len(self._given[record.sequence]) > 1:
            return False
        before, after = self._given.get(record.sequence - 1), self._given.get(record.sequence + 1, {})
        fits_before = not before or record.prevhash is None or record.prevhash in before
        named = [other.prevhash for other in after.values() if other.prevhash is not None]
        return fits_before and (not named or record.sha256 in named)

    def next_signed(self, sequence: int) -> int | None:
        """Return the next later event that a head names directly; None if there is none."""
        at = bisect.bisect_right(self._signed_ascending, sequence)
        return self._signed_ascending[at] if at < len(self._signed_ascending) else None

    def gaps(self) -> Iterator[tuple[int, int]]:
        """Yield the first and last number of each gap, up to the last number that a head names."""
        signed = {sequence for sequence in self._signed if sequence not in self._given}
        first = min(self._given, default=min(signed, default=1))
        edges = [first - 1, *sorted(self._given), max([*signed, *self._given], default=0) + 1]
        for before, after in pairwise(edges):
            if after > before + 1:
                yield before + 1, after - 1


@dataclass(frozen=True, slots=True)
class LossRange:
    """A range of numbers that a loss event announces."""

    first: int
    last: int
    by: str  # id of the loss event
    proven: bool


class LossRanges:
    """The ranges that loss events announce for one chain.

    A lookup takes logarithmic time: a file of an attacker may contain many overlapping ranges.
    """

    def __init__(self, ranges: Iterable[LossRange] = ()) -> None:
        given = list(ranges)
        self._starts = {lost.first: lost for lost in reversed(given)}
        self._proven = _Cover(lost for lost in given if lost.proven)
        self._doubtful = _Cover(lost for lost in given if not lost.proven)

    def beginning_at(self, sequence: int) -> LossRange | None:
        return self._starts.get(sequence)

    def unproven_parts(self, first: int, last: int) -> Iterator[tuple[int, int, LossRange | None]]:
        """Yield the parts of a gap that no proven loss covers, each with the unproven loss there, or None."""
        for low, high, proven in self._proven.parts(first, last):
            if proven is None:
                yield from self._doubtful.parts(low, high)


class _Cover:
    """Disjoint ranges, ascending. Where two ranges overlap, the one that begins first covers the overlap."""

    def __init__(self, ranges: Iterable[LossRange]) -> None:
        self._pieces: list[tuple[int, int, LossRange]] = []
        end = 0
        for lost in sorted(ranges, key=lambda lost: (lost.first, -lost.last)):
            first = max(lost.first, end + 1)
            if first <= lost.last:
                self._pieces.append((first, lost.last, lost))
                end = lost.last

    def parts(self, first: int, last: int) -> Iterator[tuple[int, int, LossRange | None]]:
        """Split the range where the pieces begin and end; yield None for parts that no piece covers."""
        at = first
        for index in range(
            bisect.bisect_left(self._pieces, first, key=lambda piece: piece[1]), len(self._pieces)
        ):
            low, high, lost = self._pieces[index]
            if low > last:
                break
            if at < low:
                yield at, low - 1, None
            yield max(at, low), min(high, last), lost
            at = high + 1
        if at <= last:
            yield at, last, None
