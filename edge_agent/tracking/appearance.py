"""A small picture of something parked, to know without an inference that it is still there.

Normalised cross-correlation does not care how bright the scene is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.core.model import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_agent.core.model import Gray

    Floats = NDArray[np.float32]

LONG_SIDE = 32  # pixels of the remembered patch; enough to recognise one object at one place
INNER = 0.15  # of the box, left out on every side: its corners show the ground, which does not drive off
SMOOTH = 11  # pixels; what is wider than this (wall above floor, a shadow's edge) is not the object either
MIN_CONTRAST = 4.0  # grey levels of standard deviation; below it correlation follows the noise
SAME_CORRELATION = (
    0.7  # correlation at the place; a passer-by leaves less than 0.4, dusk and noise more than 0.8
)
SHAKE = 1  # pixels of the patch that wind moves the camera by


class AppearancePatch:
    """The luma of one box, remembered at low resolution."""

    def __init__(self, luma: Gray, box: Box) -> None:
        """``box`` must overlap the picture; what lies outside is left out."""
        self._box = box.grown(-INNER * box.width, -INNER * box.height).clipped()
        x1, y1, x2, y2 = self._box.to_pixels(luma.shape[1], luma.shape[0])
        scale = min(1.0, LONG_SIDE / max(x2 - x1, y2 - y1))
        self._size = max(1, round((x2 - x1) * scale)), max(1, round((y2 - y1) * scale))
        self._pixels = self._shrunk(luma)

    @property
    def is_distinct(self) -> bool:
        """False for a patch too flat to be recognised."""
        return float(self._pixels.std()) >= MIN_CONTRAST and min(self._pixels.shape) >= 3

    def matches(self, luma: Gray) -> bool:
        """Whether the place looks as it did."""
        now = cv2.copyMakeBorder(self._shrunk(luma), SHAKE, SHAKE, SHAKE, SHAKE, cv2.BORDER_REPLICATE)
        scores = cv2.matchTemplate(now, self._pixels, cv2.TM_CCOEFF_NORMED)
        return float(scores.max()) >= SAME_CORRELATION

    def _shrunk(self, luma: Gray) -> Floats:
        x1, y1, x2, y2 = self._box.to_pixels(luma.shape[1], luma.shape[0])
        small = cv2.resize(luma[y1:y2, x1:x2], self._size, interpolation=cv2.INTER_AREA).astype(np.float32)
        return np.asarray(small - cv2.blur(small, (SMOOTH, SMOOTH)), dtype=np.float32)
