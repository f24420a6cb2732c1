"""Clips: their length, their stream, and when there are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.config.model.settings import Clip, ClipPolicy, StillPolicy
from edge_agent.core.secrets import Credentials, Secret
from tests.config.places import camera_of, with_camera, write
from tests.config.test_rules import warnings_of

_MASK = "privacy_masks: [[[0, 0], [1, 0], [1, 0.1]]]"
_MASKED = (
    "no clips: this camera has privacy_masks, and a clip is not transcoded, so they would not be in it; "
    "mask in the camera itself (recommended), or write report.clips: unmasked"
)
_OTHER_HOST = "main_url is on another host than url, and gets the login of this camera all the same"


def test_a_clip_as_it_is_written(tmp_path: Path) -> None:
    written = "clip: {pre_s: 8, post_s: 4, max_s: 30, max_bytes: 8MB, main_url: rtsp://10.0.0.11/stream1}"
    camera = camera_of(tmp_path, f"url: rtsp://10.0.0.11/stream2\n{written}")
    assert camera.clip == Clip(8.0, 4.0, 30.0, 8_000_000, "rtsp://10.0.0.11/stream1", None)


@pytest.mark.parametrize(
    ("written", "policy"),
    [
        ("none", ClipPolicy.NONE),
        ("rules", ClipPolicy.RULES),
        ("unmasked", ClipPolicy.UNMASKED),
    ],
)
def test_policies(tmp_path: Path, written: str, policy: ClipPolicy) -> None:
    assert camera_of(tmp_path, f"url: /clip.mp4\nreport: {{clips: {written}}}").report.clips is policy


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
    ("lines", "warning"),
    [
        (
            f"url: rtsp://h/s\n{_MASK}\nreport: {{clips: rules}}",
            f"7:21: {_MASKED}",
        ),
        (
            f"url: rtsp://h/s\n{_MASK}\nclip: {{pre_s: 3}}",
            f"7:5: {_MASKED}",
        ),
        (
            "url: rtsp://h/s\nreport: {clips: none}\nclip: {pre_s: 3}",
            "7:5: clip does nothing: report.clips is none",
        ),
        (
            "url: rtsp://h/s\nclip: {pre_s: 12}",
            "6:19: clips cannot begin 12 s before the event: ring.seconds is 10",
        ),
        (
            "url: rtsp://h/s\nring: {seconds: 4}",
            "6:21: clips cannot begin 5 s before the event: ring.seconds is 4",
        ),
        (
            "url: rtsp://h/s\nclip: {main_url: rtsp://h/s}",
            "6:22: main_url is the same as url: the camera is asked twice for one stream",
        ),
        ("url: rtsp://u:p@h:554/2\nclip: {main_url: rtsp://g/1}", f"6:22: {_OTHER_HOST}"),
    ],
    ids=[
        "asked for and masked",
        "described and masked",
        "described and switched off",
        "a long run-up",
        "a short ring",
        "the same stream",
        "another host",
    ],
)
def test_clips_that_are_not_as_they_read_are_doubtful(tmp_path: Path, lines: str, warning: str) -> None:
    assert warnings_of(tmp_path, with_camera(lines)) == [warning]


@pytest.mark.parametrize(
    "lines",
    [
        f"url: rtsp://h/s\n{_MASK}",
        f"url: rtsp://h/s\n{_MASK}\nreport: {{clips: unmasked}}",
        f"url: rtsp://h/s\n{_MASK}\nreport: {{clips: none}}",
        "url: rtsp://h/s\nreport: {clips: none}\nring: {seconds: 4}",
        "url: rtsp://h/stream2\nclip: {pre_s: 12, main_url: rtsp://h/stream1}",
        "url: rtsp://u:p@h:554/2\nclip: {main_url: rtsp://h:8554/1?a=b}",
        "url: rtsp://u:p@h/2\nclip: {main_url: rtsp://v:q@g/1}",
    ],
    ids=[
        "masked, nobody asked",
        "unmasked",
        "none",
        "none and a short ring",
        "a main stream has its own ring",
        "another port",
        "another host with a login of its own",
    ],
)
def test_clips_that_are_as_they_read_are_not_commented_on(tmp_path: Path, lines: str) -> None:
    assert warnings_of(tmp_path, with_camera(lines)) == []


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


def test_stills_without_snapshots_are_doubtful_and_a_main_stream_for_stills_is_not(tmp_path: Path) -> None:
    lines = "url: rtsp://h/2\nreport: {stills: rules, snapshots: none}"
    warning = "no stills: report.snapshots is none, so no picture leaves the gateway"
    assert warnings_of(tmp_path, with_camera(lines)) == [f"6:22: {warning}"]
    for report in ("{stills: rules}", "{stills: rules, clips: none}"):
        lines = f"url: rtsp://h/2\n{_MASK}\nclip: {{main_url: rtsp://h/1}}\nreport: {report}"
        assert warnings_of(tmp_path, with_camera(lines)) == []


def test_the_view_is_watched_unless_somebody_says_otherwise(tmp_path: Path) -> None:
    assert camera_of(tmp_path, "url: /clip.mp4").watch_view
    assert not camera_of(tmp_path, "url: /clip.mp4\nwatch_view: false").watch_view
