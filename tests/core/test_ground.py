"""The ground plane: where points of the picture are on the road, and which marks are refused."""

from __future__ import annotations

from math import hypot

import cv2
import numpy as np
import pytest

from bench.ground.scene import NO_NOISE, RoadCamera, measured_ground
from edge_agent.core.ground import (
    GroundPlane,
    SpeedClass,
    compass_point,
    doubt_of_marks,
    fault_of_marks,
    rectangle,
    speed_classes,
)

POINTS = ((0.3, 0.9), (0.7, 0.9), (0.6, 0.5), (0.4, 0.5))
METRES = ((0.0, 0.0), (4.0, 0.0), (4.0, 12.0), (0.0, 12.0))
CAMERA = RoadCamera(height_m=6.0, tilt_deg=25.0)


def test_the_homography_is_that_of_opencv() -> None:
    theirs = cv2.getPerspectiveTransform(np.array(POINTS, np.float32), np.array(METRES, np.float32))
    x, y, w = theirs @ (0.45, 0.7, 1.0)
    assert GroundPlane(POINTS, METRES).metres(0.45, 0.7) == pytest.approx((x / w, y / w), abs=1e-5)


@pytest.mark.parametrize("roll_deg", [0.0, 4.0])
def test_places_of_a_known_camera_are_found_again(roll_deg: float) -> None:
    camera = RoadCamera(6.0, 25.0, roll_deg=roll_deg)
    ground = measured_ground(camera, NO_NOISE, 8.0, 20.0, left_m=0.0)
    plane = GroundPlane(ground.points, ground.metres)
    for place in ((-3.0, 7.0), (0.0, 15.0), (5.0, 60.0)):
        shown = camera.point(*place)
        assert shown is not None
        assert plane.metres(*shown) == pytest.approx((place[0], place[1] - 8.0), abs=1e-6)
        assert plane.point(place[0], place[1] - 8.0) == pytest.approx(shown, abs=1e-9)


def test_above_the_horizon_there_is_no_road() -> None:
    ground = measured_ground(CAMERA, NO_NOISE, 8.0, 20.0)
    plane = GroundPlane(ground.points, ground.metres)
    horizon, far = plane.horizon(0.5), CAMERA.point(0.0, 1e9)
    assert horizon is not None
    assert far is not None
    assert horizon == pytest.approx(far[1], abs=1e-6)
    assert plane.metres(0.5, horizon - 0.01) is None
    assert plane.metres(0.5, horizon + 0.01) is not None


def test_a_camera_that_looks_straight_down_has_the_whole_picture() -> None:
    plane = GroundPlane(((0.2, 0.8), (0.8, 0.8), (0.8, 0.2), (0.2, 0.2)), METRES)
    x, y = plane.metres(0.5, 0.0) or (0.0, 0.0)
    assert (x, y) == pytest.approx((2.0, 16.0))
    assert plane.horizon(0.5) is None


@pytest.mark.parametrize(
    ("way", "heading_deg"),
    [((0.0, 1.0), 30.0), ((1.0, 0.0), 120.0), ((0.0, -1.0), 210.0), ((-1.0, 0.0), 300.0)],
)
def test_headings_follow_the_bearing_of_the_second_side(way: tuple[float, float], heading_deg: float) -> None:
    assert GroundPlane(POINTS, METRES, 30.0).heading(*way) == pytest.approx(heading_deg)
    assert GroundPlane(POINTS, METRES).heading(*way) is None


def test_a_rectangle_may_be_marked_either_way_round() -> None:
    clockwise = POINTS[::-1]
    metres = rectangle(clockwise, 4.0, 12.0)
    assert fault_of_marks(clockwise, metres) is None
    assert fault_of_marks(POINTS, rectangle(POINTS, 4.0, 12.0)) is None
    x, y = GroundPlane(clockwise, metres).metres(*POINTS[1]) or (0.0, 0.0)
    assert hypot(x - metres[2][0], y - metres[2][1]) < 1e-9


@pytest.mark.parametrize(
    ("points", "metres", "words"),
    [
        (((0.3, 0.9), (0.5, 0.9), (0.7, 0.9), (0.4, 0.5)), METRES, "marks 1, 2, 3 lie nearly on one line"),
        (((0.3, 0.9), (0.305, 0.9), (0.6, 0.5), (0.4, 0.5)), METRES, "close together"),
        (((0.3, 0.9), (0.6, 0.5), (0.7, 0.9), (0.4, 0.5)), METRES, "not in order"),
        (((0.3, 0.9), (0.7, 0.9), (0.5, 0.75), (0.4, 0.5)), METRES, "not in order"),  # not convex
        (POINTS, ((0, 0), (4, 0), (8, 0), (0, 12)), "line of the road"),
        (POINTS, ((0, 0), (4, 12), (4, 0), (0, 12)), "measured places are not in the order"),
        (POINTS, ((0, 0), (4, 0), (4, -12), (0, -12)), "the other way round"),
        (((0.4, 0.5), (0.6, 0.5), (0.7, 0.3), (0.3, 0.3)), METRES, "end inside the picture"),
    ],
)
def test_marks_that_fix_no_road_are_refused(
    points: tuple[tuple[float, float], ...], metres: tuple[tuple[float, float], ...], words: str
) -> None:
    fault = fault_of_marks(points, metres)
    assert fault is not None
    assert words in fault
    assert getattr(fault, "vi", "") != ""


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (((0.3, 0.9), (0.7, 0.9), (0.66, 0.56), (0.4, 0.5)), "tilted by"),
        (((0.3, 0.98), (0.7, 0.98), (0.55, 0.75), (0.45, 0.75)), "looked up"),
    ],
)
def test_unusual_marks_are_doubted(points: tuple[tuple[float, float], ...], words: str) -> None:
    assert fault_of_marks(points, METRES) is None
    assert words in (doubt_of_marks(points, METRES) or "")


def test_the_marks_of_an_ordinary_camera_are_not_doubted() -> None:
    for height_m, tilt_deg in ((4.0, 10.0), (6.0, 25.0), (10.0, 45.0), (8.0, 80.0)):
        ground = measured_ground(RoadCamera(height_m, tilt_deg, roll_deg=3.0), NO_NOISE, 6.0, 14.0)
        if tilt_deg == 80.0:
            ground = measured_ground(RoadCamera(height_m, tilt_deg), NO_NOISE, -1.0, 3.0)
        assert fault_of_marks(ground.points, ground.metres) is None
        assert doubt_of_marks(ground.points, ground.metres) is None


@pytest.mark.parametrize(
    ("km_h", "error", "classes"),
    [
        (4.0, 1.0, [SpeedClass.WALKING]),
        (24.0, 3.0, [SpeedClass.SLOW, SpeedClass.MODERATE]),
        (40.0, 4.0, [SpeedClass.MODERATE]),
        (80.0, 9.0, [SpeedClass.FAST]),
    ],
)
def test_a_speed_is_in_each_class_it_may_have(km_h: float, error: float, classes: list[SpeedClass]) -> None:
    assert list(speed_classes(km_h / 3.6, error / 3.6)) == classes


@pytest.mark.parametrize(("degrees", "name"), [(0, "N"), (22, "N"), (23, "NE"), (350, "N"), (180, "S")])
def test_headings_have_names(degrees: float, name: str) -> None:
    assert compass_point(degrees) == name
