"""The main stream: connected while it is needed, and its packets are those of the camera."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import av
import pytest

from edge_agent.capture.main_stream import MainStream
from edge_agent.capture.ring import RingPacket, StreamConnection
from edge_agent.capture.source import FrameSource, Opener, open_source
from edge_agent.config.model.settings import Clip
from edge_agent.core.clock import SystemClock
from edge_agent.evidence.clips.mux import mux_clip
from tests.capture.rig import QUICK, RecordedBackoff, camera, opening
from tests.testbed.mosquitto import wait_until
from tests.testbed.ring_feed import START
from tests.testbed.rtsp import RtspServer


def main_stream(
    url: str, armed: Callable[[], bool] = lambda: True, opener: Opener = open_source
) -> MainStream:
    made = dataclasses.replace(camera("rtsp://127.0.0.1:1/sub"), clip=Clip(main_url=url))
    return MainStream(
        made, SystemClock(), armed=armed, limits=QUICK, backoff=RecordedBackoff(), opener=opener
    )


class Tap:
    def __init__(self) -> None:
        self.packets: list[RingPacket] = []
        self.connection: StreamConnection | None = None
        self.losses = 0

    def take(self, connection: StreamConnection, packets: Sequence[RingPacket]) -> None:
        self.connection = connection
        self.packets += packets

    def lost(self) -> None:
        self.losses += 1


@contextmanager
def started(main: MainStream, tap: Tap | None = None) -> Iterator[MainStream]:
    if tap is not None:
        main.ring.tap(tap)
    main.start()
    yield main
    main.stop()
    assert main.loop.join(5)
    assert main.loop.failure is None


def test_it_is_connected_only_while_it_is_wanted(rtsp: RtspServer) -> None:
    opened: list[FrameSource] = []
    armed = False

    def note(source: FrameSource) -> FrameSource:
        opened.append(source)
        return source

    made = main_stream(rtsp.url("/h264"), armed=lambda: armed, opener=opening(note))
    with started(made) as main:
        assert not main.loop.wait(0.3)
        assert opened == []
        armed = True
        wait_until(lambda: main.ring.size_bytes > 0, 12)
        assert (len(opened), main.problem) == (1, None)
        armed = False
        wait_until(lambda: main.ring.size_bytes == 0, 12)


@pytest.mark.parametrize("codec", ["h264", "h265", "mjpeg"])
def test_its_packets_are_those_that_ffmpeg_records(codec: str, rtsp: RtspServer, tmp_path: Path) -> None:
    """Packets are identical. FFmpeg leaves parameter sets of H.265 in its first packet, which hvc1 does not
    allow."""
    recording, clip = tmp_path / "ffmpeg.mp4", tmp_path / "clip.mp4"
    url = rtsp.url(f"/{codec}")
    tap = Tap()
    with started(main_stream(url), tap):
        command = ["ffmpeg", "-v", "error", "-nostdin", "-rtsp_transport", "tcp", "-i", url]
        tag = ["-tag:v", "hvc1"] if codec == "h265" else []
        subprocess.run([*command, "-t", "3", "-c", "copy", *tag, str(recording)], check=True)
        wait_until(lambda: len(tap.packets) >= 30)
    assert tap.connection is not None
    clip.write_bytes(mux_clip(list(tap.packets), tap.connection, START).payload)
    ours, theirs = hashes(clip), hashes(recording)
    assert len(theirs) > 25
    begin = 1 if codec == "h265" else 0
    assert ours[begin:25] == theirs[begin:25]
    assert description(clip) == description(recording)


def description(path: Path) -> bytes:
    """The parameter sets beside the pictures; MJPEG has none."""
    with av.open(str(path)) as container:
        return container.streams.video[0].codec_context.extradata or b""


def hashes(path: Path) -> list[str]:
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(path), "-c", "copy", "-f", "framemd5", "-"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [line.rpartition(",")[2].strip() for line in lines if not line.startswith("#")]


def test_a_main_stream_that_fails_is_tried_again_and_says_why(clips: dict[str, Path]) -> None:
    tap = Tap()
    with (
        RtspServer({"/stream": clips["h264"]}) as server,
        started(main_stream(server.url("/stream")), tap) as main,
    ):
        wait_until(lambda: len(tap.packets) > 3)
        server.kill()
        wait_until(lambda: main.problem is not None)
        assert tap.losses >= 1
        server.start()
        wait_until(lambda: main.problem is None and main.ring.size_bytes > 0, 20)
