"""The detection stage of one camera: plan, ask the budget, look, map back to the picture."""

from __future__ import annotations

import math
from collections.abc import Sequence

from edge_agent.config.settings import Camera
from edge_agent.detection.budget import Budget
from edge_agent.detection.detector import same_label, suppress
from edge_agent.detection.looks import Crop, LookPlanner
from edge_agent.detection.sweep import Sweep
from edge_agent.detection.worker import Inference
from edge_agent.geometry import contains
from edge_agent.model import NO_LOOKS, Box, Detection, Frame, Looks, Motion, Track

# Two crops see one object in slightly different boxes; two riders side by side overlap less than that.
_SAME_OBJECT_IOU = 0.5
_LATE_EVERY = 2
"""Of the frames that are caught up with: more looks would delay those that wait behind them."""
_EDGE = 0.015  # of the crop: a box that ends so near an inner edge is most likely cut off there


class DetectionStage:
    """``pipeline.LookStage`` of one camera; its pipeline thread calls ``look`` and blocks in it."""

    def __init__(
        self, camera: Camera, inference: Inference, planner: LookPlanner, sweep: Sweep, budget: Budget
    ) -> None:
        self._camera = camera
        self._inference = inference
        self._planner = planner
        self._sweep = sweep
        self._budget = budget
        # Spread over frames: a burst of looks at one frame would delay its events and the next frame.
        self._looks_a_frame = max(1, math.ceil(budget.per_s / camera.analyse.fps))
        self._late = 0  # frames in a row that were late

    def look(self, frame: Frame, motion: Motion, tracks: Sequence[Track]) -> Looks:
        size = (frame.picture.width, frame.picture.height)
        now = frame.captured_mono
        tile = self._sweep.due(size, motion, now)  # it wants to know of all motion
        self._late = self._late + 1 if frame.late else 0
        if self._late % _LATE_EVERY == 1:
            return NO_LOOKS
        if frame.late:
            tile = None
        if tile is None and not (motion.regions or tracks):
            return NO_LOOKS
        if not self._budget.has_any(self._camera.id, now):
            return NO_LOOKS  # to plan crops costs more than everything else here
        # A due tile goes first: its pause already keeps it to a small share, and behind everything
        # else it would never come up on a busy street.
        crops = [Crop(tile, (), 0.0)] if tile is not None else []
        crops += self._planner.plan(size, motion, tracks, self._looks_a_frame - len(crops))
        granted = self._budget.take(self._camera.id, len(crops), now) if crops else 0
        if not granted:
            return NO_LOOKS
        done = [(crop, found) for crop in crops[:granted] if (found := self._infer(frame, crop)) is not None]
        self._budget.give_back(self._camera.id, granted - len(done))
        self._planner.looked([crop for crop, _ in done], tracks)
        if tile is not None and any(crop.box is tile for crop, _ in done):
            self._sweep.done(now)
        return Looks(tuple(crop.box for crop, _ in done), self._kept([d for _, found in done for d in found]))

    def _infer(self, frame: Frame, crop: Crop) -> list[Detection] | None:
        """Detections of one crop in picture coordinates; None when it could not be looked at."""
        found = self._inference.infer(self._camera.id, frame.picture.bgr(crop.box))
        if found is None:
            return None
        # Rounding may make the pixels that were cut one more than the box says; they decide.
        size = (frame.picture.width, frame.picture.height)
        cut = Box.from_pixels(*crop.box.to_pixels(*size), *size)
        return [in_picture(d, cut) for d in found if not cut_off(d.box, cut)]

    def _kept(self, found: Sequence[Detection]) -> tuple[Detection, ...]:
        single = suppress(found, _SAME_OBJECT_IOU, same_label)
        return tuple(d for d in single if not any(contains(mask, d.box.foot) for mask in self._camera.masks))


def in_picture(detection: Detection, crop: Box) -> Detection:
    """A detection with its box in 0..1 of the crop -> in 0..1 of the picture."""
    box = detection.box
    return Detection(
        detection.label,
        detection.score,
        Box(
            crop.x1 + box.x1 * crop.width,
            crop.y1 + box.y1 * crop.height,
            crop.x1 + box.x2 * crop.width,
            crop.y1 + box.y2 * crop.height,
        ).clipped(),
    )


def cut_off(box: Box, crop: Box) -> bool:
    """Whether ``box`` (0..1 of the crop) ends at an edge of ``crop`` that is not the picture's edge.

    Half a rider makes a box of its own beside the whole one, so it is no detection at all; the
    crops overlap, and tracks' crops leave a margin, so the whole one is seen by another look.
    """
    return (
        (box.x1 < _EDGE and crop.x1 > 0)
        or (box.y1 < _EDGE and crop.y1 > 0)
        or (box.x2 > 1 - _EDGE and crop.x2 < 1)
        or (box.y2 > 1 - _EDGE and crop.y2 < 1)
    )
