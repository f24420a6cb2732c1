"""The thread that makes the stills of all cameras, stores them and reports them.

Each view of a still is one ``evidence`` event with its file; an event is durable before the next is made.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from edge_agent.capture.ring import PacketRing
from edge_agent.config.model.settings import Camera
from edge_agent.core.clock import Clock, rfc3339, wall_time_of
from edge_agent.core.delivery import Draft, EventAppender, Media, PlainContent
from edge_agent.core.errors import EdgeAgentError
from edge_agent.core.load_limits import WorkloadLimiter
from edge_agent.core.model import Severity
from edge_agent.core.problems import problem_text
from edge_agent.core.worker import SupervisedThread
from edge_agent.evidence.seal import seal
from edge_agent.pipeline import EvidenceStage
from edge_agent.stills.decode import StillUnavailable
from edge_agent.stills.maker import CameraStreams, Still, StillMaker
from edge_agent.stills.moments import ObjectMoments, StillRequest
from edge_agent.stills.views import StillView
from edge_agent.wire import StillRef

log = logging.getLogger(__name__)

AFTER_REPORT_S = 1.0
"""A still is begun this long after the report: the main stream is usually later than the sub-stream."""
MAX_WAITING = 16
"""Requests of all cameras; beyond it the oldest of the lowest severity is dropped and counted."""
IDLE_S = 10.0  # longest sleep of the thread, which has to call ``beat``
BEAT_S = 1.0  # while another thread uses the decoder
MAX_SILENCE_S = 60.0


class StillEvents(Protocol):
    """``events.EventFactory``, as the recorder uses it."""

    def still(self, media: Media, still: StillRef, severity: Severity) -> Draft: ...


@dataclass(frozen=True, slots=True)
class _Waiting:
    due_mono: float
    maker: StillMaker
    request: StillRequest


class StillRecorder:
    """Makes stills on the thread ``stills``; the supervisor watches ``loop``.

    Requests that wait when the agent stops are dropped: their events have a snapshot.
    """

    def __init__(
        self,
        events: StillEvents,
        outbox: EventAppender,
        store_picture: Callable[[Media, Severity], None],
        limiter: WorkloadLimiter,
        clock: Clock,
        seal_to: bytes | None = None,
    ) -> None:
        """``store_picture`` stores a picture on the gateway; it returns at once. ``seal_to``: X25519 public
        key to which pictures are sealed."""
        self._events = events
        self._outbox = outbox
        self._store_picture = store_picture
        self._limiter = limiter
        self._clock = clock
        self._seal_to = seal_to
        self._changed = threading.Condition()  # protects the next two lines
        self._waiting: deque[_Waiting] = deque()
        self.made = self.missed = 0  # stills
        self._stopping = threading.Event()
        self._decoding = threading.Lock()  # two decoders at once would need twice the memory
        self.loop = SupervisedThread("stills", self._run, max_silence_s=MAX_SILENCE_S)

    def camera(self, camera: Camera, sub: PacketRing, main: PacketRing | None) -> CameraStills:
        """Return the stills of a camera; ``main`` is the ring of its main stream. Any thread."""
        maker = StillMaker(CameraStreams(camera, sub, main), self._limiter, self._clock, self._rest)
        return CameraStills(maker, self)

    def stop(self) -> None:
        """Ask the thread to end; does not wait."""
        self._stopping.set()
        self.loop.stop()
        with self._changed:
            self._changed.notify()

    def request(self, maker: StillMaker, request: StillRequest) -> None:
        """Make a still of an event later. Any thread; returns at once."""
        waiting = _Waiting(self._clock.monotonic() + AFTER_REPORT_S, maker, request)
        with self._changed:
            self._waiting.append(waiting)
            if len(self._waiting) > MAX_WAITING:
                least = min(self._waiting, key=lambda each: each.request.severity.number)
                self._waiting.remove(least)
                self.missed += 1
            self._changed.notify()

    def take_now(self, maker: StillMaker, event_id: str, within_s: float) -> Media:
        """Return a picture of what a camera shows now; blocks. Any thread. Raises ``EdgeAgentError``."""
        if not self._decoding.acquire(timeout=within_s):
            raise StillUnavailable(problem_text("still-decode-slow", seconds=within_s))
        try:
            view = maker.take_now(within_s, self._stopping.wait)
        finally:
            self._decoding.release()
        return _media(maker.camera_id, event_id, view, self._seal_to)

    # --- the thread ---

    def _run(self, loop: SupervisedThread) -> None:
        while not loop.stopping:
            loop.beat()
            waiting = self._next()
            if waiting is not None:
                self._make(waiting)

    def _rest(self, seconds: float) -> bool:
        return self.loop.wait(seconds)

    def _next(self) -> _Waiting | None:
        """Wait for the next request to be due; None if none is within ``IDLE_S``."""
        with self._changed:
            now_mono = self._clock.monotonic()
            if self.loop.stopping:
                return None
            if not self._waiting:
                self._changed.wait(IDLE_S)
                return None
            pause_s = self._waiting[0].due_mono - now_mono
            if pause_s > 0:
                self._changed.wait(pause_s)
                return None
            return self._waiting.popleft()

    def _make(self, waiting: _Waiting) -> None:
        """Make, store and report one still. Never raises."""
        camera_id, request = waiting.maker.camera_id, waiting.request
        try:
            with self._decoder():
                still = waiting.maker.make(request)
            for view in still.views:
                self._report(camera_id, request, still, view)
        except StillUnavailable as error:
            log.info("%s: no still of %s: %s", camera_id, request.event_id, error)
            self.missed += 1
        except EdgeAgentError as error:
            log.warning("%s: the still of %s is not reported: %s", camera_id, request.event_id, error)
            self.missed += 1
        except Exception:  # the top of this thread's loop: other stills go on
            log.exception("%s: the still of %s failed", camera_id, request.event_id)
            self.missed += 1
        else:
            self.made += 1

    @contextlib.contextmanager
    def _decoder(self) -> Iterator[None]:
        """Hold the lock of the decoder. It may take a minute to get it, while other pictures are decoded.

        Raises ``StillUnavailable`` if the agent stops meanwhile.
        """
        while not self._decoding.acquire(timeout=BEAT_S):
            self.loop.beat()
            if self.loop.stopping:
                raise StillUnavailable(problem_text("command-interrupted"))
        try:
            yield
        finally:
            self._decoding.release()

    def _report(self, camera_id: str, request: StillRequest, still: Still, view: StillView) -> None:
        media = _media(camera_id, request.event_id, view, self._seal_to)
        plain = media.plain
        ref = StillRef(
            media_id=media.media_id,
            sha256=media.sha256 if plain is None else plain.sha256,
            bytes=len(view.payload),
            sealed_sha256=None if plain is None else media.sha256,
            view=view.name,
            source=still.source,
            width=view.width,
            height=view.height,
            box=view.box.rounded(),
            taken_at=rfc3339(wall_time_of(self._clock, still.stamp_mono)),
            aligned_by=still.aligned_by,
            lag_ms=round(still.lag_s * 1000),
        )
        self._outbox.append(self._events.still(media, ref, request.severity))
        self._store_picture(media, request.severity)


class CameraStills:
    """The stills of one camera."""

    def __init__(self, maker: StillMaker, recorder: StillRecorder) -> None:
        self._maker = maker
        self._recorder = recorder

    def observing(self, pictures: EvidenceStage) -> ObjectMoments:
        """Wrap the camera's evidence stage, for stills of events of rules."""
        return ObjectMoments(pictures, lambda request: self._recorder.request(self._maker, request))

    def take_now(self, event_id: str, within_s: float) -> Media:
        """Return a whole picture, in full size, of what the camera shows now. Blocks; any thread. Raises
        ``EdgeAgentError``."""
        return self._recorder.take_now(self._maker, event_id, within_s)


def _media(camera_id: str, event_id: str, view: StillView, seal_to: bytes | None) -> Media:
    """Return the view as a picture to store, sealed to ``seal_to`` if given. Raises ``SealError``."""
    digest = hashlib.sha256(view.payload).hexdigest()
    media_id = secrets.token_hex(10)
    if seal_to is None:
        return Media(media_id, event_id, camera_id, digest, view.payload, view.box)
    sealed = seal(view.payload, seal_to)
    plain = PlainContent(digest, len(view.payload))
    return Media(media_id, event_id, camera_id, hashlib.sha256(sealed).hexdigest(), sealed, view.box, plain)
