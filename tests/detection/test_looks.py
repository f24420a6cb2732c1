from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.detection.looks import LookPlanner
from edge_agent.model import Box, Scene
from tests.detection.fakes import motion, track

SIZE = (640, 360)
NOTHING = motion()
RIDER = Box(0.40, 0.40, 0.45, 0.56)  # 32 x 58 pixels

unit = st.floats(0, 1)
picture_sizes = st.tuples(st.integers(64, 2000), st.integers(64, 2000))
boxes = st.tuples(unit, unit, st.floats(0.005, 0.9), st.floats(0.005, 0.9)).map(
    lambda v: Box(v[0], v[1], v[0] + v[2], v[1] + v[3]).clipped()
)
solid = boxes.filter(lambda box: box.area > 1e-6)


def planner() -> LookPlanner:
    return LookPlanner((300, 300))


@given(picture_sizes, st.lists(solid, max_size=8), st.lists(solid, max_size=8), st.integers(0, 6))
def test_crops_are_bounded_inside_the_picture_and_hold_what_they_are_for(
    size: tuple[int, int], tracked: list[Box], moving: list[Box], limit: int
) -> None:
    tracks = [track(box, id=str(i)) for i, box in enumerate(tracked)]
    crops = planner().plan(size, motion(*moving), tracks, limit)
    assert len(crops) <= limit
    pixel = 1 / min(size)
    for crop in crops:
        assert crop.box == crop.box.clipped()
        assert crop.wanted
        for box in crop.wanted:
            grown = crop.box.grown(pixel, pixel)
            assert box.inside(grown) == pytest.approx(1.0)


@given(picture_sizes, st.lists(solid, min_size=1, max_size=5))
def test_with_room_for_all_every_track_gets_its_look(size: tuple[int, int], tracked: list[Box]) -> None:
    tracks = [track(box, id=str(i)) for i, box in enumerate(tracked)]
    crops = planner().plan(size, NOTHING, tracks, 10)
    assert {box for crop in crops for box in crop.wanted} == set(tracked)


def test_a_rider_is_shown_in_a_square_two_and_a_half_times_its_size() -> None:
    (crop,) = planner().plan(SIZE, NOTHING, [track(RIDER)], 5)
    assert (crop.box.width * 640, crop.box.height * 360) == pytest.approx((144, 144))


def test_a_crop_at_the_edge_is_shifted_not_cut() -> None:
    corner = Box(0.95, 0.0, 1.0, 0.16)
    (crop,) = planner().plan(SIZE, NOTHING, [track(corner)], 5)
    assert (crop.box.width * 640, crop.box.height * 360) == pytest.approx((144, 144))
    assert (crop.box.x2, crop.box.y1) == (1.0, 0.0)


def test_a_near_object_gets_the_whole_picture() -> None:
    (crop,) = planner().plan(SIZE, NOTHING, [track(Box(0.1, 0.0, 0.9, 1.0))], 5)
    assert crop.box == Box(0.0, 0.0, 1.0, 1.0)


def test_a_speck_is_not_enlarged_beyond_use() -> None:
    (crop,) = planner().plan(SIZE, NOTHING, [track(Box(0.5, 0.5, 0.505, 0.51))], 5)
    assert crop.box.width * 640 == pytest.approx(75)


def test_neighbours_of_one_size_share_a_crop() -> None:
    beside = RIDER.shifted(0.07, 0.02)
    tracks = [track(RIDER, id="a"), track(beside, id="b")]
    (crop,) = planner().plan(SIZE, NOTHING, tracks, 5)
    assert set(crop.wanted) == {RIDER, beside}


def test_a_crop_may_grow_a_little_to_hold_two_that_each_fill_it() -> None:
    tracks = [track(RIDER, id="a"), track(RIDER.shifted(0.28, 0.0), id="b")]
    (crop,) = planner().plan(SIZE, NOTHING, tracks, 5)
    assert 144 < crop.box.width * 640 < 144 * 1.7
    far = [track(RIDER, id="a"), track(RIDER.shifted(0.4, 0.0), id="b")]
    assert len(planner().plan(SIZE, NOTHING, far, 5)) == 2


def test_a_detector_says_how_large_it_wants_its_objects() -> None:
    (crop,) = LookPlanner((416, 416), side_per_object=4.0).plan(SIZE, NOTHING, [track(RIDER)], 5)
    assert crop.box.width * 640 == pytest.approx(231)


def test_a_bus_and_the_rider_before_it_are_shown_apart() -> None:
    tracks = [track(RIDER, id="a"), track(Box(0.2, 0.1, 0.7, 0.8), id="bus")]
    assert len(planner().plan(SIZE, NOTHING, tracks, 5)) == 2


def test_the_most_urgent_track_is_served_first() -> None:
    far = RIDER.shifted(0.4, 0.0)
    tracks = [track(RIDER, 0.2, "a"), track(far, 0.9, "b"), track(RIDER.shifted(-0.3, 0), 0.0, "c")]
    (crop,) = planner().plan(SIZE, NOTHING, tracks, 1)
    assert crop.wanted == (far,)


def test_motion_that_a_track_explains_costs_nothing() -> None:
    known = track(RIDER, wants_look=0.0, label="motorcycle")
    assert planner().plan(SIZE, motion(RIDER), [known], 5) == []


def test_motion_without_a_track_is_looked_at_after_the_tracks() -> None:
    new = RIDER.shifted(0.4, 0.0)
    crops = planner().plan(SIZE, motion(new), [track(RIDER, 0.1)], 5)
    assert [crop.wanted for crop in crops] == [(RIDER,), (new,)]


@pytest.mark.parametrize("scene", [Scene.LEARNING, Scene.SWITCHED])
def test_motion_is_not_believed_while_the_scene_switches_but_tracks_are(scene: Scene) -> None:
    new = RIDER.shifted(0.4, 0.0)
    crops = planner().plan(SIZE, motion(new, scene=scene), [track(RIDER)], 5)
    assert [crop.wanted for crop in crops] == [(RIDER,)]


def test_what_is_looked_at_again_is_shown_at_another_scale() -> None:
    plan = planner()
    widths = []
    for _ in range(4):
        crops = plan.plan(SIZE, NOTHING, [track(RIDER)], 5)
        widths.append(round(crops[0].box.width * 640))
        plan.looked(crops, [track(RIDER)])
    assert widths == [144, 108, 202, 144]


def test_a_track_predicted_out_of_the_picture_still_yields_a_crop_inside() -> None:
    (crop,) = planner().plan(SIZE, NOTHING, [track(Box(1.05, 0.4, 1.2, 0.6))], 5)
    assert crop.box == crop.box.clipped()
    assert crop.box.x2 == 1.0
