"""A drawn scene at any size, with the scene's time readable in the pixels: a car passes a textured street.

The strip at the top holds the number of the tick (1/20 s) as black and white squares. Mask it: it must not
help.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import av
import cv2
import numpy as np

from edge_agent.core.model import Box
from tests.testbed.clips import made_once

if TYPE_CHECKING:
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

TICKS_PER_S = 20
BITS = 10
STRIP = 0.08  # height of the strip
STRIP_MASK = ((0.0, 0.0), (1.0, 0.0), (1.0, 0.1), (0.0, 0.1))
CAR = (0.16, 0.18)  # width and height
LIBRARIES = {"h264": "libx264", "h265": "libx265"}
Options = dict[str, str]
OPTIONS = {
    "h264": {"preset": "ultrafast", "tune": "zerolatency", "crf": "20"},
    "h265": {"preset": "ultrafast", "x265-params": "log-level=error:bframes=0:ref=1", "crf": "22"},
}


def numbered_clip(
    path: Path,
    size: tuple[int, int],
    *,
    fps: int = TICKS_PER_S,
    seconds: float = 8.0,
    codec: str = "h264",
    noise: float = 0.0,
    bit_rate: int | None = None,
    keyframe_s: int = 1,
    preset: str = "ultrafast",
) -> Path:
    """The scene for ``seconds``, a keyframe every ``keyframe_s``; ``fps`` divides ``TICKS_PER_S``. ``noise``:
    standard deviation of a sensor's, grey levels. ``bit_rate``: bits a second; None: constant quality.
    ``preset``: of the encoder; from ``veryfast`` on decoding costs what a camera's stream costs."""
    wanted = f"numbered {size} {fps} {seconds} {codec} {noise} {bit_rate} {keyframe_s} {preset}"
    options = OPTIONS[codec] | {"g": str(keyframe_s * fps), "preset": preset}
    if bit_rate is not None:
        options = {key: value for key, value in options.items() if key != "crf"} | {"b": str(bit_rate)}
    return made_once(path, wanted, lambda path: _film(path, size, fps, seconds, codec, noise, options))


def _film(
    path: Path, size: tuple[int, int], fps: int, seconds: float, codec: str, noise: float, options: Options
) -> None:
    width, height = size
    ground = _street(size)
    grain = np.random.default_rng(6).normal(0, noise, (height + 64, width + 64, 1)).astype(np.int8)
    with av.open(str(path), "w") as container:
        stream = cast("VideoStream", container.add_stream(LIBRARIES[codec], rate=fps, options=options))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for frame in range(round(seconds * fps)):
            picture = scene(ground, frame * TICKS_PER_S // fps)
            if noise:
                x, y = frame * 37 % 64, frame * 23 % 64
                speckle = grain[y : y + height, x : x + width].astype(np.int16)
                picture = np.clip(picture + speckle, 0, 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode(None))


def scene(ground: Pixels, tick: int) -> Pixels:
    """The picture at a tick."""
    height, width = ground.shape[:2]
    picture: Pixels = ground.copy()
    x1, y1, x2, y2 = car_at(tick).to_pixels(width, height)
    cv2.rectangle(picture, (x1, y1), (x2, y2), (200, 30, 220), -1)
    for stripe in range(1, 6):
        x = x1 + (x2 - x1) * stripe // 6
        cv2.line(picture, (x, y1), (x, y2), (255, 90, 255), max(1, width // 320))
    for bit in range(BITS):
        shade = 235 if tick >> bit & 1 else 20
        left, right = round(bit / BITS * width), round((bit + 1) / BITS * width)
        cv2.rectangle(picture, (left, 0), (right, round(STRIP * height)), (shade,) * 3, -1)
    return picture


def car_at(tick: int) -> Box:
    """Where the car is: it crosses the picture once in 8 s, and a little down."""
    at_s = tick / TICKS_PER_S
    x, y = 0.02 + 0.1 * at_s, 0.4 + 0.03 * at_s
    return Box(x, y, x + CAR[0], y + CAR[1])


def tick_of(picture: Pixels) -> int:
    """The tick that a whole picture (BGR) of any size shows."""
    height, width = picture.shape[:2]
    row = picture[round(STRIP * height / 2), :, 1]
    return sum((int(row[round((bit + 0.5) / BITS * width)]) > 128) << bit for bit in range(BITS))


def car_in(picture: Pixels) -> Box | None:
    """The car in a picture (BGR), found by its colour; in 0..1."""
    pixels = picture.astype(np.int16)
    found = (np.minimum(pixels[:, :, 0], pixels[:, :, 2]) - pixels[:, :, 1] > 60).astype(np.uint8)
    x, y, w, h = cv2.boundingRect(found)
    height, width = picture.shape[:2]
    return Box.from_pixels(x, y, x + w, y + h, width, height) if w * h > 50 else None


def _street(size: tuple[int, int]) -> Any:
    coarse = np.random.default_rng(5).integers(70, 170, (18, 32), np.uint8)
    grey = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    return cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
