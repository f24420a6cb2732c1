"""Of a heartbeat what the centre itself looks at; the whole of it is kept as it came."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from edge_agent.wire.data.base import END
from edge_agent.wire.received.bounds import HIGHEST_SEQUENCE, bound


class ClockHealth(msgspec.Struct):
    synced: bool = False
    offset_ms: float | None = None


class BoxHealth(msgspec.Struct):
    cpu_percent: float | None = None
    memory_percent: float | None = None
    disk_percent: float | None = None
    temperature_c: float | None = None
    undervoltage: bool | None = None
    throttled: bool | None = None
    uptime_s: float | None = None


Number = Annotated[int, Meta(ge=0, le=HIGHEST_SEQUENCE)]


class OutboxHealth(msgspec.Struct):
    depth: Number = 0
    oldest_s: float = 0.0
    sequence: Number = 0
    epoch: Annotated[str, Meta(pattern=rf"^[a-z0-9-]{{0,63}}{END}")] = ""
    degraded: str | None = None


class CameraHealth(msgspec.Struct):
    state: str = ""
    packet_fps: float = 0.0
    cause: str | None = None
    view: list[str] = msgspec.field(default_factory=list)


class UplinkHealth(msgspec.Struct):
    heartbeat_s: float | None = None
    monthly_bytes: int | None = None
    used_bytes: int = 0
    held: list[str] = msgspec.field(default_factory=list)


class CertificatesHealth(msgspec.Struct):
    client_days: int | None = None
    ca_days: int | None = None


class PartHealth(msgspec.Struct):
    """Of the detector and of what is kept."""

    degraded: str | None = None


class UpdateHealth(msgspec.Struct):
    reverted: str | None = None
    why: str | None = None


class ModelHealth(msgspec.Struct):
    name: str | None = None
    sha256: str | None = None
    phase: str | None = None
    objects: int = 0
    agreement: float | None = None
    refusal: str | None = None
    reverted_at: str | None = None
    reverted: str | None = None
    why: str | None = None


class ConfigHealth(msgspec.Struct):
    given_up: str | None = None


class Override(msgspec.Struct):
    """A rule that is for a time not as it is configured."""

    camera: str
    rule: str
    what: str


class CommandsHealth(msgspec.Struct):
    rules: list[Override] = msgspec.field(default_factory=list)
    relearning: list[str] = msgspec.field(default_factory=list)  # cameras


class Health(msgspec.Struct):
    time: str
    session: str
    version: str = ""
    config_hash: str = ""
    uptime_s: float | None = None
    clock: ClockHealth = msgspec.field(default_factory=ClockHealth)
    box: BoxHealth = msgspec.field(default_factory=BoxHealth)
    outbox: OutboxHealth = msgspec.field(default_factory=OutboxHealth)
    uplink: UplinkHealth = msgspec.field(default_factory=UplinkHealth)
    certificates: CertificatesHealth = msgspec.field(default_factory=CertificatesHealth)
    detector: PartHealth = msgspec.field(default_factory=PartHealth)
    evidence: PartHealth = msgspec.field(default_factory=PartHealth)
    update: UpdateHealth = msgspec.field(default_factory=UpdateHealth)
    model: ModelHealth = msgspec.field(default_factory=ModelHealth)
    config: ConfigHealth = msgspec.field(default_factory=ConfigHealth)
    commands: CommandsHealth = msgspec.field(default_factory=CommandsHealth)
    cameras: dict[str, CameraHealth] = msgspec.field(default_factory=dict)
    degraded: list[str] = msgspec.field(default_factory=list)


_HEALTH = msgspec.json.Decoder(Health)


def read_health(payload: bytes) -> Health:
    """Within the bounds of ``bounds.py``: alerts and metrics count with it. Raises msgspec.DecodeError,
    RecursionError."""
    health = _HEALTH.decode(payload)
    bound(health)
    return health
