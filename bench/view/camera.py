"""Simulates a camera: exposure, sensor noise, a clock in the picture, encoder."""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import av
import cv2
import numpy as np
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from bench.view.clips import HEIGHT, WIDTH, Colour
from bench.view.world import World
from edge_agent.capture.decode.picture import YuvPicture
from edge_agent.core.model import Frame

LOW_DELAY = 0x80000
"""AV_CODEC_FLAG_LOW_DELAY: each packet gives one picture."""
KEYFRAME_S = 2
SETTLE_S = 1.0
"""Time constant of the automatic exposure."""


@dataclass(frozen=True, slots=True)
class Shot:
    """The light on the sensor at one moment."""

    picture: Colour
    noise: float = 1.0  # times the world's
    frozen: bool = False  # the camera's program hangs: it sends its last picture again
    exact: bool = False  # without a sensor: neither noise nor exposure
    mono: bool = False


class Camera:
    """Makes frames of shots. ``fps`` 0.5: keyframes only, as in idle mode."""

    def __init__(self, world: World, fps: float, seed: int) -> None:
        self._world = world
        self._fps = fps
        self._tiles, drawn = _noise_tiles(seed)
        self._rng = copy.deepcopy(drawn)
        self._codec = Codec(fps) if world.place.coded else None
        self._target: float | None = None
        self._gain = 1.0
        self._last: Colour | None = None
        self._began_at = datetime(2026, 11, 24, 14 if world.place.night else 3, tzinfo=UTC)

    def again(self, seed: int) -> Camera:
        """A copy of the camera for one of the cases that share a baseline, with other noise and a keyframe
        first, because an encoder's state cannot be shared."""
        other = Camera(self._world, self._fps, seed)
        other._target, other._gain, other._last = self._target, self._gain, self._last
        return other

    def frame(self, shot: Shot, number: int, time_s: float) -> Frame:
        if not (shot.frozen and self._last is not None):
            self._last = shot.picture if shot.exact else self._exposed(shot)
        picture = self._last
        if self._world.place.clock:
            picture = _with_clock(picture, self._began_at + timedelta(seconds=int(time_s)))
        yuv = av.VideoFrame.from_ndarray(_i420(picture), "yuv420p")
        if self._codec is not None:
            yuv = self._codec.pass_through(yuv)
        at = self._began_at + timedelta(seconds=time_s)
        return Frame("bench", number, 1000.0 + time_s, at, YuvPicture(yuv))

    def _exposed(self, shot: Shot) -> Colour:
        """Correct half of a change of the mean light within a second or two."""
        mean = max(2.0, float(cv2.mean(shot.picture[::8, ::8])[1]))
        if self._target is None:
            self._target = mean
        aim = float(np.clip((self._target / mean) ** 0.5, 0.6, 1.8))
        self._gain += (aim - self._gain) * min(1.0, 1.0 / (self._fps * SETTLE_S))
        sigma = self._world.noise * shot.noise * self._gain
        y, x = self._rng.integers(0, 64, 2)
        tile = self._tiles[int(self._rng.integers(3))][y : y + HEIGHT, x : x + WIDTH]
        strength = sigma / 16.0
        noisy = cv2.addWeighted(shot.picture, self._gain, tile, strength, -128.0 * strength)
        if shot.mono:
            noisy = cv2.cvtColor(cv2.cvtColor(noisy, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        return np.asarray(noisy, np.uint8)


class Codec:
    """Encodes with x264 at a camera's quality and decodes: macroblocks without a change stay identical."""

    def __init__(self, fps: float) -> None:
        keyframe = max(1, round(KEYFRAME_S * fps))
        encoder: VideoCodecContext = VideoCodecContext.create("libx264", "w")
        encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        encoder.time_base, encoder.framerate = Fraction(1, 5), Fraction(5)
        encoder.gop_size = keyframe
        encoder.thread_count = 1
        encoder.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "crf": "30",
            "x264-params": f"scenecut=0:keyint={keyframe}",
        }
        decoder: VideoCodecContext = VideoCodecContext.create("h264", "r")
        decoder.thread_count = 1
        decoder.flags |= LOW_DELAY
        self._encoder, self._decoder = encoder, decoder
        self._count = 0

    def pass_through(self, frame: av.VideoFrame) -> av.VideoFrame:
        frame.pts = self._count
        self._count += 1
        return next(self._decoded(frame))

    def _decoded(self, frame: av.VideoFrame) -> Iterator[av.VideoFrame]:
        for packet in self._encoder.encode(frame):
            yield from self._decoder.decode(packet)


@functools.lru_cache(maxsize=8)
def _noise_tiles(seed: int) -> tuple[list[Colour], np.random.Generator]:
    """Three tiles, and the generator that has drawn them; cached, because many cases have the same seed."""
    rng = np.random.default_rng([seed, 23])
    return [_noise_tile(rng) for _ in range(3)], rng


def _noise_tile(rng: np.random.Generator) -> Colour:
    """Noise of 16 grey levels around 128, softened as by a camera's processing."""
    white = rng.normal(0, 1, (HEIGHT + 64, WIDTH + 64, 3)).astype(np.float32)
    white += rng.normal(0, 1.2, (HEIGHT + 64, WIDTH + 64, 1)).astype(np.float32)
    soft = cv2.GaussianBlur(white, (0, 0), 0.6)
    return np.asarray(np.clip(128 + soft / soft.std() * 16, 0, 255), np.uint8)


def _i420(picture: Colour) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420), np.uint8)


def _with_clock(picture: Colour, at: datetime) -> Colour:
    shown = picture.copy()
    text = at.strftime("%Y-%m-%d %H:%M:%S")
    for colour, width in (((0, 0, 0), 4), ((255, 255, 255), 1)):
        cv2.putText(shown, text, (12, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.6, colour, width, cv2.LINE_AA)
    return shown
