"""Finds the boxes of objects in a foreground mask, without raindrops, ghosts and cast shadows.

Raindrops are thin, many, and never where one was a frame ago. A ghost is where an object left: the background
shows it and the picture does not. A cast shadow is a faint, darker area around an object that differs more.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.core.model import Box, MotionRegion

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_agent.core.model import Gray

    _Outline = NDArray[np.int32]  # (points, 1, 2): x, y


MIN_SHARE = 1.0e-4
"""Smallest changed share of the picture: 6 pixels of 320 x 180, a distant motorbike of 4 x 6 at 640 x 360."""
REACH_X, REACH_Y = 1, 2
"""Pixels bridged on either side. Vertically more, since a person may split at the belt; horizontally less, so
that two people side by side stay apart."""
_BRIDGE = np.ones((2 * REACH_Y + 1, 2 * REACH_X + 1), np.uint8)


@dataclass(frozen=True, slots=True)
class ForegroundBlob:
    """A group of foreground pixels: its box (x, y, width, height) and number of pixels, at motion scale."""

    x: int
    y: int
    width: int
    height: int
    pixels: int

    @property
    def rows(self) -> slice:
        return slice(self.y, self.y + self.height)

    @property
    def columns(self) -> slice:
        return slice(self.x, self.x + self.width)

    @property
    def thin(self) -> bool:
        """Whether the blob has the shape of a falling drop, a near-vertical line."""
        mean_width = self.pixels / self.height
        return mean_width <= 3.2 and self.height >= 2.0 * mean_width

    @property
    def ragged(self) -> bool:
        """Whether the blob may be the remains of drops: few pixels, or lines that fill little of its box."""
        return self.pixels <= 10 or (self.pixels < 150 and self.pixels < 0.5 * self.width * self.height)

    def region(self, width: float, height: float) -> MotionRegion:
        """Return the blob in 0..1 of a picture of ``width`` x ``height`` motion-scale pixels."""
        x2, y2 = self.x + self.width, self.y + self.height
        box = Box(self.x / width, self.y / height, x2 / width, y2 / height)
        return MotionRegion(box, min(box.area, self.pixels / (width * height)))


class BinaryOpening:
    """Removes foreground narrower than 2 pixels, four times as fast as ``cv2.morphologyEx``."""

    def __init__(self, width: int, height: int) -> None:
        self._pairs: Gray = np.zeros((height, width), np.uint8)
        self._opened: Gray = np.zeros((height, width), np.uint8)

    def __call__(self, mask: Gray) -> Gray:
        """Return the mask opened by a 2 x 2 square; the next call overwrites it."""
        pairs, opened = self._pairs, self._opened
        # Erosion to the upper left pixel of each full 2 x 2 square; none starts in the last row or column.
        pairs[:, -1] = 0
        opened[-1] = 0
        cv2.bitwise_and(mask[:, :-1], mask[:, 1:], dst=pairs[:, :-1])
        cv2.bitwise_and(pairs[:-1], pairs[1:], dst=opened[:-1])
        # Dilation back to all four pixels.
        pairs[:, 0] = opened[:, 0]
        cv2.bitwise_or(opened[:, 1:], opened[:, :-1], dst=pairs[:, 1:])
        opened[0] = pairs[0]
        cv2.bitwise_or(pairs[1:], pairs[:-1], dst=opened[1:])
        return opened


class RegionFinder:
    """Groups foreground pixels of one motion-scale picture size. Not thread-safe."""

    def __init__(self, width: int, height: int) -> None:
        # At most one blob per 2 x 2 square: 16-bit labels are enough for pictures up to 512 x 512.
        self._min_pixels = max(4, round(MIN_SHARE * width * height))

    def find(self, mask: Gray) -> list[ForegroundBlob]:
        """Return the blobs of ``mask`` (0 or 255) that are large enough, largest first."""
        x0, y0, width, height = cv2.boundingRect(mask)
        if width == 0:
            return []
        part = mask[y0 : y0 + height, x0 : x0 + width]
        border = (REACH_Y, REACH_Y, REACH_X, REACH_X)
        padded = np.asarray(cv2.copyMakeBorder(part, *border, cv2.BORDER_CONSTANT, value=0), np.uint8)
        outlines = _outlines(np.asarray(cv2.dilate(padded, _BRIDGE), np.uint8))
        boxes = [cv2.boundingRect(outline) for outline in outlines]
        found = []
        for (x, y, w, h), n in zip(boxes, _pixels(padded, outlines, boxes), strict=True):
            if n >= self._min_pixels:
                # Padding shifts the picture by the reach, and the bridge grows each blob by as much, so left
                # and top of the bridged blob are left and top of the blob in the unpadded picture.
                found.append(ForegroundBlob(x0 + x, y0 + y, w - 2 * REACH_X, h - 2 * REACH_Y, n))
        return sorted(found, key=lambda blob: (-blob.pixels, blob.y, blob.x))


def _outlines(mask: Gray) -> list[_Outline]:
    """Return the outer outline of every connected group of pixels.

    Costs a fifth of ``cv2.connectedComponentsWithStats``, which sums up every pixel's position.
    """
    outlines, hierarchy = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    outer = [parent < 0 for _, _, _, parent in hierarchy[0].tolist()]  # the others surround holes
    return [np.asarray(outline, np.int32) for outline in itertools.compress(outlines, outer)]


def _pixels(mask: Gray, outlines: Sequence[_Outline], boxes: Sequence[Sequence[int]]) -> list[int]:
    """Return the number of pixels of ``mask`` in each outline; ``boxes``: x, y, width, height of each."""
    counts = [cv2.countNonZero(mask[y : y + h, x : x + w]) for x, y, w, h in boxes]
    if sum(counts) == cv2.countNonZero(mask):
        return counts  # no box contains pixels of another group
    labels: NDArray[np.uint16] = np.zeros(mask.shape, np.uint16)
    # Large before small: a group inside a hole of another one is drawn over its filling.
    for n in sorted(range(len(boxes)), key=lambda n: -boxes[n][2] * boxes[n][3]):
        cv2.fillPoly(labels, [outlines[n]], (n,))
    pixels: list[int] = np.bincount(labels[mask.view(np.bool_)], minlength=len(boxes)).tolist()
    return pixels


MEMORY_S = 4.0
DROPS_IN_RAIN = 0.6
"""From this many drops a frame, averaged over ``MEMORY_S``, it rains. Higher: fewer distant objects are lost
in drizzle, more drops pass."""
DROPS_IN_HEAVY_RAIN = 4.0  # so many drops that some fall where others fell before: all thin blobs are removed
_NEAR = 2  # a distant walker, who is thin too, moves at most this many pixels between two frames


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


EDGE_RATIO = 1.5  # a ghost: mean of the edges along the outline, background over picture, is above this
CLUTTER_RATIO = 1.2  # or above this, if the ratio of the medians is above ``MEDIAN_RATIO``:
MEDIAN_RATIO = 1.75  # a few strong edges of the uncovered scene raise the picture's mean, not its median
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
