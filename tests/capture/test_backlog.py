"""When decoding cannot keep up, pictures are skipped, do not get old, and have correct stamps."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from edge_agent.capture.decode.decoder import DecodedFrame, VideoDecoder
from edge_agent.capture.reader import CameraReader
from edge_agent.capture.source import FrameSource, StreamTimeouts, open_source
from edge_agent.config.model.settings import Camera
from edge_agent.core.clock import Clock, SystemClock
from edge_agent.core.model import CameraState
from tests.capture.rig import QUICK, camera, eventually, forget_frames, frames, running
from tests.testbed.mjpeg_server import MjpegServer
from tests.testbed.rtsp import RtspServer

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.codeccontext import VideoCodecContext
    from av.video.stream import VideoStream


class SlowDecoder(VideoDecoder):
    """The real decoder on a slow core; records how old each picture is when it is decoded."""

    def __init__(self, context: VideoCodecContext, seconds: float, ages: list[float]) -> None:
        super().__init__(context)
        self._seconds = seconds
        self._ages = ages
        self._begin: tuple[float, float] | None = None

    def decode(self, packet: Packet[VideoStream] | None) -> list[DecodedFrame]:
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
        self.timed, self.live, self.tick_s = source.timed, source.live, source.tick_s
        self.buffered = source.buffered

    def packets(self) -> Generator[Packet[VideoStream], None, None]:
        return self._source.packets()

    def decoder(self) -> VideoDecoder:
        return SlowDecoder(self._source.decoder().context, self._seconds, self._ages)

    def close(self) -> None:
        self._source.close()


class SlowCore:
    """An ``Opener`` whose decoders take ``seconds`` for each packet."""

    def __init__(self, seconds: float) -> None:
        self.ages: list[float] = []
        self._seconds = seconds

    def __call__(
        self,
        camera: Camera,
        clock: Clock,
        wait: Callable[[float], bool],
        limits: StreamTimeouts,
        *,
        repeat: bool,
    ) -> FrameSource:
        source = open_source(camera, clock, wait, limits, repeat=repeat)
        return SlowSource(source, self._seconds, self.ages)


def degraded(reader: CameraReader) -> Callable[[], bool]:
    return lambda: reader.status().state is CameraState.DEGRADED


def test_a_core_that_is_too_slow_leaves_pictures_out_and_shows_none_that_is_old(
    clips: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    core = SlowCore(0.3)  # for 10 pictures a second
    late: list[float] = []
    true: list[float] = []
    with RtspServer({"/h264": clips["h264"]}) as server:
        made = CameraReader(camera(server.url("/h264")), SystemClock(), limits=QUICK, opener=core)
        with running(made) as reader:
            eventually(degraded(reader))
            assert reader.status().cause is None
            assert reader.status().detail == "decoding cannot keep up, pictures are left out"
            forget_frames(reader)
            for _ in range(4):
                frame = frames(reader, 1)[0]
                late.append(SystemClock().monotonic() - frame.captured_mono)
                true.append(core.ages[-1])
            assert reader.status().dropped >= 10
            assert reader.status().corrupt == 0
            assert reader.status().reconnects == 0
    assert max(core.ages) < 2.0
    assert max(late) < 2.0
    # The decoder's ages begin with some age of the first picture.
    assert np.diff(late) == pytest.approx(np.diff(true), abs=0.1)
    assert "decoding cannot keep up" in caplog.text


def test_pictures_over_http_that_wait_in_the_socket_are_left_out(jpegs: list[bytes]) -> None:
    core = SlowCore(0.1)  # for 50 pictures a second that have no times of their own
    with MjpegServer(jpegs, fps=50) as server:
        made = CameraReader(camera(server.url, fps=50), SystemClock(), limits=QUICK, opener=core)
        with running(made) as reader:
            eventually(degraded(reader))
            assert reader.status().dropped > 0
