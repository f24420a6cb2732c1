"""How a camera's URL chooses its source and FFmpeg's options."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge_agent.capture.network.camera_socket import CameraSocket
from edge_agent.capture.source import StreamTimeouts, endpoint_of, ffmpeg_input_for, open_source
from edge_agent.core.clock import SystemClock
from edge_agent.core.errors import SourceUnavailable
from edge_agent.core.model import Cause
from tests.capture.rig import camera
from tests.host.fakes import FakeClock
from tests.testbed.clips import PLAIN, make_clip


@pytest.mark.parametrize(
    ("url", "opened", "form", "live"),
    [
        ("v4l2:/dev/video0", "/dev/video0", "v4l2", True),
        ("/clips/a:b.mp4", "/clips/a:b.mp4", None, False),
        ("file:///clips/with%20space.mp4", "/clips/with space.mp4", None, False),
    ],
)
def test_the_scheme_chooses_the_recipe(url: str, opened: str, form: str | None, live: bool) -> None:
    recipe = ffmpeg_input_for(camera(url))
    assert (recipe.path, recipe.format, recipe.live) == (opened, form, live)


@pytest.mark.parametrize(
    ("url", "host", "port", "tls"),
    [
        ("rtsp://10.0.0.11/stream2", "10.0.0.11", 554, False),
        ("RTSPS://cam/stream", "cam", 322, True),
        ("http://cam:8080/video", "cam", 8080, False),
        ("https://[fe80::1]/video", "fe80::1", 443, True),
    ],
)
def test_a_network_camera_has_an_endpoint(url: str, host: str, port: int, tls: bool) -> None:
    endpoint = endpoint_of(camera(url))
    assert endpoint is not None
    assert (endpoint.host, endpoint.port, endpoint.tls) == (host, port, tls)


def test_an_address_of_a_family_that_the_kernel_lacks_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with ``ipv6.disable=1`` and a name that has an IPv6 address first."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        unknown = (999, socket.SOCK_STREAM, 6, "", ("::1", address[1], 0, 0))
        known = (socket.AF_INET, socket.SOCK_STREAM, 6, "", address)
        monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [unknown, known])
        CameraSocket("cam.example", address[1], tls=False, until_mono=time.monotonic() + 5).close()


def test_an_address_that_does_not_answer_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_server(("127.0.0.1", 0), backlog=0) as silent,
        socket.create_connection(silent.getsockname()),  # its queue is full: it answers no other
    ):
        addresses = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", each.getsockname()) for each in (silent, server)
        ]
        monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: addresses)
        until_mono = time.monotonic() + 3
        CameraSocket("cam.example", 554, tls=False, until_mono=until_mono).close()
        assert until_mono - time.monotonic() > 0.5, "no time is left to describe the stream"


def test_a_pipe_without_a_writer_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(SourceUnavailable, match="is not a file") as caught:
            open_source(camera(str(path)), SystemClock(), lambda seconds: False, StreamTimeouts())
        assert caught.value.cause is Cause.UNSUPPORTED


@pytest.mark.parametrize("gap_s", [4, 600])
def test_a_cut_in_a_file_is_not_waited_for(tmp_path: Path, gap_s: int) -> None:
    cut = ("-vf", f"setpts=PTS+gte(N\\,5)*{gap_s}/TB", "-fps_mode", "passthrough")
    clip = make_clip(tmp_path / "cut.mp4", seconds=1, extra=(*PLAIN, *cut))
    clock, waits = FakeClock(), list[float]()

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        clock.advance(seconds)
        return False

    with contextlib.closing(open_source(camera(str(clip)), clock, wait, StreamTimeouts())) as source:
        packets = [packet for packet in itertools.islice(source.packets(), 10) if packet.size]
    assert len(packets) == 10
    assert waits[5:] == pytest.approx([4.1 if gap_s == 4 else 0.0] + 4 * [0.1])


@pytest.mark.parametrize("url", ["gopher://cam/x", "rtsp:///x", "v4l3:/dev/video0"])
def test_what_is_no_camera_url_is_unsupported(url: str) -> None:
    with pytest.raises(SourceUnavailable) as caught:
        open_source(camera(url), SystemClock(), lambda seconds: False, StreamTimeouts())
    assert caught.value.cause is Cause.UNSUPPORTED


def test_a_process_can_exit_while_a_reader_waits_for_its_camera() -> None:
    program = """
import socket, sys
from edge_agent.capture.reader import CameraReader
from edge_agent.core.clock import SystemClock
from tests.capture.rig import camera
listener = socket.create_server(("127.0.0.1", 0))
reader = CameraReader(camera(f"rtsp://127.0.0.1:{listener.getsockname()[1]}/x"), SystemClock())
reader.start()
caller, _ = listener.accept()
caller.recv(1)
reader.stop()
sys.exit(7)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=8)
    assert (done.returncode, done.stderr) == (7, "")
