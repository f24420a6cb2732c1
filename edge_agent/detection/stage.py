"""The detection stage of one camera: decides when the model runs on a frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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
from edge_agent.detection.darkness import brightened, only_visible
from edge_agent.detection.shadow import InferenceMonitor
from edge_agent.detection.worker import InferenceEngine

_STANDING_S = 60.0
"""Interval of inferences after motion has ended, for objects that arrived unseen or show in another light."""
_LATE_EVERY = 2
"""In catch-up mode, one of this many frames is inferred: more would delay the frames that wait."""
_MAX_EMPTY, _EMPTY_INTERVAL_S = 10, 1.0
"""After so many inferences in a row that found no object where something moved, infer once a second."""
_LARGER = 2.0  # motion this many times larger than recently may be a person or a vehicle: infer at once


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
        self._changed = True  # an object may have arrived unseen
        self._inferred_mono = float("-inf")
        self._empty = 0  # inferences in a row that found nothing where something moved
        self._empty_area = 0.0  # recent area of the largest motion in which nothing was found

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
            larger = _largest(motion) > _LARGER * self._empty_area
            return self._empty < _MAX_EMPTY or larger or since >= _EMPTY_INTERVAL_S
        return self._changed and since >= _STANDING_S

    def _note(self, motion: Motion, moving: bool, found: Sequence[Detection], now: float) -> None:
        self._inferred_mono = now
        if not moving:
            self._changed, self._empty = motion.scene is not Scene.STEADY, 0
        elif any(d.box.intersection(region.box) > 0 for d in found for region in motion.regions):
            self._empty = 0
        else:
            # The recent area decays when motion gets smaller.
            self._empty_area = max(0.5 * self._empty_area, _largest(motion))
            self._empty += 1

    def _infer(self, frame: Frame) -> list[Detection] | None:
        """Return detections in 0..1 of the picture; None without budget, or if the inference failed."""
        inference, picture = self._inference, frame.picture
        if not self._budget.take(self._camera.id, inference.cost_ms, frame.captured_mono):
            return None
        fit = inference.detector.fit((picture.width, picture.height))
        pixels = picture.scaled((fit.width, fit.height))
        bright = brightened(pixels)
        found = inference.infer(self._camera.id, bright)
        return None if found is None else only_visible(found, pixels, bright)

    def _unmasked(self, found: Iterable[Detection]) -> tuple[Detection, ...]:
        masks = self._camera.masks
        return tuple(d for d in found if not any(contains(mask, d.box.foot) for mask in masks))


def _largest(motion: Motion) -> float:
    return max((region.box.area for region in motion.regions), default=0.0)
