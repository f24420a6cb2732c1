"""Removes foreground that is no object: raindrops, ghosts and cast shadows.

Raindrops are thin, many, and never where one was a frame ago. A ghost is where an object left: the background
shows it and the picture does not. A cast shadow is a faint, darker area around an object that differs more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.motion.regions import ForegroundBlob

if TYPE_CHECKING:
    from edge_agent.core.model import Gray


MEMORY_S = 4.0
DROPS_IN_RAIN = 0.6
"""From this many drops a frame, averaged over ``MEMORY_S``, it rains. Higher: fewer distant objects are lost
in drizzle, more drops pass."""
DROPS_IN_HEAVY_RAIN = 4.0  # so many drops that some fall where others fell before: all thin blobs are removed
_NEAR = 2  # pixels at motion scale that a thin object, a distant walker, moves between two frames at most


class RainFilter:
    """Removes raindrops while it rains.

    A drop is a thin blob that appears where nothing was in the frame before; a distant walker is thin but
    stays near its place. While it rains, tiny distant objects that jump between two frames are removed too,
    and in heavy rain everything tiny or thin.
    """

    def __init__(self) -> None:
        self._drops = 0.0
        self._others = 0.0
        self._before: list[ForegroundBlob] = []

    def __call__(self, blobs: Sequence[ForegroundBlob], elapsed_s: float) -> list[ForegroundBlob]:
        """Return the blobs that are no drops. ``elapsed_s``: since the last call."""
        new = [blob for blob in blobs if (blob.thin or blob.ragged) and not self._was_near(blob)]
        drops = sum(blob.thin for blob in new)
        keep = math.exp(-elapsed_s / MEMORY_S)
        self._drops = keep * self._drops + (1 - keep) * drops
        self._others = keep * self._others + (1 - keep) * (len(blobs) - len(new))
        self._before = list(blobs)
        if self._drops < DROPS_IN_RAIN or self._drops < self._others:
            return list(blobs)
        if self._drops >= DROPS_IN_HEAVY_RAIN:
            return [blob for blob in blobs if not (blob.thin or blob.ragged)]
        dropped = set(map(id, new))
        return [blob for blob in blobs if id(blob) not in dropped]

    def _was_near(self, blob: ForegroundBlob) -> bool:
        return any(
            blob.x - _NEAR < other.x + other.width
            and other.x - _NEAR < blob.x + blob.width
            and blob.y - _NEAR < other.y + other.height
            and other.y - _NEAR < blob.y + blob.height
            for other in self._before
        )


EDGE_RATIO = 1.5  # a ghost: mean of the background's edges along the outline over the picture's
CLUTTER_RATIO = 1.2  # this mean is enough if the ratio of the medians reaches ``MEDIAN_RATIO``:
MEDIAN_RATIO = 1.75  # a few strong edges of the uncovered scene raise the picture's mean
_ONES3 = np.ones((3, 3), np.uint8)


def is_ghost(blob: ForegroundBlob, foreground: Gray, picture: Gray, base: Gray) -> bool:
    """True if the blob's outline is an edge in the background and not in the picture.

    All pictures are at motion scale; the idea is in Cucchiara et al., "Detecting moving objects,
    ghosts, and shadows in video streams", 2003, with gradients in place of optical flow.
    """
    rows = slice(max(0, blob.y - 3), blob.y + blob.height + 3)
    columns = slice(max(0, blob.x - 3), blob.x + blob.width + 3)
    outline = cv2.morphologyEx(foreground[rows, columns], cv2.MORPH_GRADIENT, _ONES3)
    seen = cv2.morphologyEx(picture[rows, columns], cv2.MORPH_GRADIENT, _ONES3)
    remembered = cv2.morphologyEx(base[rows, columns], cv2.MORPH_GRADIENT, _ONES3)
    mean_seen, mean_remembered = cv2.mean(seen, outline)[0], cv2.mean(remembered, outline)[0]
    if mean_remembered > EDGE_RATIO * mean_seen + 2.0:
        return True
    if mean_remembered <= CLUTTER_RATIO * mean_seen + 2.0:
        return False
    along = outline.view(np.bool_)
    return bool(np.median(remembered[along]) > MEDIAN_RATIO * np.median(seen[along]) + 2.0)


FAINT = 0.72  # share of the background's brightness that a shadow leaves at least
"""Lower: darker shadows are removed, and so are more legs in grey trousers."""
CORE = 0.45  # share of a blob that must differ more strongly before the rest counts as its shadow


def cut_shadows(blobs: Sequence[ForegroundBlob], foreground: Gray, picture: Gray, base: Gray) -> bool:
    """Clear the shadow pixels of ``foreground`` in place; returns True if there were any.

    All pictures are at motion scale. An object that is itself only slightly darker keeps all its pixels.
    """
    if not blobs:
        return False
    floor = np.asarray(cv2.convertScaleAbs(base, alpha=FAINT), np.uint8)
    faint = cv2.inRange(picture, floor, base)  # the whole picture at once: calls cost more than pixels
    cut = False
    for blob in blobs:
        area = (blob.rows, blob.columns)
        part = foreground[area]
        shadow = cv2.bitwise_and(faint[area], part)
        if 0.08 * blob.pixels < cv2.countNonZero(shadow) < (1 - CORE) * blob.pixels:
            cv2.subtract(part, shadow, dst=part)
            cut = True
    return cut
