"""Speeds on the ground plane: drawn roads with a known camera, where the true speed is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import pi

import msgspec
import numpy as np
import pytest

from bench.ground.scene import (
    ASPECT,
    NO_NOISE,
    Drive,
    Noise,
    RoadCamera,
    boxes,
    measured_ground,
    random_drives,
    speed_of,
)
from edge_agent.config.model.settings import Ground
from edge_agent.core.model import PERSON, TWO_WHEELER, VEHICLE, Box
from edge_agent.passages.detail import PassageDetail, encode_detail
from edge_agent.passages.ground_speed import MAX_SHARE, GroundSpeed, _fit
from edge_agent.passages.passage import GroundMotion, StandingTime
from tests.passages.parts import passage
from tests.passages.test_observer import Walk

CAMERA = RoadCamera(height_m=6.0, tilt_deg=25.0)
GROUND = measured_ground(CAMERA, NO_NOISE, 8.0, 20.0)
RIDE = Drive(TWO_WHEELER, 8.0, (1.0, 40.0), -pi / 2)


@pytest.mark.parametrize(
    "drive",
    [
        RIDE,
        Drive(TWO_WHEELER, 11.0, (2.0, 5.0)),  # away
        Drive(VEHICLE, 14.0, (-3.0, 45.0), -pi / 2),
        Drive(PERSON, 1.4, (-6.0, 12.0), 0.0),  # across
        Drive(TWO_WHEELER, 5.0, (-2.0, 25.0), -pi / 2, turn_m=-6.0),
    ],
)
def test_the_speed_is_true_within_its_error(drive: Drive) -> None:
    motion = speed_of(CAMERA, drive, GROUND, NO_NOISE)
    assert motion is not None
    assert abs(motion.speed_m_s - drive.speed_m_s) < motion.error_m_s < MAX_SHARE * motion.speed_m_s
    assert motion.speed_m_s == pytest.approx(drive.speed_m_s, rel=0.08 if drive.turn_m else 0.03)


@pytest.mark.parametrize(("way", "heading_deg"), [(pi / 2, 0.0), (0.0, 90.0), (-pi / 2, 180.0), (pi, 270.0)])
def test_the_heading_is_that_on_the_road(way: float, heading_deg: float) -> None:
    start = {0.0: (-6.0, 14.0), pi: (6.0, 14.0), pi / 2: (0.5, 6.0), -pi / 2: (0.5, 30.0)}[way]
    motion = speed_of(CAMERA, Drive(TWO_WHEELER, 5.0, start, way), GROUND, NO_NOISE)
    assert motion is not None
    assert motion.heading_deg is not None
    assert abs((motion.heading_deg - heading_deg + 180) % 360 - 180) < 5
    assert speed_of(CAMERA, RIDE, replace(GROUND, bearing_deg=None), NO_NOISE)[2] is None  # type: ignore[index]


def _within(camera: RoadCamera, noise: Noise, wrong: float = 1.0) -> tuple[float, float]:
    """The shares of 120 drives with a speed, and of these with a true one. ``wrong``: the factor by which the
    deep side of the rectangle was written down."""
    found = true = 0
    drives = list(random_drives(np.random.default_rng(5), 120))
    for drive in drives:
        ground = measured_ground(camera, noise, camera.nearest_m, camera.nearest_m + 12)
        metres = tuple((x, y * wrong) for x, y in ground.metres)
        motion = speed_of(camera, drive, replace(ground, metres=metres), noise)
        if motion is not None:
            found += 1
            true += abs(motion.speed_m_s - drive.speed_m_s) <= motion.error_m_s
    return found / len(drives), true / found


@pytest.mark.parametrize(("height_m", "tilt_deg"), [(4.0, 15.0), (6.0, 25.0), (10.0, 45.0)])
def test_nineteen_of_twenty_speeds_are_within_their_error(height_m: float, tilt_deg: float) -> None:
    """With noise of boxes, marks and tape."""
    found, true = _within(RoadCamera(height_m, tilt_deg), Noise())
    assert found >= 0.85
    assert true >= 0.92


@pytest.mark.parametrize("wrong", [0.6, 1.7])
def test_a_wrong_length_makes_wrong_speeds(wrong: float) -> None:
    """The test above could fail: with another length of the road most speeds are outside their error."""
    assert _within(CAMERA, Noise(), wrong)[1] < 0.6


def test_more_noise_gives_a_larger_error_and_then_no_speed() -> None:
    errors = []
    for share in (0.0, 0.1, 1.5):
        motion = speed_of(CAMERA, RIDE, GROUND, Noise(box=share))
        errors.append(None if motion is None else motion.error_m_s)
    assert errors[0] is not None
    assert errors[1] is not None
    assert errors[0] < errors[1]
    assert errors[2] is None


def test_far_away_the_error_is_larger() -> None:
    near, far = (
        speed_of(CAMERA, Drive(TWO_WHEELER, 5.0, (-4.0, y_m), 0.0), GROUND, NO_NOISE) for y_m in (10.0, 40.0)
    )
    assert near is not None
    assert far is not None
    assert far.error_m_s > 1.3 * near.error_m_s


def test_a_rest_on_the_way_does_not_count() -> None:
    places = [(second, box) for second, box in boxes(CAMERA, RIDE, NO_NOISE) if 1.0 <= second <= 4.0]
    middle = len(places) // 2
    stopped_at, where = places[middle]
    rest = [(stopped_at + n, where) for n in range(1, 20)]
    later = [(second + 20.0, box) for second, box in places[middle + 1 :]]
    standing = (StandingTime(stopped_at, 20.0),)
    motion = GroundSpeed(GROUND).motion([*places[: middle + 1], *rest, *later], standing, TWO_WHEELER, ASPECT)
    assert motion is not None
    assert motion.speed_m_s == pytest.approx(RIDE.speed_m_s, rel=0.06)


def test_boxes_that_the_picture_cuts_off_do_not_count() -> None:
    """Their lower edge is that of the picture, which stands still while the object comes nearer."""
    whole = list(boxes(CAMERA, RIDE, NO_NOISE))
    cut = [(whole[-1][0] + n / 5, Box(0.4, 0.6, 0.7, 1.0)) for n in range(1, 10)]
    speed = GroundSpeed(GROUND)
    assert speed.motion([*whole, *cut], (), TWO_WHEELER, ASPECT) == speed.motion(
        whole, (), TWO_WHEELER, ASPECT
    )
    assert speed.motion(cut, (), TWO_WHEELER, ASPECT) is None


def _odd_paths() -> Iterator[list[tuple[float, Box]]]:
    yield []
    yield [(0.0, Box(0.4, 0.4, 0.5, 0.6))]
    yield [(0.0, Box(0.4, 0.4, 0.5, 0.6))] * 5  # no time passes
    yield [(float(n), Box(0.4, 0.4, 0.5, 0.6)) for n in range(9)]  # it does not move
    yield [(float(n), Box(0.4, 0.0, 0.5, 0.01 + n / 100)) for n in range(9)]  # above the horizon
    yield [(float(n), Box(0.1 * n, 0.4, 0.1 * n, 0.6)) for n in range(9)]  # no width


@pytest.mark.parametrize("places", list(_odd_paths()))
def test_odd_paths_give_no_error(places: list[tuple[float, Box]]) -> None:
    motion = GroundSpeed(GROUND).motion(places, (), None, ASPECT)
    assert motion is None or motion.error_m_s <= MAX_SHARE * motion.speed_m_s


def test_a_passage_of_a_camera_with_a_ground_plane_has_a_speed() -> None:
    ground = Ground(
        points=((0.1, 0.9), (0.9, 0.9), (0.9, 0.6), (0.1, 0.6)),
        metres=((0, 0), (8, 0), (8, 6), (0, 6)),
        bearing_deg=0.0,
    )
    walk = Walk(ground=ground)
    for n in range(26):
        walk.step(0.02 + n * 0.034)
    motion = walk.leave().ground
    assert motion is not None
    assert motion.speed_m_s == pytest.approx(1.7, rel=0.05)  # 0.17 of the picture a second
    assert motion.heading_deg == pytest.approx(90.0, abs=2)
    plain = Walk()
    for n in range(26):
        plain.step(0.02 + n * 0.034)
    assert plain.leave().ground is None


def test_a_speed_survives_in_a_row_and_old_rows_have_none() -> None:
    motion = GroundMotion(11.234, 1.111, 359.8)
    data = encode_detail(passage(ground=motion))
    assert PassageDetail(data, 12.0).ground == (11.23, 1.12, 0.0)
    assert PassageDetail(encode_detail(passage(ground=GroundMotion(1.0, 0.2, None))), 12.0).ground == (
        1.0,
        0.2,
        None,
    )
    old = msgspec.msgpack.encode(msgspec.msgpack.decode(data)[:12])
    assert PassageDetail(old, 12.0).ground is None


def test_points_that_rounding_swallows_determine_no_speed() -> None:
    """Three places of nearly the same time, hours after the first: a root of this variance would stop the
    analysis of the frame."""
    sums = [
        *(93.41078519682145, -5.393361682667592, 0.9204806301322357),
        *(840921.5205564229, -48553.21673900833, 8286.53740854784),
        *(7570314308.405891, -437095636.1560229, 74598747.62752807),
        *(7439.36344733827, -1298.2445878860344, 66972149.96409907, -11687320.702138886, 1841643.9546181895),
    ]
    assert _fit(sums) is None
