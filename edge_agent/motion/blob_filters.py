"""Tells falling drops from things: drops are thin, many, and never where one was a frame ago.

A ghost is where something left: the background shows a thing that the picture does not.

Cast shadows: a faint, darker apron around something that differs more strongly.
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
"""Drops a frame, averaged over the memory, from which on it rains. Higher: fewer far things are lost in
drizzle, more drops pass."""
DROPS_IN_HEAVY_RAIN = 4.0  # from here on drops fall where drops fell by chance: thin things go, too
_NEAR = 2  # pixels of motion scale a thin thing, a far walker, moves between two frames at most


class RainFilter:
    """Takes drops out while it rains.

    A drop is a thin patch that appears where nothing was in the frame before; a far walker is thin
    but stays near its place. While it rains, tiny far things that jump between two frames go too,
    and in heavy rain everything tiny or thin.
    """

    def __init__(self) -> None:
        self._drops = 0.0
        self._things = 0.0
        self._before: list[ForegroundBlob] = []

    def __call__(self, patches: Sequence[ForegroundBlob], elapsed_s: float) -> list[ForegroundBlob]:
        """The patches without drops; ``elapsed_s`` since the last call."""
        new = [patch for patch in patches if (patch.thin or patch.ragged) and not self._was_near(patch)]
        drops = sum(patch.thin for patch in new)
        keep = math.exp(-elapsed_s / MEMORY_S)
        self._drops = keep * self._drops + (1 - keep) * drops
        self._things = keep * self._things + (1 - keep) * (len(patches) - len(new))
        self._before = list(patches)
        if self._drops < DROPS_IN_RAIN or self._drops < self._things:
            return list(patches)
        if self._drops >= DROPS_IN_HEAVY_RAIN:
            return [patch for patch in patches if not (patch.thin or patch.ragged)]
        dropped = set(map(id, new))
        return [patch for patch in patches if id(patch) not in dropped]

    def _was_near(self, patch: ForegroundBlob) -> bool:
        return any(
            patch.x - _NEAR < other.x + other.width
            and other.x - _NEAR < patch.x + patch.width
            and patch.y - _NEAR < other.y + other.height
            and other.y - _NEAR < patch.y + patch.height
            for other in self._before
        )


EDGE_RATIO = 1.5  # the background's edges along the outline over the picture's
CLUTTER_RATIO = 1.2  # ... which is enough if half of the outline has
MEDIAN_RATIO = 1.75  # ... this: what stood behind is uncovered, and its few strong edges fill up the mean
_ONES3 = np.ones((3, 3), np.uint8)


def is_ghost(patch: ForegroundBlob, foreground: Gray, picture: Gray, base: Gray) -> bool:
    """True if the patch's outline is an edge of the background and not of the picture.

    All pictures are at motion scale; the idea is in Cucchiara et al., "Detecting moving objects,
    ghosts, and shadows in video streams", 2003, with gradients in place of optical flow.
    """
    rows = slice(max(0, patch.y - 3), patch.y + patch.height + 3)
    columns = slice(max(0, patch.x - 3), patch.x + patch.width + 3)
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
"""Lower: darker shadows are cut off, and so are more legs in grey trousers."""
CORE = 0.45  # share of a patch that must differ more strongly before the rest counts as its shadow


def cut_shadows(patches: Sequence[ForegroundBlob], foreground: Gray, picture: Gray, base: Gray) -> bool:
    """Clears shadow pixels of ``foreground`` in place; True if there were any.

    All pictures are at motion scale. A thing that is itself only faintly darker keeps all its pixels.
    """
    if not patches:
        return False
    floor = np.asarray(cv2.convertScaleAbs(base, alpha=FAINT), np.uint8)
    faint = cv2.inRange(picture, floor, base)  # of the whole picture at once: calls cost more than pixels
    cut = False
    for patch in patches:
        area = (patch.rows, patch.columns)
        thing = foreground[area]
        shadow = cv2.bitwise_and(faint[area], thing)
        if 0.08 * patch.pixels < cv2.countNonZero(shadow) < (1 - CORE) * patch.pixels:
            cv2.subtract(thing, shadow, dst=thing)
            cut = True
    return cut
