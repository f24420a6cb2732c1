"""The speed of a passage in metres a second, with its error, on the ground plane of the camera.

The foot points are mapped to the road, each with the covariance that a foot error in the picture has there.
A straight way at constant speed is fitted to them (generalised least squares); where the points contradict
it, as at a turn, each half gets a fit of its own.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import dist, hypot, inf, sqrt
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from edge_agent.core.geometry import Point
from edge_agent.core.ground import TINY_W, GroundPlane
from edge_agent.core.model import PERSON, TWO_WHEELER, VEHICLE, Box
from edge_agent.passages.passage import GroundMotion, StandingTime

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_agent.config.model.ground import Ground

    Floats = NDArray[np.float64]

MARK_ERROR = 0.003
"""Standard error of a mark, as a share of the picture's width or height: 2 pixels of 640."""
FOOT_ERROR = 0.0016
"""Least standard error of a foot point, as a share of the picture's width: a pixel of 640."""
FOOT_SHARE = 0.04
"""Standard error of a foot point as a share of the box's height."""
BODY_M = {PERSON: 0.15, TWO_WHEELER: 0.3, VEHICLE: 0.6}
"""Standard error of the distance, in metres. The camera sees the object from another side at the end of the
way than at its beginning, so the lower edge of the box is another part of the object."""
FORM_ERROR = 0.02
"""Relative standard error: the middle of a box is not above the foot of an upright body, and lenses bend
lines."""
LEAST_ERROR = 0.05
"""Relative error added in the weight of each segment, so that no segment dominates the mean."""
TINY = 1e-12
EDGE = 0.01
"""Share of the picture: a box this near to a side is cut off, and its foot or its middle is unknown."""
MIN_POINTS = 3
MAX_SHARE = 0.5
"""Largest error, as a share of the speed. A less exact speed is not stored: it does not tell a walker from a
motorcycle."""
MISFIT = 4.0
"""A segment with more chi-square than this for each degree of freedom is fitted in two halves."""


_Foot = tuple[float, float, float, float]
"""Seconds since the start, x and y of the foot, height of the box."""


class _Segment(NamedTuple):
    """The fit of a part of the path."""

    vx: float  # metres a second
    vy: float
    variance: float  # of the speed
    duration_s: float
    first: int  # ``first`` and ``last``: indexes of the points between which the fit is most exact
    last: int


