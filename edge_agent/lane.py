"""One camera's way through the agent: takes the newest frame and runs the pipeline on it."""

from __future__ import annotations

import time
from typing import Protocol

from edge_agent.loop import Loop
from edge_agent.model import Frame
from edge_agent.pipeline import Pipeline

TAKE_TIMEOUT_S = 1.0
LOST_AFTER_S = 10.0
"""Without a frame for this long, what was in view is given up: nobody knows whether it still is."""


class FrameQueue(Protocol):
    """What capture hands over: one waiting frame, a newer one replaces it."""

    def take(self, timeout_s: float) -> Frame | None: ...


class Lane:
    """Thread ``pipeline-<camera>``; the only caller of its pipeline."""

    def __init__(self, camera_id: str, frames: FrameQueue, pipeline: Pipeline) -> None:
        self.camera_id = camera_id
        self.pipeline = pipeline
        self._frames = frames
        self.loop = Loop(f"pipeline-{camera_id}", self._run)

    def _run(self, loop: Loop) -> None:
        last_frame_mono = time.monotonic()
        while not loop.stopping:
            loop.beat()
            frame = self._frames.take(TAKE_TIMEOUT_S)
            now = time.monotonic()
            if frame is not None:
                self.pipeline.process(frame)
                last_frame_mono = now
            elif now - last_frame_mono > LOST_AFTER_S:
                self.pipeline.finish("camera")
        self.pipeline.finish("restart")
