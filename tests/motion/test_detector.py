"""What the motion stage finds, and what it must not find."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.core.model import Motion, Scene
from edge_agent.motion import MotionDetector
from tests.motion.camera import Camera, Thing, box_of, learned

WALKER = (300.0, 200.0, 16, 40, 190)


@pytest.fixture
def camera() -> Camera:
    return Camera()


@pytest.fixture
def detector(camera: Camera) -> MotionDetector:
    """One that has watched the empty street for 6 s."""
    return learned(camera)


def false_frames(motions: list[Motion]) -> int:
    return sum(bool(motion.regions) for motion in motions)


def test_the_start_is_learning_then_steady() -> None:
    camera = Camera()
    scenes = [motion.scene for _, motion in camera.watch(MotionDetector(), 3.0)]
    assert scenes[0] is Scene.LEARNING
    assert scenes[-1] is Scene.STEADY
    assert scenes == sorted(scenes)  # "learning" < "steady": no way back on a quiet street


@pytest.mark.parametrize("noise", [1.0, 4.0, 9.0])
def test_noise_is_not_motion(noise: float) -> None:
    camera = Camera(noise=noise)
    motions = [motion for _, motion in camera.watch(MotionDetector(), 20.0)]
    assert false_frames(motions) == 0


def test_dusk_is_not_motion(camera: Camera, detector: MotionDetector) -> None:
    motions = [detector.update(camera.shoot(gain=1.0 - 0.004 * i)) for i in range(100)]
    assert false_frames(motions) == 0
    assert {motion.scene for motion in motions} == {Scene.STEADY}


def test_a_soft_shadow_that_drifts_is_not_motion(camera: Camera, detector: MotionDetector) -> None:
    x = np.arange(camera.width, dtype=np.float32)
    motions = []
    for i in range(60):
        shade = 1 - 0.35 * np.exp(-(((x + 200 - 15 * i) / 90) ** 2))
        motions.append(detector.update(camera.shoot(street=camera.street * shade)))
    assert false_frames(motions) == 0


def test_a_thing_in_a_soft_shadow_is_still_seen(camera: Camera, detector: MotionDetector) -> None:
    shade = 1 - 0.3 * np.exp(-(((np.arange(camera.width, dtype=np.float32) - 300) / 90) ** 2))
    motion = detector.update(camera.shoot(WALKER, street=camera.street * shade))
    assert [region.box.iou(box_of(camera, WALKER)) > 0.35 for region in motion.regions] == [True]


def test_an_infrared_switch_replaces_the_background_at_once(camera: Camera, detector: MotionDetector) -> None:
    infrared = 230 - camera.street
    motions = [detector.update(camera.shoot(street=infrared)) for _ in range(30)]
    assert motions[0].scene is Scene.SWITCHED
    assert motions[-1].scene is Scene.STEADY
    assert false_frames(motions) == 0
    assert detector.update(camera.shoot(WALKER, street=infrared)).regions


def test_all_lamps_at_once_are_a_switch(camera: Camera, detector: MotionDetector) -> None:
    motions = [detector.update(camera.shoot(gain=1.4)) for _ in range(10)]
    assert motions[0].scene is Scene.SWITCHED
    assert false_frames(motions) == 0


def test_rain_is_not_motion_and_a_car_in_it_is(camera: Camera) -> None:
    detector, rng = MotionDetector(), np.random.default_rng(3)

    def rainy(*things: Thing) -> Motion:
        street = camera.street.copy()
        for _ in range(200):
            x, y = int(rng.integers(0, 640)), int(rng.integers(0, 340))
            cv2.line(street, (x, y), (x + 2, y + int(rng.integers(8, 25))), 185.0, 1)
        street = np.asarray(cv2.GaussianBlur(street, (0, 0), 0.5), np.float32)
        return detector.update(camera.shoot(*things, street=street))

    quiet = [rainy() for _ in range(75)]
    assert false_frames(quiet[25:]) <= 5
    car = (300.0, 250.0, 60, 35, 30)
    assert any(region.box.iou(box_of(camera, car)) > 0.6 for region in rainy(car).regions)


@pytest.mark.parametrize(
    "thing",
    [
        (400.0, 220.0, 5, 9, 165),  # a far motorbike: 5 x 9 pixels
        (300.0, 200.0, 16, 40, 190),  # a person
        (100.0, 150.0, 150, 120, 40),  # a lorry
    ],
)
def test_a_new_thing_is_one_region_around_it_within_two_frames(
    camera: Camera, detector: MotionDetector, thing: Thing
) -> None:
    x, y, w, h, level = thing
    detector.update(camera.shoot(thing))
    moved = (x + 6, y, w, h, level)
    motion = detector.update(camera.shoot(moved))
    assert len(motion.regions) == 1
    assert motion.regions[0].box.iou(box_of(camera, moved)) > 0.5


def test_a_cast_shadow_is_not_part_of_the_thing(camera: Camera, detector: MotionDetector) -> None:
    street = camera.street.copy()
    street[228:242, 316:346] *= 0.8
    walker = (300.0, 200.0, 16, 42, 20)
    motion = detector.update(camera.shoot(walker, street=street))
    assert [region.box.iou(box_of(camera, walker)) > 0.7 for region in motion.regions] == [True]


def test_two_people_side_by_side_are_two_regions(camera: Camera, detector: MotionDetector) -> None:
    motion = detector.update(camera.shoot((300, 200, 16, 40, 190), (328, 200, 16, 40, 30)))
    assert len(motion.regions) == 2


def test_a_person_cut_in_two_by_a_belt_is_one_region(camera: Camera, detector: MotionDetector) -> None:
    motion = detector.update(camera.shoot((300, 200, 16, 18, 190), (300, 222, 16, 20, 30)))
    assert len(motion.regions) == 1


def test_nothing_is_seen_inside_a_mask() -> None:
    camera = Camera()
    detector = learned(camera, ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)))
    left, right = (100.0, 200.0, 30, 50, 220), (500.0, 200.0, 30, 50, 220)
    motion = detector.update(camera.shoot(left, right))
    assert [region.box.x1 > 0.5 for region in motion.regions] == [True]
    assert motion.foreground is not None
    assert not motion.foreground[:, : motion.foreground.shape[1] // 2].any()


def test_a_mask_over_everything_sees_nothing_and_does_not_fail() -> None:
    camera = Camera()
    detector = learned(camera, ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)))
    assert detector.update(camera.shoot((0.0, 0.0, 600, 300, 255))).regions == ()


def test_another_picture_size_is_learned_again() -> None:
    small, large = Camera(640, 360), Camera(704, 576)
    detector = learned(small)
    large.now = small.now
    motions = [motion for _, motion in large.watch(detector, 6.0)]
    assert motions[0].scene is Scene.LEARNING
    assert motions[-1].scene is Scene.STEADY
    assert detector.update(large.shoot(WALKER)).regions


@pytest.mark.parametrize(
    ("width", "height"),
    [(320, 240), (352, 288), (640, 480), (360, 640), (768, 432), (1280, 720), (1920, 1080), (97, 61)],
)
def test_any_picture_size_gives_normalised_boxes(width: int, height: int) -> None:
    camera = Camera(width, height)
    detector = learned(camera)
    thing = (width * 0.4, height * 0.4, width // 8, height // 4, 220)
    motion = detector.update(camera.shoot(thing))
    assert len(motion.regions) == 1
    assert motion.regions[0].box.iou(box_of(camera, thing)) > 0.75


def test_the_same_frames_give_the_same_result() -> None:
    def run() -> list[tuple[object, ...]]:
        camera = Camera()
        detector = learned(camera)
        walk = camera.watch(detector, 4.0, lambda t: [(100 + 50 * t, 200, 16, 40, 190)])
        return [(motion.regions, motion.changed) for _, motion in walk]

    assert run() == run()


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(-40, 640),
            st.floats(-40, 360),
            st.integers(1, 200),
            st.integers(1, 150),
            st.integers(0, 255),
        ),
        max_size=8,
    )
)
def test_regions_stay_in_the_picture_and_in_their_boxes(things: list[Thing]) -> None:
    camera = Camera()
    detector = learned(camera, seconds=2.0)
    motion = detector.update(camera.shoot(*things))
    assert 0.0 <= motion.changed <= 1.0
    for region in motion.regions:
        assert region.box == region.box.clipped()
        assert 0.0 < region.area <= region.box.area + 1e-9


def test_after_a_reset_the_background_is_learned_again(camera: Camera, detector: MotionDetector) -> None:
    detector.reset()
    other = 230 - camera.street
    motions = [detector.update(camera.shoot(street=other)) for _ in range(20)]
    assert motions[0].scene is Scene.LEARNING
    assert motions[-1].scene is Scene.STEADY
    assert false_frames(motions) == 0


def test_one_picture_reports_whether_something_moves(camera: Camera, detector: MotionDetector) -> None:
    assert not any(detector.has_motion(camera.shoot()) for _ in range(50))
    assert detector.has_motion(camera.shoot(WALKER))
    assert detector.has_motion(camera.shoot(street=230 - camera.street)), "another light"
    detector.reset()
    assert detector.has_motion(camera.shoot()), "nobody knows yet"


def test_asking_whether_something_moves_teaches_nothing() -> None:
    camera, twin = Camera(), Camera()
    detector, other = learned(camera), learned(twin)
    for _ in range(100):
        detector.has_motion(camera.shoot(WALKER))
        twin.shoot()
    seen, expected = detector.update(camera.shoot(WALKER)), other.update(twin.shoot(WALKER))
    assert seen.regions == expected.regions


def test_a_background_seen_every_two_seconds_stays_one(camera: Camera, detector: MotionDetector) -> None:
    camera.fps = 0.5
    motions = [detector.update(camera.shoot(gain=1 + n / 500)) for n in range(90)]
    assert false_frames(motions) == 0
    assert not detector.has_motion(camera.shoot(gain=1.18))
    assert detector.has_motion(camera.shoot(WALKER, gain=1.18))


AT_TABLE: Thing = (290.0, 130.0, 40, 140, 160)


def camera_on_a_table() -> Camera:
    """A camera above a table whose top is wider than a person and has stronger edges."""
    camera = Camera()
    camera.street[150:166, 270:350] = 250
    camera.street[166:250, 306:312] = 20
    camera.street[228:236, 280:340] = 20
    return camera


def test_the_hole_that_a_person_leaves_before_a_table_is_soon_background(camera: Camera) -> None:
    """The person stood there from the start, and left at 14 s."""
    detector, camera = MotionDetector(), camera_on_a_table()
    x, y, w, h, level = AT_TABLE

    def until_he_left(t: float) -> list[Thing]:
        return [(x + max(0.0, t - 14) * 180, y, w, h, level)] if t < 17 else []

    motions = [motion for t, motion in camera.watch(detector, 24.0, until_he_left) if t > 18]
    assert false_frames(motions) == 0


def test_an_object_that_comes_to_a_table_and_stands_still_stays_motion() -> None:
    camera = camera_on_a_table()
    detector = learned(camera, seconds=12.0)  # a young background absorbs an object that stands for 4 s
    motions = [motion for _, motion in camera.watch(detector, 20.0, lambda t: [AT_TABLE])]
    assert false_frames(motions) == len(motions)
