"""The turning movements of one camera as a matrix: lines by which objects came, and by which they left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge_central.traffic.increases import Quarter, Span
from edge_central.traffic.periods import TrafficPeriod, sum_periods
from edge_central.traffic.reports import FURTHER, ONLY
from edge_central.traffic.series import TrafficSeries


@dataclass(frozen=True, slots=True, order=True)
class LineSide:
    """A line that is crossed in one direction."""

    line: str
    direction: str


@dataclass(frozen=True, slots=True)
class LastLine:
    """The turns that end with one line. If ``is_gap``, nothing is known about them."""

    line: str
    is_gap: bool
    measured_min: int
    of_min: int

    @property
    def is_partial(self) -> bool:
        return self.measured_min < self.of_min


@dataclass(frozen=True, slots=True)
class TurnOfClasses:
    """One turn, and how many objects made it, by label."""

    first: LineSide
    last: LineSide
    by_label: Mapping[str, int]
    total: int


@dataclass(frozen=True, slots=True)
class TurnMatrix:
    """All turns of one camera. ``cells`` has a row for each of ``firsts``, a column for each of ``lasts``."""

    firsts: tuple[LineSide, ...]
    lasts: tuple[LineSide, ...]
    cells: tuple[tuple[int, ...], ...]
    turns: tuple[TurnOfClasses, ...]  # the most frequent first
    lines: Mapping[str, LastLine]
    total: int
    only: int
    others: int
    undated: int

    @property
    def only_percent(self) -> int | None:
        """Return the percentage of objects without a known turn. None: there are no objects."""
        objects = self.total + self.only
        return round(100 * self.only / objects) if objects else None


def turn_matrix(found: Sequence[TrafficSeries], span: Span, now: Quarter) -> TurnMatrix | None:
    """Make the matrix. ``found``: the series of one camera; None: it has none in this time. ``now``: the
    quarter that has begun but not ended."""
    periods = [(series.place.line, period) for series in found for period in sum_periods(series, [span], now)]
    if not periods:
        return None
    turns: dict[tuple[LineSide, LineSide], Counter[str]] = {}
    apart = Counter[str]()
    for line, period in periods:
        for (first, direction, to_direction, label), count in (period.counts or {}).items():
            if first in (ONLY, FURTHER):
                apart[first] += count
            else:
                turn = LineSide(first, direction), LineSide(line, to_direction)
                turns.setdefault(turn, Counter())[label] += count
    lines = _lines(periods)
    firsts = tuple(sorted({first for first, _ in turns}))
    lasts = tuple(sorted({last for _, last in turns}))
    return TurnMatrix(
        firsts,
        lasts,
        tuple(tuple(turns.get((first, last), Counter()).total() for last in lasts) for first in firsts),
        tuple(_by_frequency(turns)),
        lines,
        sum(by_label.total() for by_label in turns.values()) + apart[FURTHER],
        apart[ONLY],
        apart[FURTHER],
        sum(series.undated.total() for series in found),
    )


def _by_frequency(turns: Mapping[tuple[LineSide, LineSide], Counter[str]]) -> list[TurnOfClasses]:
    found = [
        TurnOfClasses(first, last, by_label, by_label.total()) for (first, last), by_label in turns.items()
    ]
    return sorted(found, key=lambda each: (-each.total, each.first, each.last))


def _lines(periods: Sequence[tuple[str, TrafficPeriod]]) -> dict[str, LastLine]:
    """Return the lines by name. If two rules use one line, the smaller measured time counts."""
    found: dict[str, LastLine] = {}
    for line, period in periods:
        known = LastLine(line, period.counts is None, period.measured * 15, period.of * 15)
        other = found.get(line)
        if other is not None:
            measured = min(known.measured_min, other.measured_min)
            known = LastLine(line, known.is_gap and other.is_gap, measured, known.of_min)
        found[line] = known
    return found
