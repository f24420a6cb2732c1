"""Infrared switch, lightning and heavy rain over an empty view, through the whole pipeline with a real model:
none of them is reported as an object or as tampering."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from bench.view import light, weather
from bench.view.camera import Camera, Shot
from bench.view.clips import HEIGHT, WIDTH
from bench.view.layers import Maker
from bench.view.world import Light, Place, World
from edge_agent.core.facts import TAMPER
from tests.tools.replay.command import replayed

FPS = 5
LEARN_S, EVENT_S = 30.0, 50.0
EMPTY_SEED, EMPTY_S = 25, 9.0
"""The place, and a moment of its clip when the room is empty."""
MODEL = "yolox_nano_float16_quantize.tflite"


def film(path: Path, lit: Light, make: Maker) -> Path:
    """A quiet view for ``LEARN_S``, then the event; H.264 with a keyframe every 2 s."""
    world = World(Place("room", lit, EMPTY_SEED, coded=False, clock=False))
    camera = Camera(world, FPS, seed=5)
    effect = make(world, np.random.default_rng(5))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "crf": "28"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.time_base, stream.codec_context.gop_size = Fraction(1, FPS), 2 * FPS
        for number in range(round((LEARN_S + EVENT_S) * FPS)):
            since = number / FPS - LEARN_S
            shot = effect(EMPTY_S, since) if since >= 0 else Shot(world.at(EMPTY_S))
            bgr = camera.frame(shot, number + 1, number / FPS).picture.bgr()
            i420 = np.asarray(
                cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420), np.uint8
            )  # grey stays without chroma
            frame = av.VideoFrame.from_ndarray(i420, format="yuv420p")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("lit", "make", "reported"),
    [
        pytest.param(Light.DAY, light.infrared_switch, {"colour-mono-switch"}, id="infrared switch"),
        pytest.param(Light.LAMPS, light.lightning, set(), id="lightning"),
        pytest.param(Light.DAY, weather.heavy_rain, set(), id="heavy rain", marks=pytest.mark.long),
    ],
)
def test_ordinary_life_is_neither_an_object_nor_a_tamper(
    lit: Light, make: Maker, reported: set[str], test_data: Path, tmp_path: Path
) -> None:
    model = test_data / "models" / MODEL
    if not model.exists():
        pytest.skip(f"{model.name} is not in the test data")
    clip = film(tmp_path / "film.mp4", lit, make)
    events = replayed(tmp_path, clip, {"report": {"objects": True}}, detector=str(model))
    assert not [event for event in events if event["type"].endswith(".object.v1")]
    states = {event["data"]["state"] for event in events if event["type"].endswith(".camera-view.v1")}
    assert not states & TAMPER
    assert reported <= states
