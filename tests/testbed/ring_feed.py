"""A clip's packets through the real ring, decode modes and decoder, without waiting: the clock is the
stream's."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

import av
from av.packet import Packet

from edge_agent.capture.decode.decode_mode import DecodeModeControl
from edge_agent.capture.decode.decoder import DecodedFrame, VideoDecoder
from edge_agent.capture.feed import FrameFeed
from edge_agent.capture.health import CaptureHealth
from edge_agent.capture.reader import CaptureSession
from edge_agent.capture.ring import PacketRing
from edge_agent.capture.source import StreamTimeouts
from edge_agent.config.model.settings import Camera
from edge_agent.core.load_limits import WorkloadLimiter

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext
    from av.video.stream import VideoStream

    VideoPacket = Packet[VideoStream]
    Edit = Callable[[int, VideoPacket], VideoPacket | None]

START = datetime(2026, 1, 1, tzinfo=UTC)


class StreamClock:
    """Stands still until a test sets it, or lets it ``run``."""

    def __init__(self) -> None:
        self.mono = 1000.0
        self._since: float | None = None

    def run(self) -> None:
        """Advance like other clocks, for tests that wait."""
        self._since = time.monotonic()

    def monotonic(self) -> float:
        return self.mono if self._since is None else self.mono + time.monotonic() - self._since

    def now(self) -> datetime:
        return START + timedelta(seconds=self.mono)


class CostlyDecoder(VideoDecoder):
    """The real decoder; the stream clock advances while it works."""

    def __init__(self, context: VideoCodecContext, spend: Callable[[], None]) -> None:
        super().__init__(context)
        self._spend = spend

    def decode(self, packet: VideoPacket | None) -> list[DecodedFrame]:
        if packet is not None:
            self._spend()
        return super().decode(packet)


class ClipSource:
    """The packets of clips with the same codec, one after the other: what ``Session`` knows of a camera."""

    def __init__(
        self, clips: tuple[Path, ...], *, file: bool, timed: bool, spend: Callable[[], None]
    ) -> None:
        """``file``: each clip has its own times, and an empty packet ends it."""
        self.live, self.timed, self.buffered, self.tick_s = not file, timed, False, 0.0
        self.arrivals: deque[tuple[float, VideoPacket]] = deque()  # seconds after the first one's, packet
        self._spend = spend
        for clip in clips:
            self._read(clip)

    def packets(self) -> Generator[VideoPacket, None, None]:
        yield from (packet for _, packet in self.arrivals)

    def decoder(self) -> VideoDecoder:
        return CostlyDecoder(self._context, self._spend)

    def close(self) -> None:
        """There is nothing to close."""

    def _read(self, clip: Path) -> None:
        with av.open(str(clip)) as container:
            video = container.streams.video[0]
            packets = [packet for packet in container.demux(video) if packet.size]
            period_s = 1 / float(video.average_rate or video.guessed_rate or 10)
            self.tick_s = float(video.time_base or 0)
            if not self.arrivals:
                self._context = video.codec_context
        self._place(packets, period_s)

    def _place(self, packets: list[VideoPacket], period_s: float) -> None:
        """Arrival times as of a camera: at a steady rate, and no packet before its picture was captured."""
        begin_s = self.arrivals[-1][0] + period_s if self.arrivals else 0.0
        first_ts = min(packet.pts or 0 for packet in packets) if self.arrivals else 0
        delay_ts = max((packet.pts or 0) - (packet.dts or 0) for packet in packets)
        for packet in packets:
            assert packet.pts is not None
            assert packet.dts is not None
            arrival_s = begin_s + (packet.dts + delay_ts - first_ts) * self.tick_s
            packet.pts -= first_ts
            if self.live:
                packet.pts += round(begin_s / self.tick_s)
            self.arrivals.append((arrival_s, packet))
        if not self.live:
            self.arrivals.append((self.arrivals[-1][0], cast("VideoPacket", Packet())))


class RingFeed:
    """What a camera's threads share, without the threads: ``arrive`` replaces the capture thread, and is
    always on time.

    Captured time is the packets' own time plus ``begin_mono``, so a frame's ``captured_mono`` minus that is
    its time in the clip.
    """

    begin_mono = 1000.0

    def __init__(
        self,
        camera: Camera,
        *clips: Path,
        limits: StreamTimeouts | None = None,
        edit: Edit = lambda _, packet: packet,
        decode_s: float = 0.0,
        timed: bool = True,
        file: bool = False,
        limiter: WorkloadLimiter | None = None,
    ) -> None:
        """``edit``: changes each packet on its way, by its number from 0; None: the packet is lost.
        ``decode_s``: time that the decoder needs for each packet; ``file``, ``timed``: see ``ClipSource``."""
        self.clock = StreamClock()
        self.mode_control = DecodeModeControl(camera.analyse.gear, camera.analyse.quiet_s, limiter)
        self.ring = PacketRing(camera.ring.seconds, camera.ring.max_bytes)
        self.health = CaptureHealth(camera.id, self.clock, self.mode_control)
        limits = limits or StreamTimeouts()
        self.feed = FrameFeed(camera, self.clock, self.ring, self.health, self.mode_control, limits)
        self._clips, self._edit, self._file, self._timed = clips, edit, file, timed
        self._decode_s = decode_s
        self._number = 0

    def arrive(self) -> Iterator[float]:
        """Connect, and put packet after packet into the ring; yields the time in the clip. Raises what the
        capture thread would raise."""
        how: dict[str, bool] = {"file": self._file, "timed": self._timed}
        self._source = ClipSource(self._clips, **how, spend=lambda: self.spend(self._decode_s))
        self._session = CaptureSession(self._source, self.clock, self.health, self.ring)
        self.connection = self._session.connection
        self.decoder = self.connection.decoder
        self.health.opened(self.connection, self._session.codec)
        self.ring.begin(self.connection)
        begin_mono = self.clock.mono - self._source.arrivals[0][0] if self._number else self.begin_mono
        self._due = deque((begin_mono + at_s, packet) for at_s, packet in self._source.arrivals)
        while self._due:
            self.clock.mono = max(self.clock.mono, self._due[0][0])
            self._receive()
            yield self.clock.mono - self.begin_mono

    def spend(self, seconds: float) -> None:
        """Let time pass, and packets arrive."""
        until_mono = self.clock.mono + seconds
        while self._due and self._due[0][0] <= until_mono:
            self._receive()
        self.clock.mono = until_mono

    def _receive(self) -> None:
        arrived_mono, packet = self._due.popleft()
        now_mono, self.clock.mono = self.clock.mono, arrived_mono
        edited = self._edit(self._number, packet)
        self._number += 1
        if edited is not None:
            self._session.feed(edited)
        self.clock.mono = max(now_mono, arrived_mono)
