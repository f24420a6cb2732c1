"""Runs the pipeline of one camera on a thread, which waits for the next frame and analyses it."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from edge_agent.core.model import Box, Frame
from edge_agent.core.problems import problem_text
from edge_agent.core.worker import SupervisedThread
from edge_agent.pipeline import Pipeline

log = logging.getLogger(__name__)

TAKE_TIMEOUT_S = 1.0
LOST_AFTER_S = 10.0
"""Without a frame for this long, tracks of moving objects are dropped: their position is unknown."""
LOST_AFTER_FRAMES = 3.0
MAX_VIEWERS = 8
"""Callbacks that may wait for a frame of a camera. One more drops the oldest, which is never called."""
MANY_FAILURES = 5  # after so many failed frames in a row, the state of a stage is at fault, not the frame


class FrameQueue(Protocol):
    """Frames from capture: ``capture.feed.FrameFeed``, or a fake in tests."""

    def take(self, timeout_s: float) -> Frame | None:
        """Return the next frame to analyse, decoded on this thread; None when none comes within
        ``timeout_s``. Call ``frame_done`` or ``escalate`` after each frame."""

    @property
    def can_escalate(self) -> bool:
        """Whether the last frame is a lone keyframe, and the frames before it can still be decoded."""

    @property
    def interval_s(self) -> float:
        """Seconds between two frames while the camera works."""

    def escalate(self) -> None:
        """Ask for the frames that were skipped before the last one. Called instead of ``frame_done``:
        ``take`` then returns the skipped frames, in order, and the last frame again."""

    def frame_done(self, busy: bool) -> None:
        """Note that the last frame was analysed. ``busy``: all following frames are needed."""


@dataclass(frozen=True, slots=True)
class PipelineChange:
    """New settings for a camera whose stream does not change."""

    build: Callable[[], Pipeline]  # builds pipelines from now on
    adapt: Callable[[Pipeline], None] | None = None
    """Changes the running pipeline; None: the pipeline ends, and ``build`` makes another."""


class CameraPipelineThread:
    """Thread ``pipeline-<camera>``; the only caller of its pipeline.

    A frame on which a stage fails is logged and skipped. After ``MANY_FAILURES`` in a row ``build`` makes a
    new pipeline. Failures of one camera do not affect another.
    """

    def __init__(self, camera_id: str, frames: FrameQueue, build: Callable[[], Pipeline]) -> None:
        self.camera_id = camera_id
        self.failures = 0  # failed frames since the start
        self.problem: str | None = None  # one line for health while frames fail
        self.changed_mono = 0.0  # when frames began to fail, or to be analysed again
        self._frames = frames
        self._build = build
        self._pipeline: Pipeline | None = None  # built with the first frame
        self._changes: deque[PipelineChange] = deque()  # not yet applied; appending is atomic
        # Called with the next frame; appending is atomic.
        self._viewers: deque[Callable[[Frame], None]] = deque(maxlen=MAX_VIEWERS)
        self._relearn = False  # asked for, and not complete
        self._relearner: Pipeline | None = None  # the pipeline that got this request
        self._end_reason = "restart"
        self._failed_in_a_row = 0
        self._last_frame_mono = time.monotonic()
        self.loop = SupervisedThread(f"pipeline-{camera_id}", self._run)

    def stop(self, reason: str = "restart") -> None:
        """Ask the thread to end, and to end all open events with ``reason``. Does not wait."""
        self._end_reason = reason
        self.loop.stop()

    def change(self, change: PipelineChange) -> None:
        """Apply ``change`` on the pipeline thread, before the next frame is analysed. Thread-safe."""
        self._changes.append(change)

    def add_viewer(self, viewer: Callable[[Frame], None]) -> None:
        """Call ``viewer`` with the next frame, on the pipeline thread. Thread-safe."""
        self._viewers.append(viewer)

    def relearn(self) -> None:
        """Learn the normal view again, because the camera was moved on purpose: from the next frame on, also
        if the camera is offline now. Thread-safe."""
        self._relearner = None
        self._relearn = True

    @property
    def relearning(self) -> bool:
        """Whether ``relearn`` was called and the view is not learned yet. Thread-safe."""
        return self._relearn

    def _run(self, loop: SupervisedThread) -> None:
        self._last_frame_mono = time.monotonic()
        while not loop.stopping:
            loop.beat()
            self.run_once(TAKE_TIMEOUT_S)
        self._end(self._end_reason)

    def run_once(self, timeout_s: float) -> bool:
        """Analyse the next frame; False when none came in time. For the pipeline thread only."""
        frame = self._frames.take(timeout_s)
        while self._changes:
            self._apply_change(self._changes.popleft())
        if frame is not None:
            while self._viewers:
                self._call_viewer(self._viewers.popleft(), frame)
            self._process(frame)
            self._last_frame_mono = time.monotonic()  # after the analysis: slow analysis is no signal loss
            return True
        lost_after_s = max(LOST_AFTER_S, LOST_AFTER_FRAMES * self._frames.interval_s)
        is_lost = time.monotonic() - self._last_frame_mono > lost_after_s
        if is_lost and (pipeline := self._pipeline) is not None:
            self._try(pipeline.on_signal_lost)
        return False

    @property
    def persistent_motion(self) -> Box | None:
        """The one small area that has moved without a pause for minutes, or None. Thread-safe."""
        return None if (pipeline := self._pipeline) is None else pipeline.motion.persistent_motion

    @property
    def view(self) -> tuple[str, ...]:
        """The faults of the view, as values of ``core.facts.ViewState``. Thread-safe."""
        return () if (pipeline := self._pipeline) is None else pipeline.view.states

    def _analyse(self, frame: Frame) -> None:
        pipeline = self._pipeline
        if pipeline is None:
            pipeline = self._pipeline = self._build()
        if self._relearn and self._relearner is not pipeline:
            self._relearner = pipeline
            pipeline.view.relearn()
        if self._frames.can_escalate and pipeline.motion.has_motion(frame):
            self._frames.escalate()
        else:
            self._frames.frame_done(pipeline.process(frame).busy)
            if self._relearner is pipeline and not pipeline.view.relearning:
                self._relearner, self._relearn = None, False

    def _process(self, frame: Frame) -> None:
        if self._try(lambda: self._analyse(frame)):
            if self._failed_in_a_row:
                log.warning("%s: frames are analysed again", self.camera_id)
            if self.problem is not None:
                self.changed_mono = time.monotonic()
            self._failed_in_a_row, self.problem = 0, None
            return
        self._frames.frame_done(busy=True)  # otherwise the queue would deliver this frame again
        self.failures += 1
        self._failed_in_a_row += 1
        if self._failed_in_a_row % MANY_FAILURES == 0:
            log.error(
                "%s: %d frames in a row failed; the pipeline is rebuilt",
                self.camera_id,
                self._failed_in_a_row,
            )
            self._end("restart")

    def _call_viewer(self, viewer: Callable[[Frame], None], frame: Frame) -> None:
        try:
            viewer(frame)
        except Exception:  # the viewer gets no picture; the frame is analysed all the same
            log.exception("%s: no picture could be made from this frame", self.camera_id)

    def _apply_change(self, change: PipelineChange) -> None:
        self._build = change.build
        pipeline, adapt = self._pipeline, change.adapt
        if pipeline is None:
            return
        if adapt is None or not self._try(lambda: adapt(pipeline)):
            self._end("reload")

    def _end(self, reason: str) -> None:
        """Stop the pipeline and end its open events. The next frame builds another."""
        pipeline = self._pipeline
        if pipeline is not None:
            self._try(lambda: pipeline.stop(reason))
        self._pipeline = None

    def _try(self, step: Callable[[], object]) -> bool:
        """Return False when ``step`` raised. Only the first failure in a row is logged with its traceback."""
        try:
            step()
        except Exception as error:
            if self.problem is None:
                self.changed_mono = time.monotonic()
            self.problem = problem_text("frames-not-analysed", error=f"{type(error).__name__}: {error}")
            if self._failed_in_a_row == 0:
                log.exception("%s: this frame could not be analysed and is skipped", self.camera_id)
            return False
        return True
