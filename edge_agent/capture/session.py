"""One connection's packets: when they came, when their pictures were taken, and into the ring."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from edge_agent.capture.health import CaptureHealth
from edge_agent.capture.ring import PacketRing, StreamConnection
from edge_agent.capture.source import FrameSource
from edge_agent.capture.timing.coalescing import Coalescing, PacketDemand
from edge_agent.capture.timing.stream_time import StreamTime
from edge_agent.core.clock import Clock

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream


BLOCKED_S = 0.002
"""A packet that took so long to read was not there before."""


class CaptureSession:
    """Fed by the capture thread, packet by packet."""

    def __init__(self, source: FrameSource, clock: Clock, health: CaptureHealth, ring: PacketRing) -> None:
        self.connection = StreamConnection(source.decoder(), source.live, source.tick_s, source.timed)
        self._clock = clock
        self._health = health
        self._ring = ring
        self._times = StreamTime(source.timed)
        self._tick_s = source.tick_s
        self._coalescing = Coalescing() if source.buffered else None
        self._ready_mono = 0.0  # since when the next packet is waited for
        self._stamp_mono = 0.0  # of the last packet
        self._may_have_waited = False  # packets may have waited for us

    @property
    def codec(self) -> str:
        return self.connection.decoder.codec

    def online_s(self) -> float | None:
        """How long pictures have been coming; None when there was none."""
        online_mono = self.connection.online_mono
        return None if online_mono is None else self._clock.monotonic() - online_mono

    def feed(self, packet: Packet[VideoStream]) -> None:
        """Take a packet that was read just now. Raises what the other thread found wrong with the stream."""
        if self.connection.failure is not None:
            raise self.connection.failure
        mono = self._clock.monotonic()
        set_back, self.connection.set_back = self.connection.set_back, None
        if set_back is not None:
            self._times.start_from(*set_back)
        if mono - self._ready_mono >= BLOCKED_S:
            self._may_have_waited = False
        pts_s = None if packet.pts is None else packet.pts * self._tick_s
        self._health.packet(mono, packet.size)
        self._stamp_mono = stamp_mono = self._times.stamp(pts_s, mono, held=self._may_have_waited)
        if self._coalescing is not None:
            self._coalescing.read(
                keyframe=packet.is_keyframe,
                size_bytes=packet.size,
                stamp_mono=stamp_mono,
                awaited=not self._may_have_waited,
            )
        self._ring.append(packet, mono, stamp_mono)
        if not packet.size:
            self._times.restart()

    def wait_idle(self, wanted: Callable[[float], PacketDemand | None]) -> None:
        """Let packets wait, as long as none that comes is ``wanted``, after the one with that stamp."""
        if self._coalescing is None:
            return
        if (next_ := wanted(self._stamp_mono)) is not None:
            rest_s = self._coalescing.wait_s(next_, self._clock.monotonic())
            if rest_s > 0:
                self._ring.wait_idle(rest_s)
                self._may_have_waited = True
        self._ready_mono = self._clock.monotonic()
