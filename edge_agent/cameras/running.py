"""The running cameras of a gateway: each has a reader and a pipeline thread."""

from __future__ import annotations

import dataclasses
import logging
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from enum import Enum
from functools import partial
from pathlib import Path

from edge_agent.cameras.build import (
    PipelineContext,
    build_pipeline,
    change_rules,
    effective_settings,
    pictures_of,
)
from edge_agent.cameras.pipeline_thread import CameraPipelineThread, PipelineChange
from edge_agent.capture.main_stream import MainStream
from edge_agent.capture.reader import CameraReader
from edge_agent.capture.source import Opener, open_source
from edge_agent.config.model.settings import Camera, ClipPolicy
from edge_agent.core.clock import Clock
from edge_agent.core.delivery import Media, ReportedEvent
from edge_agent.core.facts import Phase
from edge_agent.core.model import FULL_PICTURE, CameraState, CameraStatus, DecodeMode, Severity
from edge_agent.core.problems import problem_text
from edge_agent.core.worker import SupervisedThread, Supervisor
from edge_agent.evidence.clips.clips import RECORDED_SEVERITIES
from edge_agent.evidence.clips.recorder import STOPPED, ClipRecorder
from edge_agent.pipeline import Pipeline
from edge_agent.stills.recorder import CameraStills

log = logging.getLogger(__name__)

END_WITHIN_S = 1.0
"""How long ``Cameras.change`` waits for an old pipeline to end, which usually takes milliseconds. A pipeline
that takes longer is replaced by the first ``tick`` after its end."""
CLIP_CUT_REASONS = {"reload": problem_text("camera-settings-changed"), "restart": STOPPED}
"""Why a clip was cut short, by the reason for which its camera stops."""


class RestartScope(Enum):
    """How much of a camera has to restart for new settings."""

    RULES = "its rules"  # connection, background and tracks go on
    PIPELINE = "its pipeline"  # the connection goes on
    STREAM = "all of it"


def restart_scope(old: Camera, new: Camera) -> RestartScope:
    """Return how much of a camera has to restart when its settings change from ``old`` to ``new``."""
    report = new.report
    same_rules = dataclasses.replace(
        old,
        http_port=new.http_port,
        poe=new.poe,
        rules=new.rules,
        report=dataclasses.replace(old.report, objects=report.objects, counts_s=report.counts_s),
    )
    if same_rules == new:
        return RestartScope.RULES
    same_pipeline = dataclasses.replace(
        same_rules,
        masks=new.masks,
        watch_view=new.watch_view,
        ground=new.ground,
        report=dataclasses.replace(same_rules.report, snapshots=report.snapshots, passages=report.passages),
    )
    # The recorder of stills and the thread of the main stream are made only when a camera starts.
    same_streams = old.report.makes_stills == report.makes_stills
    return RestartScope.PIPELINE if same_pipeline == new and same_streams else RestartScope.STREAM


