"""The packets of one connection while something is open: shared by all clips that are made of them.

Policy: nothing is copied and nothing refused until there is a quarter more than ``max_bytes``; who waits is
woken at ``max_bytes``, cuts the clip that has grown so large, and lets go what no other one needs.

What clips need of a camera's packets. ``capture.ring.PacketRing`` offers it.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream


class StreamPacket(Protocol):
    """One packet as it came; others hold it too, so nobody changes it."""

    @property
    def packet(self) -> Packet[VideoStream]:
        """An empty one ends a run of the stream."""
        ...

    @property
    def keyframe(self) -> bool: ...

    @property
    def stamp_mono(self) -> float:
        """When its picture was taken, on the box's monotonic clock."""
        ...


class StreamParameters(Protocol):
    """What a player has to know of one connection's packets."""

    @property
    def codec(self) -> str:
        """FFmpeg's name: h264, hevc, mjpeg."""
        ...

    @property
    def extradata(self) -> bytes:
        """The codec's parameter sets as the container gave them: Annex B, avcC, hvcC, or none at all."""
        ...

    @property
    def tick_s(self) -> float:
        """Seconds in one unit of the packets' times."""
        ...

    @property
    def timed(self) -> bool:
        """Whether those times come from the camera."""
        ...

    @property
    def turned_deg(self) -> int:
        """How far a player turns the picture, counterclockwise; from the container's display matrix."""
        ...


class PacketTap(Protocol):
    """Is handed a camera's packets as they come, by the thread that reads them: returns at once."""

    def take(self, parameters: StreamParameters, packets: Sequence[StreamPacket]) -> None:
        """At first all that the ring holds, then packet after packet."""
        ...

    def lost(self) -> None:
        """The connection is over; what comes next belongs to another one."""
        ...


class PacketSource(Protocol):
    """A camera's packet ring."""

    def tap(self, tap: PacketTap) -> None:
        """Give it what there is now and all that comes, until ``untap``. Any thread."""
        ...

    def untap(self, tap: PacketTap) -> None:
        """Does nothing when it is not tapped."""
        ...


LOST = "the connection to the camera was lost"
NOT_IN_TIME = "the box was too slow to store it"
SLACK = 1.25


@dataclass(frozen=True, slots=True)
class ClipSpan:
    """What there is of a clip so far."""

    began_mono: float | None  # stamp of its first packet; None: no keyframe yet
    newest_mono: float  # of what is on the tape
    size_bytes: int


class ClipBuffer:
    """``packets.PacketTap``. Positions count packets from the first one that was ever on this tape."""

    def __init__(self, max_bytes: int, wake: Callable[[], None]) -> None:
        """``wake`` is called when there is something to do; from any thread, and must be quick."""
        self._max_bytes = max_bytes
        self._wake = wake
        self._lock = threading.Lock()  # protects everything below
        self._packets: deque[StreamPacket] = deque()
        self._first = 0  # position of the leftmost
        self._bytes = 0
        self._parameters: StreamParameters | None = None
        self._ended: str | None = None

    @property
    def ended(self) -> str | None:
        """Why nothing comes any more; None while something may."""
        return self._ended

    @property
    def parameters(self) -> StreamParameters | None:
        """None while no packet has come."""
        return self._parameters

    @property
    def size_bytes(self) -> int:
        return self._bytes

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
        if self._parameters is not None:  # otherwise it is a beginning: the camera has just been connected
            self.end(LOST)

    def end(self, why: str) -> None:
        with self._lock:
            self._ended = self._ended or why
        self._wake()

    def begin_at(self, mono: float, max_bytes: int) -> int:
        """Position of the last keyframe up to that time, or of a later one when there would be more than
        ``max_bytes`` already; of the first one, when all are later; of what comes next, when there is none.
        """
        with self._lock:
            found: int | None = None
            found_bytes, rest = 0, self._bytes  # from there to the newest
            for position, item in enumerate(self._packets, self._first):
                if item.keyframe and (found is None or item.stamp_mono <= mono or found_bytes > max_bytes):
                    found, found_bytes = position, rest
                rest -= item.packet.size
            return self._first + len(self._packets) if found is None else found

    def has_picture_since(self, since_mono: float) -> bool:
        """Whether there is a keyframe, and a picture since then."""
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
        """The packets from there up to that time, and whether they had to end earlier for their size. They
        stay on the tape."""
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
        """What is older than this position is not needed any more."""
        with self._lock:
            while self._packets and self._first < before:
                self._bytes -= self._packets.popleft().packet.size
                self._first += 1

    def _from(self, begin: int) -> list[StreamPacket]:
        """From the first keyframe that is not before ``begin``."""
        there = itertools.islice(self._packets, max(0, begin - self._first), None)
        return list(itertools.dropwhile(lambda item: not item.keyframe, there))
