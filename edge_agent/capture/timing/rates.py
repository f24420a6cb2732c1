"""Events a second over a sliding window."""

from __future__ import annotations

from collections import deque

WINDOW_S = 10.0


class WindowedRate:
    """Adds amounts up in one-second buckets. Not thread-safe: the owner locks.

    The window is the last ``WINDOW_S`` seconds, or the time since the first amount when that is shorter.
    """

    def __init__(self) -> None:
        self._buckets: deque[tuple[int, float]] = deque()
        self._open: int | None = None  # the second that is being counted
        self._amount = 0.0
        self._since: float | None = None

    def add(self, mono: float, amount: float = 1.0) -> None:
        self._turn_to(int(mono))
        if self._since is None:
            self._since = mono
        self._amount += amount

    def per_second(self, mono: float) -> float:
        """The mean over the window that ends at ``mono``; 0 before there is half a second of it."""
        amount = self.amount(mono)
        if self._since is None:
            return 0.0
        span_s = min(mono - int(mono) + WINDOW_S, mono - self._since)
        return amount / span_s if span_s >= 0.5 else 0.0

    def amount(self, mono: float) -> float:
        """All of the window that ends at ``mono``."""
        self._turn_to(int(mono))
        first = int(mono) - int(WINDOW_S)
        while self._buckets and self._buckets[0][0] < first:
            self._buckets.popleft()
        return sum(a for _, a in self._buckets) + self._amount

    def _turn_to(self, second: int) -> None:
        """Count in this second from now on; a reader may have been there a moment before the writer."""
        if self._open is None:
            self._open = second
        if second > self._open:
            self._buckets.append((self._open, self._amount))
            if len(self._buckets) > WINDOW_S + 1:
                self._buckets.popleft()
            self._open, self._amount = second, 0.0
