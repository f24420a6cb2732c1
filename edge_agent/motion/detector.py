"""The motion stage: which parts of a frame differ from what is always there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.model import Frame, Motion, MotionRegion, Scene
from edge_agent.motion.background import START_DEVIATION, UNSURE_DEVIATION, Background
from edge_agent.motion.regions import RegionFinder
from edge_agent.motion.scale import Downscaler, Polygon, ignored_area

if TYPE_CHECKING:
    from edge_agent.model import Gray

SWITCH_SHARE = 0.4  # of the unmasked picture
LIGHT_SHARE = 0.0001
SWITCH_GAIN = 1.25
SETTLE_S = 0.7
LEARN_S = 1.0
LEARN_FRAMES = 3
MAX_GAP_S = 5.0  # after a longer gap nothing is known of what came between: relearn


class MotionDetector:
    """Adaptive background subtraction for one camera; ``update`` once per analysed frame.

    ``masks`` are polygons in 0..1 of the picture whose inside is ignored. One thread calls it.
    Rates are in seconds of ``Frame.captured_mono``, so 2 and 25 frames a second behave alike.
    """

    def __init__(self, masks: Sequence[Polygon] = ()) -> None:
        self._masks = tuple(masks)
        self._input_size = (0, 0)
        self._last_mono = 0.0
        self._learned: list[Gray] | None = []
        self._learning_since = 0.0
        self._settling_s = 0.0

    def update(self, frame: Frame) -> Motion:
        """Compare with the background, then learn from the frame."""
        luma = frame.picture.luma()
        if luma.shape != self._input_size:
            self._prepare(luma.shape[1], luma.shape[0])
            self._input_size = (luma.shape[0], luma.shape[1])
        elapsed_s = frame.captured_mono - self._last_mono
        self._last_mono = frame.captured_mono
        picture = self._downscale(luma)
        if self._learned is not None:
            return self._learn_start(picture, frame.captured_mono)
        return self._compare(picture, max(0.0, min(elapsed_s, MAX_GAP_S)))

    def _prepare(self, width: int, height: int) -> None:
        self._downscale = Downscaler(width, height)
        motion_width, motion_height = self._downscale.size
        counted = ignored_area(self._masks, motion_width, motion_height)
        self._counted_pixels = max(1, cv2.countNonZero(counted))
        self._background = Background(counted)
        self._finder = RegionFinder(motion_width, motion_height)
        self._moving: Gray = np.zeros((motion_height, motion_width), np.uint8)
        self._learned = []

    def _learn_start(self, picture: Gray, now: float) -> Motion:
        assert self._learned is not None
        if not self._learned:
            self._learning_since = now
        self._learned.append(picture.copy())
        if now - self._learning_since >= LEARN_S and len(self._learned) >= LEARN_FRAMES:
            step = max(1, len(self._learned) // 9)
            median = np.median(np.stack(self._learned[::step]), axis=0).astype(np.uint8)
            self._background.replace(median, START_DEVIATION)
            self._learned = None
        return Motion((), Scene.LEARNING, 0.0)

    def _compare(self, picture: Gray, elapsed_s: float) -> Motion:
        differs = self._background.compare(picture)
        changed = cv2.countNonZero(differs) / self._counted_pixels
        if changed > SWITCH_SHARE or not 1 / SWITCH_GAIN < self._background.gain < SWITCH_GAIN:
            self._background.replace(picture, UNSURE_DEVIATION)
            self._settling_s = SETTLE_S
            return Motion((), Scene.SWITCHED, changed)
        if self._settling_s > 0:
            self._settling_s -= elapsed_s
            self._background.replace(picture, UNSURE_DEVIATION)
            return Motion((), Scene.LEARNING, changed)
        if changed > LIGHT_SHARE:
            sharp = cv2.morphologyEx(self._background.sharp(picture), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
            near = cv2.dilate(sharp, np.ones((13, 13), np.uint8))
            cv2.bitwise_and(differs, near, dst=differs)
        regions: tuple[MotionRegion, ...] = self._finder.find(differs)
        foreground = self._finder.foreground.copy()
        cv2.dilate(foreground, np.ones((3, 3), np.uint8), dst=self._moving)
        self._background.learn(picture, self._moving, elapsed_s)
        return Motion(regions, Scene.STEADY, changed, foreground)
