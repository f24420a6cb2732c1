"""``edge-agent cameras`` as a technician types it."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from edge_agent import config
from edge_agent.cli.arguments import parser
from edge_agent.core.command_line.exit_codes import EX_CONFIG
from edge_agent.core.problems import problem_text
from edge_agent.tools.cameras.access import state_dir_of
from edge_agent.tools.cameras.configure import NTP_PORT
from edge_agent.tools.cameras.messages import fact
from edge_agent.tools.cameras.probing import Ports
from edge_agent.tools.cameras.search import Search
from tests.testbed.command_line import CommandResult, run_command
from tests.testbed.onvif_camera import OnvifCamera
from tests.testbed.onvif_network import CameraNetwork
from tests.tools.cameras.test_box_time import ntp_on_loopback

HOST = "127.0.9.16"
MAIN = """\
gateway: {id: dt-001, ward: de-tham}
mqtt: {brokers: [mqtt://127.0.0.1]}
cameras:
  - {id: cam-1, url: "rtsp://10.0.0.9/stream2"}   # the gate
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "edge-agent.yaml").write_text(MAIN)
    (tmp_path / "pass").write_text("right\n")
    (tmp_path / "state").mkdir()
    return tmp_path


@pytest.fixture
def camera(monkeypatch: pytest.MonkeyPatch) -> Iterator[OnvifCamera]:
    with OnvifCamera(HOST) as camera, CameraNetwork([camera]):
        ports = Ports(camera.port, camera.rtsp_port)
        near = partial(Search, addresses=["127.0.0.1"], ports=ports, listen_s=0.25)
        monkeypatch.setattr("edge_agent.tools.cameras.discover.Search", near)
        monkeypatch.setattr("edge_agent.tools.cameras.configure._clock_trusted", lambda: True)
        monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
        yield camera


def cameras(site: Path, action: str, *more: str, login: bool = True) -> CommandResult:
    who = ["--camera-username", "admin", "--camera-password-file", str(site / "pass")] if login else []
    where = ["--config", str(site / "edge-agent.yaml"), "--state-dir", str(site / "state")]
    return run_command("cameras", action, *where, *who, *more)


@pytest.mark.parametrize("more", ["", "cameras: [{id: no url}]\n"], ids=["valid", "not yet"])
def test_failed_logins_are_counted_in_the_state_dir_of_the_configuration(tmp_path: Path, more: str) -> None:
    file = tmp_path / "edge-agent.yaml"
    file.write_text(f"{MAIN.partition('cameras:')[0]}state_dir: {tmp_path}/mine\n{more}")
    words = ["cameras", "discover", "--config", str(file)]
    assert state_dir_of(parser().parse_args(words)) == tmp_path / "mine"
    assert state_dir_of(parser().parse_args([*words, "--state-dir", str(tmp_path)])) == tmp_path


def written(site: Path) -> Path:
    return site / "conf.d" / "cameras.yaml"


def choose(site: Path, *more: str, which: str = "1") -> CommandResult:
    return cameras(site, "discover", "--choose", which, "--write", str(written(site)), *more)


def test_the_list_names_vendor_model_streams_and_what_is_wrong(site: Path, camera: OnvifCamera) -> None:
    camera.clock_offset_s = -7 * 3600
    done = cameras(site, "discover")
    assert done.returncode == 0
    assert "1  127.0.9.16       Hikvision DS-2CD2143G2-I  ready" in done.stdout
    assert f"rtsp://{HOST}:{camera.rtsp_port}/Streaming/Channels/102  640x360 H265, 15 fps" in done.stdout
    assert "keyframe every 4 s, too rare, smart codec on" in done.stdout
    assert "its clock is 7 h 0 min behind" in done.stdout


def test_the_list_is_told_in_vietnamese(site: Path, camera: OnvifCamera) -> None:
    camera.clock_offset_s = -7 * 3600
    done = cameras(site, "discover", "--lang", "vi")
    assert done.returncode == 0
    assert "1  127.0.9.16       Hikvision DS-2CD2143G2-I  sẵn sàng" in done.stdout
    sub = "640x360 H265, 15 khung hình/giây, 4 giây một khung I, quá thưa, đang bật Smart Codec"
    assert sub in done.stdout
    assert "đồng hồ camera chạy chậm 7 giờ 0 phút" in done.stdout


def test_an_error_in_the_list_is_in_the_readers_language() -> None:
    refused = problem_text("web-silent", host=HOST, seconds=5.0)
    assert fact("error-main", error=refused).text("vi") == f"luồng chính: {HOST}: không trả lời trong 5 giây"
    assert fact("error-main", error=refused).text() == f"its main stream: {HOST}: no answer within 5 s"


def test_the_json_list_is_what_the_text_says(site: Path, camera: OnvifCamera) -> None:
    done = cameras(site, "discover", "--json", login=False)
    assert done.returncode == 0
    (found,) = json.loads(done.stdout)
    assert (found["host"], found["state"], found["configured_as"]) == (HOST, "ready", None)
    assert camera.logins == []


def test_a_chosen_camera_becomes_a_drop_in_with_the_sub_stream_and_no_password_in_it(
    site: Path, camera: OnvifCamera
) -> None:
    before = (site / "edge-agent.yaml").read_text()
    assert choose(site).returncode == 0
    settings = config.load(site / "edge-agent.yaml")
    new = settings.cameras[1]
    assert (new.id, new.url.rpartition("/")[2]) == ("cam-2", "102")
    assert new.clip.main_url is not None
    assert new.clip.main_url.endswith("/101")
    assert new.credentials is not None
    assert new.credentials.password.reveal() == "right"
    assert "right" not in written(site).read_text()
    assert stat.S_IMODE((site / "credentials" / "cam-2").stat().st_mode) == 0o600
    assert stat.S_IMODE((site / "credentials").stat().st_mode) == 0o700
    assert (site / "edge-agent.yaml").read_text() == before


def test_nothing_is_written_over_without_force_and_ids_stay_with_it(site: Path, camera: OnvifCamera) -> None:
    assert choose(site, which="all").returncode == 0
    first = written(site).read_text()
    written(site).write_text(first + "# the lane\n")
    done = choose(site, which="all")
    assert done.returncode == 1
    assert "--force replaces it" in done.stderr
    assert written(site).read_text().endswith("# the lane\n")
    assert choose(site, "--force", which="all").returncode == 0
    assert [camera.id for camera in config.load(site / "edge-agent.yaml").cameras] == ["cam-1", "cam-2"]


def test_a_camera_that_is_configured_is_not_written_again(site: Path, camera: OnvifCamera) -> None:
    (site / "edge-agent.yaml").write_text(MAIN.replace("10.0.0.9", HOST))
    done = choose(site)
    assert done.returncode == 1
    assert "configured already as cam-1" in done.stderr
    assert not written(site).exists()


def test_a_login_that_is_refused_is_not_written(site: Path, camera: OnvifCamera) -> None:
    (site / "pass").write_text("wrong\n")
    assert choose(site).returncode == 1
    assert not written(site).exists()
    assert not (site / "credentials").exists()
    assert camera.failed_logins == 1


def test_a_drop_in_that_does_not_fit_is_taken_away_again(site: Path, camera: OnvifCamera) -> None:
    (site / "edge-agent.yaml").write_text(MAIN + "nonsense: 1\n")
    assert choose(site).returncode == EX_CONFIG
    assert not written(site).exists()
    assert not (site / "credentials" / "cam-2").exists()


def test_a_hostile_name_stays_in_its_comment(site: Path, camera: OnvifCamera) -> None:
    camera.vendor, camera.vendor_api = "other", False
    camera.model = "X&#10;  - id: evil&#10;    url: rtsp://evil &#x202e;"
    assert choose(site).returncode == 0
    assert [camera.id for camera in config.load(site / "edge-agent.yaml").cameras] == ["cam-1", "cam-2"]


def configure(site: Path, camera: OnvifCamera, *more: str, code: int = 0) -> CommandResult:
    """As somebody who typed no login: the configuration has one for cam-2."""
    written(site).write_text(
        f'cameras: [{{id: cam-2, url: "rtsp://{HOST}/Streaming/Channels/102", username: admin, '
        "password_file: pass}]"
    )
    done = cameras(site, "configure", "cam-2", "--port", str(camera.port), *more, login=False)
    assert done.returncode == code, done.stderr
    return done


def test_configure_only_shows_when_nobody_can_be_asked(site: Path, camera: OnvifCamera) -> None:
    shown = configure(site, camera).stdout
    assert "codec                H265 -> H264" in shown
    assert "keyframe interval    60 pictures (4 s) -> 30 pictures (2 s)" in shown
    assert "nothing was changed: --yes does it" in shown
    assert camera.writes == []


def test_configure_asks_at_the_port_of_the_configuration(site: Path, camera: OnvifCamera) -> None:
    written(site).write_text(
        f'cameras: [{{id: cam-2, url: "rtsp://{HOST}/Streaming/Channels/102", username: admin, '
        f"password_file: pass, http_port: {camera.port}}}]"
    )
    done = cameras(site, "configure", "cam-2", login=False)
    assert "codec                H265 -> H264" in done.stdout, done.stderr


def test_configure_shows_in_vietnamese_what_it_would_change(site: Path, camera: OnvifCamera) -> None:
    shown = configure(site, camera, "--lang", "vi").stdout
    assert "khoảng cách khung I  60 khung hình (4 giây) -> 30 khung hình (2 giây)" in shown
    assert "Smart Codec          bật -> tắt" in shown
    assert "chưa thay đổi gì: thêm --yes để thực hiện" in shown


def test_configure_with_yes_changes_and_shows_what_it_read_back(site: Path, camera: OnvifCamera) -> None:
    args = ("--yes", "--ntp", "10.0.0.1")
    assert "smart codec          on -> off  done" in configure(site, camera, *args).stdout
    assert (camera.streams["sub"].codec, camera.ntp) == ("H264", "10.0.0.1")
    assert "nothing to change" in configure(site, camera, *args).stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="port 123 is root's")
