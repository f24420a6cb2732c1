"""The last packets of one camera, undecoded, so that frames between two keyframes can still be analysed
later.

Policy: packets are never refused; the oldest are dropped beyond ``seconds`` or ``max_bytes``.
"""

from __future__ import annotations

import contextlib
import queue
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
    """One connection, shared by a camera's two threads: one reads its packets, the other decodes them. It
    also describes the packets to the taps of the ring."""

    decoder: VideoDecoder  # of the decoding thread
    live: bool
    tick_s: float = 0.0  # seconds in one unit of the packets' times
    timed: bool = True  # whether the packets' times come from the camera
    online_mono: float | None = None  # when the first picture came; set by the decoding thread
    failure: Exception | None = None  # set by the decoding thread, raised by the reading thread
    clock_reset: tuple[float, float] | None = None  # (camera's time, monotonic time) for the next packet
    turned_deg: int = 0  # counterclockwise, as a player turns the picture; set by the decoding thread
    codec: str = field(init=False)
    extradata: bytes = field(init=False)  # parameter sets from the description of the stream

    def __post_init__(self) -> None:
        self.codec = self.decoder.codec
        self.extradata = self.decoder.extradata


@dataclass(frozen=True, slots=True, eq=False)
class RingPacket:
    serial: int  # rises by one from packet to packet, over reconnects too
    packet: Packet[VideoStream]  # an empty packet means: drain the decoder, the stream starts again
    keyframe: bool
    arrived_mono: float
    stamp_mono: float  # when its picture was taken, on the gateway's monotonic clock
    recent_bytes: float = 0.0  # mean size of the last ``RECENT`` packets without keyframes; 0 for a keyframe


@dataclass(frozen=True, slots=True)
class UnreadPackets:
    """Packets that a reader of the ring has not read."""

    connection: StreamConnection | None  # None: the camera is not connected
    packets: list[RingPacket] = field(default_factory=list)
    missed: int = 0  # packets of this connection that the ring dropped before these
    closed: bool = False
    awaited: bool = False  # the reader had to wait for a wanted packet


class RingTap(Protocol):
    """Receives each packet as it comes, under the ring's lock and on the capture thread. Its methods return
    at once and raise nothing."""

    def take(self, connection: StreamConnection, packets: Sequence[RingPacket]) -> None: ...

    def lost(self) -> None:
        """Note that the connection was lost or closed."""


