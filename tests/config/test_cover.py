"""Which polygons cover which."""

from __future__ import annotations

import pytest

from edge_agent.config.fields.shapes import polygon_contains
from edge_agent.core.geometry import Polygon

SQUARE: Polygon = ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8))
U: Polygon = ((0, 0), (0.3, 0), (0.3, 0.7), (0.7, 0.7), (0.7, 0), (1, 0), (1, 1), (0, 1))
"""Open at the top: the area between its arms, x 0.3 to 0.7 and y 0 to 0.7, is outside."""


@pytest.mark.parametrize(
    ("outer", "inner", "covered"),
    [
        (SQUARE, ((0.3, 0.3), (0.7, 0.3), (0.5, 0.7)), True),  # well inside
        (SQUARE, SQUARE, True),  # the same
        (SQUARE, SQUARE[::-1], True),  # the same the other way round
        (SQUARE, SQUARE[2:] + SQUARE[:2], True),  # the same from another corner
        (SQUARE, ((0.2, 0.2), (0.8, 0.2), (0.5, 0.5)), True),  # shares an edge
        (SQUARE, ((0.2, 0.3), (0.8, 0.5), (0.2, 0.7)), True),  # touches two edges
        (SQUARE, ((0.3, 0.3), (0.7, 0.3), (0.7, 0.80001)), False),  # a corner sticks out
        (SQUARE, ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)), False),  # the larger around it
        (SQUARE, ((0.85, 0.2), (0.9, 0.2), (0.9, 0.8)), False),  # beside it
        (U, ((0.1, 0.1), (0.2, 0.1), (0.2, 0.9), (0.1, 0.9)), True),  # in an arm
        (U, ((0.1, 0.9), (0.9, 0.75), (0.9, 0.9)), True),  # along the bottom
        (U, ((0.1, 0.2), (0.9, 0.2), (0.9, 0.9), (0.1, 0.9)), False),  # corners inside, the middle not
        (U, ((0.4, 0.1), (0.6, 0.1), (0.6, 0.6), (0.4, 0.6)), False),  # between the arms
        (U, ((0.3, 0), (0.7, 0), (0.7, 0.7), (0.3, 0.7)), False),  # fills the gap: three edges are shared
        (U, ((0, 0), (1, 0), (1, 1), (0, 1)), False),  # all corners shared, the gap is not
        (U, ((0.0, 1.0), (0.3, 0.7), (0.7, 0.7), (1.0, 1.0)), True),  # touches both inner corners
        (U, ((0.0, 0.9), (0.5, 0.699), (1.0, 0.9)), False),  # a tip in the gap
        (((0, 0), (1, 0), (0, 1)), ((0, 0), (0.5, 0.5), (0, 0.5)), True),  # a corner on a slope
    ],
)
def test_a_polygon_covers_another(outer: Polygon, inner: Polygon, covered: bool) -> None:
    assert polygon_contains(outer, inner) is covered
