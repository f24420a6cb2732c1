"""The packets of one stream with their times, divided into groups of pictures that can be decoded on their
own."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.capture.ring import PacketRing, RingPacket, StreamConnection
from edge_agent.capture.stream_time import JUMP_S

NEWEST = 20
"""Packets whose stamps give the present difference between stream time and the gateway's clock."""


@dataclass(frozen=True, slots=True, eq=False)
class StreamPackets:
    """What the ring of one stream holds, oldest first; packets by reference.

    *Stream time* is the camera's own time of a packet in seconds, or its stamp where the stream has no times.
    Within one connection, stream time keeps its rate and its zero. Stamps do not keep them, because they
    follow the packet with the shortest delay.
    """

    connection: StreamConnection
    packets: Sequence[RingPacket]

    def time_of(self, item: RingPacket) -> float:
        """Return the stream time of a packet."""
        return self.time_at(item.packet.pts, item)

    def time_at(self, pts: int | None, item: RingPacket) -> float:
        """Return the stream time of the picture with ``pts``; ``item``: the packet that completed it."""
        timed = self.connection.timed and pts is not None
        return pts * self.connection.tick_s if timed and pts is not None else item.stamp_mono

    @property
    def stamp_lead_s(self) -> float:
        """Stamps minus stream time, of the newest packets."""
        return statistics.median(item.stamp_mono - self.time_of(item) for item in self.packets[-NEWEST:])

    @property
    def newest_s(self) -> float:
        """The latest stream time."""
        return max(self.time_of(item) for item in self.packets[-NEWEST:])

    @property
    def period_s(self) -> float:
        """The usual time between two pictures; 0 when there are fewer than two."""
        times = sorted(self.time_of(item) for item in self.packets)
        return statistics.median(b - a for a, b in itertools.pairwise(times)) if times[1:] else 0.0

    def time_of_stamp(self, stamp_mono: float) -> float:
        """Return the stream time of the picture with this stamp, such as ``captured_mono`` of a frame."""
        nearest = min(self.packets, key=lambda item: abs(item.stamp_mono - stamp_mono))
        return self.time_of(nearest) + stamp_mono - nearest.stamp_mono

    def group_at(self, time_s: float) -> Sequence[RingPacket]:
        """Return the group of pictures that holds this stream time; empty if no keyframe is early enough."""
        begin = self._keyframe_before(time_s)
        if begin is None:
            return ()
        following = (n for n in range(begin + 1, len(self.packets)) if self.packets[n].keyframe)
        return self.packets[begin : next(following, len(self.packets))]

    def run_around(self, begin_s: float, end_s: float, most: int) -> Sequence[RingPacket]:
        """Return up to ``most`` packets from a keyframe on that cover most of ``begin_s`` to ``end_s``."""
        times = [self.time_of(item) for item in self.packets]

        def covered_s(begin: int) -> float:
            last = min(begin + most, len(times)) - 1
            return min(times[last], end_s) - max(times[begin], begin_s)

        keyframes = [n for n, item in enumerate(self.packets) if item.keyframe]
        begin = max(keyframes, key=covered_s, default=len(times))
        return [item for item in self.packets[begin : begin + most] if self.time_of(item) <= end_s]

    def _keyframe_before(self, time_s: float) -> int | None:
        keyframes = [n for n, item in enumerate(self.packets) if item.keyframe]
        earlier = [n for n in keyframes if self.time_of(self.packets[n]) <= time_s + 1e-6]
        return earlier[-1] if earlier else None


def packets_in(ring: PacketRing | None) -> StreamPackets | None:
    """Return the content of a ring since the camera's clock was last set back.

    None: there is no ring, it is not connected, or it has no picture yet.
    """
    if ring is None:
        return None
    unread = ring.contents()
    connection = unread.connection
    if connection is None:
        return None
    packets: list[RingPacket] = []
    for item in unread.packets:
        if not item.packet.size or (packets and _is_set_back(connection, packets[-1], item)):
            packets = []
        if item.packet.size:
            packets.append(item)
    return StreamPackets(connection, packets) if packets else None


def _is_set_back(connection: StreamConnection, before: RingPacket, item: RingPacket) -> bool:
    """Whether the camera's clock was set back between two packets, so that their times do not compare."""
    old, new = before.packet.pts, item.packet.pts
    return old is not None and new is not None and (old - new) * connection.tick_s > JUMP_S
