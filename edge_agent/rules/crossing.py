"""Detects when an object has crossed a line between its ends, from clearly on one side to clearly on the
other.

Lengths are in picture heights on both axes: in 0..1 of a wide picture, distances to a slanted line would be
distorted.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot
from typing import Literal

from edge_agent.config.model.settings import CrossingMode, Line
from edge_agent.core.model import Box

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
    """One line in a picture of one shape, ``aspect`` times as wide as high."""

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
        """The object was seen at ``place``. Between two sightings it is assumed to move straight."""
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
