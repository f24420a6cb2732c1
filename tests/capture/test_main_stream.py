"""The main stream: connected while it is needed, and its packets are those of the camera."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import pytest

from edge_agent.capture.main_stream import MainStream
from edge_agent.capture.ring import RingPacket, StreamConnection
from edge_agent.capture.source import FrameSource, open_source
from edge_agent.config.model.settings import Camera, Clip
from edge_agent.core.clock import SystemClock
from edge_agent.evidence.clips.mux import mux_clip
from tests.capture.rig import QUICK, RecordedBackoff, camera, eventually
from tests.testbed.ring_feed import START
from tests.testbed.rtsp import RtspServer


def with_main(url: str) -> Camera:
    return dataclasses.replace(camera("rtsp://127.0.0.1:1/sub"), clip=Clip(main_url=url))


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


class Opened:
    """The real opener; counts its calls."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, *arguments: Any, **more: Any) -> FrameSource:
        self.count += 1
        return open_source(*arguments, **more)


def test_it_is_connected_only_while_it_is_wanted(rtsp: RtspServer) -> None:
    opened, armed = Opened(), False
    main = MainStream(
        with_main(rtsp.url("/h264")), SystemClock(), armed=lambda: armed, limits=QUICK, opener=opened
    )
    main.start()
    assert not main.loop.wait(0.3)
    assert opened.count == 0
    armed = True
    eventually(lambda: main.ring.size_bytes > 0, 12)
    assert (opened.count, main.problem) == (1, None)
    armed = False
    eventually(lambda: main.ring.size_bytes == 0, 12)
    main.stop()
    assert main.join(5)
    assert main.loop.failure is None


@pytest.mark.parametrize("codec", ["h264", "h265", "mjpeg"])
def test_its_packets_are_those_that_ffmpeg_records(codec: str, rtsp: RtspServer, tmp_path: Path) -> None:
    """Packets are identical. FFmpeg leaves parameter sets of H.265 in its first packet, which hvc1 does not
    allow."""
    recording, clip = tmp_path / "ffmpeg.mp4", tmp_path / "clip.mp4"
    url = rtsp.url(f"/{codec}")
    main = MainStream(with_main(url), SystemClock(), armed=lambda: True, limits=QUICK)
    tap = Tap()
    main.ring.tap(tap)
    main.start()
    command = ["ffmpeg", "-v", "error", "-nostdin", "-rtsp_transport", "tcp", "-i", url]
    tag = ["-tag:v", "hvc1"] if codec == "h265" else []
    subprocess.run([*command, "-t", "3", "-c", "copy", *tag, str(recording)], check=True)
    eventually(lambda: len(tap.packets) >= 30)
    main.stop()
    assert main.join(5)
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
    with RtspServer({"/stream": clips["h264"]}) as server:
        main = MainStream(
            with_main(server.url("/stream")),
            SystemClock(),
            armed=lambda: True,
            limits=QUICK,
            backoff=RecordedBackoff(),
        )
        tap = Tap()
        main.ring.tap(tap)
        main.start()
        eventually(lambda: len(tap.packets) > 3)
        server.kill()
        eventually(lambda: main.problem is not None)
        assert tap.losses >= 1
        server.start()
        eventually(lambda: main.problem is None and main.ring.size_bytes > 0, 20)
        main.stop()
        assert main.join(5)
