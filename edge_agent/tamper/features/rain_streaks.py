"""Rain before the lens: thin bright streaks, everywhere at once, never twice in the same place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.tamper.features.frame_features import COLUMNS, ROWS, means, median, share

if TYPE_CHECKING:
    from edge_agent.core.model import Gray
    from edge_agent.tamper.features.frame_features import TileMask

LEAST = 8.0  # grey levels a streak is brighter than the looks before
OF_NOISE = 5.0
IN_TILE = 0.004  # share of a tile's pixels that are streaks, from which on it counts
FULL = 0.25  # with so many it is something else
_BLOB = np.ones((3, 3), np.uint8)
_WIDER = np.ones((5, 5), np.uint8)
_NOISE_ROWS = 3  # every third one tells the noise well enough


class RainStreaks:
    """Share of the tiles with streaks. One thread."""

    def __init__(self, counted: TileMask) -> None:
        self._counted = counted
        self._before: list[Gray] = []
        self.share = 0.0

    def update(self, small: Gray) -> float:
        if len(self._before) == 2:
            self.share = self._measure(small, *self._before)
        self._before = [*self._before[-1:], small]
        return self.share

    def add_reference(self, small: Gray) -> None:
        """A picture that is not measured, but one that the next ones are measured against."""
        self._before = [*self._before[-1:], small]

    def forget(self) -> None:
        self._before = []
        self.share = 0.0

    def _measure(self, small: Gray, older: Gray, old: Gray) -> float:
        rows = np.s_[::_NOISE_ROWS]
        noise = median(means(cv2.absdiff(old[rows], older[rows]).astype(np.float32)))
        brighter = cv2.subtract(small, cv2.max(older, old))
        _, mask = cv2.threshold(brighter, max(LEAST, OF_NOISE * noise), 1, cv2.THRESH_BINARY)
        if cv2.countNonZero(mask) < IN_TILE * mask.size / (ROWS * COLUMNS):
            return 0.0
        blobs = cv2.dilate(cv2.erode(mask, _BLOB), _WIDER)
        thin = means(cv2.subtract(mask, blobs).astype(np.float32))
        return share((thin >= IN_TILE) & (thin <= FULL), self._counted)
