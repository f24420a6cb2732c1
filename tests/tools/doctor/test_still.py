"""Stills: of the main stream where the configuration names one; a wrong password is sent once."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from edge_agent.capture import stream_probe
from edge_agent.capture.logins import LimitedLogins
from edge_agent.config import load
from edge_agent.core.clock import SystemClock
from edge_agent.tools.doctor.check import CheckResult
from edge_agent.tools.doctor.checks.cameras import LIMIT_S, CameraCheck
from edge_agent.tools.doctor.words import level_of, said_of
from edge_agent.wire import CameraHealth
from tests.testbed.agent import write_config
from tests.testbed.rtsp import RtspServer
from tests.tools.doctor.conftest import StrictCamera, camera

ONLINE = CameraHealth(state="online", cause=None, since="2026-11-25T00:00:00.000Z", codec="h264")


@pytest.fixture(autouse=True)
def short_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sub-stream is measured elsewhere."""
    monkeypatch.setattr(stream_probe, "MIN_WATCH_S", 0.0)
    monkeypatch.setattr(stream_probe, "MIN_KEYFRAMES", 1)


def checked(
    tmp_path: Path, gate: dict[str, object], agent: CameraHealth | None = None
) -> dict[str, CheckResult]:
    """Run the check of one camera; return the results by check."""
    (settings,) = load(write_config(tmp_path, cameras=[gate])).cameras
    clock = SystemClock()
    opener = LimitedLogins(tmp_path, clock).open
    check = CameraCheck(settings, clock, agent, opener=opener, logins=tmp_path / "stream-logins.json")
    assert (check.limit_s > LIMIT_S) == ("clip" in gate)
    return {result.check: result for result in check.run()}


def with_main(cameras: RtspServer, password: str, main: str) -> dict[str, object]:
    return camera("gate", cameras.url("/good"), password) | {"clip": {"main_url": main}}


def test_a_picture_of_the_main_stream_is_decoded(tmp_path: Path, cameras: RtspServer, password: str) -> None:
    found = checked(tmp_path, with_main(cameras, password, cameras.url("/main")))
    still = found["gate/still"]
    assert (still.finding, level_of(still)) == ("still-good", "green")
    assert said_of(still, "vi") == "ảnh lớn lấy từ luồng chính: H.265 1920x1080"


def test_a_main_stream_that_is_not_there_is_red(tmp_path: Path, cameras: RtspServer, password: str) -> None:
    lost = structs.replace(ONLINE, main_trouble="not_found")
    found = checked(tmp_path, with_main(cameras, password, cameras.url("/gone")), lost)
    assert (found["gate"].finding, found["gate/still"].finding) == ("camera-answers", "still-unreadable")
    assert level_of(found["gate/still"]) == "red"
    assert "gate/main" not in found, "one line for one trouble"


def test_a_main_stream_that_refuses_the_login_gets_one_login(
    tmp_path: Path, cameras: RtspServer, password: str
) -> None:
    with StrictCamera() as strict:
        found = checked(tmp_path, with_main(cameras, password, strict.url))
        assert strict.logins == 1
    assert (found["gate/still"].finding, level_of(found["gate/still"])) == ("still-unauthorized", "red")


@pytest.mark.parametrize(("agent", "finding"), [(ONLINE, "still-busy"), (None, "still-unreadable")])
def test_a_main_stream_without_room_for_a_viewer_is_read_by_the_agent(
    tmp_path: Path, cameras: RtspServer, password: str, agent: CameraHealth | None, finding: str
) -> None:
    found = checked(tmp_path, with_main(cameras, password, "rtsp://127.0.0.1:1/main"), agent)
    assert found["gate/still"].finding == finding


def test_without_a_main_stream_pictures_come_from_the_sub_stream(
    tmp_path: Path, cameras: RtspServer, password: str
) -> None:
    gate = camera("gate", cameras.url("/good"), password)
    still = checked(tmp_path, gate)["gate/still"]
    assert said_of(still, "en") == "pictures come from the sub-stream: 640x360"
    none = checked(tmp_path, gate | {"report": {"snapshots": "none"}})
    assert "gate/still" not in none


def test_a_camera_without_its_sub_stream_is_not_asked_for_stills(tmp_path: Path, password: str) -> None:
    with StrictCamera() as strict:
        gate = camera("gate", strict.url, password) | {"clip": {"main_url": strict.url}}
        found = checked(tmp_path, gate)
        assert strict.logins == 1, "a wrong password is sent once"
    assert list(found) == ["gate"]
