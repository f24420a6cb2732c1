"""Shadow mode: a new model analyses some frames after the active model, and the results are compared.

Only counts of the new model's detections are reported. The new model runs on the detector's thread while no
camera waits, with the budget that the cameras do not use.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from edge_agent.config.model.settings import Camera
from edge_agent.core.geometry import contains
from edge_agent.core.model import GROUP_OF_LABEL, Detection, Frame
from edge_agent.detection.budget import InferenceBudget
from edge_agent.detection.darkness import brightened, only_visible
from edge_agent.detection.detector import ObjectDetector
from edge_agent.wire import ShadowCamera, ShadowGroup, ShadowReport

if TYPE_CHECKING:
    from edge_agent.core.model import Colour


log = logging.getLogger(__name__)

SAME_OBJECT_IOU = 0.5
NIGHT = frozenset({20, 21, 22, 23, 0, 1, 2, 3, 4})
"""Hours that are dark all year round in Vietnam."""
_MAX_SAMPLES = 50  # last inferences of which the median cost is computed

RunWhenIdle = Callable[[Callable[[], None]], bool]
"""Queues work for the detector's thread; returns False if other such work waits already."""


class Shadow:
    """A new model beside the active one. ``offer`` runs on the cameras' threads, inference and comparison on
    the detector's thread, ``report`` on any thread."""

    def __init__(
        self,
        detector: ObjectDetector,
        *,
        share: float,
        sure: float,
        budget: InferenceBudget,
        run_when_idle: RunWhenIdle,
        timezone: ZoneInfo,
        before: ShadowReport,
    ) -> None:
        """``share``: the share of each camera's analysed frames to use, 0..1. ``sure``: the score from which
        an object counts. ``timezone``: decides what is night. ``before``: figures of an earlier run. This one
        adds to its counts, and reports its times until it has some of its own."""
        self.failed_in_a_row = 0
        self._detector = detector
        self._share = share
        self._sure = sure
        self._budget = budget
        self._run_when_idle = run_when_idle
        self._timezone = timezone
        self._credit: dict[str, float] = {}  # by camera; only the camera's own thread uses its entry
        self._cost_ms = 0.0
        self._costs_ms: deque[float] = deque(maxlen=_MAX_SAMPLES)
        self._lock = threading.Lock()  # protects everything below
        self._before = before
        self._failures = before.failures
        self._frames = {camera: counts.frames for camera, counts in before.cameras.items()}
        self._groups = {
            (camera, group): [counts.both, counts.only_in_force, counts.only_new]
            for camera, of_camera in before.cameras.items()
            for group, counts in of_camera.groups.items()
        }
        self._night = {
            group: [counts.both, counts.only_in_force, counts.only_new]
            for group, counts in before.night.items()
        }

    def offer(self, camera: Camera, frame: Frame, seen: Sequence[Detection]) -> None:
        """Analyse the frame if ``share`` selects it and spare budget is left. ``seen``: what the active model
        found outside the camera's masks."""
        credit = min(1.0, self._credit.get(camera.id, 0.0) + self._share)
        self._credit[camera.id] = credit
        if credit < 1.0 or not self._budget.take_spare(self._cost_ms, frame.captured_mono):
            return
        picture = frame.picture
        fit = self._detector.fit((picture.width, picture.height))
        pixels = picture.scaled((fit.width, fit.height))
        night = frame.captured_at.astimezone(self._timezone).hour in NIGHT
        if self._run_when_idle(partial(self._compare, camera, pixels, seen, night)):
            self._credit[camera.id] = 0.0

    def report(self, in_force_ms: float | None) -> ShadowReport:
        """Return the figures so far. ``in_force_ms``: time of one inference of the active model, None before
        its first one."""
        with self._lock:
            cameras = {
                camera: ShadowCamera(
                    frames=frames,
                    groups={
                        group: _shadow_group(counts)
                        for (of, group), counts in sorted(self._groups.items())
                        if of == camera
                    },
                )
                for camera, frames in sorted(self._frames.items())
            }
            return ShadowReport(
                in_force_sha256=self._before.in_force_sha256,
                in_force_ms=self._before.in_force_ms if in_force_ms is None else in_force_ms,
                new_ms=round(self._cost_ms, 2) or self._before.new_ms,
                failures=self._failures,
                cameras=cameras,
                night={group: _shadow_group(counts) for group, counts in sorted(self._night.items())},
            )

    def _compare(self, camera: Camera, pixels: Colour, seen: Sequence[Detection], night: bool) -> None:
        """Run the new model and compare. On the detector's thread."""
        began_mono = time.monotonic()
        try:
            bright = brightened(pixels)
            found = only_visible(self._detector.detect(bright), pixels, bright)
        except Exception:  # a model that fails must not end detection
            self.failed_in_a_row += 1
            log.exception("%s: the model in shadow mode failed", camera.id)
            with self._lock:
                self._failures += 1
            return
        self.failed_in_a_row = 0
        self._costs_ms.append((time.monotonic() - began_mono) * 1000)
        self._cost_ms = median(self._costs_ms)
        new = [each for each in found if not any(contains(mask, each.box.foot) for mask in camera.masks)]
        self._count(camera.id, seen, new, night)

    def _count(
        self, camera_id: str, seen: Sequence[Detection], new: Sequence[Detection], night: bool
    ) -> None:
        by_group = [_by_group(seen), _by_group(new)]
        with self._lock:
            self._frames[camera_id] = self._frames.get(camera_id, 0) + 1
            for group in sorted(by_group[0].keys() | by_group[1].keys()):
                counts = compare(by_group[0].get(group, []), by_group[1].get(group, []), self._sure)
                totals = [self._groups.setdefault((camera_id, group), [0, 0, 0])]
                if night:
                    totals.append(self._night.setdefault(group, [0, 0, 0]))
                for total in totals:
                    total[:] = [had + more for had, more in zip(total, counts, strict=True)]


