"""Stamps pictures with the gateway's monotonic time, samples frames at a steady rate, and measures rates.

Arrival times jitter with the network; the camera's timestamps do not, but its clock drifts, restarts and
jumps. So the packet with the shortest delay gives the offset between the two clocks. A packet with a longer
delay has waited somewhere, and its picture was taken at its timestamp.
"""

from __future__ import annotations

import math
from collections import deque

JUMP_S = 1.0
"""Packets out of order step back by a few pictures; if by more than this, the camera's clock was set."""
SLEW_PER_S = 0.001
"""Seconds a second by which stamps may move towards arrival: ten times a bad crystal's drift (100 ppm)."""
LATE_S, LATE_FOR_S = 1.0, 5.0
"""If packets are ``LATE_S`` late for ``LATE_FOR_S``, the camera's clock was set; a network jam is shorter."""


class StreamTime:
    """Computes the stamps of one connection's packets, in the order in which they arrive."""

    def __init__(self, timed: bool = True) -> None:
        """``timed``: False for streams without timestamps (MJPEG over HTTP), which are stamped on arrival."""
        self._timed = timed
        self._offset_s: float | None = None  # monotonic time minus camera time
        self._newest_pts_s = 0.0
        self._late_since_mono: float | None = None

    def stamp(self, pts_s: float | None, mono: float, *, waited: bool = False) -> float:
        """Return when the picture of a packet was taken, in monotonic seconds, never later than ``mono``, the
        time when the packet was read. ``pts_s``: its presentation time in seconds, or None. ``waited``: the
        packet may have waited in the kernel's buffer, so its delay says nothing about the camera."""
        if not self._timed or pts_s is None:
            return mono
        if self._offset_s is None or pts_s < self._newest_pts_s - JUMP_S:
            self.start_from(pts_s, mono)
        assert self._offset_s is not None
        step_s = max(0.0, pts_s - self._newest_pts_s)
        self._newest_pts_s += step_s
        late_s = mono - (self._newest_pts_s + self._offset_s)
        if self._is_late_for_good(late_s, mono):
            self.start_from(self._newest_pts_s, mono)
        else:
            self._offset_s += min(late_s, 0.0 if waited else SLEW_PER_S * step_s)
        return min(pts_s + self._offset_s, mono)

    def restart(self) -> None:
        """Forget the offset, because a file starts again, with other timestamps."""
        self._offset_s = self._late_since_mono = None

    def start_from(self, pts_s: float, mono: float) -> None:
        """Set the offset so that the camera's time ``pts_s`` is the monotonic time ``mono``."""
        self._offset_s = mono - pts_s
        self._newest_pts_s = pts_s
        self._late_since_mono = None

    def _is_late_for_good(self, late_s: float, mono: float) -> bool:
        if late_s < LATE_S:
            self._late_since_mono = None
        elif self._late_since_mono is None:
            self._late_since_mono = mono
        return self._late_since_mono is not None and mono - self._late_since_mono >= LATE_FOR_S


class Sampler:
    """Picks frames so that ``fps`` of them are due a second of stream time; every frame if ``fps`` is None.

    Due times form a grid, so that 5 a second out of 12.5 are 5 on average. A frame up to a tenth of a period
    early still counts, because cameras jitter by milliseconds.
    """

    EARLY = 0.1  # of a period

    def __init__(self, fps: float | None) -> None:
        self._period_s = 1.0 / fps if fps else 0.0
        self._next_s: float | None = None

    def set_rate(self, fps: float) -> None:
        """Change the rate; the next due time does not change."""
        self._period_s = 1.0 / fps

    @property
    def due_from(self) -> float:
        """The earliest time at which a frame is due."""
        return -math.inf if self._next_s is None else self._next_s - self.EARLY * self._period_s

    def due_after(self, stream_s: float, frames: int) -> float:
        """Return the earliest time by which ``frames`` frames after ``stream_s`` are due."""
        if self._next_s is None:
            return -math.inf
        next_s = self._next_s
        if stream_s >= self.due_from:
            next_s = max(next_s + self._period_s, stream_s + self._period_s / 2)
        return next_s + (frames - 1 - self.EARLY) * self._period_s

    def restart(self, stream_s: float) -> None:
        """Continue as if the frame at ``stream_s`` was the last one picked."""
        self._next_s = stream_s + self._period_s

    def due(self, stream_s: float) -> bool:
        """Return whether the frame at ``stream_s`` (seconds, rising) is to be analysed."""
        if not self._period_s:
            return True
        if self._next_s is None or self._next_s - stream_s > 2 * self._period_s:
            self._next_s = stream_s  # the first frame, or time fell back
        if stream_s < self.due_from:
            return False
        # After a gap, restart the grid.
        self._next_s = max(self._next_s + self._period_s, stream_s + self._period_s / 2)
        return True


WINDOW_S = 10.0


class WindowedRate:
    """Sums amounts in one-second buckets, over a sliding window. Not thread-safe: the owner locks.

    The window is the last ``WINDOW_S`` seconds, or the time since the first amount when that is shorter.
    """

    def __init__(self) -> None:
        self._buckets: deque[tuple[int, float]] = deque()
        self._open: int | None = None  # the second of the open bucket
        self._amount = 0.0
        self._since: float | None = None

    def add(self, mono: float, amount: float = 1.0) -> None:
        self._turn_to(int(mono))
        if self._since is None:
            self._since = mono
        self._amount += amount

    def per_second(self, mono: float) -> float:
        """Return the mean over the window that ends at ``mono``; 0 if the window is shorter than 0.5 s."""
        amount = self.amount(mono)
        if self._since is None:
            return 0.0
        span_s = min(mono - int(mono) + WINDOW_S, mono - self._since)
        return amount / span_s if span_s >= 0.5 else 0.0

    def amount(self, mono: float) -> float:
        """Return the sum over the window that ends at ``mono``."""
        self._turn_to(int(mono))
        first = int(mono) - int(WINDOW_S)
        while self._buckets and self._buckets[0][0] < first:
            self._buckets.popleft()
        return sum(a for _, a in self._buckets) + self._amount

    def _turn_to(self, second: int) -> None:
        """Open the bucket of this second. A reader may have opened it before the writer."""
        if self._open is None:
            self._open = second
        if second > self._open:
            self._buckets.append((self._open, self._amount))
            if len(self._buckets) > WINDOW_S + 1:
                self._buckets.popleft()
            self._open, self._amount = second, 0.0
