"""Measures rain before the lens: thin bright streaks, everywhere, never twice in the same place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.tamper.features.frame_features import COLUMNS, ROWS, means, median, share

if TYPE_CHECKING:
    from edge_agent.core.model import Gray
    from edge_agent.tamper.features.frame_features import TileMask

LEAST = 8.0  # grey levels by which a streak is brighter than in the last two pictures
NOISE_FACTOR = 5.0
IN_TILE = 0.004  # share of streak pixels from which on a tile counts
FULL = 0.25  # above this share the tile shows something else
_BLOB = np.ones((3, 3), np.uint8)
_WIDER = np.ones((5, 5), np.uint8)
_NOISE_ROWS = 3  # the noise is measured on every third row


class RainStreaks:
    """The share of tiles with streaks. For one thread."""

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
        """Store a picture as a reference for the next ones, without measuring it."""
        self._before = [*self._before[-1:], small]

    def forget(self) -> None:
        self._before = []
        self.share = 0.0

    def _measure(self, small: Gray, older: Gray, old: Gray) -> float:
        rows = np.s_[::_NOISE_ROWS]
        noise = median(means(cv2.absdiff(old[rows], older[rows]).astype(np.float32)))
        brighter = cv2.subtract(small, cv2.max(older, old))
        _, mask = cv2.threshold(brighter, max(LEAST, NOISE_FACTOR * noise), 1, cv2.THRESH_BINARY)
        if cv2.countNonZero(mask) < IN_TILE * mask.size / (ROWS * COLUMNS):
            return 0.0
        blobs = cv2.dilate(cv2.erode(mask, _BLOB), _WIDER)
        thin = means(cv2.subtract(mask, blobs).astype(np.float32))
        return share((thin >= IN_TILE) & (thin <= FULL), self._counted)
