"""Collects the positions of one object, and reduces the path to a few points."""

from __future__ import annotations

from collections.abc import Sequence
from math import atan2, degrees, hypot

from edge_agent.core.model import Box
from edge_agent.passages.passage import PathPoint, Side

FIRST_STEP_S = 0.4  # between two points at first, and always while the object moves
MAX_POINTS = 32  # while the object is followed; beyond it, points are thinned, and the time step doubles
STORED_POINTS = 16
MOVES = 0.25  # lengths of the object; one that moved this far since the last point gets the next at once
AT_SIDE = 0.06  # of the picture: a box that comes this near to a side touches it
MIN_DISTANCE = 0.5  # lengths of the object; a shorter way has no direction


class PathRecorder:
    """The path of one object: foot points in 0..1 of the picture. One thread."""

    def __init__(self, box: Box, now_mono: float, aspect: float) -> None:
        """``aspect``: height of the picture over its width."""
        self.aspect = aspect
        self._start_mono = self._last_mono = now_mono
        self._step_s = FIRST_STEP_S
        self._places = [(0.0, box)]
        self.first_box = self.last_box = box
        self.lengths = 0.0  # length of the way so far, in lengths of the object
        self._widths, self._heights, self._boxes = box.width, box.height, 1

    def add(self, box: Box, now_mono: float) -> None:
        """Note the position, if the last point is old enough.

        An object that stands for an hour needs few points; the seconds in which it came and left need many.
        """
        self.last_box = box
        passed_s = now_mono - self._last_mono
        if passed_s >= self._step_s or (passed_s >= FIRST_STEP_S and self._lengths_to(box) >= MOVES):
            self._append(box, now_mono)

    def finish(self, now_mono: float) -> tuple[PathPoint, ...]:
        """End the path; return it from the first to the last position, at most ``STORED_POINTS`` points."""
        if now_mono > self._last_mono:
            self._append(self.last_box, now_mono)
        return self.so_far(now_mono)

    def so_far(self, now_mono: float) -> tuple[PathPoint, ...]:
        """Return the path up to now, at most ``STORED_POINTS`` points. It may go on."""
        points = self._points()
        if now_mono > self._last_mono:
            points.append(PathPoint(now_mono - self._start_mono, *self.last_box.foot))
        return tuple(points[n] for n in thinned(points, STORED_POINTS))

    @property
    def places(self) -> tuple[tuple[float, Box], ...]:
        """The noted boxes, at most ``MAX_POINTS``, with seconds since the start."""
        return tuple(self._places)

    @property
    def width(self) -> float:
        """Mean width of the box, share of the picture."""
        return self._widths / self._boxes

    @property
    def height(self) -> float:
        return self._heights / self._boxes

    @property
    def direction_deg(self) -> float | None:
        """Direction of the whole way in degrees, clockwise from the top of the picture; None: no movement."""
        dx, dy = self._way
        return degrees(atan2(dx, -dy)) % 360 if self.has_moved else None

    @property
    def has_moved(self) -> bool:
        """Whether the last position is at least ``MIN_DISTANCE`` lengths of the object from the first."""
        own = max(self.width, self.height * self.aspect)
        return hypot(*self._way) >= MIN_DISTANCE * own

    @property
    def _way(self) -> tuple[float, float]:
        """Vector from the first to the last place, in widths of the picture."""
        (x1, y1), (x2, y2) = self.first_box.foot, self.last_box.foot
        return x2 - x1, (y2 - y1) * self.aspect

    def _append(self, box: Box, now_mono: float) -> None:
        self.lengths += self._lengths_to(box)
        self._places.append((now_mono - self._start_mono, box))
        self._last_mono = now_mono
        self._widths, self._heights, self._boxes = (
            self._widths + box.width,
            self._heights + box.height,
            self._boxes + 1,
        )
        if len(self._places) > MAX_POINTS:
            self._places = [self._places[n] for n in thinned(self._points(), STORED_POINTS)]
            self._step_s *= 2

    def _points(self) -> list[PathPoint]:
        return [PathPoint(after_s, *box.foot) for after_s, box in self._places]

    def _lengths_to(self, box: Box) -> float:
        """Return the distance from the last point to the foot of ``box``, in lengths of the object."""
        (last_x, last_y), (x, y) = self._places[-1][1].foot, box.foot
        own = max(box.width, box.height * self.aspect, 1e-6)
        return hypot(x - last_x, (y - last_y) * self.aspect) / own


def side_of(box: Box) -> Side:
    """Return the side of the picture nearest to the box, if within ``AT_SIDE``; else ``INSIDE``."""
    gaps = {Side.LEFT: box.x1, Side.RIGHT: 1 - box.x2, Side.TOP: box.y1, Side.BOTTOM: 1 - box.y2}
    side = min(gaps, key=lambda each: gaps[each])
    return side if gaps[side] <= AT_SIDE else Side.INSIDE


def thinned(points: Sequence[PathPoint], most: int) -> list[int]:
    """Return the indexes of at most ``most`` points. Repeatedly drops the point that is nearest to the place
    that the object would have had at that time with an even movement between the neighbouring points. This is
    the method of Visvalingam and Whyatt (1993) with the synchronised distance of Meratnia and de By (EDBT
    2004) in place of the area, so that a stop on a straight way is kept too.
    """
    kept = list(range(len(points)))
    offsets = [_offset(points[n - 1], points[n], points[n + 1]) for n in range(1, len(kept) - 1)]
    while len(kept) > most:
        n = offsets.index(min(offsets))
        del kept[n + 1], offsets[n]
        for each in (n - 1, n):
            if 0 <= each < len(offsets):
                offsets[each] = _offset(*(points[kept[each + k]] for k in range(3)))
    return kept


def _offset(a: PathPoint, b: PathPoint, c: PathPoint) -> float:
    """Return how far ``b`` is from where an even movement from ``a`` to ``c`` is at the time of ``b``."""
    whole_s = c.after_s - a.after_s
    share = (b.after_s - a.after_s) / whole_s if whole_s > 0 else 0.5
    return hypot(a.x + share * (c.x - a.x) - b.x, a.y + share * (c.y - a.y) - b.y)
