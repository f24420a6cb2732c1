"""A place as a camera sees it by day, under street lamps or by infrared."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.motion.scenes import smooth_field
from bench.view.clips import (
    CANVAS_HEIGHT,
    CANVAS_WIDTH,
    CLIPS,
    HEIGHT,
    WIDTH,
    Colour,
    footage,
)

Plane = NDArray[np.float32]
Seen = NDArray[np.integer[Any] | np.floating[Any]]
"""Arrays as OpenCV returns them."""

LEARN_S = 90.0
"""Seconds of an ordinary scene before the event."""


class Light(StrEnum):
    DAY = "day"
    LAMPS = "lamps"  # a day clip under street lamps, in colour
    INFRARED = "infrared"  # a day clip in mono, lit from the camera
    DARK = "dark"  # a clip that was filmed at night


@dataclass(frozen=True, slots=True)
class Place:
    """The parameters of a world; cases with the same place share the learned baseline."""

    clip: str
    light: Light
    seed: int
    coded: bool  # through H.264
    clock: bool  # a running clock in the picture

    @property
    def night(self) -> bool:
        return self.light is not Light.DAY

    @property
    def name(self) -> str:
        marks = ("-h264" if self.coded else "") + ("-clock" if self.clock else "")
        return f"{self.clip}-{self.light}-{self.seed}{marks}"


class World:
    """The scene in front of the lens. Times are seconds since the camera was mounted."""

    def __init__(self, place: Place) -> None:
        self.place = place
        rng = np.random.default_rng([place.seed, 7])
        room = CLIPS[place.clip].file.startswith("one-by-one")
        self._footage = footage(place.clip, float(rng.integers(0, 5)) * 15.0 if room else 0.0)
        self._x = float(rng.choice(CLIPS[place.clip].lefts) + 2 * rng.integers(0, 9))
        self._y = float(2 * rng.integers(16, 56))
        self._lamps = _lamp_map(rng)
        yy, xx = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
        away = ((xx - WIDTH / 2) / WIDTH) ** 2 + ((yy - HEIGHT * 0.6) / HEIGHT) ** 2
        self._beam = np.asarray(np.clip(1.05 - 1.5 * away, 0.25, 1.0) * 0.75, np.float32)

    @property
    def noise(self) -> float:
        """Grey levels of the sensor's noise."""
        return {Light.DAY: 1.2, Light.LAMPS: 3.0, Light.INFRARED: 2.5, Light.DARK: 1.5}[self.place.light]

    def day(self, time_s: float, dx: float = 0.0, dy: float = 0.0, roll: float = 0.0) -> Colour:
        """The picture of the clip, with the camera turned by so many pixels and degrees."""
        x = min(max(self._x + dx, 0.0), CANVAS_WIDTH - WIDTH)
        y = min(max(self._y + dy, 0.0), CANVAS_HEIGHT - HEIGHT)
        if roll:
            return self._footage.turned(time_s, x, y, roll)
        return self._footage.window(time_s, x, y)

    def at(self, time_s: float, dx: float = 0.0, dy: float = 0.0, roll: float = 0.0) -> Colour:
        """The picture in the place's own light."""
        picture = self.day(time_s, dx, dy, roll)
        match self.place.light:
            case Light.LAMPS:
                return self.by_lamps(picture, dx=dx, dy=dy)
            case Light.INFRARED:
                return self.by_infrared(picture)
        return picture

    def by_lamps(self, picture: Colour, power: float = 1.0, dx: float = 0.0, dy: float = 0.0) -> Colour:
        """A day picture as by night: areas of warm light; ``power`` 0 leaves the glow of the sky."""
        x, y = (
            int(min(max(self._x + dx, 0), CANVAS_WIDTH - WIDTH)),
            int(min(max(self._y + dy, 0), CANVAS_HEIGHT - HEIGHT)),
        )
        lamps = self._lamps[y : y + HEIGHT, x : x + WIDTH]
        light = np.asarray(0.05 + 0.75 * power * lamps, np.float32)
        return dimmed(picture, light, (0.75, 0.95, 1.05))

    def by_infrared(self, picture: Colour, power: float = 1.0) -> Colour:
        """A monochrome picture lit from the camera: green and red objects are bright."""
        red = cv2.transform(picture, np.array([[0.1, 0.35, 0.55]], np.float32))
        return dimmed(cv2.cvtColor(red, cv2.COLOR_GRAY2BGR), np.asarray(self._beam * power, np.float32))

    def turn_room(self, share: float) -> tuple[float, float]:
        """A turn by ``share`` of the picture's width and height, in the direction where the canvas has more
        room."""
        room_x = CANVAS_WIDTH - WIDTH - self._x
        room_y = CANVAS_HEIGHT - HEIGHT - self._y
        dx, dy = share * WIDTH, share * HEIGHT
        return (min(dx, room_x) if room_x > self._x else -min(dx, self._x)), (
            min(dy, room_y) if room_y > self._y else -min(dy, self._y)
        )


def dimmed(picture: Seen, light: Plane, tint: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Colour:
    """``picture`` times ``light`` of each pixel, each channel times its ``tint``."""
    three = cv2.merge([light * tint[0], light * tint[1], light * tint[2]])
    return np.asarray(cv2.multiply(picture, three, dtype=cv2.CV_8U), np.uint8)


def _lamp_map(rng: np.random.Generator) -> Plane:
    yy, xx = np.mgrid[0:CANVAS_HEIGHT, 0:CANVAS_WIDTH].astype(np.float32)
    light = np.full((CANVAS_HEIGHT, CANVAS_WIDTH), 0.12, np.float32)
    for k in range(4):
        cx = (k + rng.uniform(0.2, 0.8)) * CANVAS_WIDTH / 4
        cy = rng.uniform(0.3, 0.8) * CANVAS_HEIGHT
        light += 0.7 * np.exp(-(((xx - cx) / 140) ** 2 + ((yy - cy) / 90) ** 2))
    light *= 1 + 0.05 * smooth_field(rng, 60, CANVAS_WIDTH, CANVAS_HEIGHT)
    return np.asarray(np.clip(light, 0.03, 1.0), np.float32)
