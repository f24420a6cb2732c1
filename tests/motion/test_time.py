"""How long objects count as motion, at any frame rate."""

from __future__ import annotations

import numpy as np
import pytest

from edge_agent.core.model import Box, Scene
from edge_agent.motion import MotionDetector
from tests.motion.camera import Camera, Thing, box_of, learned

SPOT = (300.0, 200.0, 18, 44, 200)


def seen_at(camera: Camera, detector: MotionDetector, seconds: float, things: list[Thing]) -> list[float]:
    """Times at which there is motion at this place."""
    spot = box_of(camera, SPOT)
    watch = camera.watch(detector, seconds, lambda t: things)
    return [t for t, motion in watch if any(r.box.intersection(spot) > 0 for r in motion.regions)]


@pytest.mark.parametrize("fps", [2.0, 5.0, 12.0])
def test_an_object_that_stands_for_ten_seconds_is_still_seen(fps: float) -> None:
    camera = Camera(fps=fps)
    detector = learned(camera, seconds=12.0)
    times = seen_at(camera, detector, 10.0, [SPOT])
    assert len(times) == pytest.approx(10 * fps, abs=2)


@pytest.mark.parametrize("fps", [2.0, 5.0, 12.0])
def test_what_parks_is_absorbed_within_a_minute(fps: float) -> None:
    camera = Camera(320, 180, fps=fps)
    detector = learned(camera, seconds=12.0)
    parked = (150.0, 100.0, 18, 30, 200)
    times = [t for t, motion in camera.watch(detector, 60.0, lambda t: [parked]) if motion.regions]
    assert 20.0 < max(times) < 45.0


@pytest.mark.parametrize("fps", [2.0, 5.0, 12.0])
def test_the_ghost_of_what_leaves_fades_within_seconds(fps: float) -> None:
    camera = Camera(fps=fps)
    detector = learned(camera, seconds=20.0, things=lambda t: [SPOT])
    times = seen_at(camera, detector, 15.0, [])
    assert times
    assert max(times) < 4.0


def test_a_slow_walker_is_not_absorbed() -> None:
    camera = Camera()
    detector = learned(camera, seconds=12.0)
    walk = camera.watch(detector, 30.0, lambda t: [(100 + 4 * t, 200, 18, 44, 200)])
    found = [
        any(r.box.iou(box_of(camera, (100 + 4 * t, 200, 18, 44, 200))) > 0.4 for r in motion.regions)
        for t, motion in walk
    ]
    assert sum(found) >= 0.95 * len(found)


@pytest.mark.parametrize("fps", [2.0, 5.0, 12.0])
def test_a_dense_street_from_the_first_frame_on_is_seen_within_seconds(fps: float) -> None:
    rng = np.random.default_rng(5)
    phase, lane = rng.uniform(0, 800, 30), rng.integers(180, 330, 30)
    speed, level = rng.uniform(60, 160, 30), rng.choice([15, 30, 200, 225], 30)

    def traffic(t: float) -> list[Thing]:
        places = (phase + speed * t) % 800 - 80
        return [(float(x), float(y), 10, 18, int(v)) for x, y, v in zip(places, lane, level, strict=True)]

    camera = Camera(fps=fps)
    hits = total = false = boxes = 0
    for t, motion in camera.watch(MotionDetector(), 25.0, traffic):
        if t < 6.0:
            continue
        truth = [box_of(camera, thing) for thing in traffic(t) if 0 < thing[0] < 620]
        hits += sum(any(box.inside(r.box) > 0.5 for r in motion.regions) for box in truth)
        false += sum(not any(r.box.intersection(box) > 0 for box in truth) for r in motion.regions)
        total, boxes = total + len(truth), boxes + len(motion.regions)
    assert hits >= 0.9 * total
    assert false <= 0.05 * boxes


@pytest.mark.parametrize("jump_s", [0.0, 30.0, 3600.0, -10.0])
def test_a_camera_whose_time_jumps_is_watched_on(jump_s: float) -> None:
    camera = Camera()
    detector = learned(camera)
    camera.now += jump_s
    motions = [motion for _, motion in camera.watch(detector, 4.0)]
    assert {motion.scene for motion in motions} == {Scene.STEADY}
    assert not any(motion.regions for motion in motions)
    assert detector.update(camera.shoot(SPOT)).regions


def test_frames_with_one_and_the_same_time_do_not_fail() -> None:
    camera = Camera()
    detector = learned(camera)
    for _ in range(10):
        camera.now -= 1 / camera.fps
        assert detector.update(camera.shoot()).regions == ()


def test_a_ghost_box_is_gone_while_a_walker_elsewhere_stays() -> None:
    camera = Camera()
    detector = learned(camera, seconds=12.0, things=lambda t: [SPOT])
    last: list[Box] = []
    for _, motion in camera.watch(detector, 8.0, lambda t: [(40 + 30 * t, 250, 18, 44, 30)]):
        last = [region.box for region in motion.regions]
    assert len(last) == 1
    assert not last[0].intersection(box_of(camera, SPOT))
