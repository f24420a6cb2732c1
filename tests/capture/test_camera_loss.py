"""Cameras that fail: the right cause in time, patient attempts, and recovery."""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import socket
import threading
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from edge_agent.capture.failures import failure
from edge_agent.capture.reader import CameraReader
from edge_agent.capture.source import FrameSource, StreamTimeouts, open_source
from edge_agent.config.model.settings import Camera
from edge_agent.core.clock import Clock, SystemClock
from edge_agent.core.model import CameraState, Cause
from tests.capture.conftest import PASSWORD, USER
from tests.capture.rig import (
    QUICK,
    RecordedBackoff,
    camera,
    eventually,
    frames,
    lost,
    online,
    running,
)
from tests.testbed.mjpeg_server import MjpegServer
from tests.testbed.rtsp import RtspServer

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream

    from edge_agent.capture.decode.decoder import VideoDecoder


def reader_of(url: str, **settings: object) -> CameraReader:
    made = camera(url, **settings)  # type: ignore[arg-type]
    return CameraReader(made, SystemClock(), limits=QUICK, backoff=RecordedBackoff())


@contextlib.contextmanager
def host(talk: Callable[[socket.socket, threading.Event], None]) -> Iterator[int]:
    """A TCP server that calls ``talk`` for every connection; yields its port."""
    closing = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    callers: list[threading.Thread] = []

    def serve(caller: socket.socket) -> None:
        with caller, contextlib.suppress(OSError):
            talk(caller, closing)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                thread = threading.Thread(target=serve, args=(listener.accept()[0],))
                thread.start()
                callers.append(thread)

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    yield listener.getsockname()[1]
    closing.set()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    for thread in [acceptor, *callers]:
        thread.join()


def silent(_caller: socket.socket, closing: threading.Event) -> None:
    closing.wait()


def garbage(caller: socket.socket, closing: threading.Event) -> None:
    while not closing.wait(0.01):
        caller.sendall(os.urandom(2000))


def ssh(caller: socket.socket, closing: threading.Event) -> None:
    caller.sendall(b"SSH-2.0-OpenSSH_10.0\r\n")
    closing.wait(0.2)


def hang_up(_caller: socket.socket, _closing: threading.Event) -> None:
    return


@pytest.mark.parametrize(
    ("talk", "cause"),
    [
        (silent, Cause.STALLED),  # accepts the connection and says nothing
        (garbage, Cause.NO_VIDEO),  # random bytes without end
        (ssh, Cause.NO_VIDEO),  # another service
        (hang_up, Cause.ENDED),  # a camera that is just booting
    ],
)
def test_hosts_that_are_no_cameras_are_reported_apart(
    talk: Callable[[socket.socket, threading.Event], None], cause: Cause
) -> None:
    with host(talk) as port, running(reader_of(f"rtsp://127.0.0.1:{port}/stream")) as reader:
        eventually(lost(reader, cause), timeout_s=8)


def test_a_closed_port_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with running(reader_of(f"rtsp://127.0.0.1:{port}/stream")) as reader:
        eventually(lost(reader, Cause.REFUSED), timeout_s=3)


def test_a_name_that_does_not_resolve_is_unreachable() -> None:
    with running(reader_of("rtsp://camera.invalid/stream")) as reader:
        eventually(lost(reader, Cause.UNREACHABLE), timeout_s=8)
        assert reader.status().detail == "its name cannot be resolved"


@pytest.mark.parametrize(
    ("mount", "cause"), [("/none", Cause.NOT_FOUND), ("/voice", Cause.NO_VIDEO)], ids=["404", "sound only"]
)
def test_what_an_rtsp_server_does_not_have_is_reported_apart(
    rtsp: RtspServer, mount: str, cause: Cause
) -> None:
    with running(reader_of(rtsp.url(mount))) as reader:
        eventually(lost(reader, cause), timeout_s=5)


