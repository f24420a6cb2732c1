"""Reads the camera's main stream for clips and stills: packets only, nothing is decoded here."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from collections.abc import Callable

from edge_agent.capture.failures import unexpected
from edge_agent.capture.reader import BEAT_S, FIRST_DELAY_S, MAX_DELAY_S, ordinal
from edge_agent.capture.ring import PacketRing, StreamConnection
from edge_agent.capture.source import Opener, StreamTimeouts, open_source
from edge_agent.capture.stream_time import StreamTime
from edge_agent.config.model.settings import Camera
from edge_agent.core.clock import Backoff, Clock
from edge_agent.core.errors import CaptureError, SourceRejected
from edge_agent.core.worker import SupervisedThread

log = logging.getLogger(__name__)

BEFORE_S = 10.0
"""Seconds that the ring holds in addition to the pre-roll: a keyframe interval, and the delay until an
event is reported."""


class MainStream:
    """Reads the main stream on thread ``main-<camera>``. Connected only while ``armed()``, which the thread
    calls about every five seconds, is true or ``ring`` is tapped. ``camera.clip.main_url`` must be set.

    While the main stream is lost, clips and stills come from the analysed stream. So the loss is shown in
    ``problem`` and in the log, and does not change the camera's state.
    """

    def __init__(
        self,
        camera: Camera,
        clock: Clock,
        *,
        armed: Callable[[], bool],
        limits: StreamTimeouts | None = None,
        backoff: Backoff | None = None,
        opener: Opener = open_source,
    ) -> None:
        clip = camera.clip
        self.ring = PacketRing(clip.pre_s + BEFORE_S, clip.max_bytes)
        self._camera = dataclasses.replace(camera, url=clip.main_url or "", credentials=clip.main_credentials)
        self._clock = clock
        self._armed = armed
        self._limits = limits or StreamTimeouts()
        self._backoff = backoff or Backoff(FIRST_DELAY_S, MAX_DELAY_S)
        self._opener = opener
        self._problem: str | None = None
        self._asked_mono = 0.0
        self._wanted = False
        # As in ``CameraReader``: opening may take ``open_s`` twice, and the name resolver has no limit.
        silence_s = 2 * self._limits.open_s + self._limits.stall_s + 30
        self.loop = SupervisedThread(f"main-{camera.id}", self._run, max_silence_s=silence_s)

    @property
    def problem(self) -> str | None:
        """Why the stream is not connected although it is needed; None otherwise. Thread-safe."""
        return self._problem

    def start(self) -> None:
        self.ring.open()
        self.loop.start()

    def stop(self) -> None:
        """Ask the thread to end. Does not wait; a thread that waits for its camera ends by itself, see
        ``CameraReader``."""
        self.loop.stop()
        self.ring.close()

    def _run(self, loop: SupervisedThread) -> None:
        while not loop.stopping:
            if not self._is_wanted():
                loop.wait(BEAT_S)
                continue
            pause_s = self._attempt(loop)
            while pause_s > 0 and self._is_wanted() and not loop.wait(min(pause_s, BEAT_S)):
                pause_s -= BEAT_S

    def _is_wanted(self) -> bool:
        now_mono = self._clock.monotonic()
        if not self._wanted or now_mono - self._asked_mono >= BEAT_S:
            self._asked_mono, self._wanted = now_mono, self.ring.tapped or self._armed()
            if not self._wanted:
                self._problem = None
        return self._wanted

    def _attempt(self, loop: SupervisedThread) -> float:
        """Run one connection until it is lost or not needed; returns the seconds to wait before the next."""
        begun_mono = self._clock.monotonic()
        try:
            self._connection(loop)
        except CaptureError as error:
            return self._lost(error, self._clock.monotonic() - begun_mono, stopping=loop.stopping)
        except Exception as error:  # noqa: BLE001  # top of this thread's loop; the text may contain a password
            failed = unexpected(self._camera.id, error)
            return self._lost(failed, self._clock.monotonic() - begun_mono, stopping=loop.stopping)
        finally:
            self.ring.end()
        return 0.0

    def _connection(self, loop: SupervisedThread) -> None:
        source = self._opener(self._camera, self._clock, loop.wait, self._limits, repeat=False)
        with contextlib.closing(source), contextlib.closing(source.packets()) as packets:
            times = StreamTime(source.timed)
            self.ring.begin(StreamConnection(source.decoder(), source.live, source.tick_s, source.timed))
            for packet in packets:
                if loop.stopping or not self._is_wanted():
                    return
                loop.beat()
                mono = self._clock.monotonic()
                pts_s = None if packet.pts is None else packet.pts * source.tick_s
                self.ring.append(packet, mono, times.stamp(pts_s, mono))
                self._problem = None

    def _lost(self, error: CaptureError, lasted_s: float, *, stopping: bool) -> float:
        if stopping:
            return 0.0
        self._backoff.succeeded(lasted_s)
        rejected = isinstance(error, SourceRejected)
        delay_s = self._backoff.slowest() if rejected else self._backoff.failed()
        # Warn of the first failure and of every new cause; log repetitions for debugging only.
        level = logging.DEBUG if error.detail == self._problem else logging.WARNING
        text = "%s: main stream: %s, clips come from the sub-stream; next attempt in %.0f s (%s failure)"
        log.log(level, text, self._camera.id, error.detail, delay_s, ordinal(self._backoff.failures))
        self._problem = error.detail
        return delay_s
