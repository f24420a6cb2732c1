"""How far boxes moved, on drawn pictures with known displacements."""

from __future__ import annotations

import numpy as np
import pytest

from edge_agent.model import Box
from edge_agent.tracking.flow import Query, displacements
from tests.tracking.world import HEIGHT, WIDTH, texture

GROUND = texture(1, HEIGHT, WIDTH, 90, 150)
SIZE = 60  # pixels of the moved square


def moved(corner: tuple[int, int], by: tuple[int, int]) -> tuple[float, float]:
    """How far flow says that a square at ``corner`` went in a step ``by``, all in pixels."""
    thing = texture(2, SIZE, SIZE, 0, 255)
    (x, y), (dx, dy) = corner, by
    before, after = GROUND.copy(), GROUND.copy()
    before[y : y + SIZE, x : x + SIZE] = thing
    after[y + dy : y + dy + SIZE, x + dx : x + dx + SIZE] = thing
    query = Query(Box.from_pixels(x, y, x + SIZE, y + SIZE, WIDTH, HEIGHT))
    (shift,) = displacements(before, after, [query], None)
    assert shift is not None
    return shift.dx * WIDTH, shift.dy * HEIGHT


@pytest.mark.parametrize("by", [(0, 0), (7, 3), (12, 9), (15, 0)])
@pytest.mark.parametrize("corner", [(0, 0), (291, 147), (550, 282), (550, 0)])
def test_a_step_is_found_anywhere_in_the_picture(corner: tuple[int, int], by: tuple[int, int]) -> None:
    inside = (by[0] if corner[0] < 500 else -by[0], by[1] if corner[1] < 200 else -by[1])
    dx, dy = moved(corner, inside)
    assert (dx, dy) == pytest.approx(inside, abs=0.5)


def test_what_happens_elsewhere_does_not_matter() -> None:
    square, other = (slice(100, 160), slice(80, 140)), (slice(200, 260), slice(500, 560))
    before, after = GROUND.copy(), GROUND.copy()
    before[square] = after[square] = texture(2, SIZE, SIZE, 0, 255)
    near = Query(Box.from_pixels(80, 100, 140, 160, WIDTH, HEIGHT))
    far = Query(Box.from_pixels(500, 200, 560, 260, WIDTH, HEIGHT))
    before[other] = after[other] = texture(3, SIZE, SIZE, 0, 255)
    alone = displacements(before, after, [near], None)
    after[other] = 0
    together = displacements(before, after, [near, far], None)
    assert alone[0] is not None
    assert together[0] is not None
    assert together[0].dx == pytest.approx(alone[0].dx, abs=1e-4)


def test_a_box_that_has_left_the_picture_is_not_found() -> None:
    gone = Query(Box(1.1, 0.4, 1.2, 0.6))
    assert displacements(GROUND, GROUND, [gone], None) == [None]


def test_a_guess_far_outside_the_picture_does_no_harm() -> None:
    here = Query(Box(0.4, 0.4, 0.5, 0.6), guess=(3.0, -3.0))
    assert len(displacements(GROUND, GROUND, [here], np.full((90, 160), 255, np.uint8))) == 1