def test_wrong_credentials_are_tried_at_the_slowest_pace_only(
    clips: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with RtspServer({"/h264": clips["h264"]}, user=USER, password=PASSWORD) as server:
        reader = reader_of(server.url("/h264"), user=USER, password="wrong@1")
        with running(reader):
            eventually(lost(reader, Cause.UNAUTHORIZED))
            eventually(lambda: len(pace_of(reader).drawn) >= 2)
        assert reader.status().detail == "wrong user name or password"
    assert set(pace_of(reader).drawn) == {(0.75, 1.25)}  # of 60 s
    assert "wrong@1" not in caplog.text
    assert "wrong%401" not in caplog.text


def test_a_camera_that_wants_a_password_says_so(clips: dict[str, Path]) -> None:
    with (
        RtspServer({"/h264": clips["h264"]}, user=USER, password=PASSWORD) as server,
        running(reader_of(server.url("/h264"))) as reader,
    ):
        eventually(lost(reader, Cause.UNAUTHORIZED))
        assert reader.status().detail == "the camera wants a user name and password"


@pytest.mark.parametrize(
    ("path", "user", "cause"),
    [("x", USER, Cause.NOT_FOUND), ("", "other", Cause.UNAUTHORIZED)],
    ids=["404", "401"],
)
def test_http_refusals_are_reported_apart(jpegs: list[bytes], path: str, user: str, cause: Cause) -> None:
    with (
        MjpegServer(jpegs, user=USER, password=PASSWORD, auth="digest") as server,
        running(reader_of(server.url + path, user=user, password=PASSWORD)) as reader,
    ):
        eventually(lost(reader, cause))


def test_an_http_camera_that_falls_silent_has_stalled(jpegs: list[bytes]) -> None:
    with MjpegServer(jpegs, fps=20) as server, running(reader_of(server.url)) as reader:
        frames(reader, 2)
        server.stall()
        eventually(lost(reader, Cause.STALLED), timeout_s=4)


def test_an_http_camera_that_hangs_up_has_ended(jpegs: list[bytes]) -> None:
    with MjpegServer(jpegs, fps=20, rounds=1) as server, running(reader_of(server.url)) as reader:
        eventually(lost(reader, Cause.ENDED), timeout_s=4)


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("v4l2:/dev/video63", Cause.NOT_FOUND),
        ("v4l2:/dev/null", Cause.UNSUPPORTED),
        ("/no/such/file.mp4", Cause.NOT_FOUND),
        ("file:///no/such/file.mp4", Cause.NOT_FOUND),
        ("/etc/passwd", Cause.UNSUPPORTED),
        ("gopher://camera/stream", Cause.UNSUPPORTED),
    ],
)
def test_missing_devices_and_files_are_reported_apart(url: str, cause: Cause) -> None:
    with running(reader_of(url)) as reader:
        eventually(lost(reader, cause), timeout_s=3)


