"""The bench's cameras: what is drawn, what is encoded, and which picture passes when."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from bench import drawing
from bench.clips import Clip, drawn
from bench.drawing import BUSY_STREET, Camera, Visit
from bench.wiretap import Passed, PictureTimes, Wiretap
from tests.testbed.mosquitto import wait_until
from tests.testbed.rtsp import RtspServer

SMALL = Clip("busy", 320, 180, fps=10, kbps=256, seconds=4)


def test_a_loop_of_the_busy_street_has_no_seam() -> None:
    assert all(60 % mover.period_s == 0 for mover in BUSY_STREET)


def test_something_moves_in_every_picture_of_the_busy_street() -> None:
    camera = Camera(320, 180)
    pictures = list(drawing.busy(camera, fps=2, seconds=10))
    assert all(np.abs(picture.astype(int) - camera.place).max() > 60 for picture in pictures)


def test_the_first_picture_that_shows_a_visitor_is_known() -> None:
    camera, visit = Camera(640, 360), Visit(1.0, 5.0, walks_in=True)
    first = drawing.first_shown(camera, 10, visit)
    pictures = list(drawing.visited(camera, 10, 3.0, [visit]))
    empty = (camera.exposed(camera.place, number) for number in range(len(pictures)))
    changed = [not np.array_equal(*pair) for pair in zip(pictures, empty, strict=True)]
    assert changed.index(True) == first


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_keyframes_of_a_clip_come_every_two_seconds(tmp_path: Path, codec: str) -> None:
    clip = Clip("busy", 320, 180, fps=10, codec=codec, kbps=256, seconds=4)
    path = drawn(tmp_path, clip, lambda camera: drawing.busy(camera, clip.fps, clip.seconds))
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    assert [number for number, packet in enumerate(packets) if packet.is_keyframe] == [0, 20]
    assert len(packets) == 40


def test_the_relay_numbers_pictures_of_a_real_camera_as_the_file_does(tmp_path: Path) -> None:
    path = drawn(tmp_path, SMALL, lambda camera: drawing.busy(camera, SMALL.fps, SMALL.seconds))
    sizes = _packet_sizes(path)
    with RtspServer({"/cam": path}) as server, Wiretap(server.port, SMALL.fps) as tap:
        options = {"rtsp_transport": "tcp"}
        with av.open(tap.url("/cam"), options=options, timeout=10) as container:
            received = []
            for packet in container.demux(video=0):
                received.append(packet.size)
                if len(received) == 12:
                    break
        wait_until(lambda: len(tap.passed) >= 12)
        assert [picture.number for picture in tap.passed[:12]] == list(range(12))
    # They are the file's, from its first one on: each six bytes longer (a delimiter), the keyframe by more.
    assert [size - received[1] for size in received[1:]] == [size - sizes[1] for size in sizes[1:12]]


def rtp(timestamp: int, channel: int = 0) -> bytes:
    head = b"\x80\x60\x00\x01" + timestamp.to_bytes(4, "big") + bytes(4)
    return b"$" + bytes([channel]) + len(head).to_bytes(2, "big") + head


def test_a_picture_of_many_packets_in_any_pieces_counts_once() -> None:
    stream = (
        b"RTSP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n$$$"  # a body is no packet
        + rtp(4000)
        + rtp(4000)
        + rtp(1, channel=1)  # RTCP
        + rtp(13000)
        + rtp(31000)  # one was lost before it
    )
    times = PictureTimes(fps=10)
    pieces = [stream[i : i + 7] for i in range(0, len(stream), 7)]
    passed = [p for at, piece in enumerate(pieces) for p in times.feed(piece, float(at))]
    assert [picture.number for picture in passed] == [0, 1, 3]


def test_the_timestamp_may_wrap_around() -> None:
    times = PictureTimes(fps=10)
    assert list(times.feed(rtp(2**32 - 9000), 1.0)) == [Passed(0, 1.0)]
    assert list(times.feed(rtp(0), 1.1)) == [Passed(1, 1.1)]


def _packet_sizes(path: Path) -> list[int]:
    with av.open(str(path)) as container:
        return [packet.size for packet in container.demux(video=0) if packet.size]
