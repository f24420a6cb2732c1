"""Arguments of the commands that make or send a file."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from edge_agent.wire.data.base import END, Arguments, Id, Message, Sha256, Time

Url = Annotated[
    str,
    Meta(
        pattern=rf"^https://[!-?A-~]+{END}",
        max_length=4000,
        description="presigned, for one PUT; needs a signature",
    ),
]


class SnapshotArguments(Arguments, frozen=True, kw_only=True):
    """A picture of what a camera shows now."""

    camera: Id


class ClipArguments(Arguments, frozen=True, kw_only=True):
    """The clip of an event, or a new one of a camera from ``last_s`` ago to ``next_s`` from now."""

    event_id: Annotated[str, Meta(pattern=rf"^[a-z0-9-]{{1,120}}{END}")] | None = None
    camera: Id | None = None
    last_s: Annotated[float, Meta(ge=0, le=120)] = 5.0
    next_s: Annotated[float, Meta(ge=0, le=60)] = 0.0
    url: Annotated[Url | None, Meta(description="null: it is sent as media, up to 1,900,000 bytes")] = None
    urls: Annotated[
        Annotated[list[Url], Meta(max_length=1000)] | None,
        Meta(description="one for each part of part_bytes, in order; instead of url"),
    ] = None
    part_bytes: Annotated[int, Meta(ge=100_000, le=1_000_000_000)] = 5_242_880


class DiagnosticsArguments(Arguments, frozen=True, kw_only=True):
    """A bundle of logs, health history, configuration and versions, without secrets."""

    url: Url | None = None


class StormArguments(Arguments, frozen=True, kw_only=True):
    """Snapshots again and again: streets flood."""

    cameras: Annotated[Annotated[list[Id], Meta(min_length=1)] | None, Meta(description="null: all")] = None
    every_s: Annotated[float, Meta(ge=30, le=3600)] = 300.0
    for_s: Annotated[float, Meta(ge=0, le=172_800, description="0: end it now")] = 7200.0


class StormHealth(Message, frozen=True, kw_only=True):
    """Storm mode, while it goes on."""

    cameras: list[str]
    every_s: float
    until: Time


class HoldArguments(Arguments, frozen=True, kw_only=True):
    """Rotation leaves the media of an event alone, until they are released."""

    event_id: Annotated[str, Meta(pattern=rf"^[a-z0-9-]{{1,120}}{END}")]
    why: Annotated[str, Meta(min_length=1, max_length=500)]
    release: bool = False


class SentFile(Struct, frozen=True, kw_only=True):
    """``result`` of what sends a file."""

    event_id: str
    bytes: int
    sha256: Sha256
    content_type: str
    media_id: str | None = None  # as which it comes on up/media; null: it was uploaded
    etags: list[str] | None = None  # of the parts, as the server named them