class GroundSpeed:
    """Speeds on the ground plane of one camera. Any thread."""

    def __init__(self, ground: Ground) -> None:
        self._plane = GroundPlane(ground.points, ground.metres, ground.bearing_deg)
        self._length_error = ground.length_error / 2  # ground.length_error is two standard errors
        self._moved = tuple(_moved(ground))

    def motion(
        self,
        places: Sequence[tuple[float, Box]],
        standing: Sequence[StandingTime],
        group: str | None,
        aspect: float,
    ) -> GroundMotion | None:
        """Return the mean speed while the object moved.

        ``places``: boxes with seconds since the start of the passage; ``aspect``: height of the picture over
        its width. None: fewer than ``MIN_POINTS`` boxes are wholly in the picture, or the error is above
        ``MAX_SHARE``.
        """
        seen = [
            (after_s, box)
            for after_s, box in places
            if box.x1 > EDGE and box.x2 < 1 - EDGE and box.y2 < 1 - EDGE and not _stands(after_s, standing)
        ]
        g, h, i = self._plane.matrix[6:]
        feet = [
            (after_s, x, y, box.height)
            for after_s, box in seen
            for x, y in (box.foot,)
            if g * x + h * y + i > TINY_W
        ]
        times = [foot[0] for foot in feet]
        sums = self._sums(feet, aspect) if len(feet) >= MIN_POINTS else np.empty(0)
        segments = [
            segment
            for first, last in _spans(times, standing)
            for segment in _fitted(sums, times, first, last)
        ]
        return self._result(segments, feet, BODY_M.get(group or "", BODY_M[VEHICLE]))

    def _sums(self, feet: Sequence[_Foot], aspect: float) -> Floats:
        """Return running sums of the normal equations, shape (points + 1, 14).

        The difference of two rows gives the sums from which that part of the path is fitted.
        """
        a, b, c, d, e, f, g, h, i = self._plane.matrix
        t, x, y, height = np.array(feet).T
        w = g * x + h * y + i
        x_m, y_m = (a * x + b * y + c) / w, (d * x + e * y + f) / w
        # An error of one width of the picture along x or along y moves the place on the road by so much:
        xx, xy = (a - x_m * g) / w, (b / aspect - x_m * (h / aspect)) / w
        yx, yy = (d - y_m * g) / w, (e / aspect - y_m * (h / aspect)) / w
        variance = np.maximum(FOOT_ERROR, FOOT_SHARE * height * aspect) ** 2
        determinant = (xx * yy - xy * yx) ** 2 * variance
        w11 = (yx * yx + yy * yy) / determinant
        w12 = -(xx * yx + xy * yy) / determinant
        w22 = (xx * xx + xy * xy) / determinant
        px, py = x_m - x_m[0], y_m - y_m[0]
        wx, wy = w11 * px + w12 * py, w12 * px + w22 * py
        rows = [w11, w12, w22, t * w11, t * w12, t * w22, t * t * w11, t * t * w12, t * t * w22]
        rows += [wx, wy, t * wx, t * wy, px * wx + py * wy]
        sums: Floats = np.zeros((len(feet) + 1, len(rows)))
        np.cumsum(np.array(rows).T, axis=0, out=sums[1:])
        return sums

    def _result(
        self, segments: Sequence[_Segment], feet: Sequence[_Foot], body_m: float
    ) -> GroundMotion | None:
        """Return the mean of the segments, each weighted by its time and the accuracy of its speed.

        None without segments, or if the error is above ``MAX_SHARE``.
        """
        weights = way_x = way_y = speeds = scales = variance = 0.0
        for each in segments:
            speed = hypot(each.vx, each.vy)
            marks = self._marks_error(feet[each.first][1:3], feet[each.last][1:3])
            own = each.variance + (body_m / each.duration_s) ** 2
            weight = each.duration_s / (own + (hypot(marks, LEAST_ERROR) * speed) ** 2 + TINY)
            weights += weight
            way_x, way_y = way_x + each.vx * each.duration_s, way_y + each.vy * each.duration_s
            speeds, scales = speeds + weight * speed, scales + weight * speed * marks
            variance += weight * weight * own
        if weights <= 0:
            return None
        speed = speeds / weights
        scale = hypot(scales / weights, hypot(self._length_error, FORM_ERROR) * speed)
        error = 2 * hypot(sqrt(variance) / weights, scale)
        if not error <= MAX_SHARE * speed:
            return None
        return GroundMotion(speed, error, self._plane.heading(way_x, way_y))

    def _marks_error(self, begin: Point, end: Point) -> float:
        """Return the relative standard error that the marks cause in the distance of two picture points.

        Each mark is moved, and the distance measured again. The error grows with the distance of the points
        from the marks.
        """
        way_m = _way(self._plane, begin, end)
        if way_m <= 0:
            return inf
        changes = (_way(moved, begin, end) / way_m - 1 for moved in self._moved)
        return sqrt(sum(change * change for change in changes))


def _moved(ground: Ground) -> Iterator[GroundPlane]:
    """Yield the ground planes that result if one mark is ``MARK_ERROR`` further along one picture axis."""
    for mark in range(len(ground.points)):
        for dx, dy in ((MARK_ERROR, 0.0), (0.0, MARK_ERROR)):
            points = list(ground.points)
            points[mark] = points[mark][0] + dx, points[mark][1] + dy
            yield GroundPlane(points, ground.metres)


def _way(plane: GroundPlane, begin: Point, end: Point) -> float:
    """Return the metres between two points of the picture; infinite beyond the horizon."""
    first, last = plane.metres(*begin), plane.metres(*end)
    return inf if first is None or last is None else dist(first, last)


