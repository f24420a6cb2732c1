"""A site with one camera of each kind, examined in one run."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge_agent.config import load
from edge_agent.core.clock import SystemClock
from edge_agent.tools.doctor.checks.cameras import CameraCheck
from edge_agent.wire import CameraHealth
from tests.testbed.agent import write_config
from tests.testbed.rtsp import RtspServer
from tests.tools.doctor.conftest import PASSWORD, StrictCamera, Told, camera, examined


@dataclass(frozen=True)
class Site:
    reported: Told
    strict: StrictCamera


@pytest.fixture(scope="module")
def site(cameras: RtspServer, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """It takes ten seconds: one camera accepts the connection and sends nothing."""
    folder = tmp_path_factory.mktemp("site")
    right = folder / "right.pass"
    right.write_text(PASSWORD)
    right.chmod(0o600)
    streams = ("good", "black", "blurred", "main", "gone")
    with (
        socket.create_server(("127.0.0.1", 0)) as dead_camera,
        socket.create_server(("127.0.0.1", 0)) as dead_broker,
        StrictCamera() as strict,
    ):
        config = write_config(
            folder,
            cameras=[
                *(camera(name, cameras.url(f"/{name}"), str(right)) for name in streams),
                camera("locked", strict.url, str(right)),
                camera("dead", f"rtsp://127.0.0.1:{dead_camera.getsockname()[1]}/stream", str(right)),
            ],
            detector="none",
            mqtt={"brokers": [f"mqtts://127.0.0.1:{dead_broker.getsockname()[1]}"]},
        )
        return Site(examined(config, "--lang", "en"), strict)


def test_a_good_camera_is_measured(site: Site) -> None:
    assert site.reported.finding("good") == "camera-good"
    assert site.reported.finding("good/picture") == "picture-good"
    measured = next(each for each in site.reported.doctor.cameras if each.id == "good")
    assert (measured.codec, measured.width, measured.height) == ("h264", 640, 360)
    assert measured.frame_rate == pytest.approx(10, abs=1)
    assert measured.keyframe_s == pytest.approx(1, abs=0.2)


def test_what_all_cameras_send_is_added_up(site: Site) -> None:
    line = site.reported.line("board/decode")
    assert line.finding == "decode-good"
    # Three of 640x360 at 10 frames a second, and a main stream at 4, which counts nine times.
    (asked,) = re.findall(r"equivalent of (\d+) pictures of 640x360", line.said)
    assert int(asked) == pytest.approx(30 + 4 * 9, rel=0.15)


def test_a_black_picture_is_red_and_a_blurred_one_yellow(site: Site) -> None:
    assert site.reported.finding("black") == "camera-good"
    black = site.reported.line("black/picture")
    assert (black.finding, black.level) == ("picture-black", "red")
    assert site.reported.finding("blurred/picture") == "picture-blurred"


def test_a_main_stream_with_rare_keyframes_is_told_for_each_of_its_properties(site: Site) -> None:
    found = [line.finding for line in site.reported.doctor.lines if line.check.startswith("main/")]
    assert found == ["keyframes-rare", "size-main", "codec-hevc", "rate-low", "picture-good", "still-sub"]


@pytest.mark.parametrize(
    ("name", "finding"),
    [("locked", "camera-unauthorized"), ("gone", "camera-not_found"), ("dead", "camera-stalled")],
)
def test_why_a_camera_gives_no_picture_is_told_apart(site: Site, name: str, finding: str) -> None:
    assert (site.reported.finding(name), site.reported.line(name).level) == (finding, "red")
    assert site.reported.line(name).todo


def test_a_camera_gets_one_login_and_no_second_one(site: Site) -> None:
    assert (len(site.strict.users), site.strict.logins) == (1, 1)


def test_a_dead_camera_and_a_dead_broker_cost_under_twenty_seconds(site: Site) -> None:
    assert site.reported.finding("broker") == "broker-timeout"
    assert site.reported.doctor.took_s < 20


def test_the_verdict_names_what_is_red_and_nothing_else(site: Site) -> None:
    assert (site.reported.code, site.reported.doctor.verdict) == (1, "failed")
    assert site.reported.red == ["agent", "black/picture", "gone", "locked", "dead", "broker"]
    reported = "NOT READY: 6 faults to correct: agent; black, picture; gone; locked; dead; broker."
    assert reported in site.reported.doctor.sentence


def test_a_camera_that_only_the_agent_gets_is_no_fault(tmp_path: Path) -> None:
    cameras = [{"id": "gate", "url": "rtsp://127.0.0.1:1/s"}]
    (gate,) = load(write_config(tmp_path, cameras=cameras)).cameras
    since = "2026-11-25T00:00:00.000Z"
    held = CameraHealth(state="online", cause=None, since=since, codec="h264", width=640, height=360)
    lost = CameraHealth(state="offline", cause="refused", since=since)
    looks = [CameraCheck(gate, SystemClock(), agent).run() for agent in (held, lost, None)]
    assert [look[0].finding for look in looks] == ["camera-held", "camera-refused", "camera-refused"]


@pytest.mark.parametrize(
    ("url", "finding"),
    [
        ("http://127.0.0.1:1/video", "camera-refused-http"),
        ("rtsp://no-such-camera.invalid/s", "camera-no-name"),
        ("/tmp", "camera-no-file"),
    ],
)
def test_a_mistake_in_the_url_gets_its_own_advice(tmp_path: Path, url: str, finding: str) -> None:
    (gate,) = load(write_config(tmp_path, cameras=[{"id": "gate", "url": url}])).cameras
    assert CameraCheck(gate, SystemClock(), None).run()[0].finding == finding
