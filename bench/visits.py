"""Which short visits the agent misses because it decodes only keyframes while nothing moves.

Clips with visits of known lengths, at moments spread evenly over the time between two keyframes, go through
the agent's own packet ring, gears and pipeline, by the clip's clock and as fast as the machine can. The same
clips in gear ``full`` show what is missed for other reasons: a visit can be too short to be told anyhow.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
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
"""Shorter than the default, so that a clip holds many visits; what a keyframe shows does not hang on it."""
EVERY_S = 16
FIRST_S = 12.0
SPREAD_S = 4.0
GOLDEN = 0.618034  # multiples of it, without their whole part, fill 0..1 evenly
GRACE_S = 1.0
START = datetime(2026, 1, 1, tzinfo=UTC)
BEGIN_MONO = 1.0
"""On the box's clock, when the clip begins."""


class ClipClock:
    """Stands where the clip is."""

    def __init__(self) -> None:
        self.mono = 0.0

    def monotonic(self) -> float:
        return self.mono

    def now(self) -> datetime:
        return START + timedelta(seconds=self.mono - BEGIN_MONO)


@dataclass
class Sightings:
    """What the agent made of one clip; times in seconds of the clip."""

    moved_s: list[float] = field(default_factory=list)  # frames with motion
    started_s: list[float] = field(default_factory=list)  # objects that were told, by their first sight

    def append(self, draft: Draft) -> Stamp:
        """In place of the outbox."""
        stamp = Stamp(len(self.started_s) + 1, "bench")
        document: dict[str, Any] = json.loads(draft.encode(stamp))
        if document["data"].get("phase") == "start":
            self.started_s.append((datetime.fromisoformat(document["time"]) - START).total_seconds())
        return stamp

    def look(self, frame: Frame, insight: FrameResult) -> None:
        if insight.motion.regions:
            self.moved_s.append(frame.captured_mono - BEGIN_MONO)


def measure(plan: Plan) -> list[Result]:
    use_one_opencv_thread()
    count = int(plan.choose(24, 8))
    return [
        _measure(plan, length_s, keyframe_s, count) for length_s in LENGTHS_S for keyframe_s in KEYFRAMES_S
    ]


def visits_of(length_s: float, count: int) -> list[Visit]:
    """Begin at moments that are spread evenly over ``SPREAD_S``, a multiple of all keyframe intervals."""
    beginnings = [FIRST_S + EVERY_S * n + SPREAD_S * (n * GOLDEN % 1.0) for n in range(count)]
    return [Visit(round(begin_s, 1), length_s) for begin_s in beginnings]


def share(times_s: list[float], visits: list[Visit], grace_s: float) -> float:
    """Percent of the visits in which one of the times lies; ``grace_s`` more on both sides."""
    seen = [
        any(visit.begin_s - grace_s <= time_s < visit.begin_s + visit.seconds + grace_s for time_s in times_s)
        for visit in visits
    ]
    return 100.0 * sum(seen) / len(visits)


def _measure(plan: Plan, length_s: float, keyframe_s: float, count: int) -> Result:
    visits = visits_of(length_s, count)
    clip = Clip("visits", keyframe_s=keyframe_s, seconds=round(FIRST_S + EVERY_S * count))

    def draw(camera: drawing.Camera) -> Iterator[drawing.Pixels]:
        return drawing.visited(camera, clip.fps, clip.seconds, visits)

    path = drawn(plan.cache, clip, draw, f"{length_s:g}s")
    figures = {"visits": float(count), "on_a_keyframe_percent": 100 * min(1.0, length_s / keyframe_s)}
    for gear in ("full", "auto"):
        folder = plan.own_folder(f"visits/{length_s:g}-{keyframe_s:g}-{gear}")
        seen = _through_the_agent(path, _settings(folder, path, gear))
        figures[f"noticed_{gear}_percent"] = share(seen.moved_s, visits, 0.05)
        figures[f"told_{gear}_percent"] = share(seen.started_s, visits, GRACE_S)
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
    """Packet by packet; the reader's own thread is not started."""
    clock, seen = ClipClock(), Sightings()
    reader = CameraReader(settings.cameras[0], clock)
    pipeline = _pipeline(settings, clock, seen)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        connection = StreamConnection(VideoDecoder(stream.codec_context), live=True)
        reader.health.opened(connection, "h264")
        reader.ring.begin(connection)
        for packet in container.demux(stream):
            if packet.size and packet.pts is not None:
                clock.mono = BEGIN_MONO + float(packet.pts * packet.time_base)
                reader.ring.append(packet, clock.mono, clock.mono)
                _look(reader, pipeline, seen)
        if connection.failure is not None:
            raise connection.failure
    return seen


def _look(reader: CameraReader, pipeline: Pipeline, seen: Sightings) -> None:
    """What cameras/pipeline_thread.py does on the pipeline's thread."""
    while (frame := reader.feed.take(0.0)) is not None:
        if reader.feed.can_escalate and pipeline.has_motion(frame):
            reader.feed.escalate()
            continue
        insight = pipeline.process(frame)
        seen.look(frame, insight)
        reader.feed.frame_done(insight.busy)


def _pipeline(settings: Settings, clock: ClipClock, seen: Sightings) -> Pipeline:
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
    site = PipelineContext(access, min_score, events, seen, UTC, frozenset())
    return build_pipeline(camera, site, "bench")
