"""One day of a line and one day of a camera, as they are stored. Pure.

A gateway reports the crossings of a line since midnight. So a day of a line keeps the highest reading of each
quarter of an hour, and the counts are the differences of the readings: the same report may arrive twice, and
a late report counts in its own quarter, whatever came before it. A camera's new objects are counts of an
interval, which are added up, because each event is stored once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import itemgetter

import msgspec

from edge_central.traffic.increases import DayIncreases, Quarter, Span, increases
from edge_central.traffic.reports import A_TO_B, APPEARED, B_TO_A, Counts

_BEGIN = itemgetter(0)


class LineReading(msgspec.Struct, array_like=True):
    """The reports that ended in one quarter: from the earliest begin to the latest end, milliseconds since
    1970, and the highest counts since midnight by label."""

    from_ms: int
    to_ms: int
    a_to_b: dict[str, int]
    b_to_a: dict[str, int]

    def by_key(self) -> dict[tuple[str, ...], int]:
        """Return the counts by direction and label. It is a plain dict, because a ward's week has ten
        thousand readings and a Counter takes three times as long."""
        there: dict[tuple[str, ...], int] = {(A_TO_B, label): count for label, count in self.a_to_b.items()}
        return there | {(B_TO_A, label): count for label, count in self.b_to_a.items()}

    def merge(self, other: LineReading) -> None:
        self.from_ms = min(self.from_ms, other.from_ms)
        self.to_ms = max(self.to_ms, other.to_ms)
        for own, theirs in ((self.a_to_b, other.a_to_b), (self.b_to_a, other.b_to_a)):
            for label, count in theirs.items():
                own[label] = max(own.get(label, 0), count)


class LineDay(msgspec.Struct, omit_defaults=True):
    """Readings of one line on one day of the site, by the quarter in which the report ended."""

    dated: dict[Quarter, LineReading] = {}
    undated: dict[Quarter, LineReading] = {}
    """Readings with a clock that was not synchronised. Their quarters may be wrong, and only keep them
    apart."""

    def merge(self, other: LineDay) -> None:
        for own, theirs in ((self.dated, other.dated), (self.undated, other.undated)):
            for quarter, reading in theirs.items():
                if quarter in own:
                    own[quarter].merge(reading)
                else:
                    own[quarter] = reading

    @property
    def total(self) -> int:
        highest: dict[tuple[str, ...], int] = {}
        for reading in (*self.dated.values(), *self.undated.values()):
            for key, count in reading.by_key().items():
                highest[key] = max(highest.get(key, 0), count)
        return sum(highest.values())

    def increases(self, day: Span) -> DayIncreases:
        """Return the counts of the day. ``day``: its quarters."""
        return increases(self.dated, self.undated, day)


class QuarterFlow(msgspec.Struct, array_like=True):
    """The traffic of a quarter: sums over its reports. Vehicle-seconds are the seconds for which each vehicle
    was in the picture, added up."""

    moving_s: float = 0.0  # vehicle-seconds
    standing_s: float = 0.0
    long_s: float = 0.0
    rated_s: float = 0.0  # vehicle-seconds of the reports with a speed
    way: float = 0.0  # sum over the reports: ``rated_s`` times the median speed, in lengths of the object
    rated_on_road_s: float = 0.0  # the same on the ground plane
    way_m: float = 0.0

    def add(self, other: QuarterFlow) -> None:
        self.moving_s += other.moving_s
        self.standing_s += other.standing_s
        self.long_s += other.long_s
        self.rated_s += other.rated_s
        self.way += other.way
        self.rated_on_road_s += other.rated_on_road_s
        self.way_m += other.way_m

    @property
    def speed(self) -> float | None:
        """Return the mean of the median speeds of the reports, in lengths of the object a second. None: not
        measured."""
        return self.way / self.rated_s if self.rated_s else None

    @property
    def speed_m_s(self) -> float | None:
        return self.way_m / self.rated_on_road_s if self.rated_on_road_s else None


class CameraDay(msgspec.Struct, omit_defaults=True):
    """New objects of one camera on one day, by label, and the quarters in which it had a picture."""

    dated: dict[Quarter, dict[str, int]] = {}
    undated: dict[str, int] = {}
    """Counts from a clock that was not synchronised, or of an interval longer than a quarter."""
    measured: list[Span] = []
    flow: dict[Quarter, QuarterFlow] = {}

    def merge(self, other: CameraDay) -> None:
        for quarter, flow in other.flow.items():
            self.flow.setdefault(quarter, QuarterFlow()).add(flow)
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
        """Return how many quarters of the span are measured."""
        begin = max(0, bisect_right(self.spans, span[0], key=_BEGIN) - 1)
        found = 0
        for first, last in self.spans[begin:]:
            if first >= span[1]:
                break
            found += max(0, min(last, span[1]) - max(first, span[0]))
        return found


def merge_spans(spans: Iterable[Span]) -> list[Span]:
    """Return the union of the spans, in order, without spans that touch each other."""
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
