"""A progress bar, only where a person watches."""

from __future__ import annotations

import time
from typing import TextIO

WIDTH = 30


class ReplayProgress:
    """Redraws every ``every_s`` at most on a terminal; silent elsewhere."""

    def __init__(self, out: TextIO, total: int | None, every_s: float = 0.2) -> None:
        self._out = out
        self._total = total
        self._every_s = every_s
        self._on = out.isatty()
        self._started = self._drawn = time.monotonic()

    def show(self, number: int, stream_s: float) -> None:
        now = time.monotonic()
        if not self._on or now - self._drawn < self._every_s:
            return
        self._drawn = now
        speed = stream_s / max(now - self._started, 1e-3)
        share = min(1.0, number / self._total) if self._total else 0.0
        bar = "#" * round(share * WIDTH)
        of = f"/{self._total}" if self._total else ""
        self._out.write(f"\r[{bar:<{WIDTH}}] frame {number}{of}  {speed:.1f} x real time ")
        self._out.flush()

    def close(self) -> None:
        if self._on:
            self._out.write("\n")
