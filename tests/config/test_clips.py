"""Clips: their length, their stream, and when there are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.config.model.settings import Clip, StillPolicy
from edge_agent.core.secrets import Credentials, Secret
from tests.config.places import camera_of, write


def test_a_clip_as_it_is_written(tmp_path: Path) -> None:
    written = "clip: {pre_s: 8, post_s: 4, max_s: 30, max_bytes: 8MB, main_url: rtsp://10.0.0.11/stream1}"
    camera = camera_of(tmp_path, f"url: rtsp://10.0.0.11/stream2\n{written}")
    assert camera.clip == Clip(8.0, 4.0, 30.0, 8_000_000, "rtsp://10.0.0.11/stream1", None)


_BESIDE = Credentials("viewer", Secret("beside"))
_OWN = Credentials("main", Secret("own"))


@pytest.mark.parametrize(
    ("url", "login", "main_url", "credentials"),
    [
        ("rtsp://h/2", True, "rtsp://h/1", _BESIDE),
        ("rtsp://viewer:beside@h/2", False, "rtsp://h/1", _BESIDE),
        ("rtsp://h/2", True, "rtsp://main:own@h/1", _OWN),
        ("rtsp://h/2", False, "rtsp://main:own@h/1", _OWN),
        ("rtsp://h/2", False, "rtsp://h/1", None),
        ("rtsp://h/2", True, "/main.mp4", None),
        ("rtsp://h/2", True, "v4l2:/dev/video0", None),
    ],
    ids=["beside", "in the url", "its own first", "its own alone", "no login", "a file", "a device"],
)
def test_the_main_stream_is_opened_with_its_own_login_or_that_of_the_camera(
    tmp_path: Path, url: str, login: bool, main_url: str, credentials: Credentials | None
) -> None:
    write(tmp_path, "beside\n", "cam.pass")
    lines = [f"url: {url}", f"clip: {{main_url: {main_url}}}"]
    lines += ["username: viewer", "password_file: cam.pass"] if login else []
    clip = camera_of(tmp_path, "\n".join(lines)).clip
    assert clip.main_credentials == credentials
    assert clip.main_url == main_url.replace("main:own@", "")


def test_a_camera_without_a_main_stream_has_no_login_for_one(tmp_path: Path) -> None:
    assert camera_of(tmp_path, "url: rtsp://u:p@h/s").clip.main_credentials is None


@pytest.mark.parametrize(
    ("written", "policy", "makes", "of_rules"),
    [
        ("{}", StillPolicy.REQUEST, True, False),
        ("{stills: rules}", StillPolicy.RULES, True, True),
        ("{stills: off}", StillPolicy.OFF, False, False),
        ("{stills: rules, snapshots: none}", StillPolicy.RULES, False, False),
    ],
)
def test_stills(tmp_path: Path, written: str, policy: StillPolicy, makes: bool, of_rules: bool) -> None:
    report = camera_of(tmp_path, f"url: /clip.mp4\nreport: {written}").report
    assert (report.stills, report.makes_stills, report.stills_of_rules) == (policy, makes, of_rules)
