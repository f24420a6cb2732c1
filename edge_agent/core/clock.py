"""The only source of time, and delays before retries. Monotonic time decides, wall time labels.

A Pi boots without a clock and its wall time jumps at NTP synchronisation: nothing may compare two wall times.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """The source of time for all code; tests and replay pass one of their own."""

    def monotonic(self) -> float:
        """Return the seconds since boot, which never jump."""

    def now(self) -> datetime:
        """Return the wall time, UTC. It may be wrong by years until the first synchronisation."""


class SystemClock:
    def monotonic(self) -> float:
        return time.monotonic()

    def now(self) -> datetime:
        return datetime.now(UTC)


def wall_time_of(clock: Clock, mono: float) -> datetime:
    """Return the wall time of a monotonic instant, by the clock as it is set now."""
    return clock.now() - timedelta(seconds=clock.monotonic() - mono)


def resumed_until_mono(clock: Clock, until: datetime, left_s: float) -> float:
    """Return the monotonic time at which a period ends, if a restart interrupted it.

    ``left_s``: the time left when it was last stored; a jump of the wall clock never prolongs it."""
    return clock.monotonic() + min(left_s, max(0.0, (until - clock.now()).total_seconds()))


def rfc3339(moment: datetime) -> str:
    """Return the moment as UTC with milliseconds and ``Z``: the only time format on the wire."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Instant:
    """One moment by both clocks: ``mono`` decides, ``ms`` (since 1970) is a label."""

    mono: float
    ms: int


def instant_of(clock: Clock) -> Instant:
    """Return the present moment."""
    return Instant(clock.monotonic(), wall_ms(clock))


def wall_ms(clock: Clock) -> int:
    """Return the wall time as milliseconds since 1970, UTC."""
    return round(clock.now().timestamp() * 1000)


def rfc3339_of_ms(milliseconds: int) -> str:
    return rfc3339(datetime.fromtimestamp(milliseconds / 1000, UTC))


def read_boot_id() -> str:
    """Return the kernel's id of this boot; ``unknown`` where the kernel has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return "unknown"


class Backoff:
    """Computes retry delays: full jitter ("Exponential Backoff And Jitter", AWS, 2015), capped.

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
        """Count a failure that must not soon be repeated; return the cap in s, jittered by a quarter."""
        self.failures += 1
        return self.cap_s * self._uniform(0.75, 1.25)

    def succeeded(self, lasted_s: float) -> None:
        if lasted_s >= self.good_after_s:
            self.failures = 0
