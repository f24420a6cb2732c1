"""Retained messages: whether the gateway is online, and its inventory."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from edge_agent.wire.data.base import Count, Id, Message, Sha256, Time


class State(Message, frozen=True, kw_only=True):
    schema: Literal["state/1"] = "state/1"
    state: Literal["online", "stopped", "offline"]
    session: str
    time: Time
    reason: str


class BirthCamera(Message, frozen=True, kw_only=True):
    id: Id
    url: Annotated[str, Meta(description="without user part")]
    analyse_fps: float
    analyse_width: Count


class BirthLocation(Message, frozen=True, kw_only=True):
    """Degrees, WGS 84."""

    latitude: Annotated[float, Meta(ge=-90, le=90)]
    longitude: Annotated[float, Meta(ge=-180, le=180)]


class BirthDetector(Message, frozen=True, kw_only=True):
    name: str
    model_sha256: Sha256 | None
    labels: list[str]
    delegate: str | None


class Birth(Message, frozen=True, kw_only=True):
    """Inventory of the gateway; retained, sent at every connect."""

    schema: Literal["birth/1"] = "birth/1"
    time: Time
    session: str
    gateway: Id
    ward: Id
    name: str
    version: str
    versions: dict[str, str]
    profile: str
    board: str
    os: str
    boot_id: str
    boot_reason: str
    detector: BirthDetector
    config_hash: Sha256
    evidence_key: Annotated[
        str | None,
        Meta(description="Ed25519 public key that verifies chain heads, DER in base64; null: none"),
    ] = None
    firmware: Annotated[
        str | None,
        Meta(description="version of the boot loader, read as the board's profile says; null: unknown"),
    ] = None
    cameras: list[BirthCamera]
    location: BirthLocation | None = None  # null: not in the configuration
