"""The motion scale: a luma picture of about 320 x 180, whatever the camera sends."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from edge_agent.core.geometry import Polygon
    from edge_agent.core.model import Gray

PIXELS = 320 * 180
"""Cost is proportional to it; at 160 x 90 rain passes for motion and far motorbikes vanish."""
_TWO_STEPS_FROM = 4
"""From that divisor on a bilinear step first costs a third of averaging every pixel, and little is lost."""


class Downscaler:
    """Brings luma of one input size to motion scale by a whole divisor.

    A whole divisor keeps the aspect ratio and is many times cheaper in OpenCV than any other; up to
    divisor - 1 pixels at the right and lower edge are not looked at. Small pictures are not enlarged.
    """

    def __init__(self, width: int, height: int) -> None:
        self.divisor = max(1, round((width * height / PIXELS) ** 0.5))
        self.size = (max(1, width // self.divisor), max(1, height // self.divisor))
        """(width, height) at motion scale."""
        self._small: Gray = np.empty((self.size[1], self.size[0]), np.uint8)
        self._middle: Gray = np.empty((0, 0), np.uint8)
        if self.divisor >= _TWO_STEPS_FROM:
            self._middle = np.empty((self.size[1] * 2, self.size[0] * 2), np.uint8)

    def __call__(self, luma: Gray) -> Gray:
        """The picture at motion scale, overwritten by the next call; ``luma`` itself for divisor 1."""
        if self.divisor == 1:
            return luma
        source = luma[: self.size[1] * self.divisor, : self.size[0] * self.divisor]
        if self._middle.size:
            middle_size = (self._middle.shape[1], self._middle.shape[0])
            cv2.resize(source, middle_size, dst=self._middle, interpolation=cv2.INTER_LINEAR)
            source = self._middle
        cv2.resize(source, self.size, dst=self._small, interpolation=cv2.INTER_AREA)
        return self._small


def counted_area(masks: Iterable[Polygon], width: int, height: int) -> Gray:
    """255 where motion counts, 0 inside a mask; shape (height, width)."""
    counted: Gray = np.full((height, width), 255, np.uint8)
    for polygon in masks:
        corners = np.array([(x * width, y * height) for x, y in polygon], np.float32)
        cv2.fillPoly(counted, [np.rint(corners).astype(np.int32)], (0,))
    return counted
