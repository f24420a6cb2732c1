"""The detection stage of one camera: when the model sees a frame, and as the whole or in part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from edge_agent.config.settings import Camera
from edge_agent.detection.budget import Budget
from edge_agent.detection.worker import Inference
from edge_agent.geometry import contains
from edge_agent.model import FULL_PICTURE, NO_LOOKS, Box, Detection, Frame, Looks, Motion, Scene, Track

_SAME_OBJECT_IOU = 0.5
_STANDING_S = 60.0
"""Between inferences while nothing moves: for what came to stand unseen, or shows in another light."""
_LATE_EVERY = 2
"""Of the frames that are caught up with: more inferences would delay those that wait behind them."""
_PATIENCE, _IN_VAIN_S = 10, 1.0
"""After so many inferences in a row that saw nothing where something moved (rain, foliage), one a second."""
_FAR_PX = 20.0
"""Longer side of an object in the model's input, below which the whole picture does not do."""
_ENLARGED = 2.0  # what is far is shown so much larger
_EDGE = 0.015  # of a part of the picture: a box that ends so near its inner edge is most likely cut off there


class ObjectDetection:
    """``pipeline.DetectionStage`` of one camera; its pipeline thread calls ``detect`` and blocks in it.

    The whole picture is analysed on every frame in which something moves or a track needs it. What is too far
    away for that is shown enlarged as well, one part of a frame.
    """

    def __init__(self, camera: Camera, inference: Inference, budget: Budget) -> None:
        self._camera = camera
        self._inference = inference
        self._budget = budget
        self._late = 0  # frames in a row that were late
        self._changed = True  # something may stand there that was not seen
        self._inferred_mono = float("-inf")
        self._in_vain = 0  # inferences in a row that saw nothing of what moves

    def detect(self, frame: Frame, motion: Motion, tracks: Sequence[Track]) -> Looks:
        now = frame.captured_mono
        moving = motion.scene is Scene.STEADY and bool(motion.regions)
        self._changed |= moving or motion.scene is Scene.SWITCHED
        self._late = self._late + 1 if frame.late else 0
        if self._late % _LATE_EVERY == 1 or not self._is_due(moving, tracks, now):
            return NO_LOOKS
        found = self._infer(frame, FULL_PICTURE)
        if found is None:
            return NO_LOOKS
        self._note(motion, moving, found, now)
        part = None if frame.late else self._far(frame, tracks)
        enlarged = None if part is None else self._infer(frame, part)
        if part is None or enlarged is None:
            return Looks((FULL_PICTURE,), self._unmasked(found))
        # What is seen in both is seen better enlarged.
        once = [d for d in found if not any(_is_same(d, other) for other in enlarged)]
        return Looks((FULL_PICTURE, part), self._unmasked([*once, *enlarged]))

    def _is_due(self, moving: bool, tracks: Sequence[Track], now: float) -> bool:
        if any(track.wants_look > 0 for track in tracks):
            return True
        since = now - self._inferred_mono
        if moving:
            return self._in_vain < _PATIENCE or since >= _IN_VAIN_S
        return self._changed and since >= _STANDING_S

    def _note(self, motion: Motion, moving: bool, found: Sequence[Detection], now: float) -> None:
        self._inferred_mono = now
        if not moving:
            self._changed, self._in_vain = motion.scene is not Scene.STEADY, 0
        elif any(d.box.intersection(region.box) > 0 for d in found for region in motion.regions):
            self._in_vain = 0
        else:
            self._in_vain += 1

    def _far(self, frame: Frame, tracks: Sequence[Track]) -> Box | None:
        """The part of the picture around the most urgent thing that is too small in the whole one."""
        width, height = frame.picture.width, frame.picture.height
        fit = self._inference.detector.fit((width, height))
        far = [
            track
            for track in tracks
            if track.wants_look > 0
            and track.label is None
            and max(track.box.width * fit.width, track.box.height * fit.height) < _FAR_PX
        ]
        if not far:
            return None
        x, y = max(far, key=lambda track: track.wants_look).box.clipped().centre
        half = 0.5 / _ENLARGED
        x, y = (min(max(middle, half), 1 - half) for middle in (x, y))
        return Box(x - half, y - half, x + half, y + half)

    def _infer(self, frame: Frame, part: Box) -> list[Detection] | None:
        """Detections in picture coordinates; None where there was no budget or no answer."""
        inference, now = self._inference, frame.captured_mono
        if not self._budget.take(self._camera.id, inference.cost_ms, now):
            return None
        x1, y1, x2, y2 = part.to_pixels(frame.picture.width, frame.picture.height)
        fit = inference.detector.fit((x2 - x1, y2 - y1))
        found = inference.infer(self._camera.id, frame.picture.scaled((fit.width, fit.height), part))
        if found is None or part is FULL_PICTURE:
            return found
        return [in_picture(d, part) for d in found if not cut_off(d.box, part)]

    def _unmasked(self, found: Iterable[Detection]) -> tuple[Detection, ...]:
        masks = self._camera.masks
        return tuple(d for d in found if not any(contains(mask, d.box.foot) for mask in masks))


def _is_same(a: Detection, b: Detection) -> bool:
    return a.group == b.group and a.box.iou(b.box) > _SAME_OBJECT_IOU


def in_picture(detection: Detection, part: Box) -> Detection:
    """A detection with its box in 0..1 of the part -> in 0..1 of the picture."""
    box = detection.box
    return Detection(
        detection.label,
        detection.score,
        Box(
            part.x1 + box.x1 * part.width,
            part.y1 + box.y1 * part.height,
            part.x1 + box.x2 * part.width,
            part.y1 + box.y2 * part.height,
        ).clipped(),
    )


def cut_off(box: Box, part: Box) -> bool:
    """Whether ``box`` (0..1 of the part) ends at an edge of ``part`` that is not the picture's edge."""
    return (
        (box.x1 < _EDGE and part.x1 > 0)
        or (box.y1 < _EDGE and part.y1 > 0)
        or (box.x2 > 1 - _EDGE and part.x2 < 1)
        or (box.y2 > 1 - _EDGE and part.y2 < 1)
    )
