"""When the capture thread may let packets wait in the kernel's buffer, to read several of them in one go.

Waking a thread costs more than reading a packet: it finds the processor's caches cold. What nobody waits for
is left where it is, as a network card coalesces interrupts (docs/decisions/0036).
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

MAX_WAIT_S = 0.6
"""How long the kernel is left with it at most; a wake-up in idle mode for packet sizes is late by as much."""
MAX_UNREAD_BYTES = 64 * 1024
"""Bytes: the window that Linux offers a sender at first. Beyond it the camera has to keep them."""
AFTER_S = 0.005
"""Arrivals jitter: so long after the time at which the wanted packet should be there."""
COMMON_S = 0.2
"""Who has time is read at multiples of this, all cameras at the same moments: each finds the caches warm that
the one before it has used."""
AHEAD = 1.5
"""Packets before a keyframe at which reading begins: it is large, and would not fit with what waits."""
KNOWN_INTERVALS = 4
PROBE_EVERY_S = 10.0
"""Times of arrival are known of packets that were waited for: at least one in so long."""


@dataclass(frozen=True, slots=True)
class PacketDemand:
    """What the pipeline waits for next."""

    from_mono: float  # nothing that was taken before is wanted
    keyframe: bool  # nothing else is
    can_wait: bool = False  # ``COMMON_S`` later will do


class Coalescing:
    """Of one connection, for its capture thread. Times are stamps and the box's monotonic clock."""

    def __init__(self) -> None:
        self._newest_mono: float | None = None
        self._spacing_s = math.inf  # between the last two packets
        self._key_mono: float | None = None
        self._key_intervals: deque[float] = deque(maxlen=KNOWN_INTERVALS)
        self._bytes = 0  # since the last keyframe
        self._bytes_per_s = math.inf
        self._awaited_mono = -math.inf  # when a packet was last waited for

    def read(self, *, keyframe: bool, size_bytes: int, stamp_mono: float, awaited: bool) -> None:
        """A packet was read; ``awaited``: it was not there before."""
        if self._newest_mono is not None:
            # Pictures out of order: nobody knows when the next one is due.
            step_s = stamp_mono - self._newest_mono
            self._spacing_s = step_s if step_s > 0 else math.inf
        self._newest_mono = stamp_mono
        if awaited:
            self._awaited_mono = stamp_mono
        self._bytes += size_bytes
        if keyframe:
            self._meet_keyframe(stamp_mono)

    def wait_s(self, wanted: PacketDemand, now_mono: float) -> float:
        """How long nobody needs what comes; 0 when the next packet is to be waited for."""
        newest_mono, spacing_s = self._newest_mono, self._spacing_s
        if newest_mono is None or math.isinf(spacing_s):
            return 0.0
        if newest_mono + spacing_s <= now_mono:  # there is more to read
            return 0.0
        until_mono = self._keyframe_from(wanted) if wanted.keyframe else self._packet_from(wanted)
        if until_mono - newest_mono < 1.4 * spacing_s:  # it is the next one
            return 0.0
        return max(0.0, min(until_mono - now_mono, MAX_WAIT_S, MAX_UNREAD_BYTES / self._bytes_per_s))

    def _packet_from(self, wanted: PacketDemand) -> float:
        """When the first wanted packet should be there."""
        assert self._newest_mono is not None
        if wanted.from_mono <= self._newest_mono:
            return -math.inf
        steps = math.ceil((wanted.from_mono - self._newest_mono) / self._spacing_s - 0.1)
        probing = self._newest_mono - self._awaited_mono >= PROBE_EVERY_S
        expected_mono = self._newest_mono + steps * self._spacing_s
        if probing:
            return expected_mono - self._spacing_s / 2
        ready_mono = expected_mono + AFTER_S
        return math.ceil(ready_mono / COMMON_S) * COMMON_S if wanted.can_wait else ready_mono

    def _keyframe_from(self, wanted: PacketDemand) -> float:
        """When the first wanted keyframe is about to come."""
        if len(self._key_intervals) < KNOWN_INTERVALS or self._key_mono is None:
            return -math.inf
        interval_s = min(self._key_intervals)
        later_s = max(wanted.from_mono, self._key_mono) - self._key_mono
        steps = max(1, math.ceil(later_s / interval_s))
        return self._key_mono + steps * interval_s - AHEAD * self._spacing_s

    def _meet_keyframe(self, stamp_mono: float) -> None:
        if self._key_mono is not None and stamp_mono > self._key_mono:
            self._key_intervals.append(stamp_mono - self._key_mono)
            self._bytes_per_s = max(1.0, self._bytes / self._key_intervals[-1])
        self._key_mono, self._bytes = stamp_mono, 0
