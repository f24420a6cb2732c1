"""The detectors that are compared; each receives 640 x 360 luma and returns boxes in its pixels."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

from bench.motion.scenes import FPS, Gray, PixelBox
from edge_agent.core.model import FULL_PICTURE, Box, Frame, MotionRegion
from edge_agent.motion import MotionDetector
from edge_agent.motion.regions import BinaryOpening, RegionFinder

if TYPE_CHECKING:
    from edge_agent.core.model import Colour


class Peer(Protocol):
    name: str
    cpu_s: float
    frames: int

    def boxes(self, luma: Gray) -> list[PixelBox]: ...

    @property
    def mask(self) -> Gray: ...


class LumaPicture:
    """A luma-only ``Picture``."""

    def __init__(self, luma: Gray) -> None:
        self._luma = luma
        self.height, self.width = luma.shape

    def luma(self) -> Gray:
        return self._luma

    def bgr(self, region: Box = FULL_PICTURE) -> Colour:
        raise NotImplementedError("motion looks at luma only")

    def scaled(self, size: tuple[int, int]) -> Colour:
        raise NotImplementedError("motion looks at luma only")


class Ours:
    """The agent's motion stage (``edge_agent.motion``)."""

    def __init__(self, fps: float = FPS) -> None:
        self.name = "edge_agent.motion"
        self.cpu_s = 0.0
        self.frames = 0
        self.mask: Gray = np.zeros((1, 1), np.uint8)
        self._fps = fps
        self._detector = MotionDetector()

    def boxes(self, luma: Gray) -> list[PixelBox]:
        self.frames += 1
        frame = Frame("bench", self.frames, self.frames / self._fps, datetime.now(UTC), LumaPicture(luma))
        started = time.thread_time()
        motion = self._detector.update(frame)
        self.cpu_s += time.thread_time() - started
        if motion.foreground is not None:
            self.mask = motion.foreground
        return _in_pixels(motion.regions, luma)


class Subtractor:
    """A function that makes a mask at half size; opening and grouping are those of ``edge_agent.motion``."""

    def __init__(self, name: str, apply: Callable[[Gray], Gray], scale: float = 0.5) -> None:
        self.name = name
        self.cpu_s = 0.0
        self.frames = 0
        self.mask: Gray = np.zeros((1, 1), np.uint8)
        self._apply = apply
        self._scale = scale
        self._finder: RegionFinder | None = None

    def boxes(self, luma: Gray) -> list[PixelBox]:
        self.frames += 1
        started = time.thread_time()
        small = cv2.resize(luma, None, fx=self._scale, fy=self._scale, interpolation=cv2.INTER_AREA)
        mask = self._apply(np.asarray(small, np.uint8))
        if self._finder is None:
            self._finder = RegionFinder(small.shape[1], small.shape[0])
            self._open = BinaryOpening(small.shape[1], small.shape[0])
        opened = self._open(mask)
        patches = self._finder.find(opened)
        regions = tuple(patch.region(small.shape[1], small.shape[0]) for patch in patches)
        self.cpu_s += time.thread_time() - started
        self.mask = opened.copy()
        return _in_pixels(regions, luma)


def mog2() -> Subtractor:
    """OpenCV MOG2; shadows are detected and not counted."""
    model = cv2.createBackgroundSubtractorMOG2()
    return Subtractor("MOG2 half size + shadow", lambda p: _certain(model.apply(p)))


def knn() -> Subtractor:
    """OpenCV KNN; shadows are detected and not counted."""
    model = cv2.createBackgroundSubtractorKNN()
    return Subtractor("KNN half size + shadow", lambda p: _certain(model.apply(p)))


def frame_difference() -> Subtractor:
    """Pixels that differ by more than 15 levels between two blurred frames in a row."""
    last: list[Gray] = []

    def apply(picture: Gray) -> Gray:
        soft = np.asarray(cv2.GaussianBlur(picture, (5, 5), 0), np.uint8)
        mask = cv2.compare(cv2.absdiff(soft, last[0]), 15, cv2.CMP_GT) if last else np.zeros_like(soft)  # type: ignore[call-overload]
        last[:] = [soft]
        return np.asarray(mask, np.uint8)

    return Subtractor("frame difference half size", apply)


PEERS: tuple[Callable[[], Peer], ...] = (Ours, mog2, knn, frame_difference)


def _certain(mask: object) -> Gray:
    return np.asarray(cv2.compare(np.asarray(mask, np.uint8), 200, cv2.CMP_GT), np.uint8)  # type: ignore[call-overload]


def _in_pixels(regions: tuple[MotionRegion, ...], luma: Gray) -> list[PixelBox]:
    h, w = luma.shape
    return [(r.box.x1 * w, r.box.y1 * h, r.box.x2 * w, r.box.y2 * h) for r in regions]
