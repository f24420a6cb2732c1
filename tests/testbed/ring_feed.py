"""A clip's packets through the real ring, gears and decoder, without waiting: the clock is the stream's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import av

from edge_agent.capture.decoder import Decoder
from edge_agent.capture.feed import FrameFeed
from edge_agent.capture.gear import Gearbox
from edge_agent.capture.health import CameraHealth
from edge_agent.capture.ring import Connection, PacketRing
from edge_agent.capture.source import Limits
from edge_agent.capture.stream_time import StreamTime
from edge_agent.config.settings import Camera

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.packet import Packet
    from av.video.stream import VideoStream

START = datetime(2026, 1, 1, tzinfo=UTC)


class StreamClock:
    """Stands still until somebody sets it."""

    def __init__(self) -> None:
        self.mono = 1000.0

    def monotonic(self) -> float:
        return self.mono

    def now(self) -> datetime:
        return START + timedelta(seconds=self.mono)


class RingFeed:
    """What a camera's threads share, without the threads: ``arrive`` takes the place of the capture thread.

    Box time is the packets' decoding time plus ``begin_mono``, so a frame's ``captured_mono`` minus that
    is its time in the clip.
    """

    begin_mono = 1000.0

    def __init__(self, camera: Camera, clip: Path) -> None:
        self.clock = StreamClock()
        self.gearbox = Gearbox(camera.analyse.gear, camera.analyse.quiet_s)
        self.ring = PacketRing(camera.ring.seconds, camera.ring.max_bytes)
        self.health = CameraHealth(camera.id, self.clock, self.gearbox)
        self.feed = FrameFeed(camera, self.clock, self.ring, self.health, self.gearbox, Limits())
        self._times = StreamTime()
        self._clip = clip

    def arrive(self) -> Iterator[float]:
        """Put packet after packet into the ring; yields its time in the clip."""
        with av.open(str(self._clip)) as container:
            video = container.streams.video[0]
            self.decoder = Decoder(video.codec_context)
            connection = Connection(self.decoder, live=True)
            self.health.opened(connection, video.codec_context.name)
            self.ring.begin(connection)
            for packet in container.demux(video):
                if packet.size:
                    yield self._append(packet, float(video.time_base or 0))

    def _append(self, packet: Packet[VideoStream], tick_s: float) -> float:
        assert packet.dts is not None
        assert packet.pts is not None
        # A camera sends a picture when it is encoded, and those after which it is predicted before it.
        time_s = max(0.0, packet.dts * tick_s)
        self.clock.mono = max(self.clock.mono, self.begin_mono + max(time_s, packet.pts * tick_s))
        self.ring.append(packet, self.clock.mono, self._times.stamp(packet.pts * tick_s, self.clock.mono))
        return self.clock.mono - self.begin_mono
