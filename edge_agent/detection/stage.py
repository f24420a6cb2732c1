"""The detection stage of one camera: when the model sees a frame.

Brightens pictures of an unlit place for the detector.

An unlit yard at night has a median of 2 grey levels of 255: a walker who is 10 levels brighter is seen by
people, and by no detector that learnt from pictures of lit streets.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.config.model.settings import Camera
from edge_agent.core.geometry import contains
from edge_agent.core.model import (
    FULL_PICTURE,
    NO_INFERENCES,
    Detection,
    Frame,
    Inferences,
    Motion,
    Scene,
    Track,
)
from edge_agent.detection.budget import InferenceBudget
from edge_agent.detection.shadow import InferenceMonitor
from edge_agent.detection.worker import InferenceEngine

if TYPE_CHECKING:
    from edge_agent.core.model import Colour


DARK = 64
"""Grey level that three quarters of a dark picture stay below; streets with lamps have more."""
CONTRAST = 6.0
"""Limit of the equalisation. Larger: more noise is made visible, too."""
TILES = (8, 8)
STEP = 8  # pixels between samples of the brightness


def brightened(pixels: Colour) -> Colour:
    """``pixels`` (height, width, 3; uint8; BGR) themselves, or brighter ones where they are dark.

    The luma is equalised by tiles, with limited contrast (CLAHE; Zuiderveld, Graphics Gems IV, 1994).
    """
    green = pixels[::STEP, ::STEP, 1]
    if np.count_nonzero(green < DARK) < 0.75 * green.size:
        return pixels
    planes = cv2.cvtColor(pixels, cv2.COLOR_BGR2YUV)
    luma = np.ascontiguousarray(planes[..., 0])
    planes[..., 0] = cv2.createCLAHE(CONTRAST, TILES).apply(luma)
    return cv2.cvtColor(planes, cv2.COLOR_YUV2BGR)  # type: ignore[return-value]


_STANDING_S = 60.0
"""Between inferences while nothing moves: for what came to stand unseen, or shows in another light."""
_LATE_EVERY = 2
"""Of the frames that are caught up with: more inferences would delay those that wait behind them."""
_PATIENCE, _IN_VAIN_S = 10, 1.0
"""After so many inferences in a row that saw nothing where something moved (rain, foliage), one a second."""
_LARGER = 2.0  # than all of that: a person or a vehicle may have come


class ObjectDetectionStage:
    """``pipeline.DetectionStage`` of one camera; its pipeline thread calls ``detect`` and blocks in it.

    The whole picture is analysed on every frame in which something moves or a track needs it.
    """

    def __init__(
        self,
        camera: Camera,
        inference: InferenceEngine,
        budget: InferenceBudget,
        monitor: InferenceMonitor | None = None,
    ) -> None:
        self._camera = camera
        self._inference = inference
        self._budget = budget
        self._monitor = monitor
        self._late = 0  # frames in a row that were late
        self._changed = True  # something may stand there that was not seen
        self._inferred_mono = float("-inf")
        self._in_vain = 0  # inferences in a row that saw nothing of what moves
        self._vain_area = 0.0  # of the largest of it, lately

    def detect(self, frame: Frame, motion: Motion, tracks: Sequence[Track]) -> Inferences:
        now = frame.captured_mono
        moving = motion.scene is Scene.STEADY and bool(motion.regions)
        self._changed |= moving or motion.scene is Scene.SWITCHED
        self._late = self._late + 1 if frame.late else 0
        if self._late % _LATE_EVERY == 1 or not self._is_due(motion, moving, tracks, now):
            return NO_INFERENCES
        found = self._infer(frame)
        if found is None:
            return NO_INFERENCES
        self._note(motion, moving, found, now)
        unmasked = self._unmasked(found)
        if self._monitor is not None:
            self._monitor.record(self._camera, frame, moving=moving, found=unmasked)
        return Inferences((FULL_PICTURE,), unmasked)

    def _is_due(self, motion: Motion, moving: bool, tracks: Sequence[Track], now: float) -> bool:
        if any(track.detection_priority > 0 for track in tracks):
            return True
        since = now - self._inferred_mono
        if moving:
            larger = _largest(motion) > _LARGER * self._vain_area
            return self._in_vain < _PATIENCE or larger or since >= _IN_VAIN_S
        return self._changed and since >= _STANDING_S

    def _note(self, motion: Motion, moving: bool, found: Sequence[Detection], now: float) -> None:
        self._inferred_mono = now
        if not moving:
            self._changed, self._in_vain = motion.scene is not Scene.STEADY, 0
        elif any(d.box.intersection(region.box) > 0 for d in found for region in motion.regions):
            self._in_vain = 0
        else:
            self._vain_area = max(0.5 * self._vain_area, _largest(motion))  # what has left is soon forgotten
            self._in_vain += 1

    def _infer(self, frame: Frame) -> list[Detection] | None:
        """Detections in picture coordinates; None where there was no budget or no answer."""
        inference, picture = self._inference, frame.picture
        if not self._budget.take(self._camera.id, inference.cost_ms, frame.captured_mono):
            return None
        fit = inference.detector.fit((picture.width, picture.height))
        return inference.infer(self._camera.id, brightened(picture.scaled((fit.width, fit.height))))

    def _unmasked(self, found: Iterable[Detection]) -> tuple[Detection, ...]:
        masks = self._camera.masks
        return tuple(d for d in found if not any(contains(mask, d.box.foot) for mask in masks))


def _largest(motion: Motion) -> float:
    return max((region.box.area for region in motion.regions), default=0.0)
