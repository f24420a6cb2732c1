"""Runs the agent's pipeline on a clip and times its stages."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from edge_agent.cameras.build import NoTamperDetection
from edge_agent.capture.replay import ReplayFrame
from edge_agent.capture.stream_time import Sampler
from edge_agent.config.model.settings import (
    Analyse,
    Camera,
    ClipPolicy,
    GearChoice,
    Report,
    Ring,
    SnapshotPolicy,
)
from edge_agent.core.facts import Observation
from edge_agent.core.model import LABELS, Box, Frame, Inferences, Motion, Track, Tracks
from edge_agent.detection.budget import InferenceBudget
from edge_agent.detection.choose import FLOOR
from edge_agent.detection.litert import LiteRtDetector
from edge_agent.detection.stage import ObjectDetectionStage
from edge_agent.detection.worker import InlineInference
from edge_agent.events import NoSnapshots
from edge_agent.motion.detector import MotionDetector
from edge_agent.passages.recorder import NoPassages
from edge_agent.pipeline import DetectionStage, FrameResult, MotionStage, Pipeline, TrackStage
from edge_agent.tracking.tracker import Tracker

CAMERA_ID = "bench"
STARTED_AT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Costs:
    """CPU seconds of this thread by stage, and counts."""

    motion: float = 0.0
    detection: float = 0.0
    tracking: float = 0.0
    frames: int = 0
    inferences: int = 0

    def ms_a_frame(self, seconds: float) -> float:
        return 1000 * seconds / self.frames if self.frames else 0.0


class TimedMotion:
    def __init__(self, inner: MotionStage, costs: Costs) -> None:
        self._inner, self._costs = inner, costs

    def update(self, frame: Frame) -> Motion:
        start = time.thread_time()
        motion = self._inner.update(frame)
        self._costs.motion += time.thread_time() - start
        return motion

    @property
    def persistent_motion(self) -> Box | None:
        return self._inner.persistent_motion

    def has_motion(self, frame: Frame) -> bool:
        return self._inner.has_motion(frame)

    def reset(self) -> None:
        self._inner.reset()


class TimedDetection:
    def __init__(self, inner: DetectionStage, costs: Costs) -> None:
        self._inner, self._costs = inner, costs

    def detect(self, frame: Frame, motion: Motion, tracks: Sequence[Track]) -> Inferences:
        start = time.thread_time()
        looks = self._inner.detect(frame, motion, tracks)
        self._costs.detection += time.thread_time() - start
        self._costs.inferences += bool(looks.inferred)
        return looks


class TimedTracker:
    def __init__(self, inner: TrackStage, costs: Costs) -> None:
        self._inner, self._costs = inner, costs

    @property
    def tracks(self) -> tuple[Track, ...]:
        return self._inner.tracks

    def update(self, frame: Frame, motion: Motion, looks: Inferences) -> Tracks:
        start = time.thread_time()
        tracks = self._inner.update(frame, motion, looks)
        self._costs.tracking += time.thread_time() - start
        self._costs.frames += 1
        return tracks

    def on_signal_lost(self) -> tuple[Track, ...]:
        return self._inner.on_signal_lost()


class Discard:
    def accept(self, hit: Observation, frame: Frame) -> None:
        """The bench scores tracks, not events."""

    def flush(self) -> None:
        """Do nothing."""


Watch = Callable[[Frame, FrameResult], None]


@dataclass(frozen=True, slots=True)
class Setup:
    model: Path
    fps: float = 5.0
    budget_ms_per_s: float = 500.0
    min_score: float = 0.5
    labels: tuple[str, ...] = LABELS


def analysed(
    pictures: Iterable[ReplayFrame], fps: float, first: int = 0, begin_s: float = 0.0
) -> Iterator[Frame]:
    """Yield ``fps`` frames a second of a clip without its ``first`` pictures; time starts at ``begin_s``."""
    sampler = Sampler(fps)
    skipped_s: float | None = None
    for item in islice(pictures, first, None):
        skipped_s = item.stream_s if skipped_s is None else skipped_s
        mono = begin_s + item.stream_s - skipped_s
        if sampler.due(mono):
            yield Frame(CAMERA_ID, item.number, mono, STARTED_AT + timedelta(seconds=mono), item.picture)


def run(frames: Iterable[Frame], setup: Setup, watch: Watch) -> Costs:
    """Run all stages on ``frames``; the inference budget uses the frames' time."""
    costs = Costs()
    pipeline = _pipeline(_camera(setup.fps), setup, costs)
    for frame in frames:
        watch(frame, pipeline.process(frame))
    return costs


def _pipeline(camera: Camera, setup: Setup, costs: Costs) -> Pipeline:
    detector = LiteRtDetector(setup.model, setup.labels, min(setup.min_score, FLOOR))
    budget = InferenceBudget(setup.budget_ms_per_s, (camera.id,))
    detection = ObjectDetectionStage(camera, InlineInference(detector), budget)
    return Pipeline(
        motion=TimedMotion(MotionDetector(), costs),
        view=NoTamperDetection(),
        detection=TimedDetection(detection, costs),
        tracking=TimedTracker(Tracker(camera.id, "0", setup.min_score), costs),
        evidence=NoSnapshots(),
        passages=NoPassages(),
        rules=(),
        sink=Discard(),
    )


def _camera(fps: float) -> Camera:
    return Camera(
        id=CAMERA_ID,
        url="file:///dev/null",
        credentials=None,
        analyse=Analyse(fps, 640, GearChoice.FULL, 20.0),
        report=Report(False, 0.0, SnapshotPolicy.NONE, ClipPolicy.NONE),
        masks=(),
        privacy_masks=(),
        ring=Ring(10.0, 4_000_000),
        rules=(),
        watch_view=False,
    )
