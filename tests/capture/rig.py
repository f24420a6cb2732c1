"""Shared by the reader tests: cameras, clocks, a recorded backoff."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import pytest

from edge_agent.capture.reader import CameraReader
from edge_agent.capture.source import FrameSource, Opener, StreamTimeouts, open_source
from edge_agent.config.model.settings import (
    Analyse,
    Camera,
    ClipPolicy,
    GearChoice,
    Report,
    Ring,
    SnapshotPolicy,
)
from edge_agent.core.clock import Backoff, SystemClock
from edge_agent.core.model import CameraState, Cause, Frame
from edge_agent.core.secrets import Credentials, Secret
from edge_agent.core.worker import SupervisedThread

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream

    from edge_agent.capture.decode.decoder import VideoDecoder

QUICK = StreamTimeouts(open_s=1.0, stall_s=1.0, picture_s=1.0, reopen_s=3.0)


def camera(
    url: str,
    *,
    user: str | None = None,
    password: str = "",
    fps: float = 10,
    gear: GearChoice = GearChoice.FULL,
    allow_basic: bool = False,
) -> Camera:
    credentials = None if user is None else Credentials(user, Secret(password))
    report = Report(objects=False, counts_s=60, snapshots=SnapshotPolicy.RULES, clips=ClipPolicy.NONE)
    analyse, ring = Analyse(fps, 640, gear, 20.0), Ring(10.0, 4_000_000)
    return Camera(
        id="gate1",
        url=url,
        credentials=credentials,
        analyse=analyse,
        ring=ring,
        report=report,
        watch_view=False,
        allow_basic=allow_basic,
    )


class RecordedBackoff(Backoff):
    """The real backoff of 1 s to 60 s, but with delays of a hundredth; records the ranges that it drew
    from."""

    def __init__(self) -> None:
        self.drawn: list[tuple[float, float]] = []
        super().__init__(1.0, 60.0, floor_s=0.0, uniform=self._draw)

    def _draw(self, low: float, high: float) -> float:
        self.drawn.append((low, high))
        return high / 100


def reader_of(
    url: str, *, limits: StreamTimeouts = QUICK, opener: Opener = open_source, **settings: Any
) -> CameraReader:
    """A reader with short timeouts; ``settings``: of ``camera``."""
    made = camera(url, **settings)
    return CameraReader(made, SystemClock(), limits=limits, backoff=RecordedBackoff(), opener=opener)


class SteppingClock(SystemClock):
    """A gateway without a clock battery: its wall clock shows 2024 until ``synchronise``."""

    def __init__(self) -> None:
        self._behind = datetime.now(UTC) - datetime(2024, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return super().now() - self._behind

    def synchronise(self) -> None:
        self._behind = timedelta()


class ChangedSource:
    """The connection to a real camera, of which a test changes a part."""

    def __init__(self, source: FrameSource) -> None:
        self.source = source
        self.timed, self.live, self.buffered = source.timed, source.live, source.buffered
        self.tick_s = source.tick_s

    def packets(self) -> Generator[Packet[VideoStream], None, None]:
        return self.source.packets()

    def decoder(self) -> VideoDecoder:
        return self.source.decoder()

    def close(self) -> None:
        self.source.close()


def opening(change: Callable[[FrameSource], FrameSource]) -> Opener:
    """The real opener; ``change`` gets each connection that it opens."""
    return lambda *arguments, **more: change(open_source(*arguments, **more))


class FrameCollector:
    """Reads frames on its own thread, as the camera's pipeline does, and keeps them for the test."""

    def __init__(self, reader: CameraReader) -> None:
        self.taken: queue.Queue[Frame] = queue.Queue()
        self.loop = SupervisedThread("taker", self._run)
        self._feed = reader.feed

    def _run(self, loop: SupervisedThread) -> None:
        while not loop.stopping:
            frame = self._feed.take(0.2)
            if frame is not None:
                self._feed.frame_done(busy=True)
                self.taken.put(frame)


_COLLECTORS: WeakKeyDictionary[CameraReader, FrameCollector] = WeakKeyDictionary()


@contextmanager
def running(reader: CameraReader) -> Iterator[CameraReader]:
    """Run the camera's two threads; end and join them afterwards."""
    collector = _COLLECTORS[reader] = FrameCollector(reader)
    reader.start()
    collector.loop.start()
    try:
        yield reader
    finally:
        collector.loop.stop()
        reader.stop()
        # A thread blocked in FFmpeg needs its timeout; tests keep those short.
        assert reader.loop.join(10)
        assert collector.loop.join(5)
        assert reader.loop.failure is None
        assert collector.loop.failure is None


def lost(reader: CameraReader, cause: Cause) -> Callable[[], bool]:
    def is_lost() -> bool:
        status = reader.status()
        return status.state is CameraState.OFFLINE and status.cause is cause

    return is_lost


def online(reader: CameraReader) -> Callable[[], bool]:
    return lambda: reader.status().state is CameraState.ONLINE


def frames(reader: CameraReader, count: int, timeout_s: float = 8.0) -> list[Frame]:
    """The next ``count`` frames of a running reader, also those that came since the last call."""
    deadline = time.monotonic() + timeout_s
    taken: list[Frame] = []
    while len(taken) < count:
        try:
            taken.append(_COLLECTORS[reader].taken.get(timeout=max(0.0, deadline - time.monotonic())))
        except queue.Empty:
            pytest.fail(f"only {len(taken)} of {count} frames in time")
    return taken


def forget_frames(reader: CameraReader) -> None:
    """Drop the frames that have come so far, so that ``frames`` returns later ones only."""
    while not _COLLECTORS[reader].taken.empty():
        _COLLECTORS[reader].taken.get_nowait()