class RunningCamera:
    """One camera: ``reader`` fills its packet ring, ``pipeline_thread`` analyses its frames."""

    def __init__(
        self,
        camera: Camera,
        context: PipelineContext,
        clock: Clock,
        recorder: ClipRecorder,
        folder: Path | None,
        *,
        repeat_files: bool,
        opener: Opener = open_source,
    ) -> None:
        """``folder``: where the stages store what has to survive a restart."""
        self.camera = effective_settings(camera, context.detection)
        self._context = context
        self._clock = clock
        self._folder = folder
        self.reader = CameraReader(
            self.camera, clock, repeat_files=repeat_files, opener=opener, limiter=context.limiter
        )
        self._films_main = _records_main_stream(camera)
        takes_stills = camera.report.makes_stills and context.stills is not None
        self.main: MainStream | None = None
        if self._films_main or (takes_stills and camera.clip.main_url is not None):
            self.main = MainStream(self.camera, clock, armed=self._is_armed, opener=opener)
        main_ring = None if self.main is None else self.main.ring
        self.clips = recorder.camera(self.camera, self.reader.ring, main_ring if self._films_main else None)
        self.stills: CameraStills | None = None
        if takes_stills and context.stills is not None:
            self.stills = context.stills.camera(self.camera, self.reader.ring, main_ring)
        self.pipeline_thread = CameraPipelineThread(
            camera.id, self.reader.feed, partial(self._build, self.camera)
        )

    def start(self) -> None:
        self.pipeline_thread.loop.start()
        self.reader.start()
        if self.main is not None:
            self.main.start()

    def stop(self, reason: str) -> None:
        """Ask the threads to end, and to end all open events. Does not wait."""
        self.pipeline_thread.stop(reason)  # first, because stopping the reader wakes the pipeline thread
        self.clips.end_open(CLIP_CUT_REASONS[reason])
        self.reader.stop()
        if self.main is not None:
            self.main.stop()

    def change(self, camera: Camera, *, rules_only: bool) -> None:
        """Apply new settings for the same stream. With ``rules_only``, tracks and background are kept."""
        old, self.camera = self.camera, effective_settings(camera, self._context.detection)
        adapt = partial(change_rules, old=old, new=self.camera, context=self._context, folder=self._folder)
        self.pipeline_thread.change(
            PipelineChange(partial(self._build, self.camera), adapt if rules_only else None)
        )

    @property
    def loops(self) -> tuple[SupervisedThread, ...]:
        main = () if self.main is None else (self.main.loop,)
        return self.pipeline_thread.loop, self.reader.loop, *main

    def status(self) -> CameraStatus:
        """Return the reader's status, with what the pipeline adds. Thread-safe."""
        thread = self.pipeline_thread
        main_trouble = None if self.main is None else self.main.problem
        status = dataclasses.replace(self.reader.status(), view=thread.view, main_trouble=main_trouble)
        spot = thread.persistent_motion
        if spot is not None and status.gear is not DecodeMode.IDLE:
            corners = "{:.2f},{:.2f} – {:.2f},{:.2f}".format(*spot.rounded(2))
            status = dataclasses.replace(status, kept_awake=problem_text("awake-motion", corners=corners))
        if status.state is not CameraState.ONLINE:
            return status
        if (later_s := thread.changed_mono - status.since_mono) > 0:
            since_at = status.since_at + timedelta(seconds=later_s)
            status = dataclasses.replace(status, since_at=since_at, since_mono=thread.changed_mono)
        if thread.problem is not None:
            # A camera whose pictures arrive but cannot be analysed is not online.
            return dataclasses.replace(status, state=CameraState.DEGRADED, detail=thread.problem)
        return status

    def take_picture(self, event_id: str, taken: Callable[[Media | None], None]) -> None:
        """Call ``taken`` with a picture of the next frame, privacy masks applied, on the pipeline thread."""
        pictures = pictures_of(self.camera, self._context.seal_to)
        self.pipeline_thread.add_viewer(lambda frame: taken(pictures.now(event_id, FULL_PICTURE, frame)))

    def record_clip(self, event_id: str, from_mono: float, to_mono: float) -> None:
        """Record a clip from ``from_mono`` to ``to_mono``, as far as the ring holds packets. Thread-safe."""
        limits = self.camera.clip
        begin, end = from_mono + limits.pre_s, to_mono - limits.post_s
        self.clips.event_reported(ReportedEvent(event_id, Phase.MOMENT, Severity.WARNING, begin, end))

    def _build(self, camera: Camera) -> Pipeline:
        # The tag distinguishes the tracks of this pipeline from those of earlier ones in the same boot.
        tag = secrets.token_hex(3)
        stills = self.stills if camera.report.stills_of_rules else None
        return build_pipeline(
            camera, self._context, tag, folder=self._folder, clips=self.clips, stills=stills
        )

    def _is_armed(self) -> bool:
        """Return whether a rule may now report an event with clip or still. On the main stream's thread."""
        now, context = self._clock.now(), self._context
        if not (self._films_main or self.camera.report.stills_of_rules):
            return False  # then only a command needs the stream, and its tap connects the stream
        return any(
            context.arming(self.camera.id, rule).armed(now)
            for rule in self.camera.rules
            if rule.enabled
            and rule.severity in RECORDED_SEVERITIES
            and not context.is_muted(self.camera.id, rule.id)
        )


def _records_main_stream(camera: Camera) -> bool:
    """Return whether clips come from the main stream. Clips are not transcoded, so have no privacy masks."""
    policy = camera.report.clips
    allowed = policy is ClipPolicy.UNMASKED or (policy is ClipPolicy.RULES and not camera.privacy_masks)
    return allowed and camera.clip.main_url is not None


