"""What all cameras of a box ask its decoder for, against what the board's profile is made for.

Reckoned for the moment when something moves in front of all of them: then every picture that they send is
decoded (docs/decisions/0011), and that is when the box is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge_agent.config.model.boards import Capacity
from edge_agent.config.model.settings import Camera, GearChoice

TOLERANCE = 1.1
"""Cameras that are set to 10 pictures a second send 9.6 to 10.4, and the limits are no finer."""


@dataclass(frozen=True, slots=True)
class DecodedStream:
    """As a camera really sends it."""

    camera_id: str
    width: int
    height: int
    fps: float  # pictures a second

    @property
    def pixels_per_s(self) -> float:
        return self.width * self.height * self.fps


@dataclass(frozen=True, slots=True)
class DecodeLoad:
    """``asked`` and ``limit``: pictures of the profile's own size a second, of all cameras together."""

    requested: float
    limit: int
    size: str
    heaviest: DecodedStream
    oversized: bool  # the heaviest has larger pictures than the profile is made for

    @property
    def is_exceeded(self) -> bool:
        return self.requested > TOLERANCE * self.limit


def decode_load(capacity: Capacity, streams: Iterable[DecodedStream]) -> DecodeLoad | None:
    """None without streams."""
    known = sorted(streams, key=lambda stream: stream.pixels_per_s)
    if not known:
        return None
    heaviest = known[-1]
    return DecodeLoad(
        requested=capacity.in_pictures(sum(stream.pixels_per_s for stream in known)),
        limit=capacity.decode_fps,
        size=capacity.size,
        heaviest=heaviest,
        oversized=capacity.in_pictures(heaviest.width * heaviest.height) > TOLERANCE,
    )


def fully_decoded(cameras: Sequence[Camera]) -> set[str]:
    """Ids of those whose every picture may have to be decoded: not of those kept at keyframes."""
    return {camera.id for camera in cameras if camera.analyse.gear is not GearChoice.IDLE}
