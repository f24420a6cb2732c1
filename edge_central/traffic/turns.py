"""One day of the turning movements that end with one line, as it is stored. Pure.

Like the crossings of the line, they are readings since midnight, from the same reports. A report has up to a
hundred different counts, so their keys are stored once for each day, not with each reading.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from edge_central.traffic.increases import DayIncreases, Quarter, Span, increases
from edge_central.traffic.reports import ONLY, Counts, TurnKey

MAX_KEYS = 600
"""Largest number of counts in one day of a line; an agent reports at most 64 turns, of eight labels."""


class TurnReading(msgspec.Struct, array_like=True):
    """Like ``LineReading``. The highest counts since midnight are in the order of ``TurnDay.keys``."""

    from_ms: int
    to_ms: int
    counts: list[int]


@dataclass(frozen=True, slots=True)
class _KeyedReading:
    from_ms: int
    to_ms: int
    counts: Mapping[tuple[str, ...], int]

    def by_key(self) -> Mapping[tuple[str, ...], int]:
        return self.counts


class TurnDay(msgspec.Struct, omit_defaults=True):
    """Readings of the turns that end with one line, on one day of the site, by the quarter in which the
    report ended."""

    keys: list[TurnKey] = []
    dated: dict[Quarter, TurnReading] = {}
    undated: dict[Quarter, TurnReading] = {}
    """Readings with a clock that was not synchronised. Their quarters may be wrong, and only keep them
    apart."""

    def merge(self, other: TurnDay) -> None:
        """Add the readings of another day. Keys beyond ``MAX_KEYS`` are left out."""
        places = {key: n for n, key in enumerate(self.keys)}
        for key in other.keys:
            if key not in places and len(self.keys) < MAX_KEYS:
                places[key] = len(self.keys)
                self.keys.append(key)
        theirs_here = [places.get(key) for key in other.keys]
        for own, theirs in ((self.dated, other.dated), (self.undated, other.undated)):
            for quarter, reading in theirs.items():
                self._add(own, quarter, reading, theirs_here)

    def _add(
        self,
        own: dict[Quarter, TurnReading],
        quarter: Quarter,
        reading: TurnReading,
        places: Sequence[int | None],
    ) -> None:
        """Add a reading. ``places``: for each count of the reading, the position of its key among the keys of
        this day; None: the key is left out."""
        stored = own.setdefault(quarter, TurnReading(reading.from_ms, reading.to_ms, []))
        stored.from_ms = min(stored.from_ms, reading.from_ms)
        stored.to_ms = max(stored.to_ms, reading.to_ms)
        stored.counts += [0] * (len(self.keys) - len(stored.counts))
        for place, count in zip(places, reading.counts, strict=False):
            if place is not None:
                stored.counts[place] = max(stored.counts[place], count)

    @property
    def total(self) -> int:
        """Return the number of turns of the day, without objects that crossed this line only."""
        highest = [0] * len(self.keys)
        for reading in (*self.dated.values(), *self.undated.values()):
            highest = [max(pair) for pair in zip(highest, self._filled(reading), strict=True)]
        return sum(count for key, count in zip(self.keys, highest, strict=True) if key[0] != ONLY)

    def increases(self, day: Span) -> DayIncreases:
        """Return the counts of the day. ``day``: its quarters. The keys of the counts are ``TurnKey``."""
        return increases(self._keyed(self.dated), self._keyed(self.undated), day)

    def _keyed(self, readings: Mapping[Quarter, TurnReading]) -> dict[Quarter, _KeyedReading]:
        return {
            quarter: _KeyedReading(
                reading.from_ms,
                reading.to_ms,
                {key: count for key, count in zip(self.keys, reading.counts, strict=False) if count},
            )
            for quarter, reading in readings.items()
        }

    def _filled(self, reading: TurnReading) -> list[int]:
        return reading.counts + [0] * (len(self.keys) - len(reading.counts))


def turn_day(quarter: Quarter, from_ms: int, to_ms: int, counts: Counts, *, is_dated: bool) -> TurnDay:
    """Return a day with this one reading. The keys of ``counts`` are ``TurnKey``."""
    keys: list[TurnKey] = [(key[0], key[1], key[2], key[3]) for key in counts]
    readings = {quarter: TurnReading(from_ms, to_ms, list(counts.values()))}
    return TurnDay(keys, readings) if is_dated else TurnDay(keys, undated=readings)