def test_a_stalled_camera_is_reopened_when_it_speaks_again(
    clips: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    with RtspServer({"/h264": clips["h264"]}) as server, running(reader_of(server.url("/h264"))) as reader:
        frames(reader, 3)
        begun = SystemClock().monotonic()
        server.freeze()
        eventually(lost(reader, Cause.STALLED), timeout_s=5)
        assert SystemClock().monotonic() - begun == pytest.approx(QUICK.stall_s, abs=0.6)
        server.thaw()
        eventually(online(reader))
        status = reader.status()
    assert status.reconnects >= 1
    assert "gate1: no packet for 1 s, reopening" in caplog.text
    assert "(1st in 1 h)" in caplog.text


def test_a_killed_server_is_an_ended_stream_and_its_return_is_noticed(
    clips: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    with RtspServer({"/h264": clips["h264"]}) as server, running(reader_of(server.url("/h264"))) as reader:
        last = frames(reader, 3)[-1]
        server.kill()
        eventually(lost(reader, Cause.REFUSED))
        assert "gate1: the camera ended the stream, reopening" in caplog.text
        server.start()
        eventually(online(reader))
        first = frames(reader, 1)[0]
        status = reader.status()
    assert first.number > last.number
    assert first.captured_mono > last.captured_mono
    assert (status.reconnects, status.cause) == (1, None)


def test_gaps_between_attempts_grow_with_full_jitter_up_to_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    reader = reader_of(f"rtsp://127.0.0.1:{port}/stream")
    with running(reader):
        eventually(lambda: len(pace_of(reader).drawn) >= 8)
    assert [high for _, high in pace_of(reader).drawn[:8]] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert {low for low, _ in pace_of(reader).drawn} == {0}
    levels = [r.levelname for r in caplog.records if "refuses" in r.getMessage()]
    assert levels[0] == "WARNING"
    assert set(levels[1:]) == {"DEBUG"}


def test_a_source_that_opens_and_ends_at_once_keeps_backing_off(jpegs: list[bytes]) -> None:
    with MjpegServer(jpegs[:1], fps=50, rounds=1) as server:
        reader = reader_of(server.url)
        with running(reader):
            eventually(lambda: len(pace_of(reader).drawn) >= 5)
    assert [high for _, high in pace_of(reader).drawn[:5]] == [1, 2, 4, 8, 16]


def test_packets_without_a_picture_are_a_decode_error(jpegs: list[bytes]) -> None:
    no_pictures = [b"\xff\xd8" + b"\x00" * 900 + b"\xff\xd9"]
    limits = StreamTimeouts(open_s=1, stall_s=2, picture_s=1, reopen_s=60)
    with MjpegServer(no_pictures, fps=20) as server:
        made = CameraReader(camera(server.url), SystemClock(), limits=limits, backoff=RecordedBackoff())
        with running(made) as reader:
            eventually(lost(reader, Cause.DECODE_ERROR), timeout_s=5)
            server.pictures = jpegs
            eventually(online(reader))
            assert reader.status().reconnects == 0


def test_a_stream_that_is_mostly_damaged_is_degraded(jpegs: list[bytes]) -> None:
    pictures = [jpegs[0], jpegs[1][:700]]
    with MjpegServer(pictures, fps=20) as server, running(reader_of(server.url, fps=20)) as reader:
        eventually(lambda: reader.status().state is CameraState.DEGRADED)
        assert reader.status().cause is Cause.DECODE_ERROR
        assert frames(reader, 1)


def test_stop_does_not_wait_for_a_dead_camera() -> None:
    with host(silent) as port:
        reader = reader_of(f"rtsp://127.0.0.1:{port}/stream")
        reader.start()
        begun = SystemClock().monotonic()
        reader.stop()
        assert reader.feed.take(5) is None
        assert SystemClock().monotonic() - begun < 0.5
        assert reader.join(8)


class FaultySource:
    """A camera's connection that raises an error of the agent, after some packets of a real one."""

    timed, live, buffered, tick_s = True, True, True, 1 / 90_000

    def __init__(self, source: FrameSource, packets: int) -> None:
        self._source = source
        self._packets = packets

    def packets(self) -> Generator[Packet[VideoStream], None, None]:
        with contextlib.closing(self._source.packets()) as packets:
            yield from itertools.islice(packets, self._packets)
        raise ZeroDivisionError(f"in rtsp://{USER}:{PASSWORD}@camera/")

    def decoder(self) -> VideoDecoder:
        return self._source.decoder()

    def close(self) -> None:
        self._source.close()


def test_an_unforeseen_error_is_a_lost_connection_and_reported_with_its_traceback_once(
    rtsp: RtspServer, caplog: pytest.LogCaptureFixture
) -> None:
    def opener(
        camera: Camera, clock: Clock, wait: Callable[[float], bool], limits: StreamTimeouts, *, repeat: bool
    ) -> FrameSource:
        return FaultySource(open_source(camera, clock, wait, limits, repeat=repeat), packets=3)

    made = camera(rtsp.url("/h264"), user=USER, password=PASSWORD)
    reader = CameraReader(made, SystemClock(), limits=QUICK, backoff=RecordedBackoff(), opener=opener)
    with running(reader):
        eventually(lost(reader, Cause.DECODE_ERROR))
        detail = reader.status().detail
        eventually(lambda: reader.status().reconnects >= 2)
    assert detail == "the agent failed on this stream (ZeroDivisionError)"
    assert caplog.text.count("Traceback") == 1
    assert "in packets" in caplog.text
    assert PASSWORD not in caplog.text
    assert len(pace_of(reader).drawn) >= 2


@pytest.mark.parametrize("size", [(64, 16), (16, 64)])
def test_pictures_of_a_few_pixels_are_unsupported(size: tuple[int, int]) -> None:
    tiny = cv2.imencode(".jpg", np.zeros((size[1], size[0], 3), np.uint8))[1].tobytes()
    with MjpegServer([tiny], fps=20) as server, running(reader_of(server.url)) as reader:
        eventually(lost(reader, Cause.UNSUPPORTED))
        assert reader.status().detail == f"its pictures are {size[0]}x{size[1]}, too small to analyse"
        with pytest.raises(pytest.fail.Exception):
            frames(reader, 1, timeout_s=0.1)


def pace_of(reader: CameraReader) -> RecordedBackoff:
    assert isinstance(reader.backoff, RecordedBackoff)
    return reader.backoff


def test_every_cause_has_an_error_class_that_says_how_to_retry() -> None:
    kinds = {cause: type(failure("gate1", cause, "x")).__name__ for cause in Cause}
    assert kinds.pop(Cause.UNAUTHORIZED) == "SourceRejected"
    assert kinds.pop(Cause.STALLED) == "SourceStalled"
    assert set(kinds.values()) == {"SourceUnavailable"}
