"""The packets of one camera connection while clips are being recorded; all clips of a source share a buffer.

Packets are stored by reference. At ``max_bytes`` the buffer wakes the recorder, which finishes the clip that
has become too large and discards packets that no other clip needs. With a quarter more than ``max_bytes`` the
buffer ends.

The Protocols describe what clips need of a camera's packets; ``capture.ring.PacketRing`` provides it.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from edge_agent.core.problems import problem_text

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream


class StreamPacket(Protocol):
    """One packet as received. It is shared: do not change it."""

    @property
    def packet(self) -> Packet[VideoStream]:
        """The packet. An empty one ends a run of the stream."""

    @property
    def keyframe(self) -> bool: ...

    @property
    def stamp_mono(self) -> float:
        """The time at which its picture was taken, on the gateway's monotonic clock."""


class StreamParameters(Protocol):
    """Parameters of one connection's stream that a player needs."""

    @property
    def codec(self) -> str:
        """FFmpeg's name: h264, hevc, mjpeg."""

    @property
    def extradata(self) -> bytes:
        """The codec's parameter sets as in the container: Annex B, avcC, hvcC, or empty."""

    @property
    def tick_s(self) -> float:
        """Seconds in one unit of the packets' times."""

    @property
    def timed(self) -> bool:
        """Whether those times come from the camera."""

    @property
    def turned_deg(self) -> int:
        """Degrees by which a player turns the picture counterclockwise; from the display matrix."""


class PacketTap(Protocol):
    """Receives a camera's packets on the thread that reads them. Its methods return at once."""

    def take(self, parameters: StreamParameters, packets: Sequence[StreamPacket]) -> None:
        """Receive packets: in the first call all packets of the ring, then each new one."""

    def lost(self) -> None:
        """Note the end of the connection: later packets belong to another one."""


class PacketSource(Protocol):
    """A camera's packet ring."""

    def tap(self, tap: PacketTap) -> None:
        """Send the packets in the ring and all new ones to ``tap``, until ``untap``. Any thread."""

    def untap(self, tap: PacketTap) -> None:
        """Stop sending packets to ``tap``. Does nothing when it is not tapped."""


LOST = problem_text("camera-connection-lost")
NOT_IN_TIME = "the gateway was too slow to store it"
SLACK = 1.25


@dataclass(frozen=True, slots=True)
class ClipSpan:
    """The part of a clip that the buffer holds so far."""

    began_mono: float | None  # stamp of its first packet; None: no keyframe yet
    newest_mono: float  # stamp of the newest packet in the buffer
    size_bytes: int


class ClipBuffer:
    """A ``PacketTap`` that stores packets. Positions count packets from the first one ever stored here."""

    def __init__(self, max_bytes: int, wake: Callable[[], None]) -> None:
        """``wake`` is called when the recorder has work; on any thread, and must return at once."""
        self._max_bytes = max_bytes
        self._wake = wake
        self._lock = threading.Lock()  # protects everything below
        self._packets: deque[StreamPacket] = deque()
        self._first = 0  # position of the first packet in ``_packets``
        self._bytes = 0
        self._parameters: StreamParameters | None = None
        self._ended: str | None = None

    @property
    def ended(self) -> str | None:
        """Why the buffer receives no more packets; None while it receives them."""
        return self._ended

    @property
    def parameters(self) -> StreamParameters | None:
        """The stream's parameters; None while no packet has come."""
        return self._parameters

    def take(self, parameters: StreamParameters, packets: Sequence[StreamPacket]) -> None:
        with self._lock:
            if self._ended is not None:
                return
            self._parameters = parameters
            before = self._bytes
            self._packets.extend(packets)
            self._bytes += sum(item.packet.size for item in packets)
            if before and self._bytes > SLACK * self._max_bytes:
                self._ended = NOT_IN_TIME
            full = self._bytes > self._max_bytes
        if full:
            self._wake()

    def lost(self) -> None:
        if self._parameters is not None:  # no packet has come yet if the camera was just connected
            self.end(LOST)

    def end(self, why: str) -> None:
        with self._lock:
            self._ended = self._ended or why
        self._wake()

    def begin_at(self, mono: float, max_bytes: int) -> int:
        """Return the position at which a clip that shows the time ``mono`` begins.

        It is the last keyframe up to that time, or a later one if there are more than ``max_bytes`` from
        there on. If all keyframes are later, it is the first one; without any, the next packet's position.
        """
        with self._lock:
            found: int | None = None
            found_bytes, rest = 0, self._bytes  # bytes from that packet to the newest
            for position, item in enumerate(self._packets, self._first):
                if item.keyframe and (found is None or item.stamp_mono <= mono or found_bytes > max_bytes):
                    found, found_bytes = position, rest
                rest -= item.packet.size
            return self._first + len(self._packets) if found is None else found

    def has_picture_since(self, since_mono: float) -> bool:
        """Return whether the buffer has a keyframe, and a picture that is not older than ``since_mono``."""
        with self._lock:
            if not any(item.keyframe for item in self._packets):
                return False
            return max(item.stamp_mono for item in list(self._packets)[-2:]) >= since_mono

    def span(self, begin: int) -> ClipSpan:
        with self._lock:
            packets = self._from(begin)
            newest_mono = max((item.stamp_mono for item in list(self._packets)[-2:]), default=0.0)
            began_mono = packets[0].stamp_mono if packets else None
            return ClipSpan(began_mono, newest_mono, sum(item.packet.size for item in packets))

    def cut(self, begin: int, end_mono: float, max_bytes: int) -> tuple[list[StreamPacket], bool]:
        """Return the packets from ``begin`` up to ``end_mono``, and whether ``max_bytes`` cut them off.

        The packets also stay in the buffer.
        """
        with self._lock:
            taken: list[StreamPacket] = []
            size = 0
            for item in self._from(begin):
                size += item.packet.size
                if item.stamp_mono > end_mono or size > max_bytes:
                    return taken, item.stamp_mono <= end_mono
                taken.append(item)
            return taken, False

    def discard_before(self, before: int) -> None:
        """Discard all packets before this position."""
        with self._lock:
            while self._packets and self._first < before:
                self._bytes -= self._packets.popleft().packet.size
                self._first += 1

    def _from(self, begin: int) -> list[StreamPacket]:
        """Return the packets from the first keyframe at or after ``begin``."""
        there = itertools.islice(self._packets, max(0, begin - self._first), None)
        return list(itertools.dropwhile(lambda item: not item.keyframe, there))
