"""The motion scale: a luma picture of about 320 x 180, whatever the camera sends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from edge_agent.model import Gray

Polygon = Sequence[tuple[float, float]]

PIXELS = 320 * 180
"""Cost is proportional to it; at 160 x 90 rain passes for motion and far motorbikes vanish."""
_DIRECT_PIXELS = 1280 * 720
"""Above this an area average of every pixel costs more than the whole background model."""


def motion_size(width: int, height: int) -> tuple[int, int]:
    """(width, height) at motion scale: same aspect ratio, about ``PIXELS``, never enlarged."""
    factor = min(1.0, (PIXELS / (width * height)) ** 0.5)
    return max(16, round(width * factor)), max(16, round(height * factor))


class Downscaler:
    """Brings luma of one input size to motion scale; the result is overwritten by the next call."""

    def __init__(self, width: int, height: int) -> None:
        self.size = motion_size(width, height)
        self._small: Gray = np.empty((self.size[1], self.size[0]), np.uint8)
        self._middle: Gray | None = None
        if width * height > _DIRECT_PIXELS:
            self._middle = np.empty((self.size[1] * 2, self.size[0] * 2), np.uint8)

    def __call__(self, luma: Gray) -> Gray:
        source = luma
        if self._middle is not None:
            middle_size = (self._middle.shape[1], self._middle.shape[0])
            cv2.resize(luma, middle_size, dst=self._middle, interpolation=cv2.INTER_LINEAR)
            source = self._middle
        cv2.resize(source, self.size, dst=self._small, interpolation=cv2.INTER_AREA)
        return self._small


def ignored_area(masks: Iterable[Polygon], width: int, height: int) -> Gray:
    """255 where motion counts, 0 inside a mask; shape (height, width)."""
    counted: Gray = np.full((height, width), 255, np.uint8)
    for polygon in masks:
        points = np.array([(x * width, y * height) for x, y in polygon], np.float32)
        cv2.fillPoly(counted, [np.rint(points).astype(np.int32)], (0,))
    return counted
