"""Packet sizes as an early alarm: where an encoder spends bits, something has changed.

Works on streams of variable bit rate, and not at all on constant ones, where the encoder makes quiet pictures
as large as busy ones. So each camera's own stream decides, from the time in which all of it is decoded. The
alarm may wake a camera early; it never keeps one asleep.

All sizes here are means over the last few packets that are no keyframes (``RingPacket.recent_bytes``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

REMEMBERED = 600  # pictures of each kind: a minute of quiet at 10 a second
LEAST = 50  # of each kind, before anything is concluded
MIN_SEPARATION = 0.8
"""Area under the ROC curve of "a larger one is busy": 0.5 says nothing, 1.0 all."""
ABOVE = 1.25  # times the largest that quiet pictures were, but for the odd one
QUIET_QUANTILE = 0.99
PAUSE_S, LONGEST_PAUSE_S = 30.0, 3600.0
"""After an alarm that was none, doubled each time; a true one resets it."""


class PacketSizeAlarm:
    """Of one connection: learns in full gear, gives alarm in idle gear. Times are the stream's. Owned by the
    pipeline's thread; ``alarms`` may be asked by any."""

    def __init__(self) -> None:
        self._quiet: deque[float] = deque(maxlen=REMEMBERED)
        self._busy: deque[float] = deque(maxlen=REMEMBERED)
        self._limit_bytes: float | None = None
        self._pause_s = PAUSE_S
        self._not_before_mono = 0.0

    @property
    def limit_bytes(self) -> float | None:
        """What gives alarm in idle gear; None where sizes tell nothing."""
        return self._limit_bytes

    def learn(self, sizes: Sequence[float], busy: bool) -> None:
        """Of the packets since the last look, and what the look found."""
        (self._busy if busy else self._quiet).extend(sizes)

    def begin_idle(self) -> None:
        """Idle gear begins: conclude from what was learned."""
        self._limit_bytes = None
        if (
            min(len(self._quiet), len(self._busy)) < LEAST
            or separation(self._quiet, self._busy) < MIN_SEPARATION
        ):
            return
        self._limit_bytes = ABOVE * float(np.quantile(self._quiet, QUIET_QUANTILE))

    def alarms(self, recent_bytes: float, mono: float) -> bool:
        """Whether a packet that came in idle gear gives alarm."""
        limit = self._limit_bytes
        return limit is not None and recent_bytes > limit and mono >= self._not_before_mono

    def judge(self, true: bool, mono: float) -> None:
        """What came of an alarm."""
        if true:
            self._pause_s = PAUSE_S
        else:
            self._not_before_mono = mono + self._pause_s
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)


def separation(quiet: Sequence[float] | deque[float], busy: Sequence[float] | deque[float]) -> float:
    """Area under the ROC curve, 0..1: how likely a busy size is above a quiet one (Mann, Whitney 1947)."""
    low, high = np.sort(np.asarray(quiet)), np.asarray(busy)
    below = np.searchsorted(low, high, side="left") + np.searchsorted(low, high, side="right")
    return float(below.mean() / (2 * low.size))
