"""Tells falling drops from things, by the company they keep."""

from __future__ import annotations

import math
from collections.abc import Sequence

from edge_agent.motion.regions import Patch

MEMORY_S = 3.0
THIN_IN_RAIN = 1.5  # thin patches a frame, averaged over the memory
"""A lamp post's shadow or one far walker is thin too; several in every frame are weather."""


class RainFilter:
    """Drops thin patches and shreds while most patches are thin: small far things go with them."""

    def __init__(self) -> None:
        self._thin = 0.0
        self._solid = 0.0

    def __call__(self, patches: Sequence[Patch], elapsed_s: float) -> list[Patch]:
        thin = sum(patch.thin for patch in patches)
        keep = math.exp(-elapsed_s / MEMORY_S)
        self._thin = keep * self._thin + (1 - keep) * thin
        self._solid = keep * self._solid + (1 - keep) * (len(patches) - thin)
        if self._thin < THIN_IN_RAIN or self._thin < self._solid:
            return list(patches)
        return [patch for patch in patches if not (patch.thin or patch.shred)]
