"""The capture thread of one camera: connects, stamps packets, puts them into the ring, and reconnects."""

from __future__ import annotations

import contextlib
import logging
import math
import traceback
import urllib.parse
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from edge_agent.capture.coalescing import Coalescing, PacketDemand
from edge_agent.capture.decode.decode_mode import DecodeModeControl
from edge_agent.capture.failures import unexpected
from edge_agent.capture.feed import FrameFeed
from edge_agent.capture.health import CaptureHealth
from edge_agent.capture.ring import PacketRing, StreamConnection
from edge_agent.capture.source import FrameSource, Opener, StreamTimeouts, open_source
from edge_agent.capture.stream_time import StreamTime
from edge_agent.config.model.settings import Camera
from edge_agent.core.clock import Backoff, Clock
from edge_agent.core.errors import CaptureError, SourceRejected
from edge_agent.core.load_limits import WorkloadLimiter
from edge_agent.core.model import CameraStatus, Cause
from edge_agent.core.secrets import masked
from edge_agent.core.worker import SupervisedThread

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream


BLOCKED_S = 0.002
"""A packet that took at least this long to read was not waiting in the kernel's buffer."""


class CaptureSession:
    """Stamps each packet of one connection and appends it to the ring. For the capture thread."""

    def __init__(self, source: FrameSource, clock: Clock, health: CaptureHealth, ring: PacketRing) -> None:
        self.connection = StreamConnection(source.decoder(), source.live, source.tick_s, source.timed)
        self._clock = clock
        self._health = health
        self._ring = ring
        self._times = StreamTime(source.timed)
        self._tick_s = source.tick_s
        self._coalescing = Coalescing() if source.buffered else None
        self._ready_mono = 0.0  # when this thread began to wait for the next packet
        self._stamp_mono = 0.0  # of the last packet
        self._may_have_waited = False  # the next packet may have waited in the kernel's buffer

    @property
    def codec(self) -> str:
        return self.connection.decoder.codec

    def online_s(self) -> float | None:
        """Return the seconds since the first picture; None if there was none."""
        online_mono = self.connection.online_mono
        return None if online_mono is None else self._clock.monotonic() - online_mono

    def feed(self, packet: Packet[VideoStream]) -> None:
        """Stamp a packet that was read just now, and append it to the ring. Raises the error that the
        pipeline thread stored in ``connection.failure``."""
        if self.connection.failure is not None:
            raise self.connection.failure
        mono = self._clock.monotonic()
        clock_reset, self.connection.clock_reset = self.connection.clock_reset, None
        if clock_reset is not None:
            self._times.start_from(*clock_reset)
        if mono - self._ready_mono >= BLOCKED_S:
            self._may_have_waited = False
        pts_s = None if packet.pts is None else packet.pts * self._tick_s
        self._health.packet(mono, packet.size)
        self._stamp_mono = stamp_mono = self._times.stamp(pts_s, mono, waited=self._may_have_waited)
        if self._coalescing is not None:
            awaited = not self._may_have_waited
            self._coalescing.read(packet.is_keyframe, packet.size, stamp_mono, awaited=awaited)
        self._ring.append(packet, mono, stamp_mono)
        if not packet.size:
            self._times.restart()

    def wait_idle(self, wanted: Callable[[float], PacketDemand | None]) -> None:
        """Leave packets in the kernel's buffer while the pipeline needs none of them. ``wanted(stamp_mono)``
        returns what the pipeline needs after the packet with that stamp."""
        if self._coalescing is None:
            return
        if (next_ := wanted(self._stamp_mono)) is not None:
            wait_s = self._coalescing.wait_s(next_, self._clock.monotonic())
            if wait_s > 0:
                self._ring.wait_idle(wait_s)
                self._may_have_waited = True
        self._ready_mono = self._clock.monotonic()


log = logging.getLogger(__name__)

FIRST_DELAY_S, MAX_DELAY_S = 1.0, 60.0
BEAT_S = 5.0  # longest sleep of the thread between two signs of life for the watchdog


