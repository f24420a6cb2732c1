"""One connection's packets: when they came, when their pictures were taken, and into the ring."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_agent.capture.health import CameraHealth
from edge_agent.capture.ring import Connection, PacketRing
from edge_agent.capture.source import FrameSource
from edge_agent.capture.stream_time import StreamTime
from edge_agent.clock import Clock

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream


class Session:
    """Fed by the capture thread, packet by packet."""

    def __init__(self, source: FrameSource, clock: Clock, health: CameraHealth, ring: PacketRing) -> None:
        self.connection = Connection(source.decoder(), source.live, source.tick_s, source.timed)
        self._clock = clock
        self._health = health
        self._ring = ring
        self._times = StreamTime(source.timed)
        self._tick_s = source.tick_s

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
        pts_s = None if packet.pts is None else packet.pts * self._tick_s
        self._health.packet(mono, packet.size)
        self._ring.append(packet, mono, self._times.stamp(pts_s, mono))
        if not packet.size:
            self._times.restart()
