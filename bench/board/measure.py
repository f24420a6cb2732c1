"""Measures decoding, inference, JPEG and disk, one after the other and each on as few threads as the agent
uses."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import av
import numpy as np

from bench.board.record import DecodeCost, DiskCost, InferenceCost, JpegCost
from edge_agent.capture.decode.decoder import VideoDecoder
from edge_agent.detection.choose import SHIPPED
from edge_agent.detection.litert import LiteRtDetector
from edge_agent.evidence.jpeg import encode_at
from edge_agent.host.board.platform import disk_of
from edge_agent.tools.doctor.checks.box import measure_disk
from tests.testbed.numbered import numbered_clip

if TYPE_CHECKING:
    from av.container import InputContainer

SIZES = (((640, 360), 512_000), ((1280, 720), 2_000_000), ((1920, 1080), 4_000_000))
"""Width and height, and bits a second of H.264."""
CODECS = ("h264", "h265")
CLIP_S = 4.0
STREAMS = 4
NOISE = 4.0  # of the sensor, so that decoding costs what it costs with a camera
JPEG_QUALITY = 80
LABELS = ("person", "motorcycle", "car")
LEAST_ROUNDS = 5


def decode_costs(folder: Path, seconds: float, largest: int) -> Iterator[DecodeCost]:
    """Decode drawn clips, which are made in ``folder``, for ``seconds`` each. ``largest``: height of a
    picture; larger clips are left out."""
    for (width, height), bit_rate in (each for each in SIZES if each[0][1] <= largest):
        for codec in CODECS:
            clip = drawn_clip(folder, codec, (width, height), bit_rate)
            yield DecodeCost(codec, width, height, round(1000 * _decode_s(clip, seconds), 3))


def drawn_clip(folder: Path, codec: str, size: tuple[int, int], bit_rate: int) -> Path:
    clip = folder / f"{codec}-{size[0]}x{size[1]}.mp4"
    return numbered_clip(
        clip,
        size,
        seconds=CLIP_S,
        codec=codec,
        noise=NOISE,
        bit_rate=bit_rate,
        keyframe_s=2,
        preset="veryfast",
    )


def decoded_pictures(clip: Path) -> int:
    """Decode the clip once as ``STREAMS`` cameras, and return the number of pictures.

    The cameras take turns, picture by picture, so that each finds the processor's cache full of the others'.
    """
    with ExitStack() as stack:
        streams = [_pictures(stack.enter_context(av.open(str(clip)))) for _ in range(STREAMS)]
        return sum(sum(turn) for turn in zip(*streams, strict=True))


def _pictures(container: InputContainer) -> Iterator[int]:
    """How many pictures each packet completed. The brightness of each is read once, as motion does."""
    video = container.streams.video[0]
    decoder = VideoDecoder(video.codec_context)
    for packet in container.demux(video):
        found = decoder.decode(packet)
        for picture in found:
            bytes(picture.frame.planes[0])
        yield len(found)


def _decode_s(clip: Path, seconds: float) -> float:
    """CPU time of one picture."""
    pictures, deadline, before_s = 0, time.monotonic() + seconds, time.process_time()
    while not pictures or time.monotonic() < deadline:
        pictures += decoded_pictures(clip)
    return (time.process_time() - before_s) / pictures


def inference_costs(cores: int, seconds: float) -> Iterator[InferenceCost]:
    """Infer with the shipped model on 1, 2 and 4 threads, as far as there are cores."""
    for threads in (each for each in (1, 2, 4) if each <= cores):
        detector = LiteRtDetector(SHIPPED, LABELS, 0.3, threads)
        width, height = detector.input_size
        picture = np.random.default_rng(1).integers(0, 255, (height, width, 3), np.uint8)
        wall_s, cpu_s = _median_s(lambda: detector.detect(picture), seconds)  # noqa: B023  # called at once
        yield InferenceCost(threads, round(1000 * wall_s, 2), round(1000 * cpu_s, 2))


def jpeg_costs(seconds: float) -> Iterator[JpegCost]:
    for (width, height), _ in SIZES:
        picture = np.random.default_rng(1).integers(0, 255, (height // 8, width // 8, 3), np.uint8)
        picture = picture.repeat(8, axis=0).repeat(8, axis=1)
        _, cpu_s = _median_s(lambda: encode_at(picture, JPEG_QUALITY), seconds)  # noqa: B023  # called at once
        yield JpegCost(width, height, round(1000 * cpu_s, 2))


def disk_cost(folder: Path) -> DiskCost:
    """The disk with ``folder``, as doctor measures it. Raises OSError."""
    speed, disk = measure_disk(folder), disk_of(folder)
    return DiskCost(disk.kind if disk else None, round(speed.sync_ms, 2), round(speed.write_mb_s, 1))


def _median_s(work: Callable[[], object], seconds: float) -> tuple[float, float]:
    """Median wall time and CPU time of one call."""
    work()
    walls, cpus, deadline = list[float](), list[float](), time.monotonic() + seconds
    while len(walls) < LEAST_ROUNDS or time.monotonic() < deadline:
        wall, cpu = time.monotonic(), time.process_time()
        work()
        walls.append(time.monotonic() - wall)
        cpus.append(time.process_time() - cpu)
    return median(walls), median(cpus)
