"""Computes how long packets may wait in the kernel's buffer, so that one wake-up reads several of them.

Waking a thread costs more than reading a packet, because the processor's caches are cold. So packets that
the pipeline does not need yet stay in the buffer, as a network card coalesces interrupts
(docs/decisions/0036).
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

MAX_WAIT_S = 0.6
"""Longest wait. In idle mode, an alarm from packet sizes may come late by this time."""
MAX_UNREAD_BYTES = 64 * 1024
"""The TCP window that Linux offers at first. Beyond it the camera has to buffer packets."""
ARRIVAL_MARGIN_S = 0.005
"""Arrivals jitter: the thread wakes this long after the wanted packet is expected."""
STAMP_JITTER_S = 0.002
"""A packet whose stamp is expected at most this long before the wanted time may be the wanted one. A larger
value would wake the thread more often for packets that come just before the wanted time."""
ALIGN_S = 0.2
"""Cameras without urgent packets are all read at the same moments, the multiples of this time: the
processor's caches are then still warm from the camera that was read before."""
KEYFRAME_LEAD = 1.5
"""Reading begins this many packet intervals before a keyframe, which may not fit the buffer with others."""
MIN_INTERVALS = 4
PROBE_EVERY_S = 10.0
"""The thread blocks for a packet at least this often: only then is the packet's arrival time known."""


@dataclass(frozen=True, slots=True)
class PacketDemand:
    """The next packet that the pipeline needs."""

    from_mono: float  # its stamp is this time or later
    keyframe: bool  # only a keyframe
    can_wait: bool = False  # it may be read up to ``ALIGN_S`` later


class Coalescing:
    """Computes the waits of one connection, for its capture thread. Times are monotonic stamps."""

    def __init__(self) -> None:
        self._newest_mono: float | None = None
        self._spacing_s = math.inf  # between the last two packets
        self._key_mono: float | None = None
        self._key_intervals: deque[float] = deque(maxlen=MIN_INTERVALS)
        self._bytes = 0  # since the last keyframe
        self._bytes_per_s = math.inf
        self._awaited_mono = -math.inf  # when a packet was last waited for

    def read(self, keyframe: bool, size_bytes: int, stamp_mono: float, *, awaited: bool) -> None:
        """Note that a packet was read. ``awaited``: the thread had to wait for it."""
        if self._newest_mono is not None:
            # With pictures out of order, the time of the next packet is unknown.
            step_s = stamp_mono - self._newest_mono
            self._spacing_s = step_s if step_s > 0 else math.inf
        self._newest_mono = stamp_mono
        if awaited:
            self._awaited_mono = stamp_mono
        self._bytes += size_bytes
        if keyframe:
            if self._key_mono is not None and stamp_mono > self._key_mono:
                self._key_intervals.append(stamp_mono - self._key_mono)
                self._bytes_per_s = max(1.0, self._bytes / self._key_intervals[-1])
            self._key_mono, self._bytes = stamp_mono, 0

    def wait_s(self, wanted: PacketDemand, now_mono: float) -> float:
        """Return the seconds for which packets may stay in the buffer; 0: wait for the next packet now."""
        newest_mono, spacing_s = self._newest_mono, self._spacing_s
        if newest_mono is None or math.isinf(spacing_s):
            return 0.0
        if newest_mono + spacing_s <= now_mono:  # the next packet is there already
            return 0.0
        until_mono = self._keyframe_from(wanted) if wanted.keyframe else self._packet_from(wanted)
        if until_mono - newest_mono < 1.4 * spacing_s:  # the wanted packet is the next one
            return 0.0
        return max(0.0, min(until_mono - now_mono, MAX_WAIT_S, MAX_UNREAD_BYTES / self._bytes_per_s))

    def _packet_from(self, wanted: PacketDemand) -> float:
        """Return when to read next: when the first wanted packet is due, or earlier to time an arrival."""
        assert self._newest_mono is not None
        if wanted.from_mono <= self._newest_mono:
            return -math.inf
        ahead_s = wanted.from_mono - self._newest_mono - STAMP_JITTER_S
        steps = math.ceil(ahead_s / self._spacing_s)
        probing = self._newest_mono - self._awaited_mono >= PROBE_EVERY_S
        expected_mono = self._newest_mono + steps * self._spacing_s
        if probing:
            return expected_mono - self._spacing_s / 2
        ready_mono = expected_mono + ARRIVAL_MARGIN_S
        return math.ceil(ready_mono / ALIGN_S) * ALIGN_S if wanted.can_wait else ready_mono

    def _keyframe_from(self, wanted: PacketDemand) -> float:
        """Return when to read: shortly before the first wanted keyframe; at once if its time is unknown."""
        if len(self._key_intervals) < MIN_INTERVALS or self._key_mono is None:
            return -math.inf
        interval_s = min(self._key_intervals)
        later_s = max(wanted.from_mono, self._key_mono) - self._key_mono
        steps = max(1, math.ceil(later_s / interval_s))
        return self._key_mono + steps * interval_s - KEYFRAME_LEAD * self._spacing_s
