"""Checks whether the picture is as it was at the last full analysis: then its verdict still holds, for a
while.

Most cameras show nothing new for most of the day, and a full analysis costs five times as much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.tamper.features.baseline_comparison import MIN_TILES
from edge_agent.tamper.features.frame_features import count, means, share

if TYPE_CHECKING:
    from edge_agent.core.model import Gray
    from edge_agent.tamper.features.frame_features import TileMask, Tiles

EVERY_S = 9.5
"""A full analysis is due after this long: the quick check misses slow changes such as fog and rain."""
MIN_GOOD_ANALYSES = 3  # full analyses in a row without a finding before quick checks are enough
CHANGED, LIVE_FACTOR = 1.0, 2.0
"""Grey levels, and times the tile's noise: a tile that differs by more than the sum has changed."""
MAX_CHANGED = 0.15  # share of the structured tiles; if more have changed, a full analysis is due


class QuickCheck:
    """The quick check of one camera. For one thread."""

    def __init__(self, counted: TileMask) -> None:
        self._counted = counted
        self._seen: Gray | None = None  # every second row of the picture of the last full analysis
        self._seen_mono = 0.0
        self._good_analyses = 0

    def forget(self) -> None:
        self._seen, self._good_analyses = None, 0

    def remember(self, small: Gray, now_mono: float, well: bool) -> None:
        """Store the picture of a full analysis. ``well``: it found nothing, and no state is starting."""
        self._seen, self._seen_mono = small[::2], now_mono
        self._good_analyses = self._good_analyses + 1 if well else 0

    def is_enough(self, small: Gray, structured: TileMask, live: Tiles | None, now_mono: float) -> bool:
        """Whether a full analysis would have the same result as the last one."""
        if self._seen is None or live is None or self._good_analyses < MIN_GOOD_ANALYSES:
            return False
        if now_mono - self._seen_mono >= EVERY_S:
            return False
        differs = means(cv2.absdiff(small[::2], self._seen).astype(np.float32))
        expected = structured if count(structured) >= MIN_TILES else self._counted
        return share(differs > CHANGED + LIVE_FACTOR * live, expected) < MAX_CHANGED
