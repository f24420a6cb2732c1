"""A camera that shows a painted street with noise, for tests of the view stage."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.capture.decode.picture import ArrayPicture
from edge_agent.core.facts import Phase, ViewObservation, ViewState
from edge_agent.core.model import Frame, Motion, Scene
from edge_agent.tamper import CameraView
from tests.testbed.noise import SensorNoise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Plane = NDArray[np.float32]

WIDTH, HEIGHT = 640, 360
START = datetime(2026, 1, 1, tzinfo=UTC)
NO_MOTION = Motion((), Scene.STEADY, 0.0)
LEARN_S = 60.0
Change = Callable[["Plane"], "Plane"]


def street(seed: int = 5) -> Plane:
    """Houses with windows, a road with marks; colour, more of it than the camera shows."""
    rng = np.random.default_rng(seed)
    picture = np.full((HEIGHT, WIDTH + 200, 3), 140, np.float32)
    for _ in range(260):
        x, y = rng.integers(0, WIDTH + 180), rng.integers(0, HEIGHT - 16)
        w, h = rng.integers(8, 46, 2)
        picture[y : y + h, x : x + w] = rng.uniform(40, 215, 3)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.7), np.float32)


class PaintedCamera:
    """One frame a second; the same seed gives the same frames."""

    def __init__(self, noise: float = 2.0) -> None:
        self._street = street()
        self._noise = SensorNoise(np.random.default_rng(3), noise, (HEIGHT, WIDTH, 1)) if noise else None
        self.now = 1000.0
        self._number = 0

    def shoot(self, change: Change | None = None, pan: int = 0) -> Frame:
        """The next second; ``pan``: pixels to the side."""
        picture = self._street[:, 40 + pan : 40 + pan + WIDTH].copy()
        if change is not None:
            picture = change(picture)
        return self.show(self._noise.on(picture) if self._noise else picture.clip(0, 255).astype(np.uint8))

    def show(self, picture: NDArray[np.uint8]) -> Frame:
        self.now += 1.0
        self._number += 1
        at = START + timedelta(seconds=self.now)
        return Frame("gate", self._number, self.now, at, ArrayPicture(picture))


def watch(
    view: CameraView, camera: PaintedCamera, seconds: float, change: Change | None = None, pan: int = 0
) -> list[ViewObservation]:
    """Show the street for some seconds; returns all that is reported."""
    reported: list[ViewObservation] = []
    for _ in range(round(seconds)):
        reported += view.update(camera.shoot(change, pan), NO_MOTION)
    return reported


def phases(reported: Iterable[ViewObservation]) -> list[tuple[Phase, ViewState, str | None]]:
    """Of each observation its phase, its state, and why it ended."""
    return [(each.phase, each.state, each.end_reason) for each in reported]


def started(state: ViewState) -> list[tuple[Phase, ViewState, str | None]]:
    """``phases`` of a state that starts, and nothing else."""
    return [(Phase.START, state, None)]


def learned(folder: Path | None = None) -> tuple[CameraView, PaintedCamera]:
    """A stage that has analysed a minute of an ordinary scene without reporting anything."""
    view, camera = CameraView("gate", folder=folder), PaintedCamera()
    assert watch(view, camera, LEARN_S) == []
    return view, camera


def hand(picture: Plane) -> Plane:
    """A near, dark and soft object over the lens."""
    shade = np.linspace(40, 90, WIDTH, dtype=np.float32)[None, :, None]
    return np.broadcast_to(shade, picture.shape).copy()


def blur(picture: Plane) -> Plane:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 5.0), np.float32)


def fog(picture: Plane) -> Plane:
    return np.asarray(0.3 * picture + 0.7 * 190, np.float32)


def mono(picture: Plane) -> Plane:
    return np.repeat(picture.mean(axis=2, keepdims=True), 3, axis=2)


def dim(picture: Plane) -> Plane:
    return np.asarray(16 + (picture - 16) * 0.35, np.float32)


def white(picture: Plane) -> Plane:
    return np.full_like(picture, 252.0)
