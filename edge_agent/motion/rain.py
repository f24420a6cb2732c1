"""Tells falling drops from things: drops are thin, many, and never where one was a frame ago."""

from __future__ import annotations

import math
from collections.abc import Sequence

from edge_agent.motion.regions import ForegroundBlob

MEMORY_S = 4.0
DROPS_IN_RAIN = 0.6
"""Drops a frame, averaged over the memory, from which on it rains. Higher: fewer far things are lost in
drizzle, more drops pass."""
DROPS_IN_HEAVY_RAIN = 4.0  # from here on drops fall where drops fell by chance: thin things go, too
_NEAR = 2  # pixels of motion scale a thin thing, a far walker, moves between two frames at most


class RainFilter:
    """Takes drops out while it rains.

    A drop is a thin patch that appears where nothing was in the frame before; a far walker is thin
    but stays near its place. While it rains, tiny far things that jump between two frames go too,
    and in heavy rain everything tiny or thin.
    """

    def __init__(self) -> None:
        self._drops = 0.0
        self._things = 0.0
        self._before: list[ForegroundBlob] = []

    def __call__(self, patches: Sequence[ForegroundBlob], elapsed_s: float) -> list[ForegroundBlob]:
        """The patches without drops; ``elapsed_s`` since the last call."""
        new = [patch for patch in patches if (patch.thin or patch.ragged) and not self._was_near(patch)]
        drops = sum(patch.thin for patch in new)
        keep = math.exp(-elapsed_s / MEMORY_S)
        self._drops = keep * self._drops + (1 - keep) * drops
        self._things = keep * self._things + (1 - keep) * (len(patches) - len(new))
        self._before = list(patches)
        if self._drops < DROPS_IN_RAIN or self._drops < self._things:
            return list(patches)
        if self._drops >= DROPS_IN_HEAVY_RAIN:
            return [patch for patch in patches if not (patch.thin or patch.ragged)]
        dropped = set(map(id, new))
        return [patch for patch in patches if id(patch) not in dropped]

    def _was_near(self, patch: ForegroundBlob) -> bool:
        return any(
            patch.x - _NEAR < other.x + other.width
            and other.x - _NEAR < patch.x + patch.width
            and patch.y - _NEAR < other.y + other.height
            and other.y - _NEAR < patch.y + patch.height
            for other in self._before
        )
