"""What clips need of a camera's packets. ``capture.ring.PacketRing`` offers it."""

from __future__ import annotations

from collections.abc import Sequence
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
