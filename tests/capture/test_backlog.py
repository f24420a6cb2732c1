"""Decoding that cannot keep up: pictures are left out, they do not grow old, and their times are true."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edge_agent.capture.backlog import Backlog
from edge_agent.capture.decoder import Decoded, Decoder
from edge_agent.capture.reader import Reader
from edge_agent.capture.source import FrameSource, Limits, open_source
from edge_agent.clock import Clock, SystemClock
from edge_agent.config.settings import Camera
from edge_agent.model import CameraState
from tests.capture.rig import QUICK, camera, eventually, frames, running
from tests.testbed.mjpeg_server import MjpegServer
from tests.testbed.rtsp import RtspServer

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.codeccontext import VideoCodecContext
    from av.video.stream import VideoStream


class SlowDecoder(Decoder):
    """The real one on a slow core; notes how old each picture is when it is done."""

    def __init__(self, context: VideoCodecContext, seconds: float, ages: list[float]) -> None:
        super().__init__(context)
        self._seconds = seconds
        self._ages = ages
        self._begin: tuple[float, float] | None = None

    def decode(self, packet: Packet[VideoStream] | None) -> list[Decoded]:
        done = super().decode(packet)
        if packet is None:
            return done
        threading.Event().wait(self._seconds)
        now = SystemClock().monotonic()
        for decoded in done:
            if (time_s := decoded.frame.time) is not None:
                self._begin = self._begin or (now, time_s)
                self._ages.append((now - self._begin[0]) - (time_s - self._begin[1]))
        return done


class SlowSource:
    """A real connection with a ``SlowDecoder``."""

    def __init__(self, source: FrameSource, seconds: float, ages: list[float]) -> None:
        self._source = source
        self._seconds = seconds
        self._ages = ages
        self.timed, self.live = source.timed, source.live

    def packets(self) -> Generator[Packet[VideoStream], None, None]:
        return self._source.packets()

    def decoder(self) -> Decoder:
        return SlowDecoder(self._source.decoder().context, self._seconds, self._ages)

    def close(self) -> None:
        self._source.close()


class SlowCore:
    """An ``Opener`` whose decoders take ``seconds`` for each packet."""

    def __init__(self, seconds: float) -> None:
        self.ages: list[float] = []
        self._seconds = seconds

    def __call__(
        self, camera: Camera, clock: Clock, wait: Callable[[float], bool], limits: Limits, *, repeat: bool
    ) -> FrameSource:
        source = open_source(camera, clock, wait, limits, repeat=repeat)
        return SlowSource(source, self._seconds, self.ages)


def degraded(reader: Reader) -> Callable[[], bool]:
    return lambda: reader.status().state is CameraState.DEGRADED


def test_a_core_that_is_too_slow_leaves_pictures_out_and_shows_none_that_is_old(
    clips: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    core = SlowCore(0.3)  # for 10 pictures a second
    late: list[float] = []
    true: list[float] = []
    with RtspServer({"/h264": clips["h264"]}) as server:
        made = Reader(camera(server.url("/h264")), SystemClock(), limits=QUICK, opener=core)
        with running(made) as reader:
            eventually(degraded(reader))
            assert reader.status().cause is None
            assert reader.status().detail == "decoding cannot keep up, pictures are left out"
            reader.slot.clear()
            for _ in range(4):
                frame = frames(reader, 1)[0]
                late.append(SystemClock().monotonic() - frame.captured_mono)
                true.append(core.ages[-1])
            assert reader.status().dropped >= 10
            assert reader.status().corrupt == 0
            assert reader.status().reconnects == 0
    assert max(core.ages) < 2.0
    # The first picture was decoded 0.3 s after it had come: the decoder's ages begin there.
    assert [by_stamp - 0.3 for by_stamp in late] == pytest.approx(true, abs=0.2)
    assert "decoding cannot keep up" in caplog.text


def test_pictures_over_http_that_wait_in_the_socket_are_left_out(jpegs: list[bytes]) -> None:
    core = SlowCore(0.1)  # for 50 pictures a second that have no times of their own
    with MjpegServer(jpegs, fps=50) as server:
        made = Reader(camera(server.url, fps=50), SystemClock(), limits=QUICK, opener=core)
        with running(made) as reader:
            eventually(degraded(reader))
            assert reader.status().dropped > 0


def skipped(lags: list[tuple[float, bool]], step_s: float = 0.1) -> str:
    """What becomes of packets that come ``step_s`` apart with these (lag, keyframe): s(kip) or d(ecode)."""
    backlog = Backlog()
    verdicts = [backlog.skips(i * step_s, lag, key) for i, (lag, key) in enumerate(lags)]
    return "".join("s" if skip else "d" for skip in verdicts)


def test_a_jam_of_the_network_that_is_caught_up_with_skips_nothing() -> None:
    assert skipped([(3.0 - 0.1 * i, False) for i in range(31)]) == "d" * 31


def test_what_lags_and_does_not_catch_up_is_skipped_until_a_keyframe_without_a_lag() -> None:
    begin = [(1.2, False)] * 6  # half a second of it
    drained = [(0.9, True), (0.1, False), (0.1, True), (0.1, False)]
    assert skipped(begin + drained) == "dddddsssdd"


def test_a_lag_that_reading_does_not_shorten_is_not_a_backlog() -> None:
    backlog = Backlog()
    verdicts = [backlog.skips(i * 0.1, 0.0 if backlog.forgiven else 2.0, i % 9 == 0) for i in range(30)]
    assert backlog.forgiven == 1
    assert verdicts.index(True) in (5, 6)
    assert verdicts[18:] == [False] * 12
