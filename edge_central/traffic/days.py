"""What is stored about one day of a line and one day of a camera. Pure.

A gateway reports the crossings of a line since midnight. So a day of a line keeps the highest reading of
each quarter of an hour, and the counts are the differences of the readings: the same report may arrive twice,
and a late one lands in its own quarter, whatever came before it. A camera's new objects are counts of an
interval, which are added up; each event is stored once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import itemgetter

import msgspec

from edge_central.traffic.reports import A_TO_B, APPEARED, B_TO_A, QUARTER_MS, Counts

Quarter = int
"""Number of a quarter of an hour since 1970, UTC."""
_BEGIN = itemgetter(0)
Span = tuple[Quarter, Quarter]
"""Quarters from the first one, included, to the last one, not included."""

TOLERANCE_MS = 90_000
"""Two reports follow each other if the second begins at most this long after the end of the first. A restart
of the agent takes less."""


class LineReading(msgspec.Struct, array_like=True):
    """The reports that ended in one quarter: from the earliest begin to the latest end, milliseconds since
    1970, and the highest counts since midnight by label."""

    from_ms: int
    to_ms: int
    a_to_b: dict[str, int]
    b_to_a: dict[str, int]

    def by_direction(self) -> dict[tuple[str, str], int]:
        """A plain dict: a ward's week has ten thousand readings, and a Counter takes three times as long."""
        there = {(A_TO_B, label): count for label, count in self.a_to_b.items()}
        return there | {(B_TO_A, label): count for label, count in self.b_to_a.items()}

    def merge(self, other: LineReading) -> None:
        self.from_ms = min(self.from_ms, other.from_ms)
        self.to_ms = max(self.to_ms, other.to_ms)
        for own, theirs in ((self.a_to_b, other.a_to_b), (self.b_to_a, other.b_to_a)):
            for label, count in theirs.items():
                own[label] = max(own.get(label, 0), count)


@dataclass(frozen=True, slots=True)
class LineIncreases:
    """The counts of one day of a line."""

    by_quarter: Mapping[Quarter, Counts]
    undated: Counts  # of the day, at an unknown time
    unknown: frozenset[Quarter]
    """Quarters without a complete report: the agent was off, or a report has not arrived."""


class LineDay(msgspec.Struct, omit_defaults=True):
    """Readings of one line on one day of the site, by the quarter in which the report ended."""

    dated: dict[Quarter, LineReading] = {}
    undated: dict[Quarter, LineReading] = {}
    """Readings with a clock that was not synchronised: their quarters only keep them apart."""

    def merge(self, other: LineDay) -> None:
        for own, theirs in ((self.dated, other.dated), (self.undated, other.undated)):
            for quarter, reading in theirs.items():
                if quarter in own:
                    own[quarter].merge(reading)
                else:
                    own[quarter] = reading

    @property
    def total(self) -> int:
        highest: dict[tuple[str, str], int] = {}
        for reading in (*self.dated.values(), *self.undated.values()):
            for key, count in reading.by_direction().items():
                highest[key] = max(highest.get(key, 0), count)
        return sum(highest.values())

    def increases(self, day: Span) -> LineIncreases:
        """``day``: the quarters of the day. Crossings that were reported with a wrong clock, or after the
        day, or first after a hole that began in an earlier quarter, have no time. A day's readings never
        fall, so their sums put the dated and the undated ones in order."""
        first, last = day
        holes = list(self._holes(day))
        doubtful = {quarter for begin, quarter in holes if begin < quarter}
        readings = [
            (
                reading.by_direction(),
                not dated or quarter in doubtful or not first <= quarter < last,
                quarter,
            )
            for dated, those in ((True, self.dated), (False, self.undated))
            for quarter, reading in those.items()
        ]
        readings.sort(key=lambda each: (sum(each[0].values()), each[1], each[2]))
        reached: dict[tuple[str, str], int] = {}
        undated = Counts()
        by_quarter: dict[Quarter, Counts] = {}
        for counts, is_undated, quarter in readings:
            rise = {
                key: count - reached.get(key, 0)
                for key, count in counts.items()
                if count > reached.get(key, 0)
            }
            reached |= {key: counts[key] for key in rise}
            if is_undated:
                undated.update(rise)
            else:
                by_quarter[quarter] = Counts(rise)
        unknown = {each for begin, quarter in holes for each in range(begin, quarter + 1)}
        return LineIncreases(by_quarter, undated, frozenset(unknown))

    def _holes(self, day: Span) -> Iterable[Span]:
        """Each report begins where the one before it ended. Where one does not, reports are missing or the
        agent was off: the quarter in which the hole begins, and that of the next reading, which contains
        what missing reports said."""
        first, last = day
        until_ms = first * QUARTER_MS
        for quarter in sorted(self.dated):
            reading = self.dated[quarter]
            if first <= quarter < last:
                if reading.from_ms - until_ms > TOLERANCE_MS:
                    yield until_ms // QUARTER_MS, quarter
                until_ms = max(until_ms, reading.to_ms)


class CameraDay(msgspec.Struct, omit_defaults=True):
    """New objects of one camera on one day, by label, and the quarters in which it had a picture."""

    dated: dict[Quarter, dict[str, int]] = {}
    undated: dict[str, int] = {}
    """Counts with a clock that was not synchronised, or of an interval longer than a quarter."""
    measured: list[Span] = []

    def merge(self, other: CameraDay) -> None:
        for quarter, counts in other.dated.items():
            _add(self.dated.setdefault(quarter, {}), counts)
        _add(self.undated, other.undated)
        self.measured = merge_spans([*self.measured, *other.measured])

    def counts(self, quarter: Quarter) -> Counts:
        return _directed(APPEARED, self.dated.get(quarter, {}))

    @property
    def undated_counts(self) -> Counts:
        return _directed(APPEARED, self.undated)

    @property
    def total(self) -> int:
        return sum(sum(counts.values()) for counts in (*self.dated.values(), self.undated))

    @property
    def measured_quarters(self) -> int:
        return sum(last - first for first, last in self.measured)


@dataclass(frozen=True, slots=True)
class MeasuredTime:
    """Quarters in which a camera had a picture throughout; ``spans`` in order."""

    spans: tuple[Span, ...] = ()

    def __contains__(self, quarter: Quarter) -> bool:
        position = bisect_right(self.spans, quarter, key=_BEGIN)
        return position > 0 and quarter < self.spans[position - 1][1]

    def count(self, span: Span) -> int:
        """How many quarters of the span are measured."""
        begin = max(0, bisect_right(self.spans, span[0], key=_BEGIN) - 1)
        found = 0
        for first, last in self.spans[begin:]:
            if first >= span[1]:
                break
            found += max(0, min(last, span[1]) - max(first, span[0]))
        return found


def merge_spans(spans: Iterable[Span]) -> list[Span]:
    """The union of the spans, in order, none touching another."""
    merged: list[Span] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], last)
        elif first < last:
            merged.append((first, last))
    return merged


def _directed(direction: str, by_label: Mapping[str, int]) -> Counts:
    return Counts({(direction, label): count for label, count in by_label.items()})


def _add(own: dict[str, int], more: Mapping[str, int]) -> None:
    for label, count in more.items():
        own[label] = own.get(label, 0) + count
