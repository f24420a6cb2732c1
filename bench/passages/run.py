"""Runs a clip through the agent's pipeline, and returns its passages."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_agent.cameras.build import DetectorAccess, PipelineContext, budget_of, build_pipeline, model_ref
from edge_agent.capture.replay import open_replay
from edge_agent.config.loader import load
from edge_agent.config.model.settings import Camera, Ground, Settings
from edge_agent.core.facts import Observation, Phase, RuleObservation
from edge_agent.core.model import Frame
from edge_agent.detection.choose import choose_detector
from edge_agent.detection.worker import InlineInference
from edge_agent.events import EventFactory
from edge_agent.passages.observer import PassageObserver
from edge_agent.passages.passage import Passage
from edge_agent.passages.scenes.camera_scenes import CameraScenes
from edge_agent.pipeline import PassageStage
from edge_agent.tools.replay.run import UNKNOWN, JsonLinesWriter, ReplayClock

FPS = 5.0


@dataclass(frozen=True, slots=True)
class ClipRun:
    passages: tuple[Passage, ...]  # their times are seconds of the clip
    aspect: float  # height of the picture over its width
    reports: tuple[RuleObservation, ...] = ()  # starts and moments of the camera's rules
    camera: Camera | None = None


class RecordedReports:
    """A sink that keeps what rules report."""

    def __init__(self) -> None:
        self.reports: list[RuleObservation] = []

    def accept(self, observation: Observation, frame: Frame) -> None:
        if isinstance(observation, RuleObservation) and observation.phase in (Phase.START, Phase.MOMENT):
            self.reports.append(observation)

    def flush(self) -> None:
        """Do nothing."""


def run(
    clip: Path,
    to_s: float,
    fps: float = FPS,
    ground: Ground | None = None,
    stage: Callable[[PassageObserver], PassageStage] = lambda observer: observer,
    camera_keys: Mapping[str, object] | None = None,
) -> ClipRun:
    """The passages of ``clip`` until ``to_s``, with the default configuration and the shipped model.

    ``stage`` may wrap or replace the stage of the pipeline. ``camera_keys``: of the camera's section, such as
    rules and zones.
    """
    with tempfile.TemporaryDirectory(prefix="bench-passages-") as folder:
        settings = _settings(Path(folder), camera_keys or {})
        camera = settings.cameras[0]
        detector = choose_detector(settings.detector).detector
        if detector is None:
            raise ValueError("the default configuration has no detector")
        events = EventFactory(
            settings.gateway,
            clock=ReplayClock(UNKNOWN),
            boot_id="bench",
            clock_synced=lambda: True,
            model=model_ref(detector),
        )
        passages: list[Passage] = []
        context = PipelineContext(
            DetectorAccess(InlineInference(detector), budget_of(settings.detector, (camera.id,))),
            settings.detector.min_score,
            events,
            JsonLinesWriter(io.StringIO()),
            settings.gateway.timezone,
            settings.gateway.holidays,
            passages=lambda _: stage(
                PassageObserver(camera.id, passages.append, ground=ground, scenes=CameraScenes(camera.id))
            ),
        )
        pipeline = build_pipeline(camera, context, "bench")
        sink = RecordedReports()
        pipeline.sink = sink
        aspect = 1.0
        for frame in open_replay([clip], camera, fps=fps, started_at=UNKNOWN):
            if frame.captured_mono > to_s:
                break
            aspect = frame.picture.height / frame.picture.width
            pipeline.process(frame)
        pipeline.stop("camera")
    return ClipRun(tuple(passages), aspect, tuple(sink.reports), camera)


def _settings(folder: Path, camera_keys: Mapping[str, object]) -> Settings:
    path = folder / "config.yaml"
    path.write_text(
        json.dumps(
            {
                "gateway": {"id": "bench-001", "ward": "bench", "name": "bench"},
                "state_dir": str(folder / "state"),
                "mqtt": {"brokers": ["mqtt://127.0.0.1:1"], "spread_s": 0},
                "cameras": [{"id": "bench", "url": "rtsp://127.0.0.1/1", **camera_keys}],
            }
        ),
        encoding="utf-8",
    )
    return load(path)
