"""Covers areas of a picture so that what was there cannot be restored."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from edge_agent.core.model import Box, Colour

CELLS = 4
"""Number of cells of the mosaic along the longer side of an area: a face with its margin is two or three
cells wide. A finer mosaic could be undone with several frames of a clip, because its grid lies on other
pixels in each frame."""


def cover(picture: Colour, areas: Iterable[Box]) -> Colour:
    """Return a copy of ``picture`` (height, width, 3; uint8; BGR) with a blurred mosaic over each area."""
    covered = picture.copy()
    height, width = picture.shape[:2]
    for area in areas:
        x1, y1, x2, y2 = area.to_pixels(width, height)
        covered[y1:y2, x1:x2] = _mosaic(covered[y1:y2, x1:x2])
    return covered


def _mosaic(pixels: Colour) -> Colour:
    height, width = pixels.shape[:2]
    cell = max(width, height) / CELLS
    columns, rows = max(1, round(width / cell)), max(1, round(height / cell))
    means = cv2.resize(np.ascontiguousarray(pixels), (columns, rows), interpolation=cv2.INTER_AREA)
    large = cv2.resize(means, (width, height), interpolation=cv2.INTER_NEAREST)
    blurred = cv2.blur(large, (max(1, round(cell)), max(1, round(cell))))
    return np.asarray(blurred, np.uint8)
