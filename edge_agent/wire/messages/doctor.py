"""What ``edge-agent doctor --json`` prints, also stored beside a commissioning report."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from edge_agent.wire.data.base import Count, Id, Message, Sha256, Time, Unit
from edge_agent.wire.messages.inventory import BirthLocation


class DoctorLine(Message, frozen=True, kw_only=True):
    """One result of a check."""

    check: Annotated[str, Meta(description="the name for --accept")]
    level: Literal["green", "yellow", "red", "skipped"]
    finding: Annotated[str, Meta(description="a fixed word; docs/guide/doctor.md lists them")]
    said: str
    todo: str | None  # null: nothing has to be done
    accepted: Annotated[str | None, Meta(description="why the operator accepts the problem, or null")] = None


class DoctorCamera(Message, frozen=True, kw_only=True):
    """What one connection to a camera measured; unknown is null."""

    id: Id
    codec: str | None = None
    width: Count | None = None
    height: Count | None = None
    frame_rate: Annotated[float, Meta(ge=0)] | None = None
    keyframe_s: Annotated[float, Meta(ge=0, description="seconds between keyframes")] | None = None
    mean_luma: Annotated[float, Meta(description="0..255; black is 16 in most streams")] | None = None
    dark_share: Annotated[Unit, Meta(description="of the pixels")] | None = None
    sharpness: Annotated[float, Meta(description="docs/guide/doctor.md explains the measure")] | None = None


class Doctor(Message, frozen=True, kw_only=True):
    """The result of a whole run."""

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
        Meta(description="accepted: every red result was accepted with a reason"),
    ]
    sentence: Annotated[str, Meta(description="the verdict, to be read aloud")]
    took_s: float
    lines: list[DoctorLine]
    cameras: list[DoctorCamera]