def compare(in_force: Sequence[Detection], new: Sequence[Detection], sure: float) -> tuple[int, int, int]:
    """Return how many objects of one group both models see, only the active one, and only the new one. Best
    scores are matched first.

    An object counts if one of the models scores it at least ``sure``; the score of the other may be lower,
    since scores around the threshold are not a disagreement.
    """
    left = sorted(new, key=lambda each: -each.score)
    both = only_in_force = 0
    for one in sorted(in_force, key=lambda each: -each.score):
        other = max(left, key=lambda each: each.box.iou(one.box), default=None)
        if other is None or other.box.iou(one.box) < SAME_OBJECT_IOU:
            only_in_force += one.score >= sure
            continue
        left.remove(other)
        both += max(one.score, other.score) >= sure
    return both, only_in_force, sum(each.score >= sure for each in left)


def _shadow_group(counts: Sequence[int]) -> ShadowGroup:
    both, only_in_force, only_new = counts
    return ShadowGroup(both=both, only_in_force=only_in_force, only_new=only_new)


def _by_group(detections: Sequence[Detection]) -> dict[str, list[Detection]]:
    found: dict[str, list[Detection]] = {}
    for each in detections:
        found.setdefault(GROUP_OF_LABEL.get(each.label, each.label), []).append(each)
    return found


@dataclass(slots=True)
class SeenObjects:
    """Counts the inferences of one camera on frames with motion, and the objects that they found."""

    inferences: int = 0
    objects: dict[str, int] = field(default_factory=dict)  # by group; an object counts once in each frame


class InferenceMonitor:
    """Counts what the active model sees at each camera, and offers its frames to shadow mode. One for the
    gateway. ``record`` runs on the cameras' threads, the rest on any thread."""

    def __init__(self, sure: float) -> None:
        """``sure``: the score from which an object counts."""
        self.shadow: Shadow | None = None
        self._sure = sure
        self._lock = threading.Lock()  # protects the next attribute
        self._seen: dict[str, SeenObjects] = {}

    def record(self, camera: Camera, frame: Frame, *, moving: bool, found: Sequence[Detection]) -> None:
        """Count ``found``: what the active model found in the frame outside the camera's masks."""
        if moving:
            self._count(camera.id, found)
        shadow = self.shadow
        if shadow is not None and not frame.late:
            shadow.offer(camera, frame, found)

    def drain(self) -> dict[str, SeenObjects]:
        """Return the counts by camera since the last call, and start from zero again."""
        with self._lock:
            seen, self._seen = self._seen, {}
            return seen

    def _count(self, camera_id: str, found: Sequence[Detection]) -> None:
        groups = [GROUP_OF_LABEL.get(each.label, each.label) for each in found if each.score >= self._sure]
        with self._lock:
            seen = self._seen.setdefault(camera_id, SeenObjects())
            seen.inferences += 1
            for group in groups:
                seen.objects[group] = seen.objects.get(group, 0) + 1
