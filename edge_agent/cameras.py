"""The cameras of a box as they run: for each its reader and the thread of its pipeline."""

from __future__ import annotations

import dataclasses
import secrets
import time
from collections.abc import Iterator

from edge_agent.assembly import Site, as_far_as_useful, build_pipeline
from edge_agent.capture.reader import Reader
from edge_agent.clock import Clock
from edge_agent.config.settings import Camera
from edge_agent.lane import Lane
from edge_agent.loop import Loop
from edge_agent.model import CameraState, CameraStatus, Gear
from edge_agent.pipeline import Pipeline


class RunningCamera:
    """One camera: ``reader`` fills its packet ring, ``lane`` takes what it shows through the pipeline."""

    def __init__(self, camera: Camera, site: Site, clock: Clock, *, repeat_files: bool) -> None:
        self.camera = as_far_as_useful(camera, site.eyes)
        self._site = site
        self.reader = Reader(self.camera, clock, repeat_files=repeat_files)
        self.lane = Lane(camera.id, self.reader.feed, self._build)

    def start(self) -> None:
        self.lane.loop.start()
        self.reader.start()

    def stop(self) -> None:
        """Ask both threads to end; does not wait."""
        self.lane.loop.stop()  # before it is woken: what it waits for ends with its reader
        self.reader.stop()

    @property
    def loops(self) -> tuple[Loop, Loop]:
        return self.lane.loop, self.reader.loop

    def status(self) -> CameraStatus:
        """What the reader says, and what its pipeline adds to it. Any thread."""
        lane = self.lane
        status = dataclasses.replace(self.reader.status(), view=lane.view)
        spot = lane.restless
        if spot is not None and status.gear is not Gear.IDLE:
            corners = "{:.2f},{:.2f} to {:.2f},{:.2f}".format(*spot.rounded(2))
            told = f"something moves all the time at {corners}; if it is a clock, mask it"
            status = dataclasses.replace(status, kept_awake=told)
        if lane.trouble is not None and status.state is CameraState.ONLINE:
            # A camera whose pictures arrive but cannot be analysed is not online.
            return dataclasses.replace(status, state=CameraState.DEGRADED, detail=lane.trouble)
        return status

    def _build(self) -> Pipeline:
        # The tag tells the tracks of this pipeline from those of the ones before it in the same boot.
        return build_pipeline(self.camera, self._site, secrets.token_hex(3))


class Cameras:
    """All of them. The main thread starts and stops them; any thread may ask for ``statuses``."""

    def __init__(self, cameras: tuple[Camera, ...], site: Site, clock: Clock, *, repeat_files: bool) -> None:
        self._running = [RunningCamera(camera, site, clock, repeat_files=repeat_files) for camera in cameras]

    def __len__(self) -> int:
        return len(self._running)

    def start(self) -> None:
        for camera in self._running:
            camera.start()

    def stop(self) -> None:
        """Ask all of them to end; does not wait."""
        for camera in self._running:
            camera.stop()

    def join_pipelines(self, deadline: float) -> None:
        """Until the monotonic ``deadline``: what they end with is in the outbox then."""
        for camera in self._running:
            camera.lane.loop.join(max(0.0, deadline - time.monotonic()))

    def join_readers(self, deadline: float) -> None:
        """Until the monotonic ``deadline``; one that is blocked in FFmpeg ends with the process."""
        for camera in self._running:
            camera.reader.join(max(0.0, deadline - time.monotonic()))

    @property
    def loops(self) -> Iterator[Loop]:
        for camera in self._running:
            yield from camera.loops

    def statuses(self) -> list[CameraStatus]:
        return [camera.status() for camera in self._running]
