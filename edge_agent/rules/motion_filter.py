"""Filters jumps out of the movement of a track."""

from __future__ import annotations

from collections import deque
from math import hypot
from statistics import median

from edge_agent.core.model import Box

MAX_STEPS = 5  # more: longer jumps are ignored, but an object that is seen briefly has not moved yet
MIN_STEPS = 3
MAX_GAP_S = 1.0  # of a longer gap between two sightings, only this much counts


class MotionFilter:
    """Filters the steps of one track: the speed of each step is the median of the last five.

    A box that jumps (to a neighbour and back, from a motion region to a detection, over the gap of a lost
    track) does so in one or two of five steps, and the median ignores it; a real movement is in most of them.
    """

    def __init__(self) -> None:
        self._speeds: deque[tuple[float, float]] = deque(maxlen=MAX_STEPS)
        self._uncounted_s = 0.0  # of the first steps, while there were too few to judge

    def step(self, dx: float, dy: float, dt: float) -> tuple[float, float]:
        """Return the filtered step, in the caller's unit. ``dt`` must be above 0."""
        self._speeds.append((dx / dt, dy / dt))
        counted_s = min(dt, MAX_GAP_S) + self._uncounted_s
        if len(self._speeds) < MIN_STEPS:
            self._uncounted_s = counted_s
            return 0.0, 0.0
        self._uncounted_s = 0.0
        return (
            median(speed[0] for speed in self._speeds) * counted_s,
            median(speed[1] for speed in self._speeds) * counted_s,
        )


def centre_offset(a: Box, b: Box) -> tuple[float, float]:
    """Offset from the centre of ``a`` to that of ``b``, in their mean width and height."""
    (ax, ay), (bx, by) = a.centre, b.centre
    width = max((a.width + b.width) / 2, 1e-6)
    height = max((a.height + b.height) / 2, 1e-6)
    return (bx - ax) / width, (by - ay) / height


def centre_distance(a: Box, b: Box) -> float:
    """Distance of the centres, in the boxes' mean width and height."""
    return hypot(*centre_offset(a, b))
