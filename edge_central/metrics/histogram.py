"""A histogram of durations. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

INFINITY = "+Inf"


class DurationHistogram:
    """Counts durations in buckets. Not thread-safe: the owner must hold a lock."""

    def __init__(self, bounds_s: Sequence[float]) -> None:
        """``bounds_s``: upper bounds of the buckets, in ascending order; one more bucket without a bound
        follows."""
        self._bounds_s = tuple(bounds_s)
        self._counts = [0] * (len(self._bounds_s) + 1)
        self.sum_s = 0.0

    def observe(self, seconds: float) -> None:
        """Count a duration. A negative duration, after a correction of a clock, counts as 0."""
        seconds = max(0.0, seconds)
        self._counts[bisect_left(self._bounds_s, seconds)] += 1
        self.sum_s += seconds

    @property
    def count(self) -> int:
        return sum(self._counts)

    def buckets(self) -> list[tuple[str, float]]:
        """Return each bound with the number of durations up to it, as Prometheus needs them."""
        names = [*(f"{bound:g}" for bound in self._bounds_s), INFINITY]
        return [(name, float(count)) for name, count in zip(names, accumulate(self._counts), strict=True)]
