"""One camera's way through the agent: takes the next frame and runs the pipeline on it."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from edge_agent.core.model import Box, Frame
from edge_agent.core.worker import SupervisedThread
from edge_agent.pipeline import Pipeline

log = logging.getLogger(__name__)

TAKE_TIMEOUT_S = 1.0
LOST_AFTER_S = 10.0
"""Without a frame for this long, what moved in view is given up: nobody knows where it is."""
LOST_AFTER_FRAMES = 3.0
MOST_VIEWERS = 8
"""Who waits for a picture of a camera that gives none; then the oldest waits in vain."""
MANY_FAILURES = 5
"""Frames in a row that a stage failed on: then its state is at fault, not the frame."""


class FrameQueue(Protocol):
    """What capture hands over; ``capture.feed.FrameFeed``, or a fake of it."""

    def take(self, timeout_s: float) -> Frame | None:
        """The next frame to look at, decoded on this thread; None when there is none in time."""
        ...

    @property
    def can_escalate(self) -> bool:
        """Whether the frame just taken stands for others that were not decoded."""
        ...

    @property
    def interval_s(self) -> float:
        """How far apart frames are, if all is well."""
        ...

    def escalate(self) -> None:
        """Instead of ``attend``: the others are wanted too; they come next, in order, and this one again."""
        ...

    def frame_done(self, busy: bool) -> None:
        """The frame just taken was looked at; ``busy``: all of the following ones are wanted."""
        ...


@dataclass(frozen=True, slots=True)
class PipelineChange:
    """Other settings for a camera whose stream stays as it is."""

    build: Callable[[], Pipeline]  # makes pipelines from now on
    adapt: Callable[[Pipeline], None] | None = None
    """Fits them into the present pipeline, which goes on; None: it ends, and another one is built."""


class CameraPipelineThread:
    """Thread ``pipeline-<camera>``; the only caller of its pipeline.

    A frame that a stage fails on is logged and left out. After ``MANY_FAILURES`` in a row the pipeline is
    built anew with ``build``. One camera's trouble never ends another camera's work.
    """

    def __init__(self, camera_id: str, frames: FrameQueue, build: Callable[[], Pipeline]) -> None:
        self.camera_id = camera_id
        self.failures = 0  # frames, since start
        self.problem: str | None = None  # one line for health while frames fail
        self._frames = frames
        self._build = build
        self._pipeline: Pipeline | None = None  # built with the first frame
        self._changes: deque[PipelineChange] = deque()  # asked for, not yet made; appending is atomic
        # Who wants to see a frame; likewise.
        self._viewers: deque[Callable[[Frame], None]] = deque(maxlen=MOST_VIEWERS)
        self._end_reason = "restart"
        self._failed_in_a_row = 0
        self._last_frame_mono = time.monotonic()
        self.loop = SupervisedThread(f"pipeline-{camera_id}", self._run)

    def stop(self, reason: str = "restart") -> None:
        """Ask the thread to end, and what is open with it, for ``reason``; does not wait."""
        self._end_reason = reason
        self.loop.stop()

    def change(self, change: PipelineChange) -> None:
        """To be made before the next frame is looked at, by the lane's own thread. Any thread may ask."""
        self._changes.append(change)

    def add_viewer(self, viewer: Callable[[Frame], None]) -> None:
        """Call it with the next frame, on the lane's own thread. Any thread may ask."""
        self._viewers.append(viewer)

    def relearn(self) -> None:
        """The camera looks elsewhere on purpose: learn anew what its view is like. Any thread may ask."""
        if (pipeline := self._pipeline) is not None:
            pipeline.view.relearn()

    @property
    def relearning(self) -> bool:
        """Whether that is not done yet. Any thread may ask."""
        return (pipeline := self._pipeline) is not None and pipeline.view.relearning

    def _run(self, loop: SupervisedThread) -> None:
        self._last_frame_mono = time.monotonic()
        while not loop.stopping:
            loop.beat()
            self.run_once(TAKE_TIMEOUT_S)
        self._end(self._end_reason)

    def run_once(self, timeout_s: float) -> bool:
        """Look at the next frame; False when there was none in time. For the lane's own thread."""
        frame = self._frames.take(timeout_s)
        while self._changes:
            self._apply_change(self._changes.popleft())
        if frame is not None:
            while self._viewers:
                self._call_viewer(self._viewers.popleft(), frame)
            self._process(frame)
            self._last_frame_mono = time.monotonic()  # afterwards: a slow look is no loss
        elif time.monotonic() - self._last_frame_mono > max(
            LOST_AFTER_S, LOST_AFTER_FRAMES * self._frames.interval_s
        ):
            self._on_signal_lost()
        return frame is not None

    @property
    def persistent_motion(self) -> Box | None:
        """The one small place that has moved all the time for minutes. Any thread may ask."""
        return None if (pipeline := self._pipeline) is None else pipeline.persistent_motion

    @property
    def view(self) -> tuple[str, ...]:
        """What is wrong with what the camera sees. Any thread may ask."""
        return () if (pipeline := self._pipeline) is None else pipeline.view.states

    def _analyse(self, frame: Frame) -> None:
        pipeline = self._pipeline
        if pipeline is None:
            pipeline = self._pipeline = self._build()
        if self._frames.can_escalate and pipeline.has_motion(frame):
            self._frames.escalate()
        else:
            self._frames.frame_done(pipeline.process(frame).busy)

    def _process(self, frame: Frame) -> None:
        if self._try(lambda: self._analyse(frame)):
            if self._failed_in_a_row:
                log.warning("%s: frames are analysed again", self.camera_id)
            self._failed_in_a_row, self.problem = 0, None
            return
        self._frames.frame_done(busy=True)  # so that it is not offered again
        self.failures += 1
        self._failed_in_a_row += 1
        if self._failed_in_a_row % MANY_FAILURES == 0:
            log.error("%s: %d frames in a row failed, starting afresh", self.camera_id, self._failed_in_a_row)
            self._end("restart")

    def _call_viewer(self, viewer: Callable[[Frame], None], frame: Frame) -> None:
        try:
            viewer(frame)
        except Exception:  # whoever asked waits in vain; the frame is analysed all the same
            log.exception("%s: no picture could be made of this frame", self.camera_id)

    def _apply_change(self, change: PipelineChange) -> None:
        self._build = change.build
        pipeline, adapt = self._pipeline, change.adapt
        if pipeline is None:
            return
        if adapt is None or not self._try(lambda: adapt(pipeline)):
            self._end("reload")

    def _on_signal_lost(self) -> None:
        if (pipeline := self._pipeline) is not None:
            self._try(pipeline.on_signal_lost)

    def _end(self, reason: str) -> None:
        """Of the present pipeline, with what is open in it; the next frame makes another."""
        pipeline = self._pipeline
        if pipeline is not None:
            self._try(lambda: pipeline.stop(reason))
        self._pipeline = None

    def _try(self, step: Callable[[], object]) -> bool:
        """False when ``step`` raised; the first of a row is logged with its traceback."""
        try:
            step()
        except Exception as error:
            self.problem = f"frames cannot be analysed: {type(error).__name__}: {error}"
            if self._failed_in_a_row == 0:
                log.exception("%s: this frame could not be analysed and is left out", self.camera_id)
            return False
        return True
