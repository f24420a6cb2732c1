"""Measures which short visits the agent misses because it decodes only keyframes while nothing moves.

Clips with visits of known lengths, at times spread evenly between two keyframes, go through the agent's own
packet ring, decode modes and pipeline, by the clip's clock and as fast as possible. The same clips with
``gear: full`` show what is missed for other reasons: some visits are too short to be reported anyway.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import av

from bench import drawing
from bench.clips import Clip, drawn
from bench.drawing import Visit
from bench.plan import Plan
from bench.result import Result
from edge_agent import config
from edge_agent.cameras.build import (
    DetectorAccess,
    PipelineContext,
    budget_of,
    build_pipeline,
    model_ref,
    use_one_opencv_thread,
)
from edge_agent.capture.decode.decoder import VideoDecoder
from edge_agent.capture.reader import CameraReader
from edge_agent.capture.ring import StreamConnection
from edge_agent.config.model.settings import Settings
from edge_agent.core.delivery import Draft, Stamp
from edge_agent.core.model import Frame
from edge_agent.detection.choose import choose_detector
from edge_agent.detection.worker import InlineInference
from edge_agent.events import EventFactory
from edge_agent.pipeline import FrameResult, Pipeline
from tests.testbed.agent import write_config

KEYFRAMES_S = (1.0, 2.0, 4.0)
LENGTHS_S = (0.5, 1.0, 2.0, 3.0)
QUIET_S = 5.0
"""Shorter than the default, so that a clip has many visits; it does not affect what a keyframe shows."""
EVERY_S = 16
FIRST_S = 12.0
SPREAD_S = 4.0
GOLDEN = 0.618034  # multiples of it, without their whole part, fill 0..1 evenly
GRACE_S = 1.0
START = datetime(2026, 1, 1, tzinfo=UTC)
BEGIN_MONO = 1.0
"""Monotonic time at which the clip begins."""


class ClipClock:
    """A clock that shows the position in the clip."""

    def __init__(self) -> None:
        self.mono = 0.0

    def monotonic(self) -> float:
        return self.mono

    def now(self) -> datetime:
        return START + timedelta(seconds=self.mono - BEGIN_MONO)


@dataclass
class Sightings:
    """The agent's results for one clip; times in seconds of the clip."""

    moved_s: list[float] = field(default_factory=list)  # frames with motion
    started_s: list[float] = field(
        default_factory=list
    )  # reported objects, by the time of their first detection

    def append(self, draft: Draft) -> Stamp:
        """Stands in for the outbox."""
        stamp = Stamp(len(self.started_s) + 1, "bench")
        document: dict[str, Any] = json.loads(draft.encode(stamp))
        if document["data"].get("phase") == "start":
            self.started_s.append((datetime.fromisoformat(document["time"]) - START).total_seconds())
        return stamp

    def append_all(self, drafts: Sequence[Draft]) -> list[Stamp | None]:
        return [self.append(draft) for draft in drafts]

    def record(self, frame: Frame, result: FrameResult) -> None:
        if result.motion.regions:
            self.moved_s.append(frame.captured_mono - BEGIN_MONO)


def measure(plan: Plan) -> list[Result]:
    use_one_opencv_thread()
    count = int(plan.choose(24, 8))
    return [
        _measure(plan, length_s, keyframe_s, count) for length_s in LENGTHS_S for keyframe_s in KEYFRAMES_S
    ]


def visits_of(length_s: float, count: int) -> list[Visit]:
    """Visits whose beginnings are spread evenly over ``SPREAD_S``, a multiple of all keyframe intervals."""
    beginnings = [FIRST_S + EVERY_S * n + SPREAD_S * (n * GOLDEN % 1.0) for n in range(count)]
    return [Visit(round(begin_s, 1), length_s) for begin_s in beginnings]


def share(times_s: list[float], visits: list[Visit], grace_s: float) -> float:
    """Percentage of the visits that contain one of the times, with ``grace_s`` more on both sides."""
    sightings = [
        any(visit.begin_s - grace_s <= time_s < visit.begin_s + visit.seconds + grace_s for time_s in times_s)
        for visit in visits
    ]
    return 100.0 * sum(sightings) / len(visits)


def _measure(plan: Plan, length_s: float, keyframe_s: float, count: int) -> Result:
    visits = visits_of(length_s, count)
    clip = Clip("visits", keyframe_s=keyframe_s, seconds=round(FIRST_S + EVERY_S * count))

    def draw(camera: drawing.Camera) -> Iterator[drawing.Pixels]:
        return drawing.visited(camera, clip.fps, clip.seconds, visits)

    path = drawn(plan.cache, clip, draw, f"{length_s:g}s")
    figures = {"visits": float(count), "on_a_keyframe_percent": 100 * min(1.0, length_s / keyframe_s)}
    for gear in ("full", "auto"):
        folder = plan.own_folder(f"visits/{length_s:g}-{keyframe_s:g}-{gear}")
        sightings = _through_the_agent(path, _settings(folder, path, gear))
        figures[f"noticed_{gear}_percent"] = share(sightings.moved_s, visits, 0.05)
        figures[f"told_{gear}_percent"] = share(sightings.started_s, visits, GRACE_S)
    subject = f"{length_s:g} s, a keyframe every {keyframe_s:g} s"
    return Result("visits", subject, {name: round(value, 1) for name, value in figures.items()})


def _settings(folder: Path, path: Path, gear: str) -> Settings:
    camera = {
        "id": "cam-1",
        "url": str(path.resolve()),
        "analyse": {"gear": gear, "quiet_s": QUIET_S},
        "report": {"objects": True, "snapshots": "none", "counts_s": 0},
    }
    return config.load(write_config(folder, cameras=[camera], broker_port=1))


def _through_the_agent(path: Path, settings: Settings) -> Sightings:
    """Run the clip packet by packet, without the reader's own thread."""
    clock, sightings = ClipClock(), Sightings()
    reader = CameraReader(settings.cameras[0], clock)
    pipeline = _pipeline(settings, clock, sightings)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        connection = StreamConnection(VideoDecoder(stream.codec_context), live=True)
        reader.health.opened(connection, "h264")
        reader.ring.begin(connection)
        for packet in container.demux(stream):
            if packet.size and packet.pts is not None:
                clock.mono = BEGIN_MONO + float(packet.pts * packet.time_base)
                reader.ring.append(packet, clock.mono, clock.mono)
                _analyse(reader, pipeline, sightings)
        if connection.failure is not None:
            raise connection.failure
    return sightings


def _analyse(reader: CameraReader, pipeline: Pipeline, sightings: Sightings) -> None:
    """Analyse the waiting frames, as ``cameras/pipeline_thread.py`` does."""
    while (frame := reader.feed.take(0.0)) is not None:
        if reader.feed.can_escalate and pipeline.motion.has_motion(frame):
            reader.feed.escalate()
            continue
        result = pipeline.process(frame)
        sightings.record(frame, result)
        reader.feed.frame_done(result.busy)


def _pipeline(settings: Settings, clock: ClipClock, sightings: Sightings) -> Pipeline:
    camera, min_score = settings.cameras[0], settings.detector.min_score
    detector = choose_detector(settings.detector).detector
    assert detector is not None
    access = DetectorAccess(InlineInference(detector), budget_of(settings.detector, (camera.id,)))
    events = EventFactory(
        settings.gateway,
        clock=clock,
        boot_id="bench",
        clock_synced=lambda: True,
        model=model_ref(detector),
    )
    context = PipelineContext(access, min_score, events, sightings, UTC, frozenset())
    return build_pipeline(camera, context, "bench")