class CameraReader:
    """Keeps one camera connected; ``feed`` delivers the frames to analyse.

    ``start`` runs a thread ``capture-<id>``. ``stop`` returns at once: a reading thread ends with the next
    packet; a thread that waits for a dead camera cannot be woken and ends at its time-out
    (``StreamTimeouts``). It is a daemon thread and no longer writes into the ring, so the caller need not
    wait for it.
    """

    def __init__(
        self,
        camera: Camera,
        clock: Clock,
        *,
        limits: StreamTimeouts | None = None,
        backoff: Backoff | None = None,
        repeat_files: bool = False,
        opener: Opener = open_source,
        limiter: WorkloadLimiter | None = None,
    ) -> None:
        """``repeat_files``: start a file again at its end; otherwise the camera is offline from then on."""
        self.camera = camera
        self._limits = limits or StreamTimeouts()
        mode_control = DecodeModeControl(camera.analyse.gear, camera.analyse.quiet_s, limiter)
        self.ring = PacketRing(camera.ring.seconds, camera.ring.max_bytes)
        self.health = CaptureHealth(camera.id, clock, mode_control)
        self.feed = FrameFeed(camera, clock, self.ring, self.health, mode_control, self._limits)
        # Opening may take ``open_s`` twice (describe, play), and the name resolver has no limit.
        silence_s = 2 * self._limits.open_s + self._limits.stall_s + 30
        self.loop = SupervisedThread(f"capture-{camera.id}", self._run, max_silence_s=silence_s)
        self._clock = clock
        self.backoff = backoff or Backoff(FIRST_DELAY_S, MAX_DELAY_S)
        self._repeat_files = repeat_files
        self._opener = opener
        self._losses: deque[float] = deque()  # monotonic times, within the last hour
        self._logged: set[tuple[str, str, int]] = set()  # unexpected errors: type, file, line
        self._session: CaptureSession | None = None

    def start(self) -> None:
        self.ring.open()
        self.loop.start()

    def stop(self) -> None:
        """Ask the thread to end, and wake threads that wait at the ring. Does not wait."""
        self.loop.stop()
        self.ring.close()

    def status(self) -> CameraStatus:
        """Return the camera's state and rates. Thread-safe."""
        return self.health.status()

    def _run(self, loop: SupervisedThread) -> None:
        while not loop.stopping:
            self._pause(loop, self._attempt(loop))

    def _attempt(self, loop: SupervisedThread) -> float:
        """Run one connection, from connect to loss; returns the seconds to wait before the next."""
        self._session = None
        try:
            self._connection(loop)
        except CaptureError as error:
            if not loop.stopping:
                return self._lost(error)
        except Exception as error:  # noqa: BLE001  # the top of this thread's loop: other cameras go on
            self._log_unexpected(error)
            if not loop.stopping:
                return self._lost(unexpected(self.camera.id, error))
        return 0.0

    def _log_unexpected(self, error: Exception) -> None:
        """Log a fault of the agent or of a library, once for each kind, with its traceback."""
        frames = traceback.extract_tb(error.__traceback__)
        kind = (type(error).__name__, frames[-1].filename, frames[-1].lineno or 0)
        if kind in self._logged:
            return
        self._logged.add(kind)
        # Not ``log.exception``: FFmpeg's errors and their causes contain the URL with the password.
        trace = f"Traceback (most recent call last):\n{''.join(traceback.format_list(frames))}{kind[0]}"
        text = "%s: unexpected error, the camera is connected again\n%s: %s"
        log.error(text, self.camera.id, trace, self._safe(error))

    def _safe(self, error: Exception) -> str:
        credentials, text = self.camera.credentials, str(error)
        if credentials is not None and (password := credentials.password.reveal()):
            for form in (password, urllib.parse.quote(password, safe="")):
                text = text.replace(form, "***")
        return masked(text)

    def _connection(self, loop: SupervisedThread) -> None:
        """Read packets until the thread is asked to stop. Raises when the connection is lost."""
        source = self._opener(self.camera, self._clock, loop.wait, self._limits, repeat=self._repeat_files)
        with contextlib.closing(source):
            session = self._session = CaptureSession(source, self._clock, self.health, self.ring)
            self.health.opened(session.connection, session.codec)
            self.ring.begin(session.connection)
            with contextlib.closing(source.packets()) as packets:
                for packet in packets:
                    if loop.stopping:
                        return
                    loop.beat()
                    session.feed(packet)
                    session.wait_idle(self.feed.demand)

    def _lost(self, error: CaptureError) -> float:
        """Record and log the failure; returns the seconds to wait before the next attempt."""
        session = self._session
        online_s = session.online_s() if session is not None else None
        if online_s is not None:
            self.backoff.succeeded(online_s)
        changed = self.health.lost(error.cause, error.detail)
        if session is not None and not session.connection.live and error.cause is Cause.ENDED:
            log.info("%s: %s", self.camera.id, error.detail)
            return math.inf  # ``ring.end`` is not called, so that the remaining packets are still decoded
        self.ring.end()
        rejected = isinstance(error, SourceRejected)
        delay_s = self.backoff.slowest() if rejected else self.backoff.failed()
        if online_s is not None:
            nth = self._count_loss()
            log.warning("%s: %s, reopening in %.0f s (%s in 1 h)", self.camera.id, error.detail, delay_s, nth)
        else:
            # Warn of the first failure and of every new cause; log repetitions for debugging only.
            level = logging.WARNING if changed else logging.DEBUG
            facts = (self.camera.id, error.detail, error.cause, delay_s, ordinal(self.backoff.failures))
            log.log(level, "%s: %s (%s), next attempt in %.0f s (%s failure)", *facts)
        return delay_s

    def _count_loss(self) -> str:
        now_mono = self._clock.monotonic()
        self._losses.append(now_mono)
        while now_mono - self._losses[0] > 3600:
            self._losses.popleft()
        return ordinal(len(self._losses))

    def _pause(self, loop: SupervisedThread, seconds: float) -> None:
        """Sleep in steps, so that the watchdog sees a live thread. Infinite ``seconds``: until the stop."""
        while seconds > 0 and not loop.wait(min(seconds, BEAT_S)):
            seconds -= BEAT_S


def ordinal(number: int) -> str:
    """Return the ordinal of a number: 1st, 2nd, 3rd, 4th, 11th, 21st ..."""
    suffix = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"
