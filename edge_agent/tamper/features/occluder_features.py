"""What has come in place of the view: whether it stays as it is, how sharp it is, and how much of it is one
colour. Paint stays, is soft, because it is near, and of one colour; a crowd moves, a bus has edges."""

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

LOOKS = 2  # apart
_LEAST = 0.5  # mean square of the coarse band; a tile with less of it is neither soft nor sharp


@dataclass(frozen=True, slots=True)
class OccluderFeatures:
    """All 0 while the view is there, and at the first looks without it."""

    steady: float = 0.0  # share of the lost tiles that are blank, or show what they showed some looks before
    focus: float = 0.0  # energy of the fine band by that of the coarse one in them; noise is in neither
    detail: float = 0.0  # energy of the fine band by the usual one


class OccluderAnalyser:
    """One thread."""

    def __init__(self, counted: TileMask) -> None:
        self._counted = counted
        self._before: deque[FrameFeatures] = deque(maxlen=LOOKS)  # since the view is lost

    def update(self, sketch: FrameFeatures, usual: FrameFeatures, lost: bool) -> OccluderFeatures:
        if not lost:
            self._before.clear()
            return OccluderFeatures()
        before = self._before[0] if len(self._before) == LOOKS else None
        self._before.append(sketch)
        return OccluderFeatures() if before is None else self._compare(sketch, before, usual)

    def forget(self) -> None:
        """Frames did not come for a while."""
        self._before.clear()

    def _compare(
        self, sketch: FrameFeatures, before: FrameFeatures, usual: FrameFeatures
    ) -> OccluderFeatures:
        structured = structured_tiles(usual, self._counted)
        lost = structured & ~matching_tiles(sketch.coarse, sketch.coarse_energy, usual.coarse)
        if not lost.any():
            return OccluderFeatures()
        same = matching_tiles(sketch.coarse, sketch.coarse_energy, before.coarse)
        # What two looks have in common has no noise in it.
        fine = means(cv2.multiply(sketch.fine, before.fine))  # type: ignore[arg-type]
        coarse = means(cv2.multiply(sketch.coarse, before.coarse))  # type: ignore[arg-type]
        return OccluderFeatures(
            share(same | (sketch.coarse_energy < BLANK_FLOOR), lost),
            median(np.divide(fine, np.maximum(coarse, _LEAST), dtype=np.float32)[lost]),
            median(np.divide(fine, np.maximum(usual.fine_energy, _LEAST), dtype=np.float32)[lost]),
        )
