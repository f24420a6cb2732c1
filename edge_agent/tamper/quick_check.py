"""Whether the picture is as it was at the last full look: then that one's verdict holds, for a while.

Most cameras show nothing new for most of the day, and a full look costs five times as much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.tamper.features.baseline_comparison import FEWEST
from edge_agent.tamper.features.frame_features import count, means, share

if TYPE_CHECKING:
    from edge_agent.core.model import Gray
    from edge_agent.tamper.features.frame_features import TileMask, Tiles

EVERY_S = 9.5
"""A full look is due after it in any case: fog and rain come slower than a glance sees."""
WELL_LOOKS = 3  # full looks in a row with nothing to tell, before glances are enough
CHANGED, OF_LIVE = 1.0, 2.0
"""Grey levels, and times its noise: a tile that differs by more than the sum shows something else."""
MOST = 0.15  # of the tiles that would be missed; with more of them changed the picture is looked at in full


class QuickCheck:
    """One thread."""

    def __init__(self, counted: TileMask) -> None:
        self._counted = counted
        self._seen: Gray | None = None  # every second row of the picture of the last full look
        self._seen_mono = 0.0
        self._well_looks = 0

    def forget(self) -> None:
        self._seen, self._well_looks = None, 0

    def remember(self, small: Gray, now_mono: float, well: bool) -> None:
        """A full look; ``well``: nothing is wrong, and nothing is about to be."""
        self._seen, self._seen_mono = small[::2], now_mono
        self._well_looks = self._well_looks + 1 if well else 0

    def is_enough(self, small: Gray, structured: TileMask, live: Tiles | None, now_mono: float) -> bool:
        """Whether a full look would say what the last one said."""
        if self._seen is None or live is None or self._well_looks < WELL_LOOKS:
            return False
        if now_mono - self._seen_mono >= EVERY_S:
            return False
        differs = means(cv2.absdiff(small[::2], self._seen).astype(np.float32))
        asked = structured if count(structured) >= FEWEST else self._counted
        return share(differs > CHANGED + OF_LIVE * live, asked) < MOST
