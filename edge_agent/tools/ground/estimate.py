"""Estimates a ground plane without a tape: from the sizes of persons and motorcycles that passed.

An upright person of average height, and a motorcycle that crosses the picture, are rulers. The angle of view
is taken from the camera's data sheet; tilt and height are those with which all rulers, near and far, have
the same true size.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from math import atan2, cos, dist, hypot, sin
from typing import TYPE_CHECKING

import numpy as np

from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.geometry import Point
from edge_agent.core.model import PERSON, TWO_WHEELER
from edge_agent.passages.passage import PathPoint, Side
from edge_agent.passages.reader import StoredPassage
from edge_agent.tools.ground.pinhole import PinholeCamera, focal_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

PERSON_M, PERSON_SPREAD = 1.62, 0.04
"""Mean height of men (1.68 m) and women (1.56 m) aged 18 in Vietnam's general nutrition survey 2019-2020.
Older people are smaller, and shoes add to the height. ``PERSON_SPREAD``: relative error of this mean."""
MOTORCYCLE_M, MOTORCYCLE_SPREAD = 1.9, 0.05
"""Length of the usual motorcycle: 1.914 m for the Honda Wave Alpha of 2020, the most sold one (its data
sheet, in nghean24h.vn, October 2020); scooters are a few centimetres shorter."""
RIDER_M, RIDER_SPREAD = 1.61, 0.05
"""Height of a rider above the road: the seat height of that motorcycle (0.769 m) plus 0.52 of a person's
height, which is the share of a sitting body (Drillis and Contini, 1966)."""
_Cuboid = tuple[float, float, float]
_PERSON: tuple[_Cuboid, ...] = ((0.3, 0.5, PERSON_M),)
_RIDER: tuple[_Cuboid, ...] = ((MOTORCYCLE_M, 0.6, 1.05), (0.6, 0.5, RIDER_M))
"""Length, width, height. A camera above also sees the top of a body, which makes its box larger."""
ROUNDS = 4  # of fitting the camera to the lengths, and computing the lengths that the camera would see
PADDING = 0.006
"""Share of the picture's height by which all boxes may be too large: 2 pixels of 360. It changes mostly the
small boxes far away, and so the tilt."""
VIEW_SPREAD = 0.04  # relative error of the focal length of a data sheet
LANE_SPREAD = 0.03  # error of a lane's width between two points in the picture
MIN_RULERS = 30
MIN_VOTES, MIN_SCORE = 5, 0.4
ACROSS_DEG = 20.0  # up to this angle to the horizontal, a moving motorcycle shows its whole length
TILTS_DEG = np.arange(-2.0, 80.0, 0.5)
SAMPLES = 40  # samples of the rulers, drawn with replacement (bootstrap), to compute the error
MAX_ERROR = 0.5  # relative error of lengths (two standard errors) above which an estimate is useless


class EstimateError(EdgeAgentError):
    """No estimate is possible, or it would be too uncertain; the text says why."""


class RulerKind(StrEnum):
    PERSON = "person"  # the height of the box is known
    RIDER = "rider"  # a person on a motorcycle: the height of the box is known
    ACROSS = "across"  # a motorcycle from its side: the width of the box is known


_SPREAD = {
    RulerKind.PERSON: PERSON_SPREAD,
    RulerKind.RIDER: RIDER_SPREAD,
    RulerKind.ACROSS: MOTORCYCLE_SPREAD,
}


@dataclass(frozen=True, slots=True)
class Ruler:
    """The box of an object of a kind; the average true size of this kind is known."""

    kind: RulerKind
    x: float  # foot, 0..1 of the picture
    y: float
    size: float  # share of the picture's height or width
    metres: float
    way: tuple[Point, Point]  # first and last place of its path in the picture


@dataclass(frozen=True, slots=True)
class MeasuredWidth:
    """Two points across a lane, at right angles to it, and its width."""

    begin: Point
    end: Point
    metres: float


@dataclass(frozen=True, slots=True)
class GroundEstimate:
    """The estimated camera, how certain it is, and the rulers it was estimated from."""

    camera: PinholeCamera
    length_error: float  # share of lengths, two standard errors
    counts: Mapping[RulerKind, int]
    reach_m: tuple[float, float]  # distance of the nearest and farthest rulers


def rulers_of(passages: Iterable[StoredPassage]) -> list[Ruler]:
    """Return the rulers of stored passages: with a sure label, and a box inside the picture's sides."""
    return [ruler for each in passages for ruler in _rulers(each)]


