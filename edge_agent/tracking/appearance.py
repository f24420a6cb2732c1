"""A small picture of something parked, to know without an inference that it is still there.

Normalised cross-correlation does not care how bright the scene is, and a search around the place tells
"it drove off to the left" from "somebody walks in front of it".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.model import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_agent.model import Gray

    Floats = NDArray[np.float32]

LONG_SIDE = 32  # pixels of the remembered patch; enough to recognise one object among a few places
INNER = 0.15  # of the box, left out on every side: its corners show the ground, which does not drive off
SMOOTH = 11  # pixels; what is wider than this (wall above floor, a shadow's edge) is not the object either
REACH = 0.6  # own widths and heights that a search goes to each side
MIN_CONTRAST = 4.0  # grey levels of standard deviation; below it correlation follows the noise


@dataclass(frozen=True, slots=True)
class Match:
    """``score`` -1..1 at the best place, which lies ``dx``, ``dy`` (own widths, heights) from the old one."""

    score: float
    dx: float
    dy: float
    here: float  # score at the old place


class Patch:
    """The luma of one box, remembered at low resolution."""

    def __init__(self, luma: Gray, box: Box) -> None:
        """``box`` must overlap the picture; what lies outside is left out."""
        self.box = box.grown(-INNER * box.width, -INNER * box.height).clipped()
        height, width = luma.shape
        x1, y1, x2, y2 = self.box.to_pixels(width, height)
        self._scale = min(1.0, LONG_SIDE / max(x2 - x1, y2 - y1))
        self._pixels = self._shrunk(luma[y1:y2, x1:x2])
        self.contrast = float(self._pixels.std())

    @property
    def tells(self) -> bool:
        """False for a patch too flat to be recognised."""
        return self.contrast >= MIN_CONTRAST and min(self._pixels.shape) >= 3

    def find(self, luma: Gray) -> Match:
        """Where the patch is now, within ``REACH`` of its place."""
        height, width = luma.shape
        x1, y1, x2, y2 = self.box.to_pixels(width, height)
        left, up = int(min(x1, REACH * (x2 - x1))), int(min(y1, REACH * (y2 - y1)))
        right = int(min(width - x2, REACH * (x2 - x1)))
        down = int(min(height - y2, REACH * (y2 - y1)))
        around = self._shrunk(luma[y1 - up : y2 + down, x1 - left : x2 + right])
        rows, columns = self._pixels.shape
        grown = cv2.copyMakeBorder(
            around,
            0,
            max(0, rows - around.shape[0]),
            0,
            max(0, columns - around.shape[1]),
            cv2.BORDER_REPLICATE,
        )
        scores = cv2.matchTemplate(grown, self._pixels, cv2.TM_CCOEFF_NORMED)
        _, best, _, (bx, by) = cv2.minMaxLoc(scores)
        hx = min(round(left * self._scale), scores.shape[1] - 1)
        hy = min(round(up * self._scale), scores.shape[0] - 1)
        around_here = scores[max(0, hy - 1) : hy + 2, max(0, hx - 1) : hx + 2]  # rounding of the two sizes
        return Match(float(best), (bx - hx) / columns, (by - hy) / rows, float(np.max(around_here)))

    def _shrunk(self, part: Gray) -> Floats:
        size = (max(1, round(part.shape[1] * self._scale)), max(1, round(part.shape[0] * self._scale)))
        small = cv2.resize(part, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        return np.asarray(small - cv2.blur(small, (SMOOTH, SMOOTH)), dtype=np.float32)
