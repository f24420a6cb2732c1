"""Packet sizes as an early alarm: where an encoder spends more bits, something has changed.

Works on streams of variable bit rate, and not at all on constant ones, where the encoder makes quiet pictures
as large as busy ones. So the limit is learned from each camera's own stream while all of it is decoded. The
alarm may end idle mode early; it never prolongs it.

All sizes are means over the last few packets without keyframes (``RingPacket.recent_bytes``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

MAX_SAMPLES = 600  # sizes of each kind: a minute of quiet at 10 a second
MIN_SAMPLES = 50  # sizes of each kind that are needed to set a limit
MIN_SEPARATION = 0.8
"""Area under the ROC curve of "a larger packet is busy": 0.5 means no relation, 1.0 a perfect one."""
LIMIT_FACTOR = 1.25  # times the ``QUIET_QUANTILE`` of quiet sizes
QUIET_QUANTILE = 0.99
PAUSE_S, MAX_PAUSE_S = 30.0, 3600.0
"""Pause after a false alarm; it doubles with each one, up to ``MAX_PAUSE_S``, and a true alarm resets it."""


class PacketSizeAlarm:
    """Raises the alarms of one connection: learns in full mode, raises alarms in idle mode. Times are the
    stream's. Owned by the pipeline thread; only ``alarms`` is thread-safe."""

    def __init__(self) -> None:
        self._quiet: deque[float] = deque(maxlen=MAX_SAMPLES)
        self._busy: deque[float] = deque(maxlen=MAX_SAMPLES)
        self.limit_bytes: float | None = None
        """Larger sizes raise an alarm in idle mode; None where sizes say nothing about motion."""
        self._pause_s = PAUSE_S
        self._not_before_mono = 0.0

    def learn(self, sizes: Sequence[float], busy: bool) -> None:
        """Learn from the packets since the last analysis. ``busy``: whether it found motion."""
        (self._busy if busy else self._quiet).extend(sizes)

    def begin_idle(self) -> None:
        """Set the limit from what was learned, because idle mode begins."""
        self.limit_bytes = None
        enough = min(len(self._quiet), len(self._busy)) >= MIN_SAMPLES
        if enough and separation(self._quiet, self._busy) >= MIN_SEPARATION:
            self.limit_bytes = LIMIT_FACTOR * float(np.quantile(self._quiet, QUIET_QUANTILE))

    def alarms(self, recent_bytes: float, mono: float) -> bool:
        """Return whether a packet that arrived in idle mode raises an alarm."""
        limit = self.limit_bytes
        return limit is not None and recent_bytes > limit and mono >= self._not_before_mono

    def judge(self, true: bool, mono: float) -> None:
        """Note whether an alarm was true; a false one starts a pause."""
        if true:
            self._pause_s = PAUSE_S
        else:
            self._not_before_mono = mono + self._pause_s
            self._pause_s = min(2 * self._pause_s, MAX_PAUSE_S)


def separation(quiet: Sequence[float] | deque[float], busy: Sequence[float] | deque[float]) -> float:
    """Return the probability, 0..1, that a busy size exceeds a quiet one: the area under the ROC curve."""
    low, high = np.sort(np.asarray(quiet)), np.asarray(busy)
    below = np.searchsorted(low, high, side="left") + np.searchsorted(low, high, side="right")
    return float(below.mean() / (2 * low.size))
