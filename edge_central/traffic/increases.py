"""Counts of a day from readings since midnight, by quarter of an hour. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from edge_central.traffic.reports import QUARTER_MS, Counts

Quarter = int
"""Number of a quarter of an hour since 1970, UTC."""
Span = tuple[Quarter, Quarter]
"""Quarters from the first one, included, to the last one, not included."""

TOLERANCE_MS = 90_000
"""Two reports follow each other if the second begins at most this long after the end of the first. A restart
of the agent takes less."""


class DayReading(Protocol):
    """The reports that ended in one quarter: from the earliest start to the latest end, milliseconds since
    1970, and the highest counts since midnight."""

    @property
    def from_ms(self) -> int: ...

    @property
    def to_ms(self) -> int: ...

    def by_key(self) -> Mapping[tuple[str, ...], int]: ...


@dataclass(frozen=True, slots=True)
class DayIncreases:
    """The counts of one day."""

    by_quarter: Mapping[Quarter, Counts]
    undated: Counts  # counts of the day without a known time
    unknown: frozenset[Quarter]
    """Quarters without a complete report: the agent was off, or a report has not arrived."""


def increases(
    dated: Mapping[Quarter, DayReading], undated: Mapping[Quarter, DayReading], day: Span
) -> DayIncreases:
    """Split the counts of a day into those of each quarter, and those without a known time.

    ``dated`` and ``undated``: readings by the quarter of their end, with a synchronised clock and without
    one. ``day``: the quarters of the day. Three kinds of counts have no known time: those that a gateway
    reported with a wrong clock, those reported after the day, and those of the first report after a hole that
    began in an earlier quarter. Counts only grow within a day, so the sum of a reading gives its place among
    the others, whatever the clock said."""
    first, last = day
    holes = list(_holes(dated, day))
    doubtful = {quarter for begin, quarter in holes if begin < quarter}
    readings = [
        (
            reading.by_key(),
            not is_dated or quarter in doubtful or not first <= quarter < last,
            quarter,
        )
        for is_dated, those in ((True, dated), (False, undated))
        for quarter, reading in those.items()
    ]
    readings.sort(key=lambda each: (sum(each[0].values()), each[1], each[2]))
    reached: dict[tuple[str, ...], int] = {}
    without_time = Counts()
    by_quarter: dict[Quarter, Counts] = {}
    for counts, is_undated, quarter in readings:
        rise = {
            key: count - reached.get(key, 0) for key, count in counts.items() if count > reached.get(key, 0)
        }
        reached |= {key: counts[key] for key in rise}
        if is_undated:
            without_time.update(rise)
        else:
            by_quarter[quarter] = Counts(rise)
    unknown = {each for begin, quarter in holes for each in range(begin, quarter + 1)}
    return DayIncreases(by_quarter, without_time, frozenset(unknown))


def _holes(dated: Mapping[Quarter, DayReading], day: Span) -> Iterable[Span]:
    """Yield the holes between reports: the quarter in which the hole begins, and the quarter of the next
    reading. Normally each report begins where the one before it ended; otherwise reports are missing or the
    agent was off. The next reading includes the counts of missing reports."""
    first, last = day
    until_ms = first * QUARTER_MS
    for quarter in sorted(dated):
        reading = dated[quarter]
        if first <= quarter < last:
            if reading.from_ms - until_ms > TOLERANCE_MS:
                yield until_ms // QUARTER_MS, quarter
            until_ms = max(until_ms, reading.to_ms)
