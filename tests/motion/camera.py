"""A painted camera for motion tests: a still street, noise, and whatever a test puts into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np

from edge_agent.core.model import Box, Frame, Motion
from edge_agent.motion import MotionDetector
from tests.tracking.world import drawn

Thing = tuple[float, float, int, int, int]
"""x, y, width, height in pixels, and its grey level."""
START = datetime(2026, 1, 1, tzinfo=UTC)


class Camera:
    """Paints frames; the same seed gives the same frames."""

    def __init__(self, width: int = 640, height: int = 360, fps: float = 5.0, noise: float = 3.0) -> None:
        self.width, self.height, self.fps = width, height, fps
        rng = np.random.default_rng(7)
        coarse = rng.integers(70, 150, (12, 20)).astype(np.uint8)
        self.street = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)
        self._noise = [rng.normal(0, noise, (height, width)).astype(np.float32) for _ in range(7)]
        self._number = 0
        self.now = 100.0

    def shoot(self, *things: Thing, gain: float = 1.0, street: object = None) -> Frame:
        """The next frame, one frame period later."""
        picture = np.array(self.street if street is None else street, np.float32) * gain
        for x, y, w, h, level in things:
            x1, y1 = max(0, int(x)), max(0, int(y))
            picture[y1 : max(0, int(y) + h), x1 : max(0, int(x) + w)] = level
        picture += self._noise[self._number % 7]
        self._number += 1
        self.now += 1 / self.fps
        luma = np.clip(picture, 0, 255).astype(np.uint8)
        at = START + timedelta(seconds=self.now)
        return Frame("cam-1", self._number, self.now, at, drawn(luma))

    def watch(
        self, detector: MotionDetector, seconds: float, things: Callable[[float], list[Thing]] = lambda t: []
    ) -> Iterator[tuple[float, Motion]]:
        """Seconds since the start of the watch, and what the detector says; ``things`` by time."""
        began = self.now
        while self.now - began < seconds:
            t = self.now + 1 / self.fps - began
            yield t, detector.update(self.shoot(*things(t)))


def learned(
    camera: Camera,
    *masks: tuple[tuple[float, float], ...],
    seconds: float = 6.0,
    things: Callable[[float], list[Thing]] = lambda t: [],
) -> MotionDetector:
    """A detector that has watched the street, which is empty unless it shows ``things``."""
    detector = MotionDetector(masks)
    for _ in camera.watch(detector, seconds, things):
        pass
    return detector


def box_of(camera: Camera, thing: Thing) -> Box:
    x, y, w, h, _ = thing
    return Box.from_pixels(x, y, x + w, y + h, camera.width, camera.height)
