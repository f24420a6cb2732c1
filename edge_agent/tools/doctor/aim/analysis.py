"""Analyses one camera as the agent does: the same motion, detection and tracking, but no rules and no events.
Also judges whether an object is large enough in the picture to be detected and labelled."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from edge_agent.cameras.build import NoDetection, NoTamperDetection
from edge_agent.capture.logins import LimitedLogins
from edge_agent.capture.reader import CameraReader
from edge_agent.config.model.settings import Camera, GearChoice, Settings
from edge_agent.core.clock import Clock
from edge_agent.core.facts import Observation
from edge_agent.core.model import GROUP_OF_LABEL, TWO_WHEELER, VEHICLE, Box, Detection, Frame, TrackState
from edge_agent.core.worker import SupervisedThread
from edge_agent.detection.budget import InferenceBudget
from edge_agent.detection.stage import ObjectDetectionStage
from edge_agent.detection.worker import InlineInference
from edge_agent.events import NoSnapshots
from edge_agent.host.system.process import login_folder
from edge_agent.model_release.store import detector_of_agent
from edge_agent.motion.detector import MotionDetector
from edge_agent.passages.recorder import NoPassages
from edge_agent.pipeline import DetectionStage, FrameResult, Pipeline
from edge_agent.tamper.verdict import BLACK_MEAN, NOTHING_SEEN
from edge_agent.tools.doctor.checks.picture import SHARP, ImageQuality, jpeg, measure_quality, thumbnail
from edge_agent.tracking.tracker import Tracker

if TYPE_CHECKING:
    from edge_agent.detection.detector import ObjectDetector


TRACKED_PX = 10
"""Least tracked size in pixels of a picture 640 wide; the model, at 544 wide, detects nothing smaller."""
LABELLED_PX = 20  # least height that the model can label (docs/design/rules.md, zone-intrusion)
RELIABLE_PX = 30
"""Least height of two-wheelers and vehicles for reliable rules (docs/design/rules.md, stopped-vehicle)."""
WIDTH, HEIGHT = 640, 376
"""A picture of this size fills the input of the model that ships, 544x320, at the scale of the limits."""


class ObjectSize(StrEnum):
    TINY = "tiny"  # not tracked at all
    SMALL = "small"  # tracked, hardly ever labelled
    ENOUGH = "enough"  # persons are labelled; two-wheelers and vehicles not reliably
    GOOD = "good"


def judge(group: str | None, width: float, height: float, picture: tuple[int, int]) -> ObjectSize:
    """Judge the size of an object. ``width`` and ``height`` are those of its box, in pixels of the stream.
    ``picture``: width and height of the stream. ``group``: None for an object without a label.

    The limits were measured at 640x360. A larger picture is judged as if it were scaled like that for the
    model: one of 4:3, or upright, is scaled by its height.
    """
    scale = min(1.0, WIDTH / picture[0], HEIGHT / picture[1])
    if max(width, height) * scale < TRACKED_PX:
        return ObjectSize.TINY
    if height * scale < LABELLED_PX:
        return ObjectSize.SMALL
    if height * scale < RELIABLE_PX and group in (TWO_WHEELER, VEHICLE, None):
        return ObjectSize.ENOUGH
    return ObjectSize.GOOD


FPS = 4.0
OF_THE_BUDGET = 0.5  # the agent may run at the same time, with the whole budget of the gateway
GLANCE_S = 2.0  # how long to show an object that one inference detected and that has no track
METER_S = 0.5
MAX_OBJECTS = 20
BRIGHT_MEAN = 215
"""Mean luma (of 255) of a picture that is too bright. Assumed: a white sky that fills it has about that."""
TAKE_S = 1.0


@dataclass(frozen=True, slots=True)
class AimObject:
    """An object in the picture."""

    label: str | None  # None: a moving area or a track without a label
    box: Box
    width: int  # pixels of the stream
    height: int
    size: ObjectSize


@dataclass(frozen=True, slots=True, eq=False)
class AimView:
    """The newest picture, and its analysis."""

    number: int
    jpeg: bytes  # at most 640 pixels, privacy masks black
    picture_size: tuple[int, int]  # width and height of the stream in pixels
    things: tuple[AimObject, ...]
    quality: ImageQuality | None  # None: the picture is too small

    @property
    def in_focus(self) -> bool | None:
        """Return whether the picture is sharp; None if it is too small or has too little structure."""
        sharpness = None if self.quality is None else self.quality.sharpness
        return None if sharpness is None else sharpness >= SHARP

    @property
    def light(self) -> str | None:
        """Return ``dark``, ``lit`` or ``bright``; None if the picture is too small."""
        if self.quality is None:
            return None
        if self.quality.mean <= BLACK_MEAN or self.quality.dark >= NOTHING_SEEN:
            return "dark"
        return "bright" if self.quality.mean >= BRIGHT_MEAN else "lit"


class AimAnalysis:
    """Analyses a camera on the threads ``capture-<id>`` and ``aim-<id>``. ``next_view``: on any thread."""

    def __init__(self, settings: Settings, camera: Camera, clock: Clock) -> None:
        """Load the detector, which takes up to a second; ``start`` starts the threads."""
        fps = min(camera.analyse.fps, FPS)
        # The reader's packet ring holds only the packets that are being decoded.
        self._camera = replace(camera, analyse=replace(camera.analyse, gear=GearChoice.FULL, fps=fps))
        choice = detector_of_agent(settings)
        self.note = choice.degraded or choice.note
        logins = LimitedLogins(login_folder(settings.state_dir), clock, settings.gateway.timezone)
        self._reader = CameraReader(self._camera, clock, repeat_files=True, opener=logins.open)
        self._pipeline = _pipeline(self._camera, settings, choice.detector)
        self._detections: list[tuple[float, Detection]] = []
        self._quality: tuple[float, ImageQuality | None] = (float("-inf"), None)
        # Protects ``_view``, and is notified of each new view.
        self._news = threading.Condition()
        self._view: AimView | None = None
        self.loop = SupervisedThread(f"aim-{camera.id}", self._run)

    def start(self) -> None:
        self._reader.start()
        self.loop.start()

    def stop(self, timeout_s: float = 3.0) -> None:
        """Stop both threads; wait ``timeout_s`` for each. A blocked reader ends with the process."""
        self.loop.stop()
        self._reader.stop()
        self.loop.join(timeout_s)
        self._reader.loop.join(timeout_s)

    def next_view(self, after: int, timeout_s: float) -> AimView | None:
        """Wait for a view whose number is above ``after``; None after the timeout."""
        with self._news:
            self._news.wait_for(lambda: self._view is not None and self._view.number > after, timeout_s)
            return self._view if self._view is not None and self._view.number > after else None

    @property
    def problem(self) -> str | None:
        """Return why there is no picture, in one line without secrets; None if the camera is online."""
        status = self._reader.status()
        if self.loop.failure is not None:
            return f"frames cannot be analysed: {self.loop.failure}"
        return None if status.state == "online" else f"{status.state}: {status.detail or 'connecting'}"

    def _run(self, loop: SupervisedThread) -> None:
        while not loop.stopping:
            loop.beat()
            frame = self._reader.feed.take(TAKE_S)
            if frame is not None:
                insight = self._pipeline.process(frame)
                self._reader.feed.frame_done(True)
                self._publish(frame, insight)

    def _publish(self, frame: Frame, insight: FrameResult) -> None:
        now = frame.captured_mono
        if not 0 <= now - self._quality[0] < METER_S:
            self._quality = (now, measure_quality(frame.picture, self._camera))
        glances = [(at, seen) for at, seen in self._detections if 0 <= now - at < GLANCE_S]
        self._detections = [*glances, *((now, seen) for seen in insight.inferences.detections)]
        size = (frame.picture.width, frame.picture.height)
        things = tuple(self._things(insight, size))[:MAX_OBJECTS]
        picture = jpeg(thumbnail(frame.picture, self._camera))
        with self._news:
            self._view = AimView(frame.number, picture, size, things, self._quality[1])
            self._news.notify_all()

    def _things(self, insight: FrameResult, size: tuple[int, int]) -> Iterator[AimObject]:
        """Yield tracked objects, then detections of one inference without a track, then moving areas."""
        tracks = [track for track in insight.tracks.active if track.state is not TrackState.LOST]
        for track in tracks:
            yield _thing(track.label, track.box, size)
        boxes = [track.box for track in tracks]
        for _, seen in reversed(self._detections):
            if not any(box.inside(seen.box) > 0.5 or seen.box.inside(box) > 0.5 for box in boxes):
                boxes.append(seen.box)
                yield _thing(seen.label, seen.box, size)
        for region in insight.motion.regions:
            if not any(box.intersection(region.box) > 0 for box in boxes):
                yield _thing(None, region.box, size)


def _thing(label: str | None, box: Box, size: tuple[int, int]) -> AimObject:
    box = box.clipped()
    width, height = box.width * size[0], box.height * size[1]
    group = None if label is None else GROUP_OF_LABEL.get(label)
    return AimObject(label, box, round(width), round(height), judge(group, width, height, size))


class _NullSink:
    """The sink of a pipeline without rules."""

    def accept(self, hit: Observation, frame: Frame) -> None:
        pass

    def flush(self) -> None:
        pass


def _pipeline(camera: Camera, settings: Settings, detector: ObjectDetector | None) -> Pipeline:
    return Pipeline(
        motion=MotionDetector(camera.masks),
        view=NoTamperDetection(),
        detection=_detection_stage(camera, settings, detector),
        tracking=Tracker(camera.id, "aim", settings.detector.min_score),
        evidence=NoSnapshots(),
        passages=NoPassages(),
        rules=(),
        sink=_NullSink(),
    )


def _detection_stage(camera: Camera, settings: Settings, detector: ObjectDetector | None) -> DetectionStage:
    if detector is None:
        return NoDetection()
    budget = InferenceBudget(settings.detector.budget_ms_per_s * OF_THE_BUDGET, (camera.id,))
    return ObjectDetectionStage(camera, InlineInference(detector), budget)
