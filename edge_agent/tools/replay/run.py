"""Runs one camera's pipeline over files, and writes the outputs for each frame.

Text outputs: tracks in MOTChallenge format, motion boxes as JSON lines. Progress goes to stderr.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TextIO

from edge_agent.cameras.build import (
    DetectorAccess,
    PipelineContext,
    budget_of,
    build_pipeline,
    model_ref,
    use_one_opencv_thread,
)
from edge_agent.capture.replay import Replay, open_replay
from edge_agent.config.model.settings import Camera, Settings
from edge_agent.core.delivery import Draft, Stamp
from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.facts import Observation
from edge_agent.core.model import Frame, Motion, Tracks, TrackState
from edge_agent.detection.worker import InlineInference
from edge_agent.events import EventFactory
from edge_agent.model_release.store import detector_of_agent
from edge_agent.pipeline import FrameResult, Pipeline, Sink
from edge_agent.tools.replay.annotate import AnnotatedVideo
from edge_agent.tools.replay.plot import ViewPlot

WIDTH = 30


class ReplayProgress:
    """A bar on a terminal; elsewhere, such as in a log, a line every ten seconds."""

    def __init__(self, out: TextIO, total: int | None, every_s: float | None = None) -> None:
        """``total``: number of frames, None if unknown. ``every_s``: pause between two outputs."""
        self._out = out
        self._total = total
        self._is_terminal = out.isatty()
        self._every_s = every_s if every_s is not None else 0.2 if self._is_terminal else 10.0
        self._began_mono = self._shown_mono = time.monotonic()

    def show(self, number: int, stream_s: float) -> None:
        now = time.monotonic()
        if now - self._shown_mono < self._every_s:
            return
        self._shown_mono = now
        speed = stream_s / max(now - self._began_mono, 1e-3)
        of = f"/{self._total}" if self._total else ""
        if self._is_terminal:
            share = min(1.0, number / self._total) if self._total else 0.0
            bar = "#" * round(share * WIDTH)
            self._out.write(f"\r[{bar:<{WIDTH}}] frame {number}{of}  {speed:.1f} x real time ")
        else:
            self._out.write(f"replay: frame {number}{of}, {speed:.1f} x real time\n")
        self._out.flush()

    def close(self) -> None:
        if self._is_terminal:
            self._out.write("\n")


class MotTable:
    """Writes the confirmed tracks of each analysed frame, a line each, for scorers such as TrackEval.

    ``frame,id,left,top,width,height,score,-1,-1,-1`` in pixels of the file's picture. Frame numbers are
    the file's, from 1; ids are whole numbers from 1 in order of confirmation; coordinates are 1-based as
    MOTChallenge defines them (https://arxiv.org/abs/1603.00831, section 5). A lost track is not written.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._numbers: dict[str, int] = {}

    def write(self, frame: Frame, tracks: Tracks) -> None:
        width, height = frame.picture.width, frame.picture.height
        for track in tracks.confirmed:
            if track.state is TrackState.LOST:
                continue
            number = self._numbers.setdefault(track.id, len(self._numbers) + 1)
            box = track.box.clipped()
            left, top = box.x1 * width + 1, box.y1 * height + 1
            self._out.write(
                f"{frame.number},{number},{left:.2f},{top:.2f},{box.width * width:.2f},"
                f"{box.height * height:.2f},{track.score:.4f},-1,-1,-1\n"
            )


class MotionTable:
    """One JSON object for each analysed frame: number, seconds, scene, boxes in 0..1."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, frame: Frame, motion: Motion) -> None:
        line = {
            "frame": frame.number,
            "time_s": round(frame.captured_mono, 3),
            "scene": motion.scene.value,
            "boxes": [region.box.rounded() for region in motion.regions],
        }
        self._out.write(json.dumps(line) + "\n")


EPOCH = "replay"
UNKNOWN = datetime(1970, 1, 1, tzinfo=UTC)  # stands for an unknown start
BOOT_TAG = "replay"


@dataclass(frozen=True, slots=True)
class ReplayOutputs:
    """Output files. Events always go to ``events``; the others are optional."""

    events: TextIO
    annotate: Path | None = None
    mot: Path | None = None
    motion: Path | None = None
    plot: Path | None = None


def run_replay(
    settings: Settings,
    camera_id: str,
    videos: Sequence[Path],
    *,
    fps: float | Literal["source"] | None,
    start: datetime | None,
    outputs: ReplayOutputs,
) -> int:
    """Run the pipeline and return the exit code.

    ``fps``: frames a second to analyse, None for the camera's own. ``start``: time of the first frame, None
    if unknown. Raises EdgeAgentError for an unknown camera, a video that cannot be read or an output that
    cannot be written.
    """
    use_one_opencv_thread()
    camera = _camera(settings, camera_id)
    wanted_fps = None if fps == "source" else fps or camera.analyse.fps
    _refuse_overwriting(videos, outputs)
    began_at = start or UNKNOWN
    replay = open_replay(videos, camera, fps=wanted_fps, started_at=began_at)
    pipeline = _pipeline(settings, camera, began_at, outputs.events)
    analysed_fps = min(wanted_fps or replay.source_fps, replay.source_fps)
    site_start = None if start is None else start.astimezone(settings.gateway.timezone)
    progress = ReplayProgress(sys.stderr, replay.total)
    with contextlib.ExitStack() as stack:
        writers = _writers(stack, outputs, camera, analysed_fps, pipeline, site_start)
        stack.callback(progress.close)
        try:
            _process(replay, pipeline, writers, progress)
        except OverflowError as error:
            raise EdgeAgentError(
                f"--start {began_at.isoformat()}: the video would end after year 9999"
            ) from error
    return 0


def _refuse_overwriting(videos: Sequence[Path], outputs: ReplayOutputs) -> None:
    written = [
        path.resolve()
        for path in (outputs.annotate, outputs.mot, outputs.motion, outputs.plot)
        if path is not None
    ]
    for path in written:
        if path in [video.resolve() for video in videos]:
            raise EdgeAgentError(f"{path}: is the video itself; write to another file")
    if len(set(written)) < len(written):
        raise EdgeAgentError("two outputs go to the same file; name another one")


Writer = Callable[[Frame, FrameResult], None]


def _process(replay: Replay, pipeline: Pipeline, writers: Sequence[Writer], progress: ReplayProgress) -> None:
    for frame in replay:
        insight = pipeline.process(frame)
        for write in writers:
            write(frame, insight)
        progress.show(frame.number, frame.captured_mono)
    pipeline.stop("camera")


def _camera(settings: Settings, camera_id: str) -> Camera:
    for camera in settings.cameras:
        if camera.id == camera_id:
            return camera
    known = ", ".join(camera.id for camera in settings.cameras) or "none"
    raise EdgeAgentError(f"no camera {camera_id!r} in the configuration; there are: {known}")


def _pipeline(settings: Settings, camera: Camera, start: datetime, out: TextIO) -> Pipeline:
    choice = detector_of_agent(settings)
    for line in (choice.note, choice.degraded):
        if line:
            print(f"detector: {line}", file=sys.stderr)
    access = None
    if choice.detector is not None:
        budget = budget_of(settings.detector, (camera.id,))
        # Not timed: the time of an inference on this machine says nothing about the gateway's budget.
        access = DetectorAccess(InlineInference(choice.detector, timed=False), budget)
    events = EventFactory(
        settings.gateway,
        clock=ReplayClock(start),
        boot_id="replay",
        clock_synced=lambda: True,
        model=model_ref(choice.detector),
    )
    gateway = settings.gateway
    site = PipelineContext(
        access, settings.detector.min_score, events, JsonLinesWriter(out), gateway.timezone, gateway.holidays
    )
    return build_pipeline(camera, site, BOOT_TAG)


class RecordingSink:
    """Passes observations to a sink, and records them until ``drain``."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._recorded: list[Observation] = []

    def accept(self, hit: Observation, frame: Frame) -> None:
        self._sink.accept(hit, frame)
        self._recorded.append(hit)

    def flush(self) -> None:
        self._sink.flush()

    def drain(self) -> list[Observation]:
        recorded, self._recorded = self._recorded, []
        return recorded


class ReplayClock:
    """A clock that stays at the start of the recording, so that the same file gives the same bytes."""

    def __init__(self, start: datetime) -> None:
        self._start = start

    def monotonic(self) -> float:
        return 0.0

    def now(self) -> datetime:
        return self._start


class JsonLinesWriter:
    """Replaces the outbox: writes one event a line, at once."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._sequence = 0

    def append(self, draft: Draft) -> Stamp:
        self._sequence += 1
        stamp = Stamp(self._sequence, EPOCH)
        self._out.write(draft.encode(stamp).decode() + "\n")
        self._out.flush()
        return stamp

    def append_all(self, drafts: Sequence[Draft]) -> list[Stamp | None]:
        return [self.append(draft) for draft in drafts]


def _writers(
    stack: contextlib.ExitStack,
    outputs: ReplayOutputs,
    camera: Camera,
    fps: float,
    pipeline: Pipeline,
    site_start: datetime | None,
) -> list[Writer]:
    writers: list[Writer] = []
    if outputs.annotate is not None:
        video = stack.enter_context(AnnotatedVideo(outputs.annotate, fps, camera))
        overheard = pipeline.sink = RecordingSink(pipeline.sink)
        writers.append(lambda frame, insight: video.write(frame, insight, overheard.drain()))
    if outputs.mot is not None:
        mot = MotTable(stack.enter_context(_writable(outputs.mot)))
        writers.append(lambda frame, insight: mot.write(frame, insight.tracks))
    if outputs.motion is not None:
        motion = MotionTable(stack.enter_context(_writable(outputs.motion)))
        writers.append(lambda frame, insight: motion.write(frame, insight.motion))
    if outputs.plot is not None:
        plot = stack.enter_context(ViewPlot(outputs.plot, pipeline.view, site_start))
        writers.append(lambda frame, insight: plot.write(frame))
    return writers


def _writable(path: Path) -> TextIO:
    try:
        return path.open("w", encoding="utf-8")
    except OSError as error:
        raise EdgeAgentError(f"{path}: cannot be written: {error.strerror}") from error
