"""The cameras' video compared with the board's decoding capacity, in health and in doctor."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.config.board import BoardIdentity
from edge_agent.config.model.settings import GearChoice, Settings
from edge_agent.config.profiles import names, profile_of
from edge_agent.core.model import CameraState, CameraStatus
from edge_agent.host.health.decode_load import DecodedStream, decode_load
from edge_agent.host.health.degraded import decode_lines
from edge_agent.tools.doctor.checks.cameras import check_decoding
from edge_agent.tools.doctor.words import said_of, todo_of
from edge_agent.wire import DoctorCamera
from tests.host.fakes import camera
from tests.host.fakes import settings as site

NOW_MONO = 1100.0  # the state of the fake cameras began at 1000


@pytest.fixture
def pi(tmp_path: Path) -> Settings:
    """Two cameras on a Raspberry Pi 4, whose capacity is 80 frames of 640x360 a second."""
    return replace(site(tmp_path), profile=profile_of("raspberry-pi-4", BoardIdentity("", "")))


def sends(status: CameraStatus, width: int, height: int, fps: float) -> CameraStatus:
    return replace(status, width=width, height=height, packet_fps=fps)


ONE, TWO = camera(), camera("cam-2")


@pytest.mark.parametrize(
    ("cameras", "line"),
    [
        ([ONE, TWO], None),  # 20 of 80
        ([sends(ONE, 640, 360, 42), sends(TWO, 640, 360, 42)], None),  # 84: cameras count badly
        (
            [sends(ONE, 1920, 1080, 25), TWO],
            "decoding: the cameras send as much as 235 pictures of 640x360 a second, raspberry-pi-4 is made "
            "for 80; most comes from cam-1 (1920x1080, 25 a second): use its sub-stream",
        ),
        (
            [sends(ONE, 640, 360, 60), sends(TWO, 640, 360, 50)],
            "decoding: the cameras send as much as 110 pictures of 640x360 a second, raspberry-pi-4 is made "
            "for 80; most comes from cam-1 (640x360, 60 a second): set fewer pictures a second",
        ),
        # its rate is not known yet, or it sends nothing
        ([replace(sends(ONE, 1920, 1080, 25), since_mono=1090.0), TWO], None),
        ([replace(sends(ONE, 1920, 1080, 25), state=CameraState.OFFLINE), TWO], None),
        ([replace(sends(ONE, 1920, 1080, 25), width=None), TWO], None),
        ([], None),
    ],
)  # fmt: skip
def test_health_tells_when_the_cameras_send_more_than_the_board_is_made_for(
    pi: Settings, cameras: list[CameraStatus], line: str | None
) -> None:
    assert list(decode_lines(cameras, pi, NOW_MONO)) == ([] if line is None else [line])


def test_a_camera_that_is_kept_at_keyframes_does_not_count(pi: Settings) -> None:
    first, second = pi.cameras
    kept = replace(first, analyse=replace(first.analyse, gear=GearChoice.IDLE))
    large = [sends(ONE, 1920, 1080, 25), TWO]
    assert list(decode_lines(large, replace(pi, cameras=(kept, second)), NOW_MONO)) == []
    assert len(list(decode_lines(large, pi, NOW_MONO))) == 1


@pytest.mark.parametrize("name", names())
def test_each_board_is_made_for_the_site_that_its_profile_names(name: str) -> None:
    """The recommended number of cameras with the recommended settings causes no warning."""
    platform = profile_of(name, BoardIdentity("", "")).platform
    assert platform is not None
    capacity = platform.capacity
    stream = DecodedStream("cam", capacity.width, capacity.height, capacity.fps)
    load = decode_load(capacity, [stream] * capacity.cameras)
    assert load is not None
    assert not load.is_exceeded


def measured(name: str, width: int, height: int, fps: float | None) -> DoctorCamera:
    return DoctorCamera(id=name, width=width, height=height, frame_rate=fps)


@pytest.mark.parametrize(
    ("cameras", "finding", "todo"),
    [
        ([measured("cam-1", 640, 360, 10), measured("cam-2", 640, 360, 10)], "decode-good", None),
        (
            [measured("cam-1", 640, 360, 10), measured("cam-2", 2560, 1440, 20)],
            "decode-large",
            "use the sub-stream of cam-2",
        ),
        (
            [measured("cam-1", 640, 360, 50), measured("cam-2", 640, 360, 50)],
            "decode-many",
            "set the sub-streams to fewer pictures a second, or move cameras to another gateway",
        ),
    ],
)
def test_doctor_says_what_to_do_about_it(
    pi: Settings, cameras: list[DoctorCamera], finding: str, todo: str | None
) -> None:
    (result,) = check_decoding(pi, cameras)
    assert (result.check, result.finding) == ("board/decode", finding)
    assert "can decode 80" in said_of(result, "en")
    assert todo_of(result, "en") == todo


def test_doctor_says_nothing_of_what_it_could_not_measure(pi: Settings) -> None:
    assert check_decoding(pi, [measured("cam-1", 640, 360, None)]) == []
