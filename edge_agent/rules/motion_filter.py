"""How an object really went: the steps of its track without its jumps."""

from __future__ import annotations

from collections import deque
from math import hypot
from statistics import median

from edge_agent.core.model import Box

STEPS = 5  # more: longer jumps are ignored, and what is seen shortly has not moved yet
LEAST = 3
LONGEST_S = 1.0  # what happened in a longer gap is not known; that much of it counts


class MotionFilter:
    """Filters the steps of one track: the speed of each is the median of the last five.

    An outline that jumps (to a neighbour and back, from a blob to what a look saw in it, over the gap of a
    lost track) is one or two steps of five and moves nothing; what really moves does so in most of them.
    """

    def __init__(self) -> None:
        self._speeds: deque[tuple[float, float]] = deque(maxlen=STEPS)
        self._uncounted_s = 0.0  # of the first steps, while there were too few to judge

    def step(self, dx: float, dy: float, dt: float) -> tuple[float, float]:
        """The step as it is believed, in the caller's unit; ``dt`` over 0."""
        self._speeds.append((dx / dt, dy / dt))
        counted_s = min(dt, LONGEST_S) + self._uncounted_s
        if len(self._speeds) < LEAST:
            self._uncounted_s = counted_s
            return 0.0, 0.0
        self._uncounted_s = 0.0
        return (
            median(speed[0] for speed in self._speeds) * counted_s,
            median(speed[1] for speed in self._speeds) * counted_s,
        )


def centre_offset(a: Box, b: Box) -> tuple[float, float]:
    """From ``a`` to ``b``, centre to centre, in their mean width and height."""
    (ax, ay), (bx, by) = a.centre, b.centre
    width = max((a.width + b.width) / 2, 1e-6)
    height = max((a.height + b.height) / 2, 1e-6)
    return (bx - ax) / width, (by - ay) / height


def centre_distance(a: Box, b: Box) -> float:
    """Distance of the centres in own sizes."""
    return hypot(*centre_offset(a, b))