def _rulers(passage: StoredPassage) -> Iterator[Ruler]:
    detail, path = passage.detail, passage.detail.path
    sides = {detail.entry, detail.exit} - {Side.INSIDE}
    if detail.votes < MIN_VOTES or detail.score < MIN_SCORE or len(path) < 2:
        return
    x, y = _mean_place(path)
    way = path[0][1:], path[-1][1:]
    if passage.group == PERSON and Side.BOTTOM not in sides:
        yield Ruler(RulerKind.PERSON, x, y, detail.height, PERSON_M, way)
    direction = passage.direction_deg
    if passage.group != TWO_WHEELER or direction is None:
        return
    if Side.BOTTOM not in sides:
        yield Ruler(RulerKind.RIDER, x, y, detail.height, RIDER_M, way)
    if not sides and abs(direction % 180 - 90) <= ACROSS_DEG:
        yield Ruler(RulerKind.ACROSS, x, y, detail.width, MOTORCYCLE_M, way)


def _mean_place(path: Sequence[PathPoint]) -> Point:
    """Return the mean place over time. Not of the points: a thinned path has few where the object stood."""
    whole_s = path[-1].after_s - path[0].after_s
    if whole_s <= 0:
        return path[0].x, path[0].y
    pieces = [(b.after_s - a.after_s, (a.x + b.x) / 2, (a.y + b.y) / 2) for a, b in pairwise(path)]
    return sum(s * x for s, x, _ in pieces) / whole_s, sum(s * y for s, _, y in pieces) / whole_s


def estimate(
    rulers: Sequence[Ruler], aspect: float, view_deg: float, lane: MeasuredWidth | None = None
) -> GroundEstimate:
    """Return the camera with the horizontal angle of view ``view_deg`` that fits the rulers best. The rulers
    determine its tilt and height; they do not determine the angle of view with a useful error.

    Raises ``EstimateError`` with what is missing.
    """
    if len(rulers) < MIN_RULERS:
        raise EstimateError(
            f"{len(rulers)} persons and riders were measured reliably, {MIN_RULERS} are needed; wait "
            "for more passages, or measure four marks with a tape"
        )
    counts = Counter(each.kind for each in rulers)
    camera, seen_m = _fitted_camera(rulers, aspect, view_deg, lane)
    random = _random_error(rulers, seen_m, camera, lane)
    tighter = [replace(each, size=max(each.size - PADDING, each.size / 2)) for each in rulers]
    ends = _usual_way(rulers)
    padded = abs(_way(_fitted_camera(tighter, aspect, view_deg, lane)[0], ends) / _way(camera, ends) - 1)
    spread = sum(_SPREAD[kind] * count for kind, count in counts.items()) / len(rulers)
    error = 2 * hypot(random, padded, spread if lane is None else LANE_SPREAD, VIEW_SPREAD)
    if not error <= MAX_ERROR:
        raise EstimateError(
            f"lengths would be uncertain by {100 * error:.0f} %, which says nothing; wait for more passages, "
            "or measure four marks with a tape"
        )
    return GroundEstimate(camera, error, counts, _reach(camera, rulers))


def _fitted_camera(
    rulers: Sequence[Ruler], aspect: float, view_deg: float, lane: MeasuredWidth | None
) -> tuple[PinholeCamera, list[float]]:
    """Return the camera, and for each ruler the length in metres that its box shows this camera."""
    table = _RulerTable(rulers, aspect, focal_of(view_deg))
    camera = PinholeCamera(1.0, 0.0, view_deg, aspect)
    seen_m = [each.metres for each in rulers]
    for _ in range(ROUNDS):
        tilt_deg, height_m = table.fit(seen_m)
        camera = PinholeCamera(height_m, tilt_deg, view_deg, aspect)
        seen_m = [_seen_metres(each, camera) for each in rulers]
    return (camera if lane is None else _scaled_to(camera, lane)), seen_m


def _random_error(
    rulers: Sequence[Ruler], seen_m: Sequence[float], camera: PinholeCamera, lane: MeasuredWidth | None
) -> float:
    """Return the relative standard error of a distance on the road, by bootstrap samples of the rulers."""
    table, rng = _RulerTable(rulers, camera.aspect, camera.focal), np.random.default_rng(1)
    ends, ways = _usual_way(rulers), []
    for _ in range(SAMPLES):
        tilt_deg, height_m = table.fit(seen_m, rng.integers(0, len(rulers), len(rulers)))
        other = PinholeCamera(height_m, tilt_deg, camera.view_deg, camera.aspect)
        ways.append(_way(other if lane is None else _scaled_to(other, lane), ends))
    return float(np.std(ways)) / _way(camera, ends)


