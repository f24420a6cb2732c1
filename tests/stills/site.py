"""One camera with two streams of one scene from a real RTSP server, its stills and their events."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from edge_agent.capture.main_stream import MainStream
from edge_agent.capture.reader import CameraReader
from edge_agent.capture.source import StreamTimeouts
from edge_agent.config.model.settings import Camera, Clip
from edge_agent.core.clock import SystemClock
from edge_agent.core.delivery import Draft, Media, Stamp
from edge_agent.core.load_limits import WorkloadLimiter
from edge_agent.core.model import VEHICLE, Severity
from edge_agent.stills.maker import StillMaker
from edge_agent.stills.moments import ObjectMoment, StillRequest
from edge_agent.stills.recorder import CameraStills, StillRecorder
from tests.capture.rig import RecordedBackoff, camera, frames, running
from tests.events.parts import STAMP, maker
from tests.testbed.mosquitto import wait_until
from tests.testbed.numbered import STRIP_MASK, car_in, tick_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]


PATIENT = StreamTimeouts(open_s=5.0, stall_s=5.0)
"""A stream begins at a keyframe, so up to 3 s pass before its first packet."""


class Outbox:
    """A fake outbox that keeps drafts."""

    def __init__(self) -> None:
        self.drafts: list[Draft] = []

    def append(self, draft: Draft) -> Stamp:
        self.drafts.append(draft)
        return STAMP


@dataclass(frozen=True)
class SentStill:
    """A picture of a still as the centre gets it."""

    ref: dict[str, Any]  # of its event
    media: Media
    severity: Severity

    @property
    def pixels(self) -> Pixels:
        decoded = cv2.imdecode(np.frombuffer(self.media.payload, np.uint8), cv2.IMREAD_COLOR)
        assert decoded is not None
        return decoded  # type: ignore[return-value]


@dataclass(frozen=True)
class SeenCar:
    """The car in an analysed frame of the sub-stream."""

    moment: ObjectMoment
    tick: int


class StillSite:
    """``sub`` and ``main``: URLs."""

    def __init__(self, sub: str, main: str | None, *, seal_to: bytes | None = None, **settings: Any) -> None:
        plain = camera(sub, fps=10)
        given = {"masks": (STRIP_MASK,), "clip": Clip(main_url=main), **settings}
        self.camera: Camera = dataclasses.replace(plain, **given)
        clock = SystemClock()
        self.outbox, self.limiter, self.stored = Outbox(), WorkloadLimiter(), list[Media]()
        self.recorder = StillRecorder(
            maker(), self.outbox, lambda media, _: self.stored.append(media), self.limiter, clock, seal_to
        )
        self.reader = CameraReader(self.camera, clock, limits=PATIENT, backoff=RecordedBackoff())
        self.main = (
            None
            if main is None
            else MainStream(
                self.camera, clock, armed=lambda: self.armed, limits=PATIENT, backoff=RecordedBackoff()
            )
        )
        self.armed = True
        self._before = 0  # stills that were done before the last request
        ring = None if self.main is None else self.main.ring
        self.stills: CameraStills = self.recorder.camera(self.camera, self.reader.ring, ring)

    @property
    def maker(self) -> StillMaker:
        return self.stills._maker

    @contextlib.contextmanager
    def run(self) -> Iterator[StillSite]:
        with running(self.reader):
            if self.main is not None:
                self.main.start()
            self.recorder.loop.start()
            try:
                yield self
            finally:
                self.recorder.stop()
                if self.main is not None:
                    self.main.stop()
                    assert self.main.loop.join(10)
                assert self.recorder.loop.join(20)
                assert self.recorder.loop.failure is None

    def cars(self, count: int) -> list[SeenCar]:
        """The car in each of the next ``count`` analysed frames."""
        seen = []
        for frame in frames(self.reader, count, 20.0):
            picture = frame.picture.bgr()
            box = car_in(picture)
            if box is not None:
                seen.append(SeenCar(ObjectMoment(frame.captured_mono, box, box.area), tick_of(picture)))
        return seen

    def request(self, event_id: str, cars: Sequence[SeenCar]) -> None:
        self._before = self.recorder.made + self.recorder.missed
        moments = tuple(car.moment for car in cars)
        self.recorder.request(self.maker, StillRequest(event_id, Severity.ALARM, VEHICLE, moments))

    def views(self, event_id: str) -> dict[str, SentStill]:
        """Wait for the still of an event; by the names of the views."""
        wait_until(lambda: self.recorder.made + self.recorder.missed > self._before, 30)
        return self._sent(event_id)

    def _sent(self, event_id: str) -> dict[str, SentStill]:
        found = {}
        for draft in self.outbox.drafts:
            data = json.loads(draft.encode(STAMP))["data"]
            if data["event_id"] == event_id and draft.media is not None:
                found[data["still"]["view"]] = SentStill(data["still"], draft.media, draft.severity)
        return found
