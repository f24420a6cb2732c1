"""Movement of tracks: steps without jumps, line crossings, and handovers from a lost track to a new one.

At lines, lengths are in picture heights on both axes: in 0..1 of a wide picture, distances to a slanted line
would be distorted.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import hypot
from statistics import median
from typing import Literal

from edge_agent.config.model.settings import CrossingMode, Line
from edge_agent.core.model import Box

MAX_STEPS = 5  # more: longer jumps are ignored, but a briefly seen object does not count as moved
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
    """Return the offset from the centre of ``a`` to that of ``b``, in their mean width and height."""
    (ax, ay), (bx, by) = a.centre, b.centre
    width = max((a.width + b.width) / 2, 1e-6)
    height = max((a.height + b.height) / 2, 1e-6)
    return (bx - ax) / width, (by - ay) / height


def centre_distance(a: Box, b: Box) -> float:
    """Return the distance of the centres, in the boxes' mean width and height."""
    return hypot(*centre_offset(a, b))


CrossingDirection = Literal["a-to-b", "b-to-a"]

BANDS = {CrossingMode.LOOSE: 0.1, CrossingMode.BALANCED: 0.25, CrossingMode.STRICT: 0.5}
"""How far from the line a foot has to be to count as on a side, in widths of its box across the line. Larger:
fewer double counts, but more objects are missed that appear or vanish near the line. 0.1: a box jitters by
about 10 % (``tracking/tracked_object.py``). 0.25: a tenth of a standing person's height is a quarter of the
width, and so is a step on the spot. 0.5: no part of the width is over the line any more."""


@dataclass(frozen=True, slots=True)
class LinePosition:
    """The position of a foot relative to a line."""

    off: float  # distance from the line, in picture heights; above 0 on side A
    along: float  # 0 at the line's begin, 1 at its end
    band: float  # closer to the line than this, the foot is on no side


@dataclass(frozen=True, slots=True)
class LineCrossing:
    direction: CrossingDirection
    mono: float  # when the foot was on the line, by interpolation


class CrossingLine:
    """A line in a picture that is ``aspect`` times as wide as high."""

    def __init__(self, line: Line, mode: CrossingMode, aspect: float) -> None:
        self.aspect = aspect
        self._x, self._y = line.begin[0] * aspect, line.begin[1]
        dx, dy = line.end[0] * aspect - self._x, line.end[1] - self._y
        self._length = hypot(dx, dy)
        self._dx, self._dy = dx / self._length, dy / self._length
        self._share = BANDS[mode]

    def position_of(self, box: Box) -> LinePosition:
        x, y = box.foot
        x, y = x * self.aspect - self._x, y - self._y
        width = box.width * self.aspect
        # An object on the ground is about as deep as it is wide, whatever its height.
        across = abs(self._dy) * width + abs(self._dx) * min(width, box.height)
        along = (x * self._dx + y * self._dy) / self._length
        # y grows downwards, so the left of (dx, dy) is (dy, -dx).
        return LinePosition(x * self._dy - y * self._dx, along, self._share * across)


class CrossingDetector:
    """Follows one object relative to one line: its last position, and the side on which it was."""

    __slots__ = ("_last", "_mono", "_on_a", "_through_mono")

    def __init__(self) -> None:
        self._last: LinePosition | None = None
        self._mono = 0.0
        self._on_a: bool | None = None  # None: not yet on any side
        self._through_mono: float | None = None  # of the last change of sides, if between the line's ends

    def update(self, place: LinePosition, mono: float) -> LineCrossing | None:
        """Note that the object was seen at ``place``, assuming a straight movement since the last sighting.
        Return the crossing that this completes, or None."""
        last, self._last = self._last, place
        if last is not None and (last.off > 0) != (place.off > 0):
            share = last.off / (last.off - place.off)
            along = last.along + share * (place.along - last.along)
            between = 0.0 <= along <= 1.0
            self._through_mono = self._mono + share * (mono - self._mono) if between else None
        self._mono = mono
        if abs(place.off) <= place.band:
            return None
        before, self._on_a = self._on_a, place.off > 0
        if before is None or before is self._on_a or self._through_mono is None:
            return None
        return LineCrossing("a-to-b" if before else "b-to-a", self._through_mono)


REACH, REACH_PER_S, MAX_REACH = 0.5, 0.85, 1.5
"""How far from a lost track a new one may appear, in sizes of the object: at once, more for every second, and
at most. A walker moves 0.85 of its height a second (docs/design/tracking.md). Larger: more stays continue,
but more of them with another object."""
MAX_SIZE_RATIO = 2.5  # the longer side of one box over the other's; a half hidden person is half as high
EDGE = 0.02  # of the picture; an object at the edge has left or is entering, so it is never the same object


@dataclass(frozen=True, slots=True)
class LostTrack:
    """A track as last seen."""

    box: Box
    group: str | None
    seen_mono: float


@dataclass(frozen=True, slots=True)
class NewTrack:
    """A track as first seen in the zone."""

    box: Box
    group: str | None  # None: not yet known
    first_seen_mono: float
    came_mono: float


def is_at_edge(box: Box) -> bool:
    return box.x1 <= EDGE or box.y1 <= EDGE or box.x2 >= 1 - EDGE or box.y2 >= 1 - EDGE


def handover_distance(gone: LostTrack, new: NewTrack, aspect: float, grace_s: float) -> float | None:
    """Return the distance of the two tracks in sizes of the object, if they may be the same; else None.

    The new track must have begun after the other was last seen: two tracks at the same time are two objects.
    """
    absence_s = new.came_mono - gone.seen_mono
    if new.first_seen_mono <= gone.seen_mono or absence_s > grace_s:
        return None
    if is_at_edge(gone.box) or is_at_edge(new.box):
        return None
    if new.group is not None and new.group != gone.group:
        return None
    before, after = _size(gone.box, aspect), _size(new.box, aspect)
    if not 0 < max(before, after) <= MAX_SIZE_RATIO * min(before, after):
        return None
    (ax, ay), (bx, by) = gone.box.foot, new.box.foot
    apart = hypot((ax - bx) * aspect, ay - by) / max(before, after)
    return apart if apart <= min(REACH + REACH_PER_S * absence_s, MAX_REACH) else None


def _size(box: Box, aspect: float) -> float:
    """Return the longer side of the box, in picture heights."""
    return max(box.width * aspect, box.height)
