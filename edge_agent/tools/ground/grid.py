"""Draws the ground plane on a picture: lines on the road at whole metres, the four marks, the horizon."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import ceil, cos, dist, floor, radians, sin
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.geometry import Point
from edge_agent.core.ground import GroundPlane

if TYPE_CHECKING:
    from edge_agent.core.model import Colour

FAR_M = 80.0  # limit of the distance from the first mark; lines further away would cover each other
PIECES = 40  # each line is drawn in so many pieces; only those behind the camera are left out
THIN, THICK = (220, 220, 0), (0, 220, 255)  # BGR of the line at each step, and at each fifth step
MARK, HORIZON = (60, 60, 255), (255, 120, 60)
MIN_APART = 7  # least pixels between two thin, or two thick lines
LARGEST, MIN_WIDTH = 1280, 640  # pixels; a smaller picture is enlarged
FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw_grid(picture: Colour, plane: GroundPlane, points: Sequence[Point], step_m: float) -> Colour:
    """Return a copy with the grid, (height, width, 3) uint8, at least about ``MIN_WIDTH`` wide. Lines are
    ``step_m`` apart, each fifth thick and with its metres. Lines that would touch the next are left out.

    ``points``: the marks in the picture, drawn with their numbers.
    """
    factor = max(1, round(MIN_WIDTH / picture.shape[1]))
    drawn: Colour = np.repeat(np.repeat(picture, factor, axis=0), factor, axis=1)
    left, right, near, far = _reach(plane, step_m)
    lines = [
        (n, (n * step_m, near), (n * step_m, far))
        for n in range(floor(left / step_m), ceil(right / step_m) + 1)
    ]
    lines += [
        (n, (left, n * step_m), (right, n * step_m))
        for n in range(floor(near / step_m), ceil(far / step_m) + 1)
    ]
    for n, begin, end in sorted(lines, key=lambda line: line[0] % 5 == 0):
        _draw_line(drawn, plane, begin, end, step_m, thick=n % 5 == 0)
    _draw_labels(drawn, plane, (left, right, near, far), step_m)
    horizon = plane.horizon(0.0), plane.horizon(1.0)
    if horizon[0] is not None and horizon[1] is not None:
        cv2.line(
            drawn, _pixel(drawn, (0.0, horizon[0])), _pixel(drawn, (1.0, horizon[1])), HORIZON, 2, cv2.LINE_AA
        )
    for number, point in enumerate(points, 1):
        at = _pixel(drawn, point)
        cv2.drawMarker(drawn, at, MARK, cv2.MARKER_CROSS, 18, 2, cv2.LINE_AA)
        _write(drawn, str(number), (at[0] + 8, at[1] - 8), MARK, 0.7)
    return drawn


def _reach(plane: GroundPlane, step_m: float) -> tuple[float, float, float, float]:
    """Return least X, greatest X, least Y, greatest Y of the road, about ``FAR_M`` around the first mark."""
    corners = [
        place
        for x in (0.0, 0.25, 0.5, 0.75, 1.0)
        for y in np.linspace(0.0, 1.0, 41)
        if (place := plane.metres(x, float(y))) is not None
    ]
    near = [place for place in corners if abs(place[0]) <= FAR_M and abs(place[1]) <= FAR_M]
    xs, ys = zip(*near, strict=True)
    left, near = (step_m * floor(min(values) / step_m) for values in (xs, ys))
    right, far = (step_m * ceil(max(values) / step_m) for values in (xs, ys))
    return left, right, near, far


def _draw_line(
    drawn: Colour, plane: GroundPlane, begin: Point, end: Point, step_m: float, *, thick: bool
) -> None:
    """Draw the parts of the line that do not nearly touch the next line."""
    next_m = 5 * step_m if thick else step_m
    aside = (next_m, 0.0) if begin[0] == end[0] else (0.0, next_m)
    following = _along(
        plane, (begin[0] + aside[0], begin[1] + aside[1]), (end[0] + aside[0], end[1] + aside[1])
    )
    for (first, second), beside in zip(pairwise(_along(plane, begin, end)), following, strict=False):
        if first is None or second is None:
            continue
        at = _pixel(drawn, first)
        if beside is not None and dist(at, _pixel(drawn, beside)) < MIN_APART:
            continue
        colour, width = (THICK, 2) if thick else (THIN, 1)
        cv2.line(drawn, at, _pixel(drawn, second), colour, width, cv2.LINE_AA)


def _along(plane: GroundPlane, begin: Point, end: Point) -> Iterator[Point | None]:
    for n in range(PIECES + 1):
        part = n / PIECES
        point = plane.point(begin[0] + part * (end[0] - begin[0]), begin[1] + part * (end[1] - begin[1]))
        yield point if point is not None and -1 < point[0] < 2 and -1 < point[1] < 2 else None


def _draw_labels(
    drawn: Colour, plane: GroundPlane, reach: tuple[float, float, float, float], step_m: float
) -> None:
    """Write the metres of thick lines where they cross the axes; leave out labels that would touch others."""
    left, right, near, far = reach
    taken: list[tuple[int, int]] = []
    for n in range(floor(min(left, near) / step_m), ceil(max(right, far) / step_m) + 1):
        if n % 5:
            continue
        for place in ((0.0, n * step_m), (n * step_m, 0.0)):
            point = plane.point(*place)
            if point is None or not (0 <= point[0] <= 0.97 and 0.02 <= point[1] <= 1):
                continue
            at = _pixel(drawn, point)
            if all(abs(at[0] - x) + abs(at[1] - y) > 28 for x, y in taken):
                taken.append(at)
                _write(drawn, f"{n * step_m:g} m", (at[0] + 3, at[1] - 3), THICK, 0.5)


def draw_north(drawn: Colour, plane: GroundPlane, place: Point) -> None:
    """Draw an arrow of 3 m to the north at ``place`` on the road; nothing if the plane has no bearing."""
    heading = plane.heading(0.0, 1.0)
    if heading is None:
        return
    way = radians(90 + heading)  # direction of north, from the X axis
    tail = plane.point(*place)
    head = plane.point(place[0] + 3 * cos(way), place[1] + 3 * sin(way))
    if tail is not None and head is not None:
        cv2.arrowedLine(drawn, _pixel(drawn, tail), _pixel(drawn, head), MARK, 3, cv2.LINE_AA, tipLength=0.3)
        _write(drawn, "N", _pixel(drawn, head), MARK, 0.7)


def _write(drawn: Colour, text: str, at: tuple[int, int], colour: tuple[int, int, int], size: float) -> None:
    cv2.putText(drawn, text, at, FONT, size, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(drawn, text, at, FONT, size, colour, 1, cv2.LINE_AA)


def _pixel(drawn: Colour, point: Point) -> tuple[int, int]:
    height, width = drawn.shape[:2]
    return round(point[0] * width), round(point[1] * height)


def read_picture(path: Path) -> Colour:
    """Read a picture file as BGR. Raises ``EdgeAgentError`` if the file is not a picture."""
    picture = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise EdgeAgentError(f"{path}: OpenCV cannot read this as a picture")
    return picture  # type: ignore[return-value]
