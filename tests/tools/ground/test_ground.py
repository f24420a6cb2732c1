"""``edge-agent ground``: a grid to check by eye, and an estimate from what passed."""

from __future__ import annotations

from dataclasses import replace
from math import cos, hypot, pi, sin
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from bench.ground.scene import ASPECT, BODIES, NO_NOISE, RoadCamera, measured_ground
from edge_agent.config import load
from edge_agent.core.command_line.exit_codes import EX_FAILED, EX_USAGE
from edge_agent.core.ground import GroundPlane
from edge_agent.core.model import PERSON, TWO_WHEELER
from edge_agent.passages.passage import Passage, PathPoint, Side
from edge_agent.tools.ground.estimate import EstimateError, MeasuredWidth, Ruler, RulerKind, estimate
from edge_agent.tools.ground.grid import THICK, draw_grid
from edge_agent.tools.ground.pinhole import camera_of
from tests.outbox.parts import HandClock
from tests.passages.parts import passage, store
from tests.testbed.agent import write_config
from tests.tools.replay.command import edge_agent

CAMERA = RoadCamera(6.0, 25.0)
GROUND = measured_ground(CAMERA, NO_NOISE, 8.0, 20.0)


@pytest.mark.parametrize(("height_m", "tilt_deg", "view_deg"), [(4, 15, 80), (10, 45, 100), (6, 80, 70)])
def test_the_camera_of_the_marks_is_found(height_m: float, tilt_deg: float, view_deg: float) -> None:
    camera = RoadCamera(height_m, tilt_deg, view_deg)
    near_m = camera.nearest_m
    ground = measured_ground(camera, NO_NOISE, near_m, near_m + (12 if tilt_deg < 80 else 3))
    seen = camera_of(GroundPlane(ground.points, ground.metres), ASPECT)
    assert seen is not None
    found = (seen.height_m, seen.tilt_deg, seen.view_deg)
    assert found == pytest.approx((height_m, tilt_deg, view_deg), rel=1e-6)
    assert seen.fits


def test_a_wrong_length_shows_as_another_lens() -> None:
    wrong = GroundPlane(GROUND.points, [(x, 1.5 * y) for x, y in GROUND.metres])
    seen = camera_of(wrong, ASPECT)
    assert seen is None or abs(seen.view_deg - 80) > 15
    swapped = camera_of(GroundPlane(GROUND.points, [(3 * x, y / 3) for x, y in GROUND.metres]), ASPECT)
    assert swapped is None or not swapped.fits


def test_lines_are_drawn_where_the_metres_are() -> None:
    picture = np.zeros((360, 640, 3), np.uint8)
    plane = GroundPlane(GROUND.points, GROUND.metres)
    drawn = draw_grid(picture, plane, GROUND.points, 1.0)
    for place in ((1.5, 5.0), (3.5, 10.0), (0.0, 7.5)):  # on each fifth line, between two others
        x, y = CAMERA.point(place[0] - 2.0, place[1] + 8.0) or (0.0, 0.0)
        around = drawn[round(y * 360) - 2 : round(y * 360) + 3, round(x * 640) - 2 : round(x * 640) + 3]
        assert (around == THICK).all(axis=2).any(), place
    assert not picture.any(), "the picture itself is not changed"


def _rulers(camera: RoadCamera, count: int) -> list[Ruler]:
    """Persons and crossing motorcycles of ordinary sizes, as noisy boxes."""
    rng, found = np.random.default_rng(3), list[Ruler]()
    while len(found) < count:
        is_person = len(found) % 2 == 0
        x_m, y_m = rng.uniform(-6, 6), rng.uniform(camera.nearest_m, 35)
        way = rng.uniform(0, 2 * pi) if is_person else rng.uniform(-0.3, 0.3)
        group, scale = (PERSON, rng.normal(1, 0.05)) if is_person else (TWO_WHEELER, rng.normal(1, 0.03))
        body = tuple((a * scale, b * scale, c * scale) for a, b, c in BODIES[group])
        box = camera.box(body, x_m, y_m, way)
        ends = [camera.point(x_m + part * cos(way), y_m + part * sin(way)) for part in (-2, 2)]
        if box is None or min(box.x1, 1 - box.x2, 1 - box.y2) < 0.01 or ends[0] is None or ends[1] is None:
            continue
        size = (box.height if is_person else box.width) * (1 + 0.03 * rng.normal())
        kind = RulerKind.PERSON if is_person else RulerKind.ACROSS
        found.append(Ruler(kind, *box.foot, size, 1.62 if is_person else 1.9, (ends[0], ends[1])))
    return found


