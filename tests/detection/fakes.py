"""A detector with the answers of a test, and grey pictures."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from edge_agent.config.model.settings import (
    Analyse,
    Camera,
    ClipPolicy,
    GearChoice,
    Polygon,
    Report,
    SnapshotPolicy,
)
from edge_agent.core.model import Box, Detection, Frame, Motion, MotionRegion, Scene, Track
from edge_agent.detection.detector import InputFit, ModelInfo
from tests.events import parts

LABELS = ("person", "bicycle", "motorcycle", "car", "bus", "truck")
Pixels = NDArray[np.uint8]


class FakeDetector:
    """Answers with ``answer(crop)``; counts calls, and how many ran at the same time."""

    def __init__(self, answer: Callable[[Pixels], list[Detection]] = lambda crop: []) -> None:
        self.name = "fake"
        self.model = ModelInfo("fake", None)
        self.labels = frozenset(LABELS)
        self.input_size = (640, 480)
        self.degraded: str | None = None
        self.calls = 0
        self.most_at_once = 0
        self._now = 0
        self._answer = answer
        self._lock = threading.Lock()

    def fit(self, size: tuple[int, int]) -> InputFit:
        return InputFit(*size)

    def detect(self, crop: Pixels) -> list[Detection]:
        with self._lock:
            self.calls += 1
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            return self._answer(crop)
        finally:
            with self._lock:
                self._now -= 1


def camera(id: str = "cam-1", fps: float = 5.0, masks: tuple[Polygon, ...] = ()) -> Camera:
    report = Report(objects=True, counts_s=60, snapshots=SnapshotPolicy.NONE, clips=ClipPolicy.NONE)
    analyse = Analyse(fps, 640, GearChoice.FULL, 20.0)
    url = "/clip.mp4"
    return Camera(id=id, url=url, analyse=analyse, report=report, masks=masks, watch_view=False)


def frame(mono: float = 0.0, picture: parts.PlainPicture | None = None, camera_id: str = "cam-1") -> Frame:
    moment = datetime(2026, 11, 24, tzinfo=UTC)
    return Frame(camera_id, 1, mono, moment, picture or parts.PlainPicture(level=100))


def motion(*boxes: Box, scene: Scene = Scene.STEADY) -> Motion:
    return Motion(tuple(MotionRegion(box, box.area) for box in boxes), scene, 0.01)


def track(box: Box, priority: float = 1.0, id: str = "t1", label: str | None = None) -> Track:
    seen = parts.track(id, label=label, group=None, box=box, score=0.0, first=0.0, last=0.0)
    return replace(seen, detection_priority=priority)


def detection(box: Box, label: str = "person", score: float = 0.9) -> Detection:
    return Detection(label, score, box)


def yard(level: int, of_walker: int) -> Pixels:
    """A flat noisy picture with a walker in the middle, levels of grey."""
    rng = np.random.default_rng(1)
    pixels = rng.integers(max(0, level - 2), level + 3, (288, 512, 3), np.uint8)
    pixels[120:180, 250:270] = of_walker
    return pixels
