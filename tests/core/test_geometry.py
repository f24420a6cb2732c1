"""Polygons: which cross themselves, compared with a brute-force definition; and which points are inside."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from edge_agent.core.geometry import Point, Polygon, contains, fault_of
from tests.config.places import STEADY

Exact = tuple[Fraction, Fraction]


def _shared(a: tuple[Exact, Exact], b: tuple[Exact, Exact]) -> set[Exact] | None:
    """All points that two segments share, by solving for them; None when there are infinitely many."""
    (ax, ay), (bx, by) = a[0], b[0]
    adx, ady = a[1][0] - ax, a[1][1] - ay
    bdx, bdy = b[1][0] - bx, b[1][1] - by
    ox, oy = bx - ax, by - ay
    determinant = bdx * ady - bdy * adx
    if determinant != 0:  # a(s) = b(t) has one solution; it counts inside both segments
        s = (bdx * oy - bdy * ox) / determinant
        t = (adx * oy - ady * ox) / determinant
        return {(ax + s * adx, ay + s * ady)} if 0 <= s <= 1 and 0 <= t <= 1 else set()
    if ox * ady != oy * adx:  # parallel, on two lines
        return set()
    along = [((x - ax) * adx + (y - ay) * ady) / (adx * adx + ady * ady) for x, y in b]
    low, high = max(Fraction(0), min(along)), min(Fraction(1), max(along))
    if low > high:
        return set()
    return {(ax + low * adx, ay + low * ady)} if low == high else None


def _is_simple(points: list[Point]) -> bool:
    """By definition: edges have a length, and share only the corner where they follow each other."""
    exact = [(Fraction(x), Fraction(y)) for x, y in points]
    edges = list(zip(exact, exact[1:] + exact[:1], strict=True))
    if any(start == end for start, end in edges):
        return False
    for i, j in combinations(range(len(edges)), 2):
        neighbours = j == i + 1 or (i == 0 and j == len(edges) - 1)
        corners = set(edges[i]) & set(edges[j]) if neighbours else set()
        if _shared(edges[i], edges[j]) != corners:
            return False
    return True


_GRID = st.tuples(st.integers(0, 4), st.integers(0, 4)).map(lambda p: (p[0] / 4, p[1] / 4))
_ANYWHERE = st.tuples(st.floats(0, 1), st.floats(0, 1))


@settings(STEADY, max_examples=400)
@example([(0, 0), (0.5, 0), (1, 0), (1, 1)])  # a corner of 180 degrees is odd, but simple
@example([(0, 0), (1, 0), (1, 1), (0.5, 0.1), (0, 1)])  # a deep notch
@example([(0.1, 0.1), (0.2, 0.2), (0.3, 0.3), (0.3, 0.1)])  # 0.1 * 3 is not 0.3, and need not be
@given(st.one_of(st.lists(_GRID, min_size=3, max_size=7), st.lists(_ANYWHERE, min_size=3, max_size=6)))
def test_a_polygon_has_a_fault_exactly_when_it_is_not_simple(points: list[Point]) -> None:
    assert (fault_of(points) is None) == _is_simple(points)


@settings(STEADY, max_examples=100)
@given(st.lists(_GRID, min_size=3, max_size=6), st.integers(0, 5), st.booleans())
def test_the_first_point_and_the_direction_do_not_matter(points: list[Point], by: int, back: bool) -> None:
    turned = points[by % len(points) :] + points[: by % len(points)]
    turned = turned[::-1] if back else turned
    assert (fault_of(points) is None) == (fault_of(turned) is None)


STAR: Polygon = tuple(
    (0.5 + r * math.sin(a * math.pi / 5), 0.5 - r * math.cos(a * math.pi / 5))
    for a, r in enumerate([0.4, 0.15] * 5)
)


@pytest.mark.parametrize(
    ("point", "inside"),
    [
        ((0.5, 0.5), True),  # the middle
        ((0.5, 0.12), True),  # in the upper point
        ((0.5, 0.05), False),  # above it
        ((0.9, 0.9), False),  # a corner of the picture
        ((0.5, 0.8), False),  # in the notch between the two lower points
    ],
)
def test_what_is_inside_a_concave_polygon(point: Point, inside: bool) -> None:
    assert contains(STAR, point) is inside


@settings(STEADY, max_examples=200)
@given(st.lists(_GRID, min_size=3, max_size=6), _ANYWHERE, st.integers(0, 5), st.booleans())
def test_any_corner_may_be_the_first(points: list[Point], point: Point, by: int, back: bool) -> None:
    turned = points[by % len(points) :] + points[: by % len(points)]
    # Not on an edge: there either result is allowed.
    assume(all(_distance(a, b, point) > 1e-9 for a, b in zip(points, points[1:] + points[:1], strict=True)))
    assert contains(tuple(turned[::-1] if back else turned), point) is contains(tuple(points), point)


def _distance(a: Point, b: Point, point: Point) -> float:
    """From ``point`` to the segment a–b."""
    (ax, ay), (dx, dy) = a, (b[0] - a[0], b[1] - a[1])
    along = ((point[0] - ax) * dx + (point[1] - ay) * dy) / ((dx * dx + dy * dy) or 1.0)
    along = min(1.0, max(0.0, along))
    return math.hypot(point[0] - ax - along * dx, point[1] - ay - along * dy)


LOWER_HALF = ((0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0))


@pytest.mark.parametrize("point", [(0.5, 1.0), (1.0, 0.7), (1.0, 1.0), (0.0, 1.0), (0.0, 0.5)])
def test_the_edges_of_the_picture_belong_to_the_zone_that_touches_them(point: Point) -> None:
    """Feet that the picture cuts off are at 1."""
    assert contains(LOWER_HALF, point)


def test_a_zone_that_ends_before_the_edge_does_not_have_it() -> None:
    assert not contains(((0.0, 0.5), (1.0, 0.5), (1.0, 0.999), (0.0, 0.999)), (0.5, 1.0))
