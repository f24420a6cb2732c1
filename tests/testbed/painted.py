"""Rendered clips with exact ground truth: coloured things on a grey ground, and a detector that knows the
colour."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent import config
from edge_agent.core.model import Box, Detection
from edge_agent.tools.replay.run import ReplayOutputs, run_replay
from tests.detection.fakes import FakeDetector
from tests.testbed.agent import write_config
from tests.testbed.noise import SensorNoise

SIZE, FPS = (640, 360), 10
THING = (40, 60)  # width and height in pixels
Place = Callable[[float], tuple[float, float] | None]
"""Where a thing stands at a second, 0..1 of the picture; None while it is not there."""


def painted_clip(path: Path, things: Sequence[Place], seconds: float) -> Path:
    """H.264, 640x360 at 10 fps. Things that are drawn later are in front."""
    rng = np.random.default_rng(7)
    coarse = rng.integers(90, 160, (45, 80), np.uint8)
    ground = cv2.cvtColor(cv2.resize(coarse, SIZE, interpolation=cv2.INTER_CUBIC), cv2.COLOR_GRAY2BGR)
    skins = [_skin(rng) for _ in things]
    noise = SensorNoise(rng, 1.5, ground.shape)
    with av.open(str(path), "w") as container:
        options = {"g": "20", "crf": "20", "bf": "0", "preset": "veryfast"}
        stream = container.add_stream("libx264", rate=FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for number in range(round(seconds * FPS)):
            picture: NDArray[Any] = ground.copy()
            for thing, skin in zip(things, skins, strict=True):
                place = thing(number / FPS)
                if place is not None:
                    _paint(picture, skin, place)
            frame = av.VideoFrame.from_ndarray(noise.on(picture), format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _skin(rng: np.random.Generator) -> NDArray[Any]:
    """Magenta with a texture, which the optical flow can track."""
    coarse = rng.uniform(0.5, 1.0, (12, 8, 1)).astype(np.float32)
    shades = cv2.resize(coarse, THING, interpolation=cv2.INTER_CUBIC)[:, :, None]
    skin: NDArray[Any] = np.clip(shades * np.array([255, 20, 255]), 0, 255).astype(np.uint8)
    return skin


def _paint(picture: NDArray[Any], skin: NDArray[Any], place: tuple[float, float]) -> None:
    width, height = THING
    x1, y1 = round(place[0] * SIZE[0] - width / 2), round(place[1] * SIZE[1] - height)
    left, top = max(0, -x1), max(0, -y1)
    right, bottom = min(width, SIZE[0] - x1), min(height, SIZE[1] - y1)
    if right > left and bottom > top:
        picture[y1 + top : y1 + bottom, x1 + left : x1 + right] = skin[top:bottom, left:right]


def by_colour(crop: NDArray[np.uint8]) -> list[Detection]:
    """Every magenta thing in the crop, as boxes in the crop."""
    pixels = crop.astype(np.int16)
    magenta = np.minimum(pixels[:, :, 0], pixels[:, :, 2]) - pixels[:, :, 1] > 50
    _, _, boxes, _ = cv2.connectedComponentsWithStats(magenta.astype(np.uint8))
    height, width = crop.shape[:2]
    return [
        Detection("person", 0.9, Box.from_pixels(x, y, x + w, y + h, width, height))
        for x, y, w, h, area in boxes[1:].tolist()
        if area > 200
    ]


def replayed(
    folder: Path,
    clip: Path,
    patch: pytest.MonkeyPatch,
    camera: Mapping[str, Any],
    start: str = "2026-11-24T12:00:00+07:00",
) -> list[dict[str, Any]]:
    """The events of a replay through the real pipeline; only the detector is ``by_colour``."""
    detector = FakeDetector(by_colour)
    choice = SimpleNamespace(detector=detector, note="", better="", degraded="")
    patch.setattr("edge_agent.tools.replay.run.choose_detector", lambda *_: choice)
    settings = config.load(
        write_config(folder, cameras=[{"id": "cam-1", "url": str(clip), **camera}], broker_port=1883)
    )
    out = io.StringIO()
    outputs = ReplayOutputs(events=out)
    run_replay(settings, "cam-1", [clip], fps=None, start=datetime.fromisoformat(start), outputs=outputs)
    return [json.loads(line) for line in out.getvalue().splitlines()]