@pytest.mark.parametrize(("height_m", "tilt_deg"), [(4.0, 15.0), (6.0, 25.0), (10.0, 45.0)])
def test_an_estimate_is_right_within_its_error(height_m: float, tilt_deg: float) -> None:
    camera = RoadCamera(height_m, tilt_deg)
    result = estimate(_rulers(camera, 120), ASPECT, view_deg=80)
    assert result.length_error < 0.45
    assert result.camera.height_m == pytest.approx(height_m, rel=result.length_error)
    begin, end = ((0.0, camera.nearest_m + 2), (1.0, camera.nearest_m + 12))
    shown = [camera.point(*place) for place in (begin, end)]
    (x1, y1), (x2, y2) = (result.camera.metres(*point) or (0.0, 0.0) for point in shown if point is not None)
    assert hypot(x2 - x1, y2 - y1) == pytest.approx(hypot(1.0, 10.0), rel=result.length_error)


def test_a_lane_of_known_width_sets_the_scale() -> None:
    """The rulers were 20 % larger than usual; the lane shows it."""
    large = [replace(each, size=1.2 * each.size) for each in _rulers(CAMERA, 120)]
    ends = CAMERA.point(-1.75, 12.0), CAMERA.point(1.75, 12.0)
    assert ends[0] is not None
    assert ends[1] is not None
    without = estimate(large, ASPECT, view_deg=80).camera.height_m
    with_lane = estimate(large, ASPECT, 80, MeasuredWidth(ends[0], ends[1], 3.5)).camera.height_m
    assert abs(with_lane - 6.0) < 0.5 < abs(without - 6.0)


def test_what_says_nothing_is_refused() -> None:
    with pytest.raises(EstimateError, match="30 are needed"):
        estimate(_rulers(CAMERA, 20), ASPECT, 80)
    rng = np.random.default_rng(1)
    chaos = [replace(each, size=float(rng.uniform(0.02, 0.6))) for each in _rulers(CAMERA, 40)]
    with pytest.raises(EstimateError, match=r"says nothing|fit no camera"):
        estimate(chaos, ASPECT, 80)


def _config(folder: Path, **camera: object) -> Path:
    return write_config(folder, cameras=[{"id": "cam-1", "url": "rtsp://camera/1", **camera}])


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    cv2.imwrite(str(path), np.full((360, 640, 3), 90, np.uint8))
    return path


MARKS = {"points": [[round(x, 4), round(y, 4)] for x, y in GROUND.points], "rectangle_m": [4, 12]}


def test_show_draws_a_grid_and_names_the_height(tmp_path: Path, picture: Path) -> None:
    config, out = _config(tmp_path, ground=MARKS | {"bearing_deg": 30}), tmp_path / "grid.jpg"
    options = ("--config", config, "--picture", picture, "--out", out)
    code, shown, _ = edge_agent("ground", "show", "cam-1", *options)
    assert code == 0
    assert "hangs 6.0 m above the road, looks 25 degrees down, and sees 80 degrees wide" in shown
    drawn = cv2.imread(str(out))
    assert drawn is not None
    assert drawn.shape == (360, 640, 3)
    code, shown, _ = edge_agent("ground", "show", "cam-1", *options, "--lang", "vi")
    assert code == 0
    assert "camera cao 6,0 m so với mặt đường, chúc xuống 25 độ, góc nhìn rộng 80 độ" in shown