def test_ntp_without_an_address_has_the_camera_follow_the_box(site: Path, camera: OnvifCamera) -> None:
    done = configure(site, camera, "--yes", "--ntp", code=1)
    assert "this gateway is not a time server for 127.0.9.16" in done.stderr
    assert camera.ntp != "127.0.0.1"
    with ntp_on_loopback(0x24, NTP_PORT, requests=2):  # synchronised; queried before and after
        configure(site, camera, "--yes", "--ntp")
    assert camera.ntp == "127.0.0.1"


def test_configure_that_was_not_taken_ends_with_1(site: Path, camera: OnvifCamera) -> None:
    camera.ignores = frozenset({"codec"})
    configure(site, camera, "--yes", code=1)


def test_a_question_that_is_answered_with_no_changes_nothing(
    site: Path, camera: OnvifCamera, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.tools.cameras.configure.asked", lambda _: "")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    configure(site, camera)
    assert camera.writes == []


@pytest.mark.parametrize(
    ("more", "reported"),
    [
        (("discover", "--subnet", "10.0.0.0/20"), "at most a /22"),
        (("discover", "--subnet", "203.0.113.0/24"), "not a private network"),
        (("discover", "--subnet", "x"), "is not a subnet"),
        (("configure", "cam-9", "--yes"), "no camera 'cam-9'"),
        (("configure", "cam-9", "--yes", "--lang", "vi"), "không có camera 'cam-9'"),
        (("configure", "cam-1", "--ntp", "evil;"), "is not an IPv4 address"),
    ],
)
def test_wrong_use_is_told_before_anything_is_sent(site: Path, more: tuple[str, ...], reported: str) -> None:
    done = cameras(site, *more)
    assert done.returncode == 1
    assert reported in done.stderr


def test_without_the_extra_a_command_says_how_to_get_it(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onveef", None)
    done = cameras(site, "discover")
    assert done.returncode == 1
    assert "pip install 'edge-agent[cameras]'" in done.stderr
