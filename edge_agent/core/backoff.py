"""Retry delays: full jitter, capped, reset after a connection that lasted.

Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 ("full jitter").
"""

from __future__ import annotations

import random
from collections.abc import Callable


class Backoff:
    """Delays before the next attempt.

    The n-th failure in a row draws from 0..min(cap_s, first_s * 2**n), but never under ``floor_s``.
    ``succeeded(lasted_s)`` forgets the failures only when the connection lasted at least ``good_after_s``: a
    link that flaps keeps its long delays.
    """

    def __init__(
        self,
        first_s: float,
        cap_s: float,
        good_after_s: float = 60.0,
        floor_s: float = 0.5,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.first_s = first_s
        self.cap_s = cap_s
        self.good_after_s = good_after_s
        self.floor_s = floor_s
        self.failures = 0
        self._uniform = uniform

    def failed(self) -> float:
        """Count one failure and return the seconds to wait."""
        ceiling = min(self.cap_s, self.first_s * 2.0 ** min(self.failures, 30))
        self.failures += 1
        return max(self.floor_s, self._uniform(0.0, ceiling))

    def slowest(self) -> float:
        """Count a failure that must not be repeated quickly; returns the cap, jittered by a quarter."""
        self.failures += 1
        return self.cap_s * self._uniform(0.75, 1.25)

    def succeeded(self, lasted_s: float) -> None:
        if lasted_s >= self.good_after_s:
            self.failures = 0