class Cameras:
    """All cameras of the gateway. The main thread starts, changes and stops them; ``statuses`` is
    thread-safe.

    A camera's new pipeline starts only after the old one has ended, because they share a folder.
    """

    def __init__(
        self,
        cameras: Sequence[Camera],
        context: PipelineContext,
        clock: Clock,
        supervisor: Supervisor,
        recorder: ClipRecorder,
        folder: Path,
        *,
        repeat_files: bool,
        opener: Opener = open_source,
    ) -> None:
        """``folder``: each camera gets its own subfolder."""
        self._opener = opener
        self._context = context
        self._clock = clock
        self._supervisor = supervisor
        self._recorder = recorder
        self._folder = folder
        self._repeat_files = repeat_files
        # Other threads read these: they are replaced, never changed.
        self._wanted = {camera.id: camera for camera in cameras}
        self._running: dict[str, RunningCamera] = {}
        self._leaving: list[RunningCamera] = []
        self._waits_since = (clock.now(), clock.monotonic())

    def start(self) -> None:
        self.tick()

    def tick(self) -> None:
        """Start each configured camera that does not run, once its old pipeline has ended. The main thread
        calls this about once a second."""
        ended = [camera for camera in self._leaving if not camera.pipeline_thread.loop.running]
        for camera in ended:
            camera.clips.close(CLIP_CUT_REASONS["reload"])
        self._leaving = [camera for camera in self._leaving if camera not in ended]
        still_there = {camera.camera.id for camera in self._leaving}
        unlearned = {camera.camera.id for camera in ended if camera.pipeline_thread.relearning}
        missing = [
            camera
            for camera in self._wanted.values()
            if camera.id not in self._running and camera.id not in still_there
        ]
        if missing:
            started = {camera.id: self._started(camera, camera.id in unlearned) for camera in missing}
            self._running = self._running | started

    def change(self, cameras: Sequence[Camera], scopes: Mapping[str, RestartScope]) -> None:
        """Run ``cameras`` from now on. ``scopes`` has the cameras whose settings have changed, by id. Cameras
        that are neither changed nor new lose no frame."""
        before, self._wanted = self._wanted, {camera.id: camera for camera in cameras}
        self._waits_since = (self._clock.now(), self._clock.monotonic())
        ended = [id_ for id_ in before if id_ not in self._wanted or scopes.get(id_) is RestartScope.STREAM]
        self._stop_cameras(ended)
        for id_, scope in scopes.items():
            if (running := self._running.get(id_)) is not None:
                running.change(self._wanted[id_], rules_only=scope is RestartScope.RULES)
        deadline = time.monotonic() + END_WITHIN_S
        for leaving in self._leaving:
            leaving.pipeline_thread.loop.join(max(0.0, deadline - time.monotonic()))
        self.tick()

    def relearn(self, camera_id: str) -> bool:
        """Learn the camera's normal view again; False when there is no such camera. Thread-safe."""
        running = self._running.get(camera_id)
        if running is not None:
            running.pipeline_thread.relearn()
        return running is not None

    def relearning(self, camera_id: str) -> bool:
        """Return whether ``relearn`` was called and the view is not learned yet. For the main thread."""
        running = self._running.get(camera_id)
        if running is None and camera_id in self._wanted:  # its new pipeline waits for the end of the old one
            running = next((camera for camera in self._leaving if camera.camera.id == camera_id), None)
        return running is not None and running.pipeline_thread.relearning

    def find(self, camera_id: str) -> RunningCamera | None:
        """Return the running camera with that id; None: there is none. Thread-safe."""
        return self._running.get(camera_id)

    def _started(self, camera: Camera, relearn: bool) -> RunningCamera:
        folder = self._folder / camera.id
        try:
            folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        except OSError as error:
            log.warning("%s: %s cannot be created (%s)", camera.id, folder, error.strerror)
        running = RunningCamera(
            camera,
            self._context,
            self._clock,
            self._recorder,
            folder,
            repeat_files=self._repeat_files,
            opener=self._opener,
        )
        if relearn:
            running.pipeline_thread.relearn()
        running.start()
        for loop in running.loops:
            self._supervisor.watch(loop)
        return running

    def _stop_cameras(self, camera_ids: Sequence[str]) -> None:
        """Stop these cameras. If a camera does not answer, its reading thread ends only at its time-out;
        until then the thread's packet ring is closed, and no other camera uses the ring."""
        for camera in [self._running[id_] for id_ in camera_ids if id_ in self._running]:
            for loop in camera.loops:
                self._supervisor.forget(loop)
            camera.stop("reload")
            self._leaving.append(camera)
        self._running = {id_: camera for id_, camera in self._running.items() if id_ not in camera_ids}

    def stop(self) -> None:
        """Ask all cameras to end. Does not wait."""
        for camera in self._running.values():
            camera.stop("restart")

    def join_pipelines(self, deadline: float) -> None:
        """Wait for the pipelines, until ``deadline`` (monotonic), to end and store their last events."""
        for camera in self._all():
            camera.pipeline_thread.loop.join(max(0.0, deadline - time.monotonic()))

    def join_readers(self, deadline: float) -> None:
        """Wait until the monotonic ``deadline`` for the readers to end. A reader that still waits for its
        camera ends with the process."""
        for camera in self._all():
            camera.reader.loop.join(max(0.0, deadline - time.monotonic()))

    def detector_problem(self) -> str | None:
        """Return why the detector does not work as configured; None: it does. Thread-safe."""
        return self._context.detector_problem()

    def _all(self) -> Iterator[RunningCamera]:
        yield from self._running.values()
        yield from self._leaving

    def statuses(self) -> list[CameraStatus]:
        """Return the status of each camera, in the order of the configuration."""
        running, since = self._running, self._waits_since
        return [
            running[id_].status() if id_ in running else CameraStatus(id_, CameraState.STARTING, None, *since)
            for id_ in self._wanted
        ]
