"""Finds the one small area that moves without a pause: an unmasked clock in the picture, a flag, a branch.

It does not harm detection, but while something moves every picture has to be decoded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.core.model import Box, MotionRegion

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLUMNS, ROWS = 16, 9
AFTER_S = 300.0  # shorter motion is not worth a technician's time
MEMORY_S = 120.0
OFTEN = 0.3  # share of the seconds in which a persistent cell moves; low, since a clock's tens change rarely
ALWAYS, NEVER = 0.7, 0.1  # shares of the seconds for "something always moves" and "nothing else moves"
MAX_SHARE = 0.08  # of the picture; a larger area is a street
_AROUND = np.ones((3, 3), np.uint8)


class PersistentMotion:
    """Finds the area of persistent motion from the regions of every frame. For one thread."""

    def __init__(self) -> None:
        # Share of the seconds with motion, for each cell.
        self._often: NDArray[np.float32] = np.zeros((ROWS, COLUMNS), np.float32)
        self._touched: NDArray[np.uint8] = np.zeros((ROWS, COLUMNS), np.uint8)  # in this second
        self._moving = 0.0  # share of the seconds in which something moved
        self._elsewhere = 0.0  # share of the seconds with motion outside the persistent cells
        self._begun_mono: float | None = None
        self._second_mono = 0.0

    def update(self, regions: Sequence[MotionRegion], mono: float) -> None:
        if self._begun_mono is None or mono < self._second_mono:
            self._begun_mono = self._second_mono = mono
        for region in regions:
            x1, y1, x2, y2 = region.box.to_pixels(COLUMNS, ROWS)
            self._touched[y1:y2, x1:x2] = 1
        if mono - self._second_mono >= 1.0:
            self._close_second(mono - self._second_mono)
            self._second_mono = mono

    @property
    def box(self) -> Box | None:
        """The area in 0..1 of the picture; None without such an area, and in the first ``AFTER_S``."""
        if self._begun_mono is None or self._second_mono - self._begun_mono < AFTER_S:
            return None
        if self._moving < ALWAYS or self._elsewhere > NEVER:
            return None
        rows, columns = np.nonzero(self._often > OFTEN)
        if not 0 < rows.size <= MAX_SHARE * ROWS * COLUMNS:
            return None
        return Box(
            float(np.min(columns)) / COLUMNS,
            float(np.min(rows)) / ROWS,
            float(np.max(columns) + 1) / COLUMNS,
            float(np.max(rows) + 1) / ROWS,
        )

    def _close_second(self, elapsed_s: float) -> None:
        new = 1.0 - math.exp(-elapsed_s / MEMORY_S)
        persistent = cv2.dilate((self._often > OFTEN).astype(np.uint8), _AROUND)
        elsewhere = bool(np.any(self._touched > persistent))
        self._often += new * (self._touched - self._often)
        self._moving += new * (bool(self._touched.any()) - self._moving)
        self._elsewhere += new * (elsewhere - self._elsewhere)
        self._touched[:] = 0
