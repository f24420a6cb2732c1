"""Encodes pictures with H.264 at a camera's bit rate, and decodes them again."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext

from bench.motion.scenes import FPS, HEIGHT, WIDTH, SceneFrame

KEYFRAME_EVERY = 2 * FPS


def through_h264(frames: Iterator[SceneFrame], kbps: int) -> Iterator[SceneFrame]:
    """``frames`` after encoding with a keyframe every 2 s and no B-frames, and decoding; the truth is
    kept."""
    encoder: VideoCodecContext = VideoCodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, FPS), Fraction(FPS)
    encoder.bit_rate = kbps * 1000
    encoder.gop_size = KEYFRAME_EVERY
    encoder.thread_count = 1
    encoder.options = {
        "preset": "veryfast",
        "tune": "zerolatency",
        "x264-params": f"vbv-maxrate={kbps}:vbv-bufsize={kbps}:scenecut=0:keyint={KEYFRAME_EVERY}",
    }
    decoder: VideoCodecContext = VideoCodecContext.create("h264", "r")
    decoder.thread_count = 1
    waiting: deque[SceneFrame] = deque()
    for number, frame in enumerate(frames):
        waiting.append(frame)
        picture = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
        for plane in picture.planes:
            plane.update(np.full(plane.buffer_size, 128, np.uint8).tobytes())
        rows = np.frombuffer(bytes(picture.planes[0]), np.uint8).reshape(HEIGHT, -1).copy()
        rows[:, :WIDTH] = frame.luma
        picture.planes[0].update(rows.tobytes())
        picture.pts = number
        for packet in encoder.encode(picture):
            yield from _decoded(decoder, packet, waiting)
    for packet in encoder.encode(None):
        yield from _decoded(decoder, packet, waiting)
    yield from _decoded(decoder, None, waiting)


def _decoded(
    decoder: VideoCodecContext, packet: Packet[Any] | None, waiting: deque[SceneFrame]
) -> Iterator[SceneFrame]:
    for picture in decoder.decode(packet):
        plane = picture.planes[0]
        luma = np.frombuffer(bytes(plane), np.uint8).reshape(-1, plane.line_size)[:HEIGHT, :WIDTH]
        yield SceneFrame(luma.copy(), waiting.popleft().truth)
