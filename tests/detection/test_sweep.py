from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.detection.budget import Budget
from edge_agent.detection.sweep import Sweep, tiles
from edge_agent.model import FULL_PICTURE, Box, Motion, MotionRegion, Scene

SIZE = (640, 360)


QUIET = Motion((), Scene.STEADY, 0.0)
BUSY = Motion((MotionRegion(FULL_PICTURE, 0.5),), Scene.STEADY, 0.5)
"""Something moves everywhere."""


def swept(
    sweep: Sweep, from_s: float, to_s: float, motion: Motion = BUSY, fps: float = 5.0
) -> list[tuple[float, Box]]:
    """What a camera of ``fps`` frames a second looks at when every due tile is granted."""
    seen = []
    for i in range(round((to_s - from_s) * fps)):
        now = from_s + i / fps
        if (tile := sweep.due(SIZE, motion, now)) is not None:
            seen.append((now, tile))
            sweep.done(now)
    return seen


@given(st.tuples(st.integers(32, 3000), st.integers(32, 3000)))
def test_tiles_cover_the_picture_and_stay_inside(size: tuple[int, int]) -> None:
    for x in (0.0, 0.3, 0.5, 0.77, 0.9999):
        for y in (0.0, 0.3, 0.5, 0.77, 0.9999):
            point = Box(x, y, x, y)
            assert any(t.x1 <= point.x1 <= t.x2 and t.y1 <= point.y1 <= t.y2 for t in tiles(size))
    assert all(tile == tile.clipped() and tile.area > 0 for tile in tiles(size))


def test_a_wide_picture_has_tiles_as_high_as_it_and_tiles_of_a_quarter_of_its_width() -> None:
    sides = {round(tile.width * 640) for tile in tiles(SIZE)}
    assert sides == {360, 160}
    assert len(tiles(SIZE)) == 18


def test_the_first_round_is_quick_and_the_next_takes_about_a_minute() -> None:
    seen = swept(Sweep(lambda: 10), 0, 120)
    first = [now for now, _ in seen[:18]]
    assert {tile for _, tile in seen[:18]} == set(tiles(SIZE))
    assert first[-1] < 10
    assert seen[36][0] - seen[18][0] == pytest.approx(60, abs=5)


def test_a_small_share_of_the_budget_makes_the_sweep_slower() -> None:
    seen = swept(Sweep(lambda: 1.0), 100, 400)
    later = [now for now, _ in seen[18:]]
    assert len(later) / (later[-1] - later[0]) == pytest.approx(0.1, rel=0.2)


def test_a_share_that_changed_counts_from_the_next_look() -> None:
    budget = Budget(2.0, ("cam-1",))
    sweep = Sweep(lambda: budget.share_per_s)
    swept(sweep, 0, 100)
    alone = len(swept(sweep, 100, 400))
    budget.share_among(("cam-1", "cam-2", "cam-3", "cam-4"))
    assert len(swept(sweep, 400, 700)) == pytest.approx(alone / 4, abs=2), "cameras were added"


def test_a_tile_that_was_not_granted_stays_due() -> None:
    sweep = Sweep(lambda: 10)
    tile = sweep.due(SIZE, QUIET, 0.0)
    assert sweep.due(SIZE, QUIET, 0.2) is tile


def test_another_picture_size_starts_the_sweep_anew() -> None:
    sweep = Sweep(lambda: 10)
    swept(sweep, 0, 100)
    assert sweep.due((1280, 720), QUIET, 100.1) == tiles((1280, 720))[0]


def test_where_nothing_moved_only_one_tile_a_minute_is_looked_at() -> None:
    seen = swept(Sweep(lambda: 10), 0, 600, QUIET)
    later = [now for now, _ in seen[18:]]
    assert len(later) == pytest.approx(10, abs=1)
    assert len({tile for _, tile in seen[18:]}) == len(later), "in turn, not the same one"


def test_a_tile_in_which_something_moved_is_looked_at_soon_afterwards() -> None:
    sweep = Sweep(lambda: 10)
    swept(sweep, 0, 60, QUIET)
    corner = Box(0.9, 0.9, 0.95, 0.95)
    assert sweep.due(SIZE, Motion((MotionRegion(corner, 0.001),), Scene.STEADY, 0.001), 60.0) is not None
    soon = swept(sweep, 60, 75, QUIET)
    assert soon
    assert all(tile.intersection(corner) > 0 for _, tile in soon)


def test_a_scene_switch_makes_every_tile_worth_a_look() -> None:
    sweep = Sweep(lambda: 10)
    swept(sweep, 0, 60, QUIET)
    sweep.due(SIZE, Motion((), Scene.SWITCHED, 0.9), 60.0)
    assert {tile for _, tile in swept(sweep, 60, 130, QUIET)} == set(tiles(SIZE))
