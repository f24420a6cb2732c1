"""From a foreground mask to the boxes of things."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.model import Box, MotionRegion

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_agent.model import Gray

MIN_SHARE = 1.0e-4
"""Smallest changed share of the picture: 6 pixels of 320 x 180, a far motorbike of 4 x 6 at 640 x 360."""
REACH_X, REACH_Y = 1, 3
"""Pixels bridged on either side: people break up at the belt, two people stand side by side."""
_OPENING = np.ones((2, 2), np.uint8)
_BRIDGE = np.ones((2 * REACH_Y + 1, 2 * REACH_X + 1), np.uint8)


class RegionFinder:
    """Groups foreground pixels of one motion-scale picture size into regions."""

    def __init__(self, width: int, height: int) -> None:
        self._width = width
        self._height = height
        self._min_pixels = max(4, round(MIN_SHARE * width * height))
        self._padded: Gray = np.zeros((height + 2 * REACH_Y, width + 2 * REACH_X), np.uint8)
        self._bridged: Gray = np.empty_like(self._padded)

    @property
    def foreground(self) -> Gray:
        """Despeckled mask of the last ``find``, 0 or 255, shape (height, width)."""
        return self._padded[REACH_Y:-REACH_Y, REACH_X:-REACH_X]

    def find(self, differs: Gray) -> tuple[MotionRegion, ...]:
        """Regions of ``differs`` (0 or 255), largest area first."""
        mask = self.foreground
        mask[:] = cv2.morphologyEx(differs, cv2.MORPH_OPEN, _OPENING)
        if not cv2.countNonZero(mask):
            return ()
        cv2.dilate(self._padded, _BRIDGE, dst=self._bridged)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(
            self._bridged, connectivity=8, ltype=cv2.CV_16U
        )
        pixels = np.bincount(labels.ravel()[np.flatnonzero(self._padded)], minlength=count)
        found = [
            self._region(stats[i], int(pixels[i])) for i in range(1, count) if pixels[i] >= self._min_pixels
        ]
        return tuple(sorted(found, key=lambda region: -region.area))

    def _region(self, stat: NDArray[np.int32], pixels: int) -> MotionRegion:
        # The padding moves the picture by the reach, and the bridge grows each thing by it: what
        # remains at the left and top is the thing's own edge.
        x, y = int(stat[cv2.CC_STAT_LEFT]), int(stat[cv2.CC_STAT_TOP])
        x2 = x + int(stat[cv2.CC_STAT_WIDTH]) - 2 * REACH_X
        y2 = y + int(stat[cv2.CC_STAT_HEIGHT]) - 2 * REACH_Y
        box = Box.from_pixels(x, y, x2, y2, self._width, self._height)
        return MotionRegion(box, min(box.area, pixels / (self._width * self._height)))
