"""What ``edge-agent doctor --json`` prints, and what is kept beside a commissioning report."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from edge_agent.wire.data.base import Count, Id, Message, Sha256, Time, Unit
from edge_agent.wire.messages.inventory import BirthLocation


class DoctorLine(Message, frozen=True, kw_only=True):
    """One fact about one thing."""

    check: Annotated[str, Meta(description="what --accept takes")]
    level: Literal["green", "yellow", "red", "skipped"]
    finding: Annotated[str, Meta(description="a fixed word for it; docs/guide/doctor.md lists them")]
    said: str
    todo: str | None  # null: nothing has to be done
    accepted: Annotated[str | None, Meta(description="why somebody lives with it, or null")] = None


class DoctorCamera(Message, frozen=True, kw_only=True):
    """What one look at a camera measured; unknown is null."""

    id: Id
    codec: str | None = None
    width: Count | None = None
    height: Count | None = None
    frame_rate: Annotated[float, Meta(ge=0)] | None = None
    keyframe_s: Annotated[float, Meta(ge=0, description="seconds between keyframes")] | None = None
    mean_luma: Annotated[float, Meta(description="0..255; black is 16 in most streams")] | None = None
    dark_share: Annotated[Unit, Meta(description="of the pixels")] | None = None
    sharpness: Annotated[float, Meta(description="docs/guide/doctor.md says what of")] | None = None


class Doctor(Message, frozen=True, kw_only=True):
    """A whole run."""

    schema: Literal["doctor/1"] = "doctor/1"
    time: Time
    gateway: Id
    ward: Id
    name: str
    location: BirthLocation | None
    version: str
    profile: str
    board: str
    config_hash: Sha256
    lang: Literal["en", "vi"]
    verdict: Annotated[
        Literal["passed", "accepted", "failed"],
        Meta(description="accepted: what is red was accepted with a reason"),
    ]
    sentence: Annotated[str, Meta(description="the verdict, to be read aloud")]
    took_s: float
    lines: list[DoctorLine]
    cameras: list[DoctorCamera]