def _seen_metres(ruler: Ruler, camera: PinholeCamera) -> float:
    """Return the metres that the ruler's box shows: its length, and the thickness seen from above."""
    place, begin, end = (camera.metres(*each) for each in ((ruler.x, ruler.y), *ruler.way))
    if place is None:
        return ruler.metres
    body = _PERSON if ruler.kind is RulerKind.PERSON else _RIDER
    yaw = 0.0
    if ruler.kind is not RulerKind.PERSON and begin is not None and end is not None:
        yaw = atan2(end[1] - begin[1], end[0] - begin[0])
    (x_m, y_m), deep_m = place, abs(body[0][0] * sin(yaw)) + abs(body[0][1] * cos(yaw))
    corners = [
        camera.point(
            x_m + length * along * cos(yaw) - width * across * sin(yaw),
            y_m + deep_m / 2 + length * along * sin(yaw) + width * across * cos(yaw),
            up_m,
        )
        for length, width, height in body
        for along in (-0.5, 0.5)
        for across in (-0.5, 0.5)
        for up_m in (0.0, height)
    ]
    if ruler.kind is not RulerKind.ACROSS:
        line = camera.point(x_m, y_m)[1] - camera.point(x_m, y_m, ruler.metres)[1]
        shown = max(y for _, y in corners) - min(y for _, y in corners)
    else:
        line = camera.point(x_m + ruler.metres, y_m)[0] - camera.point(x_m, y_m)[0]
        shown = max(x for x, _ in corners) - min(x for x, _ in corners)
    return ruler.metres * min(max(shown / line, 0.5), 3.0) if line > 0 else ruler.metres


def _usual_way(rulers: Sequence[Ruler]) -> tuple[Point, Point]:
    """Return two points in the middle of the picture: one among the farther rulers, one among the nearer."""
    ys = np.quantile([each.y for each in rulers], (0.25, 0.75))
    return (0.5, float(ys[0])), (0.5, max(float(ys[1]), float(ys[0]) + 0.02))


def _way(camera: PinholeCamera, ends: tuple[Point, Point]) -> float:
    begin, end = (camera.metres(*each) for each in ends)
    return float("nan") if begin is None or end is None else dist(begin, end)


def _reach(camera: PinholeCamera, rulers: Sequence[Ruler]) -> tuple[float, float]:
    places = [place for each in rulers if (place := camera.metres(each.x, each.y)) is not None]
    near, far = np.quantile([y_m for _, y_m in places], (0.1, 0.9))
    return float(near), float(far)


def _scaled_to(camera: PinholeCamera, lane: MeasuredWidth) -> PinholeCamera:
    """Return the camera at the height at which it sees the lane with its measured width."""
    begin, end = camera.metres(*lane.begin), camera.metres(*lane.end)
    if begin is None or end is None or dist(begin, end) < 1e-6:
        raise EstimateError("the lane is on or above the horizon of the passages; check its two points")
    scale = lane.metres / dist(begin, end)
    return PinholeCamera(camera.height_m * scale, camera.tilt_deg, camera.view_deg, camera.aspect)


class _RulerTable:
    """Logarithm of each ruler's true size for a camera 1 m high, for each tilt; shape (tilts, rulers)."""

    def __init__(self, rulers: Sequence[Ruler], aspect: float, focal: float) -> None:
        tilt = np.radians(TILTS_DEG)[:, None]
        v = np.array([(each.y - 0.5) * aspect for each in rulers])[None, :]
        upright = np.array([each.kind is not RulerKind.ACROSS for each in rulers])[None, :]
        size = np.array(
            [each.size * (aspect if each.kind is not RulerKind.ACROSS else 1.0) for each in rulers]
        )
        down = v * np.cos(tilt) + focal * np.sin(tilt)
        ahead = focal * np.cos(tilt) - v * np.sin(tilt)
        top = v - size
        top_down = top * np.cos(tilt) + focal * np.sin(tilt)
        top_ahead = focal * np.cos(tilt) - top * np.sin(tilt)
        with np.errstate(divide="ignore", invalid="ignore"):
            # In metres, for a camera 1 m high: height of the box above its foot, or its width at the foot.
            height = 1 - ahead / down * top_down / top_ahead
            known = np.where(upright, height, size / down)
            self._known: Floats = np.log(np.where((down > 1e-3) & (known > 0), known, np.nan))

    def fit(self, seen_m: Sequence[float], chosen: NDArray[np.int64] | None = None) -> tuple[float, float]:
        """Return the tilt in degrees and the height in metres with which the rulers agree best, that is with
        the least median deviation. ``chosen``: indices of the rulers to use; None: all."""
        heights = np.log(seen_m) - self._known
        if chosen is not None:
            heights = heights[:, chosen]
        lost = np.isnan(heights).sum(axis=1) > 0.1 * heights.shape[1]  # rulers above the horizon of the tilt
        filled = np.where(np.isnan(heights), np.inf, heights)
        middle = np.median(filled, axis=1)
        with np.errstate(invalid="ignore"):
            spread = np.median(np.abs(filled - middle[:, None]), axis=1)
        spread = np.where(lost | ~np.isfinite(spread), np.inf, spread)
        best = int(np.argmin(spread))
        if not np.isfinite(spread[best]):
            raise EstimateError(
                "the passages fit no camera above a flat road; measure four marks with a tape"
            )
        return float(TILTS_DEG[best]), float(np.exp(middle[best]))
