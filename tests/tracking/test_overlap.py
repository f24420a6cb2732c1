from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.model import Box
from edge_agent.tracking.overlap import overlaps, touching

PLACE = st.floats(-0.2, 1.2)
BOX = st.builds(
    lambda x, y, w, h: Box(x, y, x + w, y + h), PLACE, PLACE, st.floats(0.0, 0.6), st.floats(0.0, 0.6)
)
BOXES = st.lists(BOX, max_size=6)


@given(BOXES, BOXES)
def test_those_that_share_an_area_are_found_with_it_and_in_order(first: list[Box], second: list[Box]) -> None:
    every = [(i, j, a.intersection(b)) for i, a in enumerate(first) for j, b in enumerate(second)]
    assert overlaps(first, second) == [pair for pair in every if pair[2] > 0]


def test_a_small_box_within_a_large_one_touches_it_and_a_corner_does_not() -> None:
    large = Box(0.0, 0.0, 0.5, 0.5)
    assert touching([Box(0.1, 0.1, 0.2, 0.2), Box(0.49, 0.49, 0.9, 0.9)], [large], 0.3) == [(0, 0)]
