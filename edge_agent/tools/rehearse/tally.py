"""Counts what a rule reports in a rehearsal, in bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import Generic, TypeVar

from edge_agent.core.facts import LineCountsObservation
from edge_agent.wire import RehearsedReports

MAX_SAMPLES = 2000
"""How many reports are kept at most, to choose examples from. At this number, every second one is dropped."""

_Item = TypeVar("_Item")


class ReportTally:
    """Counts the reports of one rule."""

    def __init__(self, timezone: tzinfo) -> None:
        self._timezone = timezone
        self.reports = self.objects = 0
        self._by_hour, self._by_weekday = [0] * 24, [0] * 7
        self._by_day: Counter[str] = Counter()
        self._by_group: Counter[str] = Counter()
        self._crossings: dict[str, tuple[int, int]] = {}  # day -> crossings from a to b, and from b to a

    def add(self, mono: float, group: str | None) -> None:
        """Count a report at that time (seconds since 1970)."""
        local = datetime.fromtimestamp(mono, UTC).astimezone(self._timezone)
        self.reports += 1
        self._by_hour[local.hour] += 1
        self._by_weekday[local.weekday()] += 1
        self._by_day[local.date().isoformat()] += 1
        if group is not None:
            self._by_group[group] += 1

    def note_crossings(self, counts: LineCountsObservation) -> None:
        """Replace the numbers of a day, because each observation has the day's total until then."""
        self._crossings[counts.day] = sum(counts.a_to_b.values()), sum(counts.b_to_a.values())

    def result(self, *, about_one: bool) -> RehearsedReports:
        """Return the counts of a rule, of objects only if each report is about one (``about_one``)."""
        crossings = list(self._crossings.values())
        return RehearsedReports(
            reports=self.reports,
            objects=self.objects if about_one else None,
            by_hour=self._by_hour,
            by_weekday=self._by_weekday,
            by_day=dict(self._by_day),
            by_group=dict(self._by_group),
            a_to_b=sum(a for a, _ in crossings) if crossings else None,
            b_to_a=sum(b for _, b in crossings) if crossings else None,
        )


class EvenSample(Generic[_Item]):
    """Keeps at most ``MAX_SAMPLES`` items, spread evenly over all items that were added."""

    def __init__(self) -> None:
        self._items: list[_Item] = []
        self._every, self._number = 1, 0

    def add(self, item: _Item) -> None:
        if self._number % self._every == 0:
            self._items.append(item)
            if len(self._items) >= MAX_SAMPLES:
                self._items, self._every = self._items[::2], self._every * 2
        self._number += 1

    def choose(self, most: int) -> Sequence[_Item]:
        """Return at most ``most`` of the kept items, spread evenly, in the order in which they were added."""
        count = min(most, len(self._items))
        return [self._items[n * len(self._items) // count] for n in range(count)]
