"""How many messages a second may go that are not urgent. In bytes, for all that goes: ``pace.py``."""

from __future__ import annotations

import math


class SendRate:
    """``per_s`` messages a second on average, ``burst`` at once after a pause. One thread uses it.

    ``per_s`` may be changed at any time, by any thread; ``math.inf`` is no limit.
    """

    def __init__(self, per_s: float, burst: int) -> None:
        self.per_s = per_s
        self._burst = burst
        self._tokens = float(burst)
        self._filled_mono: float | None = None

    def available(self, now_mono: float) -> int:
        """How many may go now."""
        if self.per_s == math.inf:
            return self._burst
        if self._filled_mono is not None:
            new = max(0.0, now_mono - self._filled_mono) * self.per_s
            self._tokens = min(float(self._burst), self._tokens + new)
        self._filled_mono = now_mono
        return int(self._tokens)

    def count_sent(self, count: int) -> None:
        """So many went."""
        if self.per_s != math.inf:
            self._tokens -= count

    @property
    def wait_s(self) -> float:
        """Until a fair part of the burst may go, from the last ``available`` on; 0: now."""
        lacking = max(1.0, self._burst / 4) - self._tokens
        return max(0.0, lacking / self.per_s) if self.per_s > 0 else math.inf