class WakeUp:
    """Wakes the one thread that waits. ``threading.Event`` would do it in Python code, a queue does it in C:
    that saves 30 us of CPU for each wake-up, and a camera has ten of them a second."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[None] = queue.SimpleQueue()

    def call(self) -> None:
        """Wake the thread, or let its next ``wait`` return at once. Thread-safe."""
        if self._calls.empty():
            self._calls.put(None)

    def forget(self) -> None:
        """Discard the calls up to now: the next ``wait`` blocks."""
        with contextlib.suppress(queue.Empty):
            while not self._calls.empty():
                self._calls.get_nowait()

    def wait(self, timeout_s: float) -> None:
        with contextlib.suppress(queue.Empty):
            self._calls.get(timeout=timeout_s)


RECENT = 3
"""Number of packets averaged in ``recent_bytes``: a single one may be a parameter set or a refresh."""


class PacketRing:
    """Holds a camera's last packets. The capture thread writes, the pipeline thread reads, clips tap it."""

    def __init__(self, seconds: float, max_bytes: int) -> None:
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._lock = threading.RLock()  # guards everything below but the two ``WakeUp``
        self._packets: deque[RingPacket] = deque()
        self._bytes = 0
        self._recent: deque[int] = deque(maxlen=RECENT)  # sizes
        self._serial = 0  # of the newest packet
        self._connection: StreamConnection | None = None
        self._begun_after = 0  # serial of the last packet before this connection
        self._closed = False
        self._needed = WakeUp()  # ends ``wait_idle``
        self._changed = WakeUp()  # ends ``wait``: a wanted packet, or another connection
        self._wanted: Callable[[RingPacket], bool] | None = None
        self._taps: tuple[RingTap, ...] = ()

    @property
    def closed(self) -> bool:
        with self._lock:
            return self._closed

    @property
    def size_bytes(self) -> int:
        with self._lock:
            return self._bytes

    @property
    def tapped(self) -> bool:
        with self._lock:
            return bool(self._taps)

    def tap(self, tap: RingTap) -> None:
        """Pass ``tap`` the packets in the ring and all that follow, until ``untap``. Thread-safe."""
        with self._lock:
            self._taps = (*self._taps, tap)
            if self._connection is not None and self._packets:
                tap.take(self._connection, tuple(self._packets))

    def untap(self, tap: RingTap) -> None:
        """Stop passing packets to ``tap``. Does nothing when ``tap`` gets none."""
        with self._lock:
            self._taps = tuple(other for other in self._taps if other is not tap)

    def begin(self, connection: StreamConnection) -> None:
        """Start a new connection: its decoder cannot use the packets of the old one."""
        with self._lock:
            self._lost()
            self._clear()
            self._connection = connection
            self._begun_after = self._serial
            self._recent.clear()
            self._changed.call()

    def append(self, packet: Packet[VideoStream], arrived_mono: float, stamp_mono: float) -> None:
        keyframe = bool(packet.is_keyframe and packet.size)
        self._needed.forget()  # an earlier ``notify_now`` is answered by this packet
        with self._lock:
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
                self._changed.call()

    def end(self) -> None:
        """Drop the packets of a lost connection, because they would only give old pictures."""
        with self._lock:
            self._lost()
            self._clear()
            self._connection = None
            self._changed.call()

    def wait_idle(self, seconds: float) -> None:
        """Let packets wait in the kernel until ``notify_now``, at most ``seconds``; on the capture thread."""
        self._needed.wait(seconds)

    def notify_now(self) -> None:
        """End ``wait_idle``: waiting packets are needed now. Thread-safe."""
        self._needed.call()

    def open(self) -> None:
        with self._lock:
            self._closed = False

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._needed.call()
            self._lost()
            self._clear()
            self._changed.call()

    def wait(
        self,
        connection: StreamConnection | None,
        after: int,
        wanted: Callable[[RingPacket], bool],
        timeout_s: float,
    ) -> UnreadPackets:
        """Return the packets after the serial ``after``.

        Blocks until one of them is ``wanted``, the connection is no longer ``connection``, or ``timeout_s``
        have passed; then returns all of them, wanted or not.
        """
        with self._lock:
            awaited = not self._is_worth_waking(connection, after, wanted)
            if awaited:
                self._wanted = wanted
                self._changed.forget()
        if awaited:
            self._changed.wait(timeout_s)
        with self._lock:
            self._wanted = None
            packets = self._newer_than(after)
            missed = packets[0].serial - max(after, self._begun_after) - 1 if packets else 0
            return UnreadPackets(self._connection, packets, missed, self._closed, awaited)

    def contents(self) -> UnreadPackets:
        """Return all packets in the ring without consuming them. Thread-safe."""
        with self._lock:
            return UnreadPackets(self._connection, list(self._packets), closed=self._closed)

    def keyframe_at(self, stamp_mono: float) -> RingPacket | None:
        """Return the last keyframe up to that time, else the first keyframe; None without keyframes."""
        with self._lock:
            keyframes = [item for item in self._packets if item.keyframe]
            earlier = [item for item in keyframes if item.stamp_mono <= stamp_mono]
            return earlier[-1] if earlier else keyframes[0] if keyframes else None

    def _is_worth_waking(
        self, connection: StreamConnection | None, after: int, wanted: Callable[[RingPacket], bool]
    ) -> bool:
        if self._closed or self._connection is not connection:
            return True
        return any(wanted(item) for item in self._newer_than(after))

    def _newer_than(self, serial: int) -> list[RingPacket]:
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
