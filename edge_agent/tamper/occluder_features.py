"""Measures what covers the view: whether it changes, and how sharp it is. Paint does not move, is soft
because it is near, and has one colour; a crowd moves, a bus has sharp edges.

``RainStreaks`` measures rain before the lens: thin bright streaks, everywhere, never twice in the same place.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.tamper.baseline_comparison import BLANK_FLOOR, matching_tiles, structured_tiles
from edge_agent.tamper.frame_features import COLUMNS, ROWS, means, median, share

if TYPE_CHECKING:
    from edge_agent.core.model import Gray
    from edge_agent.tamper.frame_features import FrameFeatures, TileMask


APART = 2  # analyses between the two pictures that are compared
_LEAST = 0.5  # mean square of the coarse band; a tile below it is neither soft nor sharp


@dataclass(frozen=True, slots=True)
class OccluderFeatures:
    """Features of the lost tiles. All 0 while the view is good, and at the first analyses after its loss."""

    steady: float = 0.0  # share of the lost tiles that are blank, or match the picture ``APART`` analyses ago
    focus: float = 0.0  # energy of the fine band over that of the coarse band, both without noise
    detail: float = 0.0  # energy of the fine band over the usual one


class OccluderAnalyser:
    """Measures the occluder of one camera. For one thread."""

    def __init__(self, counted: TileMask) -> None:
        self._counted = counted
        self._before: deque[FrameFeatures] = deque(maxlen=APART)  # since the view was lost

    def update(self, features: FrameFeatures, usual: FrameFeatures, lost: bool) -> OccluderFeatures:
        if not lost:
            self._before.clear()
            return OccluderFeatures()
        before = self._before[0] if len(self._before) == APART else None
        self._before.append(features)
        return OccluderFeatures() if before is None else self._compare(features, before, usual)

    def forget(self) -> None:
        """Drop the history, because frames did not come for a while."""
        self._before.clear()

    def _compare(
        self, features: FrameFeatures, before: FrameFeatures, usual: FrameFeatures
    ) -> OccluderFeatures:
        structured = structured_tiles(usual, self._counted)
        lost = structured & ~matching_tiles(features.coarse, features.coarse_energy, usual.coarse)
        if not lost.any():
            return OccluderFeatures()
        same = matching_tiles(features.coarse, features.coarse_energy, before.coarse)
        # The product of two pictures does not contain their noise.
        fine = means(cv2.multiply(features.fine, before.fine))  # type: ignore[arg-type]
        coarse = means(cv2.multiply(features.coarse, before.coarse))  # type: ignore[arg-type]
        return OccluderFeatures(
            share(same | (features.coarse_energy < BLANK_FLOOR), lost),
            median(np.divide(fine, np.maximum(coarse, _LEAST), dtype=np.float32)[lost]),
            median(np.divide(fine, np.maximum(usual.fine_energy, _LEAST), dtype=np.float32)[lost]),
        )


MIN_STREAK = 8.0  # grey levels by which a streak is brighter than in the last two pictures
NOISE_FACTOR = 5.0
IN_TILE = 0.004  # share of streak pixels from which on a tile counts
FULL = 0.25  # above this share the tile shows something other than rain
_BLOB = np.ones((3, 3), np.uint8)
_WIDER = np.ones((5, 5), np.uint8)
_NOISE_ROWS = 3  # the noise is measured on every third row


class RainStreaks:
    """Measures the share of tiles with streaks of rain. For one thread."""

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
        _, mask = cv2.threshold(brighter, max(MIN_STREAK, NOISE_FACTOR * noise), 1, cv2.THRESH_BINARY)
        if cv2.countNonZero(mask) < IN_TILE * mask.size / (ROWS * COLUMNS):
            return 0.0
        blobs = cv2.dilate(cv2.erode(mask, _BLOB), _WIDER)
        thin = means(cv2.subtract(mask, blobs).astype(np.float32))
        return share((thin >= IN_TILE) & (thin <= FULL), self._counted)
