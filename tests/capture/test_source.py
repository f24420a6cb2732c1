"""From a camera's settings to what FFmpeg is told."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.parse
from pathlib import Path

import pytest

from edge_agent.capture.source import Limits, open_source, recipe_for, url_with_credentials
from edge_agent.clock import SystemClock
from edge_agent.errors import SourceRejected, SourceUnavailable
from edge_agent.model import Cause
from edge_agent.secrets import Credentials, Secret
from tests.capture.rig import camera


@pytest.mark.parametrize(
    ("url", "opened", "form", "live"),
    [
        ("rtsp://10.0.0.11/stream2", "rtsp://10.0.0.11/stream2", "rtsp", True),
        ("rtsps://cam/stream", "rtsps://cam/stream", "rtsp", True),
        ("http://cam:8080/video", "http://cam:8080/video", "mpjpeg", True),
        ("v4l2:/dev/video0", "/dev/video0", "v4l2", True),
        ("/clips/a:b.mp4", "/clips/a:b.mp4", None, False),
        ("file:///clips/with%20space.mp4", "/clips/with space.mp4", None, False),
    ],
)
def test_the_scheme_chooses_the_recipe(url: str, opened: str, form: str | None, live: bool) -> None:
    recipe = recipe_for(camera(url))
    assert (recipe.url, recipe.format, recipe.live) == (opened, form, live)


def test_a_pipe_that_nobody_writes_to_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(SourceUnavailable, match="is not a file") as caught:
            open_source(camera(str(path)), SystemClock(), lambda seconds: False, Limits())
        assert caught.value.cause is Cause.UNSUPPORTED


@pytest.mark.parametrize("url", ["gopher://cam/x", "rtsp:///x", "v4l3:/dev/video0"])
def test_what_is_no_camera_url_is_unsupported(url: str) -> None:
    with pytest.raises(SourceUnavailable) as caught:
        recipe_for(camera(url))
    assert caught.value.cause is Cause.UNSUPPORTED


@pytest.mark.parametrize("password", ["p@:/#%?&", "ünï", " ", "plain"])
def test_credentials_survive_the_way_into_the_url(password: str) -> None:
    made = url_with_credentials("gate1", "rtsp://[fe80::1]:554/a?b=c", Credentials("u@x", Secret(password)))
    parts = urllib.parse.urlsplit(made)
    assert urllib.parse.unquote(parts.username or "") == "u@x"
    assert urllib.parse.unquote(parts.password or "") == password
    assert made.endswith("@[fe80::1]:554/a?b=c")


def test_credentials_too_long_for_ffmpeg_are_refused_without_showing_them() -> None:
    with pytest.raises(SourceRejected, match="127 characters") as caught:
        url_with_credentials("gate1", "rtsp://cam/x", Credentials("u", Secret("@" * 60)))
    assert "%40" not in str(caught.value)


def test_a_process_can_exit_while_a_reader_is_blocked_in_ffmpeg() -> None:
    program = """
import socket, sys
from edge_agent.capture.reader import Reader
from edge_agent.clock import SystemClock
from tests.capture.rig import camera
listener = socket.create_server(("127.0.0.1", 0))
reader = Reader(camera(f"rtsp://127.0.0.1:{listener.getsockname()[1]}/x"), SystemClock())
reader.start()
caller, _ = listener.accept()
caller.recv(1)
reader.stop()
sys.exit(7)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=8)
    assert (done.returncode, done.stderr) == (7, "")