def test_show_takes_a_picture_of_the_camera_without_its_private_areas(tmp_path: Path) -> None:
    clip = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter.fourcc(*"MJPG"), 5, (640, 360))
    for _ in range(6):
        writer.write(np.full((360, 640, 3), 200, np.uint8))
    writer.release()
    private = [[[0, 0], [0.2, 0], [0.2, 0.1], [0, 0.1]]]
    config = _config(tmp_path, url=str(clip), ground=MARKS, privacy_masks=private)
    out = tmp_path / "grid.jpg"
    assert edge_agent("ground", "show", "cam-1", "--config", config, "--out", out)[0] == 0
    drawn = cv2.imread(str(out))
    assert drawn is not None
    assert drawn[10:30, 2:120].max() < 40, "below the line of the horizon"
    assert np.median(drawn[100:350]) > 150


@pytest.mark.parametrize(
    ("action", "option", "says"),
    [
        ("show", ("--spacing", "0.0001"), "too narrow"),
        ("estimate", ("--days", "9999999999"), "at most"),
    ],
)
def test_absurd_numbers_are_refused(action: str, option: tuple[str, str], says: str) -> None:
    needed = ("--out", "x.jpg") if action == "show" else ("--view-deg", "87")
    code, _, err = edge_agent("ground", action, "cam-1", *needed, *option)
    assert (code, says in err) == (EX_USAGE, True)


@pytest.mark.parametrize(
    ("camera", "says"), [("cam-1", "docs/guide/ground.md"), ("cam-9", "there are: cam-1")]
)
def test_show_without_a_ground_plane_says_what_to_do(
    tmp_path: Path, picture: Path, camera: str, says: str
) -> None:
    options = ("--config", _config(tmp_path), "--picture", picture, "--out", "x.jpg")
    code, _, err = edge_agent("ground", "show", camera, *options)
    assert (code, says in err) == (EX_USAGE, True)


def _stored(ruler: Ruler, number: int) -> Passage:
    """A passage whose row is this ruler."""
    person = ruler.kind is RulerKind.PERSON
    (x1, _), (x2, _) = ruler.way
    path = (PathPoint(0.0, x1, ruler.y), PathPoint(2.0, 2 * ruler.x - x1, ruler.y))
    return passage(
        number,
        group=PERSON if person else TWO_WHEELER,
        path=path,
        entry=Side.INSIDE,
        exit=Side.INSIDE,
        width=0.05 if person else ruler.size,
        height=ruler.size if person else 0.1,
        direction_deg=90.0 if x2 > x1 else 270.0,
    )


def test_an_estimate_is_printed_as_a_drop_in_and_changes_nothing(tmp_path: Path, picture: Path) -> None:
    config = _config(tmp_path)
    rows = store(tmp_path / "state", HandClock(mono=1030.0))
    rows.write([_stored(each, n) for n, each in enumerate(_rulers(CAMERA, 120))], synced=True)
    rows.close()
    before = config.read_text()
    argv = ("ground", "estimate", "cam-1", "--config", config, "--picture", picture, "--view-deg", "80")
    code, text, _ = edge_agent(*argv, "--days", "40000")
    assert code == 0
    assert "lengths may be wrong by" in text
    assert config.read_text() == before
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "ground.yaml").write_text(text)
    ground = load(config, no_secrets=True).cameras[0].ground
    assert ground is not None
    assert ground.length_error == yaml.safe_load(text)["cameras"][0]["ground"]["length_error"] > 0.05
    seen = camera_of(GroundPlane(ground.points, ground.metres), ASPECT)
    assert seen is not None
    assert seen.height_m == pytest.approx(6.0, rel=0.2)
    assert edge_agent(*argv, "--days", "40000", "--lane", "0.3,0.8,0.6,0.8")[0] == EX_USAGE
    assert edge_agent(*argv, "--days", "0.0001")[0] == EX_FAILED, "no passages in so few days"
