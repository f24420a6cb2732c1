"""The last packets of one camera, undecoded: what was between two keyframes can still be looked at.

Policy: packets are never refused; the oldest go when there are more than ``seconds`` or ``max_bytes``.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from edge_agent.capture.decode.decoder import VideoDecoder

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream


@dataclass(slots=True, eq=False)
class StreamConnection:
    """What a camera's two threads know of one connection: one reads its packets, the other decodes them. Who
    taps the ring learns from it what the packets are."""

    decoder: VideoDecoder  # of the decoding thread
    live: bool
    tick_s: float = 0.0  # seconds in one unit of the packets' times
    timed: bool = True  # whether those come from the camera
    online_mono: float | None = None  # when the first picture came; set by the decoding thread
    failure: Exception | None = None  # set by the decoding thread: no use; raised by the reading one
    set_back: tuple[float, float] | None = None  # (camera's time, box time) that the next packet starts from
    turned_deg: int = 0  # counterclockwise, how a player shows it; set by the decoding thread
    codec: str = field(init=False)
    extradata: bytes = field(init=False)  # parameter sets from the description of the stream

    def __post_init__(self) -> None:
        self.codec = self.decoder.codec
        self.extradata = self.decoder.extradata


@dataclass(frozen=True, slots=True, eq=False)
class RingPacket:
    serial: int  # rises by one from packet to packet, over reconnects too
    packet: Packet[VideoStream]  # an empty one ends a run of the stream: the decoder is to be drained
    keyframe: bool
    arrived_mono: float
    stamp_mono: float  # when its picture was taken, on the box's monotonic clock
    recent_bytes: float = 0.0  # mean size of the last few up to it that are no keyframes; 0 for a keyframe


@dataclass(frozen=True, slots=True)
class UnreadPackets:
    """What a reader of the ring has not seen."""

    connection: StreamConnection | None  # None: the camera is lost, or was never there
    packets: list[RingPacket] = field(default_factory=list)
    missed: int = 0  # packets of this connection before these, that the ring has let go
    closed: bool = False
    awaited: bool = False  # nothing that was wanted was there before


class RingTap(Protocol):
    """Is handed the packets as they come, under the ring's lock and by the thread that reads the camera: it
    returns at once and raises nothing."""

    def take(self, connection: StreamConnection, packets: Sequence[RingPacket]) -> None: ...

    def lost(self) -> None:
        """The connection is over."""
        ...


RECENT = 3
"""Packets in ``recent_bytes``: a single large one is often a repeated parameter set or a refresh."""


class PacketRing:
    """Filled by the capture thread, read by the camera's pipeline thread, tapped by who keeps clips."""

    def __init__(self, seconds: float, max_bytes: int) -> None:
        self._seconds = seconds
        self._max_bytes = max_bytes
        # Guards everything below; notified when somebody waits and what came is worth waking for.
        self._changed = threading.Condition()
        self._packets: deque[RingPacket] = deque()
        self._bytes = 0
        self._recent: deque[int] = deque(maxlen=RECENT)  # sizes
        self._serial = 0  # of the newest packet
        self._connection: StreamConnection | None = None
        self._begun_after = 0  # serial of the last packet before this connection
        self._closed = False
        self._notify_now = threading.Event()  # what comes is wanted at once
        self._wanted: Callable[[RingPacket], bool] | None = None
        self._taps: tuple[RingTap, ...] = ()

    @property
    def closed(self) -> bool:
        with self._changed:
            return self._closed

    @property
    def size_bytes(self) -> int:
        with self._changed:
            return self._bytes

    @property
    def tapped(self) -> bool:
        with self._changed:
            return bool(self._taps)

    def tap(self, tap: RingTap) -> None:
        """Give it what there is now and all that comes, until ``untap``. Any thread."""
        with self._changed:
            self._taps = (*self._taps, tap)
            if self._connection is not None and self._packets:
                tap.take(self._connection, tuple(self._packets))

    def untap(self, tap: RingTap) -> None:
        """Does nothing when it is not tapped."""
        with self._changed:
            self._taps = tuple(other for other in self._taps if other is not tap)

    def begin(self, connection: StreamConnection) -> None:
        """Another connection: what is there is of no use for its decoder."""
        with self._changed:
            self._lost()
            self._clear()
            self._connection = connection
            self._begun_after = self._serial
            self._recent.clear()
            self._changed.notify()

    def append(self, packet: Packet[VideoStream], arrived_mono: float, stamp_mono: float) -> None:
        keyframe = bool(packet.is_keyframe and packet.size)
        self._notify_now.clear()  # who hurries has seen this packet
        with self._changed:
            self._serial += 1
            recent_bytes = 0.0 if keyframe else self._recent_mean(packet.size)
            item = RingPacket(self._serial, packet, keyframe, arrived_mono, stamp_mono, recent_bytes)
            self._packets.append(item)
            self._bytes += packet.size
            while len(self._packets) > 1 and self._is_too_much(arrived_mono):
                self._bytes -= self._packets.popleft().packet.size
            if self._connection is not None:
                for tap in self._taps:
                    tap.take(self._connection, (item,))
            if self._wanted is not None and self._wanted(item):
                self._changed.notify()

    def end(self) -> None:
        """The connection is lost: what nobody has decoded yet would be an old picture."""
        with self._changed:
            self._lost()
            self._clear()
            self._connection = None
            self._changed.notify()

    def wait_idle(self, seconds: float) -> None:
        """The capture thread leaves packets where they are, until somebody hurries it."""
        self._notify_now.wait(seconds)

    def notify_now(self) -> None:
        """What has come since the last packet is wanted now. Any thread."""
        self._notify_now.set()

    def open(self) -> None:
        with self._changed:
            self._closed = False

    def close(self) -> None:
        """Wake who waits; nothing is read any more."""
        with self._changed:
            self._closed = True
            self._notify_now.set()
            self._lost()
            self._clear()
            self._changed.notify_all()

    def wait(
        self,
        connection: StreamConnection | None,
        after: int,
        wanted: Callable[[RingPacket], bool],
        timeout_s: float,
    ) -> UnreadPackets:
        """What came after the packet with the serial ``after``.

        Blocks until a packet among it is ``wanted``, the connection is another one than ``connection``, or
        ``timeout_s`` have passed; then returns all of it, wanted or not.
        """
        with self._changed:
            awaited = not self._is_worth_waking(connection, after, wanted)
            if awaited:
                self._wanted = wanted
                self._changed.wait_for(lambda: self._is_worth_waking(connection, after, wanted), timeout_s)
                self._wanted = None
            return self._unread(after, awaited)

    def keyframe_at(self, stamp_mono: float) -> RingPacket | None:
        """The last keyframe up to that time; the first one there is, when all are later."""
        with self._changed:
            keyframes = [item for item in self._packets if item.keyframe]
            earlier = [item for item in keyframes if item.stamp_mono <= stamp_mono]
            return earlier[-1] if earlier else keyframes[0] if keyframes else None

    def _is_worth_waking(
        self, connection: StreamConnection | None, after: int, wanted: Callable[[RingPacket], bool]
    ) -> bool:
        if self._closed or self._connection is not connection:
            return True
        return any(wanted(item) for item in self._after(after))

    def _unread(self, after: int, awaited: bool) -> UnreadPackets:
        packets = self._after(after)
        missed = packets[0].serial - max(after, self._begun_after) - 1 if packets else 0
        return UnreadPackets(self._connection, packets, missed, self._closed, awaited)

    def _after(self, serial: int) -> list[RingPacket]:
        fresh: list[RingPacket] = []
        for item in reversed(self._packets):
            if item.serial <= serial:
                break
            fresh.append(item)
        fresh.reverse()
        return fresh

    def _recent_mean(self, size: int) -> float:
        self._recent.append(size)
        return sum(self._recent) / len(self._recent)

    def _is_too_much(self, now_mono: float) -> bool:
        old = now_mono - self._packets[0].arrived_mono > self._seconds
        return old or self._bytes > self._max_bytes

    def _lost(self) -> None:
        for tap in self._taps:
            tap.lost()

    def _clear(self) -> None:
        self._packets.clear()
        self._bytes = 0