def _stands(after_s: float, standing: Sequence[StandingTime]) -> bool:
    return any(each.after_s < after_s < each.after_s + each.for_s for each in standing)


def _spans(times: Sequence[float], standing: Sequence[StandingTime]) -> list[tuple[int, int]]:
    """Return first and last index of each run of points between two times of standing."""
    edges = sorted({0, *(bisect_right(times, each.after_s) for each in standing), len(times)})
    return [(begin, end - 1) for begin, end in pairwise(edges)]


def _fitted(sums: Floats, times: Sequence[float], first: int, last: int) -> list[_Segment]:
    """Return one fit for the points, or one for each part between turns; empty if they allow no fit."""
    count = last - first + 1
    if count < MIN_POINTS or times[last] <= times[first]:
        return []
    fit = _fit((sums[last + 1] - sums[first]).tolist())
    if fit is None:
        return []
    misfit = fit.square / (2 * count - 4)
    if misfit > MISFIT and count >= 2 * MIN_POINTS - 1:
        middle = (first + last) // 2
        halves = [*_fitted(sums, times, first, middle), *_fitted(sums, times, middle, last)]
        if halves:
            return halves
    begin = first + min(bisect_left(times[first : last + 1], fit.mean_s - fit.reach_s), count - 2)
    end = first + min(bisect_left(times[first : last + 1], fit.mean_s + fit.reach_s), count - 1)
    duration_s = times[last] - times[first]
    return [_Segment(fit.vx, fit.vy, fit.variance * max(1.0, misfit), duration_s, begin, max(end, begin + 1))]


class _Fit(NamedTuple):
    vx: float
    vy: float
    variance: float  # of the speed, if the points have the assumed errors
    square: float  # sum of the squared distances to the fit, in standard errors
    mean_s: float  # the weight of the points lies around this time, up to ``reach_s`` away
    reach_s: float


def _fit(sums: list[float]) -> _Fit | None:
    """Fit a straight way at constant speed: least squares with the normal equations in blocks of two.

    None: the points do not determine such a way.
    """
    w11, w12, w22, t11, t12, t22, q11, q12, q22, bx, by, tbx, tby, square = sums
    determinant = w11 * w22 - w12 * w12
    if not determinant > 0:
        return None
    i11, i12, i22 = w22 / determinant, -w12 / determinant, w11 / determinant
    k11, k12 = i11 * t11 + i12 * t12, i11 * t12 + i12 * t22
    k21, k22 = i12 * t11 + i22 * t12, i12 * t12 + i22 * t22
    c11, c12, c22 = q11 - t11 * k11 - t12 * k21, q12 - t11 * k12 - t12 * k22, q22 - t12 * k12 - t22 * k22
    rest_x, rest_y = tbx - k11 * bx - k21 * by, tby - k12 * bx - k22 * by
    determinant = c11 * c22 - c12 * c12
    if not determinant > 0:
        return None
    vx, vy = (c22 * rest_x - c12 * rest_y) / determinant, (c11 * rest_y - c12 * rest_x) / determinant
    fixed_x, fixed_y = bx - t11 * vx - t12 * vy, by - t12 * vx - t22 * vy
    start_x, start_y = i11 * fixed_x + i12 * fixed_y, i12 * fixed_x + i22 * fixed_y
    square -= start_x * bx + start_y * by + vx * tbx + vy * tby
    speed_2 = max(vx * vx + vy * vy, 1e-12)
    variance = (c22 * vx * vx - 2 * c12 * vx * vy + c11 * vy * vy) / determinant / speed_2
    if not variance >= 0:  # rounding error: the points are close in time, and days after the first one
        return None
    # Equal weights have the standard deviation of a uniform distribution: its ends are the first and last
    # point.
    weight, mean_s = w11 + w22, (t11 + t22) / (w11 + w22)
    reach_s = sqrt(3 * max(0.0, (q11 + q22) / weight - mean_s * mean_s))
    return _Fit(vx, vy, variance, max(0.0, square), mean_s, reach_s)
