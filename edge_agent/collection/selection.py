"""Selects which frames of one camera are worth keeping for training. Pure: no clock, no disk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_agent.core.model import Gray

LIGHT_LEVELS = {"dark": 40.0, "dim": 90.0, "medium": 150.0, "bright": 256.0}
"""Upper limit of each level: mean luma of the picture, 0 to 255."""
AHEAD = 0.1
"""Share of the frames that may be taken ahead of time in light that is rare so far: dusk lasts minutes."""
QUIET_FACTOR = 2.0
"""A frame in which nothing moves is taken only after so many times the usual interval."""


def brightness_of(luma: Gray) -> float:
    """Mean luma, 0 to 255, of every eighth pixel each way."""
    return float(luma[::8, ::8].mean())


def light_level(brightness: float) -> str:
    return next(level for level, limit in LIGHT_LEVELS.items() if brightness < limit)


class FrameSelection:
    """One camera's share of a collection. One thread calls ``wants`` and ``add``.

    The number taken never runs ahead of the time that has passed, so that they spread over all hours; only
    frames in rare light may come earlier.
    """

    def __init__(
        self,
        frames: int,
        per_hour: int,
        for_s: float,
        until_mono: float,
        now_mono: float,
        taken: Mapping[str, int] | None = None,
    ) -> None:
        """``taken``: frames by light level before a restart; then the first interval is waited for."""
        self._frames = frames
        self._gap_s = 3600.0 / per_hour
        self._for_s = for_s
        self._until_mono = until_mono
        self._taken = dict(taken or {})
        self._last_mono = now_mono
        self.next_mono = now_mono + self._gap_s if self._taken else now_mono
        """No frame before it is worth a question."""

    def wants(self, now_mono: float, level: str, *, active: bool) -> bool:
        """Whether to keep a frame of that light level; ``active``: something moves in it."""
        taken = sum(self._taken.values())
        if taken >= self._frames or not self.next_mono <= now_mono < self._until_mono:
            return False
        quiet_s = QUIET_FACTOR * self._for_s / self._frames
        if not active and now_mono - self._last_mono < quiet_s:
            return False
        is_rare = self._taken.get(level, 0) * len(LIGHT_LEVELS) <= taken
        passed = 1.0 - (self._until_mono - now_mono) / self._for_s
        return taken < self._frames * (passed + (AHEAD if is_rare else 0.0))

    def add(self, now_mono: float, level: str) -> None:
        """A frame was taken."""
        self._taken[level] = self._taken.get(level, 0) + 1
        self._last_mono = now_mono
        self.next_mono = now_mono + self._gap_s
