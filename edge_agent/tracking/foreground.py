"""Motion as support of a track: how much of its box is foreground."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2

from edge_agent.core.model import Box, Motion, MotionRegion, Scene

if TYPE_CHECKING:
    from edge_agent.core.model import Gray

SUPPORT_SHARE = 0.12
"""Foreground share of a box that supports it. A rider seen from behind fills about half of the box, and of a
body as grey as the road a quarter of that is foreground."""
TOUCH = 0.3  # box and region belong together from this shared part of the smaller one on


class Foreground:
    """The motion stage's result for one frame. Motion is only trusted while the scene is steady."""

    def __init__(self, motion: Motion) -> None:
        self.trusted = motion.scene is Scene.STEADY
        self._regions: tuple[MotionRegion, ...] = motion.regions if self.trusted else ()
        self._mask: Gray | None = motion.foreground if self.trusted else None

    def supports(self, box: Box, hidden_by: Sequence[Box] = ()) -> bool:
        """Whether something moves in the part of ``box`` outside ``hidden_by``."""
        return self.share(box, hidden_by) >= SUPPORT_SHARE

    def share(self, box: Box, hidden_by: Sequence[Box] = ()) -> float:
        """Foreground share of the visible part of ``box``, 0..1.

        Without a foreground mask, the share that motion regions cover.
        """
        visible = box.clipped()
        if not self._regions or visible.area <= 0:
            return 0.0
        lit, area = self._lit(visible), visible.area
        for other in hidden_by:
            shared = _overlap(visible, other)
            if shared is not None:
                lit -= self._lit(shared)
                area -= shared.area
        return min(max(lit / area, 0.0), 1.0) if area > 0.1 * visible.area else 0.0

    def region_of(self, box: Box, others: Sequence[Box]) -> Box | None:
        """The only motion region that touches ``box``, if it touches none of ``others``; else None."""
        near = [region.box for region in self._regions if _touch(region.box, box)]
        if len(near) != 1 or any(_touch(near[0], other) for other in others):
            return None
        return near[0]

    def _lit(self, box: Box) -> float:
        """Area of the foreground in ``box``, as a share of the picture."""
        if self._mask is None:
            return min(box.area, sum(box.intersection(r.box) for r in self._regions))
        rows, columns = self._mask.shape
        x1, y1, x2, y2 = box.to_pixels(columns, rows)
        return cv2.countNonZero(self._mask[y1:y2, x1:x2]) / ((x2 - x1) * (y2 - y1)) * box.area


def _touch(a: Box, b: Box) -> bool:
    shared = a.intersection(b)
    return shared > 0 and shared >= TOUCH * min(a.area, b.area)


def _overlap(a: Box, b: Box) -> Box | None:
    box = Box(max(a.x1, b.x1), max(a.y1, b.y1), min(a.x2, b.x2), min(a.y2, b.y2))
    return box if box.x1 < box.x2 and box.y1 < box.y2 else None
