"""The detection stage of one camera: when the model sees a frame, and as the whole or in part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

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
_LARGER = 2.0  # than all of that: somebody may have come
_FAR_PX = 20.0
"""Longer side of an object in the model's input, below which the whole picture does not do."""
_ENLARGED = 2  # what is far is shown so much larger
_LEAST_ROOM = 0.15  # of the input's height: a strip lower than that shows nothing whole
_EDGE = 0.015  # of a part of the picture: a box that ends so near its inner edge is most likely cut off there


class ObjectDetection:
    """``pipeline.DetectionStage`` of one camera; its pipeline thread calls ``detect`` and blocks in it.

    The whole picture is analysed on every frame in which something moves or a track needs it. A wide picture
    leaves a strip of the model's input free: there, what is too far away is shown once more, enlarged.
    """

    def __init__(self, camera: Camera, inference: Inference, budget: Budget) -> None:
        self._camera = camera
        self._inference = inference
        self._budget = budget
        self._late = 0  # frames in a row that were late
        self._changed = True  # something may stand there that was not seen
        self._inferred_mono = float("-inf")
        self._in_vain = 0  # inferences in a row that saw nothing of what moves
        self._vain_area = 0.0  # of the largest of it, lately

    def detect(self, frame: Frame, motion: Motion, tracks: Sequence[Track]) -> Looks:
        now = frame.captured_mono
        moving = motion.scene is Scene.STEADY and bool(motion.regions)
        self._changed |= moving or motion.scene is Scene.SWITCHED
        self._late = self._late + 1 if frame.late else 0
        if self._late % _LATE_EVERY == 1 or not self._is_due(motion, moving, tracks, now):
            return NO_LOOKS
        part = None if frame.late else self._far(frame, motion, tracks)
        found = self._infer(frame, part)
        if found is None:
            return NO_LOOKS
        self._note(motion, moving, found, now)
        return Looks((FULL_PICTURE, part) if part else (FULL_PICTURE,), self._unmasked(found))

    def _is_due(self, motion: Motion, moving: bool, tracks: Sequence[Track], now: float) -> bool:
        if any(track.wants_look > 0 for track in tracks):
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

    def _far(self, frame: Frame, motion: Motion, tracks: Sequence[Track]) -> Box | None:
        """The part of the picture around the largest thing that is too small in the whole one, as large as
        there is room for in the input; None where there is no such thing or no room."""
        detector = self._inference.detector
        fit = detector.fit((frame.picture.width, frame.picture.height))
        room = detector.input_size[1] - fit.height
        if fit.width != detector.input_size[0] or room < _LEAST_ROOM * detector.input_size[1]:
            return None
        far = [
            box
            for box in _unknown(motion, tracks)
            if max(box.width * fit.width, box.height * fit.height) < _FAR_PX
        ]
        if not far:
            return None
        middle = max(far, key=lambda box: box.area).clipped().centre
        halves = 0.5 / _ENLARGED, 0.5 / _ENLARGED * min(1.0, room / fit.height)
        x, y = (min(max(at, half), 1 - half) for at, half in zip(middle, halves, strict=True))
        return Box(x - halves[0], y - halves[1], x + halves[0], y + halves[1])

    def _infer(self, frame: Frame, part: Box | None) -> list[Detection] | None:
        """Detections in picture coordinates; None where there was no budget or no answer."""
        inference, picture = self._inference, frame.picture
        if not self._budget.take(self._camera.id, inference.cost_ms, frame.captured_mono):
            return None
        fit = inference.detector.fit((picture.width, picture.height))
        pixels = picture.scaled((fit.width, fit.height))
        if part is None:
            return inference.infer(self._camera.id, pixels)
        strip = min(inference.detector.input_size[1] - fit.height, fit.height)
        pixels = np.vstack([pixels, picture.scaled((fit.width, strip), part)])
        found = inference.infer(self._camera.id, pixels)
        return None if found is None else parted(found, fit.height / (fit.height + strip), part)

    def _unmasked(self, found: Iterable[Detection]) -> tuple[Detection, ...]:
        masks = self._camera.masks
        return tuple(d for d in found if not any(contains(mask, d.box.foot) for mask in masks))


def _largest(motion: Motion) -> float:
    return max((region.box.area for region in motion.regions), default=0.0)


def _unknown(motion: Motion, tracks: Sequence[Track]) -> Iterator[Box]:
    """Tracks that are not confirmed, and motion where no track is."""
    yield from (track.box for track in tracks if not track.confirmed and track.wants_look > 0)
    if motion.scene is Scene.STEADY:
        for region in motion.regions:
            if not any(region.box.intersection(track.box) > 0 for track in tracks):
                yield region.box


def parted(found: Iterable[Detection], border: float, part: Box) -> list[Detection]:
    """Detections in the whole picture above ``border`` and in ``part``, enlarged, below it -> in 0..1 of the
    picture. What is seen in both is seen better enlarged."""
    whole, enlarged = [], []
    for detection in found:
        box = detection.box
        if box.centre[1] < border:
            whole.append(replace(detection, box=_stretched(box, 0.0, border)))
        elif not cut_off(within := _stretched(box, border, 1.0), part):
            enlarged.append(in_picture(replace(detection, box=within), part))
    return [d for d in whole if not any(_is_same(d, other) for other in enlarged)] + enlarged


def _stretched(box: Box, top: float, bottom: float) -> Box:
    """0..1 of the pixels -> 0..1 of those between ``top`` and ``bottom``."""
    height = bottom - top
    return Box(box.x1, (box.y1 - top) / height, box.x2, (box.y2 - top) / height).clipped()


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
