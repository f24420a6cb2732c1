"""Sums a series by quarter of an hour, hour or day, and names the gaps. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from enum import StrEnum
from operator import itemgetter

from edge_central.traffic.calendar import day_span, days_of
from edge_central.traffic.increases import Quarter, Span
from edge_central.traffic.reports import QUARTER_MS, Counts
from edge_central.traffic.series import TrafficSeries

WEEK = 672
"""Quarters of a week."""


class PeriodLength(StrEnum):
    QUARTER = "15min"
    HOUR = "hour"
    DAY = "day"


QUARTERS_OF = {PeriodLength.QUARTER: 1, PeriodLength.HOUR: 4, PeriodLength.DAY: 96}
"""Number of quarters in a period; a day with a change to or from daylight saving time has another number."""


@dataclass(frozen=True, slots=True)
class TrafficPeriod:
    """The counts of one period. ``counts`` None: a gap, nothing is known about this time. If fewer quarters
    are ``measured`` than have ended (``of``), the counts may be too low."""

    span: Span
    counts: Counts | None
    measured: int
    of: int

    @property
    def from_ms(self) -> int:
        return self.span[0] * QUARTER_MS

    @property
    def total(self) -> int | None:
        return None if self.counts is None else self.counts.total()

    @property
    def is_partial(self) -> bool:
        return self.counts is not None and self.measured < self.of


def split_span(span: Span, length: PeriodLength, timezone: tzinfo) -> Iterator[Span]:
    """Yield the periods of the span: days from midnight to midnight, others from the begin of the span on."""
    first, last = span
    if length is PeriodLength.DAY:
        for day in days_of(span, timezone):
            begin, end = day_span(day, timezone)
            yield max(first, begin), min(last, end)
        return
    step = QUARTERS_OF[length]
    for begin in range(first, last, step):
        yield begin, min(last, begin + step)


def sum_periods(series: TrafficSeries, periods: Sequence[Span], now: Quarter) -> list[TrafficPeriod]:
    """Return the counts of each period. ``now``: the quarter that has begun but not ended. Later quarters are
    left out, and so are periods in which no quarter has ended and nothing is counted yet."""
    counted = _by_period(series.by_quarter, periods, now)
    unknown = Counter(
        position
        for quarter in series.unknown
        if quarter in series.measured and (position := _position(periods, quarter)) is not None
    )
    found = []
    for position, (first, last) in enumerate(periods):
        over = max(0, min(last, now) - first)
        measured = max(0, series.measured.count((first, first + over)) - unknown[position])
        counts = counted.get(position, Counts() if measured else None)
        if over or counts is not None:
            found.append(TrafficPeriod((first, last), counts, measured, over))
    return found


def _by_period(
    by_quarter: Mapping[Quarter, Counts], periods: Sequence[Span], now: Quarter
) -> dict[int, Counts]:
    """Return the sums of the periods that have counts, by the position of the period."""
    sums: dict[int, dict[tuple[str, ...], int]] = {}
    for quarter, counts in by_quarter.items():
        position = _position(periods, quarter)
        if position is None or quarter > now:
            continue
        of_period = sums.setdefault(position, {})
        for key, count in counts.items():
            of_period[key] = of_period.get(key, 0) + count
    return {position: Counts(counts) for position, counts in sums.items()}


def _position(periods: Sequence[Span], quarter: Quarter) -> int | None:
    """Return the position of the period that contains this quarter; the periods are in order."""
    position = bisect_right(periods, quarter, key=itemgetter(0)) - 1
    return position if position >= 0 and quarter < periods[position][1] else None


def sum_counts(periods: Sequence[TrafficPeriod]) -> Counts:
    total = Counts()
    for period in periods:
        total += period.counts or Counts()
    return total
