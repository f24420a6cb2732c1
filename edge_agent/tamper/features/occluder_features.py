"""Measures what covers the view: whether it changes, and how sharp it is. Paint does not move, is soft
because it is near, and has one colour; a crowd moves, a bus has sharp edges."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.tamper.features.baseline_comparison import BLANK_FLOOR, matching_tiles, structured_tiles
from edge_agent.tamper.features.frame_features import means, median, share

if TYPE_CHECKING:
    from edge_agent.tamper.features.frame_features import FrameFeatures, TileMask

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
