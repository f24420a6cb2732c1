"""Compares the video of all cameras with the decoding capacity in the board's profile.

It assumes movement in front of all cameras: then every frame is decoded (docs/decisions/0011).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge_agent.config.model.boards import Capacity
from edge_agent.config.model.settings import Camera, GearChoice

TOLERANCE = 1.1
"""A limit may be exceeded by this factor: a camera set to 10 frames a second sends 9.6 to 10.4."""


@dataclass(frozen=True, slots=True)
class DecodedStream:
    """Size and rate of the stream that a camera sends."""

    camera_id: str
    width: int
    height: int
    fps: float

    @property
    def pixels_per_s(self) -> float:
        return self.width * self.height * self.fps


@dataclass(frozen=True, slots=True)
class DecodeLoad:
    """All cameras' load. ``requested``, ``limit``: frames a second, in frames of the profile's size."""

    requested: float
    limit: int
    size: str
    heaviest: DecodedStream
    oversized: bool  # the frames of ``heaviest`` are larger than the profile's size

    @property
    def is_exceeded(self) -> bool:
        return self.requested > TOLERANCE * self.limit


def decode_load(capacity: Capacity, streams: Iterable[DecodedStream]) -> DecodeLoad | None:
    """Add up the load of the streams; None without any."""
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
    """Return the ids of the cameras that are not limited to keyframes by ``gear: idle``."""
    return {camera.id for camera in cameras if camera.analyse.gear is not GearChoice.IDLE}
