"""Assigns sightings to tracks at the least total cost, and measures the motion that supports a track.

The assignment is the Hungarian method in its shortest-augmenting-path form (Jonker and Volgenant 1987). It is
plain Python, because an inference gives only a handful of sightings, and scipy would take 100 MB on disk for
this one function (docs/decisions/0007).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot, inf
from typing import TYPE_CHECKING

import cv2

from edge_agent.core.model import PERSON, TWO_WHEELER, Box, Motion, MotionRegion, Scene

if TYPE_CHECKING:
    from edge_agent.core.model import Gray


FORBIDDEN = inf  # cost of a pair that must not be made


def assign(costs: Sequence[Sequence[float]], alone: float = 1.0) -> list[tuple[int, int]]:
    """Return the pairs (row, column) with the least total cost, where a row without a column costs ``alone``.

    ``costs`` is rows x columns, finite numbers or ``FORBIDDEN``. A smaller ``alone`` leaves more rows without
    a column; a large one makes as many pairs as possible. Ties go to the lower indices, so callers that sort
    their rows get the same answer for every order of input.
    """
    rows, columns = len(costs), len(costs[0]) if costs else 0
    if not rows or not columns:
        return []
    # One dummy column per row allows every row to stay without a real column.
    never = 4 * rows * max(alone, 1.0, *(c for row in costs for c in row if c != FORBIDDEN))
    padded = [
        [c if c != FORBIDDEN else never for c in row]
        + [alone if other == index else never for other in range(rows)]
        for index, row in enumerate(costs)
    ]
    chosen = _shortest_augmenting_paths(padded)
    return [(row, col) for row, col in enumerate(chosen) if col < columns and costs[row][col] != FORBIDDEN]


def _shortest_augmenting_paths(costs: Sequence[Sequence[float]]) -> list[int]:
    """Return each row's column at the least total cost, in O(rows^2 * columns). Needs columns >= rows."""
    rows, columns = len(costs), len(costs[0])
    row_price, column_price = [0.0] * (rows + 1), [0.0] * (columns + 1)
    owner = [0] * (columns + 1)  # by column, the row (from 1) that has it; column 0: the row being placed
    for row in range(1, rows + 1):
        owner[0] = row
        came_from, last = _path(costs, owner, row_price, column_price)
        while last:
            owner[last] = owner[came_from[last]]
            last = came_from[last]
    answer = [-1] * rows
    for column in range(1, columns + 1):
        if owner[column]:
            answer[owner[column] - 1] = column - 1
    return answer


def _path(
    costs: Sequence[Sequence[float]], owner: list[int], row_price: list[float], column_price: list[float]
) -> tuple[list[int], int]:
    """Return the cheapest alternating path from the row in ``owner[0]`` to a free column, as the previous
    column of each column, and that free column. Updates the prices."""
    columns = len(column_price) - 1
    came_from, slack, done = [0] * (columns + 1), [inf] * (columns + 1), [False] * (columns + 1)
    column = 0
    while owner[column]:
        done[column] = True
        row, step, following = owner[column], inf, 0
        for j in range(1, columns + 1):
            if done[j]:
                continue
            reduced = costs[row - 1][j - 1] - row_price[row] - column_price[j]
            if reduced < slack[j]:
                slack[j], came_from[j] = reduced, column
            if slack[j] < step:
                step, following = slack[j], j
        for j in range(columns + 1):
            if done[j]:
                row_price[owner[j]] += step
                column_price[j] -= step
            else:
                slack[j] -= step
        column = following
    return came_from, column


def distance(a: Box, b: Box) -> float:
    """Return the centres' distance in mean widths and heights of the boxes; infinite without an area."""
    (ax, ay), (bx, by) = a.centre, b.centre
    width, height = (a.width + b.width) / 2, (a.height + b.height) / 2
    if width <= 0 or height <= 0:
        return inf
    return hypot((ax - bx) / width, (ay - by) / height)


def size_ratio(a: Box, b: Box) -> float:
    """Return the larger area divided by the smaller, at least 1; infinite if the smaller is 0."""
    small, large = sorted((a.area, b.area))
    return large / small if small > 0 else inf


SURE = 0.9
"""Affinity from which on a sighting may be far from the track, and of another size."""
SAME_PLACE_IOU = 0.4  # least IoU of a track and a sighting of less affinity


def affinity(group: str | None, other: str | None) -> float:
    """Return how likely two groups are one object, 0..1: models confuse groups. ``None`` fits every group."""
    if group is None or other is None or group == other:
        return 1.0
    if {group, other} == {PERSON, TWO_WHEELER}:
        return SURE
    return 0.6


def pair_cost(track: Box, sighting: Box, like: float, reach: float) -> float:
    """Return the cost of assigning ``sighting`` to the track predicted at ``track``, or ``FORBIDDEN``.

    ``like``: affinity of their groups. ``reach``: how far the sighting may be from the prediction, in the
    unit of ``distance``.
    """
    apart, shared = distance(track, sighting), track.intersection(sighting)
    if shared <= 0 and apart > reach:
        return FORBIDDEN  # the case of nearly all pairs, so it is tested first
    iou, within = track.iou(sighting), shared / max(min(track.area, sighting.area), 1e-12)
    ratio = size_ratio(track, sighting)
    if like < SURE and iou < SAME_PLACE_IOU:
        return FORBIDDEN  # a model that confuses these groups still draws the same box
    overlaps = (iou >= 0.15 or within >= 0.7) and ratio <= 6.0
    if not overlaps and (apart > reach or ratio > 2.5):
        return FORBIDDEN
    closeness = max(iou, 0.4 * within)
    return 1.0 - like * (0.7 * closeness + 0.3 * max(0.0, 1.0 - apart / max(reach, 1.0)))


SUPPORT_SHARE = 0.12
"""Share of foreground in a box from which on motion supports its track. A rider seen from behind fills about
half of the box. If the body is as grey as the road, only a quarter of that half is foreground."""
TOUCH = 0.3  # a region belongs to a box if they share at least this part of the smaller of the two


class Foreground:
    """The foreground that the motion stage found in one frame; none if the scene was not steady."""

    def __init__(self, motion: Motion) -> None:
        self.trusted = motion.scene is Scene.STEADY
        self._regions: tuple[MotionRegion, ...] = motion.regions if self.trusted else ()
        self._mask: Gray | None = motion.foreground if self.trusted else None

    def supports(self, box: Box, hidden_by: Sequence[Box] = ()) -> bool:
        """Return whether enough moves in the part of ``box`` outside ``hidden_by`` to support its track."""
        return self.share(box, hidden_by) >= SUPPORT_SHARE

    def share(self, box: Box, hidden_by: Sequence[Box] = ()) -> float:
        """Return the share of foreground in the part of ``box`` outside ``hidden_by``, 0..1.

        Without a foreground mask: the share that motion regions cover. 0 if ``hidden_by`` covers over 90 %.
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
        """Return the only motion region that touches ``box``; None if it also touches one of ``others``."""
        near = [region.box for region in self._regions if _touch(region.box, box)]
        if len(near) != 1 or any(_touch(near[0], other) for other in others):
            return None
        return near[0]

    def _lit(self, box: Box) -> float:
        """Return the area of the foreground in ``box``, as a share of the picture."""
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
