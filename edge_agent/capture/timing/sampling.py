"""Which decoded frames are analysed: a steady rate by stream time."""

from __future__ import annotations

import math


class Sampler:
    """Picks frames so that ``fps`` of them are due a second of stream time.

    The times lie on a grid, so that 5 a second out of 12.5 stay 5 on average. A frame up to a tenth of a
    period early still counts: cameras jitter by milliseconds. ``None`` picks every frame.
    """

    EARLY = 0.1  # of a period

    def __init__(self, fps: float | None) -> None:
        self._period_s = 1.0 / fps if fps else 0.0
        self._next_s: float | None = None

    def pace(self, fps: float) -> None:
        """So many from now on; the next one is due when it was."""
        self._period_s = 1.0 / fps

    @property
    def due_from(self) -> float:
        """No frame before this time is due."""
        return -math.inf if self._next_s is None else self._next_s - self.EARLY * self._period_s

    def due_after(self, stream_s: float, looks: int) -> float:
        """So many frames later than that at ``stream_s`` are due from this time on, not before."""
        if self._next_s is None:
            return -math.inf
        next_s = self._next_s
        if stream_s >= self.due_from:
            next_s = max(next_s + self._period_s, stream_s + self._period_s / 2)
        return next_s + (looks - 1 - self.EARLY) * self._period_s

    def restart(self, stream_s: float) -> None:
        """The frame at ``stream_s`` was the last one picked."""
        self._next_s = stream_s + self._period_s

    def due(self, stream_s: float) -> bool:
        """Whether the frame at ``stream_s`` (seconds, rising) is to be analysed."""
        if not self._period_s:
            return True
        if self._next_s is None or self._next_s - stream_s > 2 * self._period_s:
            self._next_s = stream_s  # the first frame, or time fell back
        if stream_s < self.due_from:
            return False
        # After a gap the grid starts anew; without one it holds.
        self._next_s = max(self._next_s + self._period_s, stream_s + self._period_s / 2)
        return True
