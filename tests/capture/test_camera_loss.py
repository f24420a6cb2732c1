"""Cameras that fail: the right cause in time, patient attempts, and recovery."""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from edge_agent.capture.failures import failure
from edge_agent.capture.reader import CameraReader
from edge_agent.capture.source import StreamTimeouts
from edge_agent.core.clock import SystemClock
from edge_agent.core.model import CameraState, Cause
from tests.capture.conftest import PASSWORD, USER
from tests.capture.rig import (
    QUICK,
    ChangedSource,
    RecordedBackoff,
    frames,
    lost,
    online,
    opening,
    reader_of,
    running,
)
from tests.testbed.mjpeg_server import MjpegServer
from tests.testbed.mosquitto import wait_until
from tests.testbed.rtsp import RtspServer
from tests.testbed.scripted_rtsp import HANG_UP, SILENCE, Answer, ScriptedRtsp

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream


CLOSED_PORT = "rtsp://127.0.0.1:1/stream"


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (SILENCE, Cause.STALLED),  # accepts the connection and says nothing
        (map(os.urandom, itertools.repeat(2000)), Cause.NO_VIDEO),  # random bytes without end
        ([b"SSH-2.0-OpenSSH_10.0\r\n"], Cause.NO_VIDEO),  # another service
        (HANG_UP, Cause.ENDED),  # a camera that is just booting
    ],
    ids=["silence", "noise", "ssh", "hangs up"],
)
def test_hosts_that_are_no_cameras_are_reported_apart(answer: Answer, cause: Cause) -> None:
    with ScriptedRtsp({"OPTIONS": answer}) as host, running(reader_of(host.url)) as reader:
        wait_until(lost(reader, cause), timeout_s=8)


def test_a_name_that_does_not_resolve_is_unreachable() -> None:
    with running(reader_of("rtsp://camera.invalid/stream")) as reader:
        wait_until(lost(reader, Cause.UNREACHABLE), timeout_s=8)
        assert reader.status().detail == "its name cannot be resolved"


@pytest.mark.parametrize(
    ("mount", "cause"), [("/none", Cause.NOT_FOUND), ("/voice", Cause.NO_VIDEO)], ids=["404", "sound only"]
)
def test_what_an_rtsp_server_lacks_is_reported_apart(rtsp: RtspServer, mount: str, cause: Cause) -> None:
    with running(reader_of(rtsp.url(mount))) as reader:
        wait_until(lost(reader, cause), timeout_s=5)


def test_wrong_credentials_are_tried_rarely(clips: dict[str, Path], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with RtspServer({"/h264": clips["h264"]}, user=USER, password=PASSWORD) as server:
        reader = reader_of(server.url("/h264"), user=USER, password="wrong@1")
        with running(reader):
            wait_until(lost(reader, Cause.UNAUTHORIZED))
            wait_until(lambda: len(pace_of(reader).drawn) >= 2)
        assert reader.status().detail == "wrong user name or password"
    assert set(pace_of(reader).drawn) == {(0.75, 1.25)}  # of 60 s
    assert "wrong@1" not in caplog.text
    assert "wrong%401" not in caplog.text


def test_a_camera_that_wants_a_password_says_so(clips: dict[str, Path]) -> None:
    with (
        RtspServer({"/h264": clips["h264"]}, user=USER, password=PASSWORD) as server,
        running(reader_of(server.url("/h264"))) as reader,
    ):
        wait_until(lost(reader, Cause.UNAUTHORIZED))
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
        wait_until(lost(reader, cause))


def test_an_http_camera_that_falls_silent_has_stalled(jpegs: list[bytes]) -> None:
    with MjpegServer(jpegs, fps=20) as server, running(reader_of(server.url)) as reader:
        frames(reader, 2)
        server.stall()
        wait_until(lost(reader, Cause.STALLED), timeout_s=4)


def test_an_http_camera_that_hangs_up_has_ended(jpegs: list[bytes]) -> None:
    with MjpegServer(jpegs, fps=20, rounds=1) as server, running(reader_of(server.url)) as reader:
        wait_until(lost(reader, Cause.ENDED), timeout_s=4)


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        (CLOSED_PORT, Cause.REFUSED),
        ("v4l2:/dev/video63", Cause.NOT_FOUND),
        ("v4l2:/dev/null", Cause.UNSUPPORTED),
        ("file:///no/such/file.mp4", Cause.NOT_FOUND),
        ("/etc/passwd", Cause.UNSUPPORTED),
    ],
)
def test_closed_ports_and_missing_devices_and_files_are_reported_apart(url: str, cause: Cause) -> None:
    with running(reader_of(url)) as reader:
        wait_until(lost(reader, cause), timeout_s=3)


