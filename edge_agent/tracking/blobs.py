"""Which motion belongs to which track, and what motion no track explains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2

from edge_agent.model import Box, Motion, MotionRegion, Scene
from edge_agent.tracking.overlap import touching

if TYPE_CHECKING:
    from edge_agent.model import Gray

Pixels = tuple[int, int, int, int]
"""x1, y1, x2, y2 of the motion mask."""

SUPPORT_SHARE = 0.12
"""Foreground share of a box that supports it: a rider seen from behind fills about half of his box, and a
body as grey as the road a quarter of that."""
TOUCH = 0.3  # shared part of the smaller of box and region, from which on they have to do with each other
CLEARANCE = 0.15  # of a box's size: motion this near to a tracked box is its shadow or its lag
UNEXPLAINED_SHARE = 0.35  # of a region's foreground
MIN_PIXELS = 6  # of the motion mask


class Foreground:
    """The motion stage's result for one frame, in the form the tracker asks for."""

    def __init__(self, motion: Motion) -> None:
        steady = motion.scene is Scene.STEADY
        self.regions: tuple[MotionRegion, ...] = motion.regions if steady else ()
        self.mask: Gray | None = motion.foreground if steady else None
        self.trusted = steady

    def share(self, box: Box, hidden_by: Sequence[Box] = ()) -> float:
        """Foreground share of the part of ``box`` that no nearer object hides, 0..1.

        Without a mask it is the part of the box that the motion regions cover.
        """
        visible = box.clipped()
        if visible.area <= 0:
            return 0.0
        lit, area = self._lit(visible), visible.area
        for other in hidden_by:
            shared = _overlap(visible, other)
            if shared is not None:
                lit -= self._lit(shared)
                area -= shared.area
        return min(max(lit / area, 0.0), 1.0) if area > 0.1 * visible.area else 0.0

    def _lit(self, box: Box) -> float:
        """Area of foreground in ``box``, in pictures."""
        if self.mask is None:
            return min(box.area, sum(box.intersection(r.box) for r in self.regions))
        rows, columns = self.mask.shape
        x1, y1, x2, y2 = box.to_pixels(columns, rows)
        return cv2.countNonZero(self.mask[y1:y2, x1:x2]) / ((x2 - x1) * (y2 - y1)) * box.area

    def unexplained(self, boxes: Sequence[Box]) -> list[Box]:
        """Outlines of motion outside all ``boxes``, largest first."""
        rest = self._untouched(boxes) if self.mask is None else self._rest_of_mask(self.mask, boxes)
        return sorted(rest, key=lambda b: (-b.area, b.x1, b.y1))

    def _untouched(self, boxes: Sequence[Box]) -> list[Box]:
        regions = [region.box for region in self.regions]
        explained = {index for index, _ in touching(regions, boxes, TOUCH)}
        return [box for index, box in enumerate(regions) if index not in explained]

    def _rest_of_mask(self, mask: Gray, boxes: Sequence[Box]) -> list[Box]:
        rows, columns = mask.shape
        grown = [box.grown(CLEARANCE * box.width, CLEARANCE * box.height).clipped() for box in boxes]
        areas = [box.to_pixels(columns, rows) for box in grown if box.area > 0]
        rest = []
        for region in self.regions:
            area = region.box.to_pixels(columns, rows)
            left = _outside(mask, area, areas)
            if left is None:
                continue
            x1, y1, x2, y2 = area
            before, after = cv2.countNonZero(mask[y1:y2, x1:x2]), cv2.countNonZero(left)
            if after < MIN_PIXELS or after < UNEXPLAINED_SHARE * before:
                continue
            x, y, w, h = cv2.boundingRect(left)
            rest.append(Box.from_pixels(x1 + x, y1 + y, x1 + x + w, y1 + y + h, columns, rows))
        return rest

    def lone(self, boxes: Sequence[Box], rough: Sequence[bool]) -> dict[int, Box]:
        """Index of each box that may be corrected by a region -> that region's box.

        An outlined object may where box and region have only each other. A ``rough`` box (motion that no
        look has named) is nothing but its region, and may unless an outlined object has to do with it.
        """
        if not boxes or not self.regions:
            return {}
        of_box: dict[int, list[int]] = {}
        of_region: dict[int, list[int]] = {}
        for i, j in touching(boxes, [region.box for region in self.regions], TOUCH):
            of_box.setdefault(i, []).append(j)
            of_region.setdefault(j, []).append(i)
        found = {}
        for i, js in of_box.items():
            best = max(js, key=lambda j: (boxes[i].iou(self.regions[j].box), -j))
            others = [k for k in of_region[best] if k != i and not (rough[i] and rough[k])]
            if not others and (rough[i] or len(js) == 1):
                found[i] = self.regions[best].box
        return found


def _outside(mask: Gray, area: Pixels, others: Sequence[Pixels]) -> Gray | None:
    """The part ``area`` of ``mask`` without what lies in ``others``; None where one of them holds it all."""
    x1, y1, x2, y2 = area
    near = [o for o in others if o[0] < x2 and x1 < o[2] and o[1] < y2 and y1 < o[3]]
    if any(o[0] <= x1 and o[1] <= y1 and x2 <= o[2] and y2 <= o[3] for o in near):
        return None
    left = mask[y1:y2, x1:x2].copy()
    for ox1, oy1, ox2, oy2 in near:
        left[max(0, oy1 - y1) : oy2 - y1, max(0, ox1 - x1) : ox2 - x1] = 0
    return left


def _overlap(a: Box, b: Box) -> Box | None:
    box = Box(max(a.x1, b.x1), max(a.y1, b.y1), min(a.x2, b.x2), min(a.y2, b.y2))
    return box if box.x1 < box.x2 and box.y1 < box.y2 else None
