"""Polygons in 0..1 of the picture: which points are inside, and which polygons are invalid.

Polygons are rasterised in ``motion/detector.py`` and ``evidence/jpeg.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations
from typing import TypeVar

from edge_agent.core.languages import Sentences, both

Point = tuple[float, float]  # x, y in 0..1 of the picture, origin top left
Polygon = tuple[Point, ...]  # at least three points; does not cross itself; closed implicitly

Exact = tuple[Fraction, Fraction]
Span = tuple[float, float, float, float]
_Number = TypeVar("_Number", float, Fraction)

_LAST = 1 - 2**-40
"""Largest coordinate of a point: the right and lower edges of the picture belong to the polygons that touch
them. Feet that the picture cuts off are at 1."""


def contains(polygon: Polygon, point: Point) -> bool:
    """Return whether the point is inside, by the even-odd rule. Source: W. R. Franklin, "PNPOLY".

    A point on an edge belongs to one of the two polygons that share the edge, not to both.
    """
    x, y = min(point[0], _LAST), min(point[1], _LAST)
    inside = False
    for (x1, y1), (x2, y2) in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            inside = not inside
    return inside


def fault_of(points: Sequence[Point]) -> str | None:
    """Return what is wrong with the closed polygon through ``points`` (3 or more); None if nothing is.

    Coordinates are compared as exact fractions, without rounding. Two edges may meet only if they follow each
    other, and only in their common corner. The text counts points from 1.
    """
    exact = [(Fraction(x), Fraction(y)) for x, y in points]
    count = len(exact)
    for i in range(count):
        if exact[i] == exact[(i + 1) % count]:
            return both(_FAULTS, "twice", point=i + 1)
    edges = [(exact[i], exact[(i + 1) % count]) for i in range(count)]
    if all(twice_area(*edges[0], point) == 0 for point in exact):
        return both(_FAULTS, "flat")
    spans = [_span(points[i], points[(i + 1) % count]) for i in range(count)]
    for i, j in combinations(range(count), 2):
        if _apart(spans[i], spans[j]):  # cheap, and enough for nearly all pairs
            continue
        if _clash(edges[i], edges[j], following=j == i + 1, closing=i == 0 and j == count - 1):
            first, second = (f"{k + 1}–{(k + 1) % count + 1}" for k in (i, j))
            return both(_FAULTS, "crosses", first=first, second=second)
    return None


_FAULTS: Sentences = {
    "twice": (
        "the polygon has point {point} twice in a row; leave one out (it closes by itself)",
        "đỉnh {point} của đa giác xuất hiện hai lần liền nhau; hãy bỏ bớt một lần (đa giác tự khép kín)",
    ),
    "flat": (
        "the polygon has no area: all its points lie on one line",
        "đa giác không có diện tích: mọi đỉnh nằm trên một đường thẳng",
    ),
    "crosses": (
        "the polygon crosses itself: its edge {first} meets its edge {second}",
        "đa giác tự cắt: cạnh {first} cắt cạnh {second}",
    ),
}


def _span(a: Point, b: Point) -> Span:
    return min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]), max(a[1], b[1])


def _apart(a: Span, b: Span) -> bool:
    """Return whether the bounding boxes of two edges share no point. Exact, because it only compares."""
    return a[2] < b[0] or b[2] < a[0] or a[3] < b[1] or b[3] < a[1]


def _clash(a: tuple[Exact, Exact], b: tuple[Exact, Exact], *, following: bool, closing: bool) -> bool:
    if following:
        return _folds_back(a[0], a[1], b[1])
    if closing:
        return _folds_back(b[0], b[1], a[1])
    return _touch(a, b)


def _folds_back(before: Exact, corner: Exact, after: Exact) -> bool:
    """Return whether the edge after a corner runs back over the edge before it."""
    if twice_area(before, corner, after) != 0:
        return False
    along = sum((corner[k] - before[k]) * (after[k] - corner[k]) for k in (0, 1))
    return along < 0


def _touch(a: tuple[Exact, Exact], b: tuple[Exact, Exact]) -> bool:
    """Return whether segments whose bounding boxes overlap share a point (orientation test, Sedgewick)."""
    across_a = _sign(twice_area(*a, b[0])) * _sign(twice_area(*a, b[1]))
    across_b = _sign(twice_area(*b, a[0])) * _sign(twice_area(*b, a[1]))
    return across_a <= 0 and across_b <= 0


def twice_area(a: tuple[_Number, _Number], b: tuple[_Number, _Number], c: tuple[_Number, _Number]) -> _Number:
    """Return twice the signed area of the triangle a, b, c; 0 when they lie on one line. Its sign is the side
    of the line through a and b on which c lies."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _sign(value: Fraction) -> int:
    return (value > 0) - (value < 0)