def test_a_stalled_camera_is_reopened(clips: dict[str, Path], caplog: pytest.LogCaptureFixture) -> None:
    with RtspServer({"/h264": clips["h264"]}) as server, running(reader_of(server.url("/h264"))) as reader:
        frames(reader, 3)
        begun = SystemClock().monotonic()
        server.freeze()
        wait_until(lost(reader, Cause.STALLED), timeout_s=5)
        assert SystemClock().monotonic() - begun == pytest.approx(QUICK.stall_s, abs=0.6)
        server.thaw()
        wait_until(online(reader))
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
        wait_until(lost(reader, Cause.REFUSED))
        assert "gate1: the camera ended the stream, reopening" in caplog.text
        server.start()
        wait_until(online(reader))
        first = frames(reader, 1)[0]
        status = reader.status()
    assert first.number > last.number
    assert first.captured_mono > last.captured_mono
    assert (status.reconnects, status.cause) == (1, None)


def test_gaps_between_attempts_grow_with_full_jitter_to_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    reader = reader_of(CLOSED_PORT)
    with running(reader):
        wait_until(lambda: len(pace_of(reader).drawn) >= 8)
    assert [high for _, high in pace_of(reader).drawn[:8]] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert {low for low, _ in pace_of(reader).drawn} == {0}
    levels = [r.levelname for r in caplog.records if "refuses" in r.getMessage()]
    assert levels[0] == "WARNING"
    assert set(levels[1:]) == {"DEBUG"}


def test_a_source_that_opens_and_ends_at_once_keeps_backing_off(jpegs: list[bytes]) -> None:
    with MjpegServer(jpegs[:1], fps=50, rounds=1) as server:
        reader = reader_of(server.url)
        with running(reader):
            wait_until(lambda: len(pace_of(reader).drawn) >= 5)
    assert [high for _, high in pace_of(reader).drawn[:5]] == [1, 2, 4, 8, 16]


def test_packets_without_a_picture_are_a_decode_error(jpegs: list[bytes]) -> None:
    no_pictures = [b"\xff\xd8" + b"\x00" * 900 + b"\xff\xd9"]
    limits = StreamTimeouts(open_s=1, stall_s=2, picture_s=1, reopen_s=60)
    with (
        MjpegServer(no_pictures, fps=20) as server,
        running(reader_of(server.url, limits=limits)) as reader,
    ):
        wait_until(lost(reader, Cause.DECODE_ERROR), timeout_s=5)
        server.pictures = jpegs
        wait_until(online(reader))
        assert reader.status().reconnects == 0


def test_a_stream_that_is_mostly_damaged_is_degraded(jpegs: list[bytes]) -> None:
    pictures = [jpegs[0], jpegs[1][:700]]
    with MjpegServer(pictures, fps=20) as server, running(reader_of(server.url, fps=20)) as reader:
        wait_until(lambda: reader.status().state is CameraState.DEGRADED)
        assert reader.status().cause is Cause.DECODE_ERROR
        assert frames(reader, 1)


class FaultySource(ChangedSource):
    """A camera's connection that raises an error of the agent, after some packets of a real one."""

    def packets(self) -> Generator[Packet[VideoStream], None, None]:
        with contextlib.closing(super().packets()) as packets:
            yield from itertools.islice(packets, 3)
        raise ZeroDivisionError(f"in rtsp://{USER}:{PASSWORD}@camera/")


def test_an_unforeseen_error_is_a_lost_connection_and_reported_with_its_traceback_once(
    rtsp: RtspServer, caplog: pytest.LogCaptureFixture
) -> None:
    reader = reader_of(rtsp.url("/h264"), user=USER, password=PASSWORD, opener=opening(FaultySource))
    with running(reader):
        wait_until(lost(reader, Cause.DECODE_ERROR))
        detail = reader.status().detail
        wait_until(lambda: reader.status().reconnects >= 2)
    assert detail == "the agent failed on this stream (ZeroDivisionError)"
    assert caplog.text.count("Traceback") == 1
    assert "in packets" in caplog.text
    assert PASSWORD not in caplog.text
    assert len(pace_of(reader).drawn) >= 2


@pytest.mark.parametrize("size", [(64, 16), (16, 64)])
def test_pictures_of_a_few_pixels_are_unsupported(size: tuple[int, int]) -> None:
    tiny = cv2.imencode(".jpg", np.zeros((size[1], size[0], 3), np.uint8))[1].tobytes()
    with MjpegServer([tiny], fps=20) as server, running(reader_of(server.url)) as reader:
        wait_until(lost(reader, Cause.UNSUPPORTED))
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
