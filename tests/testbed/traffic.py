"""A drawn street with exact ground truth for the whole pipeline: real motion, real budget, real tracker.

Each thing is textured, and its blue value identifies it. ``Reader`` is a detector that reads these values
from its crops: it detects what is visible there, with the right label.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.capture.decode.picture import ArrayPicture
from edge_agent.core.model import Box, Detection, Frame
from edge_agent.detection.detector import InputFit, ModelInfo

if TYPE_CHECKING:
    from edge_agent.core.model import Colour

WIDTH, HEIGHT, FPS = 640, 360, 5
NOBODY = 255  # blue of the ground
GRAINS = 8
"""Pictures of sensor noise, in turn: new noise for each frame takes longer than the scene."""
LEAST_PX = 12


@dataclass(frozen=True)
class Thing:
    """``place``: position of its foot at a second, or None while it is absent. Later things are in front of
    earlier ones."""

    label: str
    place: Callable[[float], tuple[float, float] | None]
    size: tuple[float, float]


def along(*points: tuple[float, float, float]) -> Callable[[float], tuple[float, float] | None]:
    """Straight lines between (second, x, y); absent before and after."""
    times, xs, ys = zip(*points, strict=True)

    def place(t: float) -> tuple[float, float] | None:
        if not times[0] <= t <= times[-1]:
            return None
        return float(np.interp(t, times, xs)), float(np.interp(t, times, ys))

    return place


class Street:
    def __init__(self, *things: Thing) -> None:
        assert len(things) < NOBODY
        self.things = things
        rng = np.random.default_rng(1)
        self._ground = _texture(rng, HEIGHT, WIDTH, 90, 150)
        self._ground[..., 0] = NOBODY
        self._skins = [self._skin(rng, number, thing) for number, thing in enumerate(things)]

    def frames(self, seconds: float, started_at: datetime) -> Iterator[Frame]:
        grains = np.random.default_rng(2).integers(0, 4, (GRAINS, HEIGHT, WIDTH, 3), dtype=np.uint8)
        grains[..., 0] = 0  # the number of a thing
        for number in range(round(seconds * FPS)):
            t = number / FPS
            picture = np.asarray(cv2.add(self._draw(t), grains[number % GRAINS]), np.uint8)
            yield Frame("cam-1", number + 1, t, started_at + timedelta(seconds=t), ArrayPicture(picture))

    def _draw(self, t: float) -> Colour:
        picture = self._ground.copy()
        for thing, skin in zip(self.things, self._skins, strict=True):
            place = thing.place(t)
            if place is None:
                continue
            height, width = skin.shape[:2]
            x, y = round(place[0] * WIDTH - width / 2), round(place[1] * HEIGHT - height)
            left, top, right, bottom = max(0, x), max(0, y), min(WIDTH, x + width), min(HEIGHT, y + height)
            if right > left and bottom > top:
                picture[top:bottom, left:right] = skin[top - y : bottom - y, left - x : right - x]
        return picture

    def _skin(self, rng: np.random.Generator, number: int, thing: Thing) -> Colour:
        dark = 20 + 30 * (number % 2)
        skin = _texture(rng, round(thing.size[1] * HEIGHT), round(thing.size[0] * WIDTH), dark, 240)
        skin[..., 0] = number
        return skin


def _texture(rng: np.random.Generator, height: int, width: int, low: int, high: int) -> Colour:
    """Smooth noise, which flow and correlation can track."""
    coarse = rng.integers(low, high, (max(2, height // 5), max(2, width // 5), 1), dtype=np.uint8)
    grey = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.merge([grey, grey, grey]), dtype=np.uint8)


class Reader:
    """The detector: detects every thing of which enough is visible."""

    name = "reader"
    model = ModelInfo("reader", None)
    input_size = (WIDTH, HEIGHT)
    degraded: str | None = None

    def __init__(self, things: Sequence[Thing]) -> None:
        self._names = [thing.label for thing in things]
        self.labels = frozenset(self._names)

    def fit(self, size: tuple[int, int]) -> InputFit:
        return InputFit(*size)

    def detect(self, crop: Colour) -> list[Detection]:
        height, width = crop.shape[:2]
        blue = crop[..., 0]
        found = []
        for number in np.unique(blue):
            if number == NOBODY:
                continue
            seen = cv2.inRange(blue, int(number), int(number))
            if cv2.countNonZero(seen) < LEAST_PX**2 / 2:
                continue
            x, y, w, h = cv2.boundingRect(seen)
            box = Box.from_pixels(x, y, x + w, y + h, width, height)
            found.append(Detection(self._names[int(number)], 0.8, box))
        return found

    def close(self) -> None:
        """Nothing to close."""
