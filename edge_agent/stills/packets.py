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
    Within one connection it does not change its rate or its zero, as stamps do: they follow the packet with
    the shortest delay.
    """

    connection: StreamConnection
    packets: Sequence[RingPacket]

    def time_of(self, item: RingPacket) -> float:
        """The stream time of a packet."""
        return self.time_at(item.packet.pts, item)

    def time_at(self, pts: int | None, item: RingPacket) -> float:
        """The stream time of the picture with ``pts``; ``item``: the packet that completed it."""
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
        """The stream time of the picture that was stamped so; ``captured_mono`` of a frame is such a
        stamp."""
        nearest = min(self.packets, key=lambda item: abs(item.stamp_mono - stamp_mono))
        return self.time_of(nearest) + stamp_mono - nearest.stamp_mono

    def group_at(self, time_s: float) -> Sequence[RingPacket]:
        """The group of pictures that holds this stream time, from its keyframe on; empty if there is none."""
        begin = self._keyframe_before(time_s)
        if begin is None:
            return ()
        following = (n for n in range(begin + 1, len(self.packets)) if self.packets[n].keyframe)
        return self.packets[begin : next(following, len(self.packets))]

    def run_around(self, begin_s: float, end_s: float, most: int) -> Sequence[RingPacket]:
        """At most ``most`` packets from a keyframe on: those that cover most of ``begin_s`` to ``end_s``."""
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
    """The present content of a ring, since the camera's clock was set back; None: not connected, or no
    picture yet."""
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
    """Whether the camera's clock was set back between two packets: their times cannot be compared."""
    old, new = before.packet.pts, item.packet.pts
    return old is not None and new is not None and (old - new) * connection.tick_s > JUMP_S
