"""The part of a heartbeat that the centre itself reads; the whole heartbeat is stored as received."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from edge_agent.wire.base import END
from edge_agent.wire.received.bounds import HIGHEST_SEQUENCE, bound_fields, with_problems


class ReceivedClockHealth(msgspec.Struct):
    synced: bool | None = None
    offset_ms: float | None = None


class ReceivedBoxHealth(msgspec.Struct):
    cpu_percent: float | None = None
    memory_percent: float | None = None
    disk_percent: float | None = None
    temperature_c: float | None = None
    undervoltage: bool | None = None
    throttled: bool | None = None
    uptime_s: float | None = None
    boot_reason: str | None = None


Number = Annotated[int, Meta(ge=0, le=HIGHEST_SEQUENCE)]


class ReceivedOutboxHealth(msgspec.Struct):
    depth: Number = 0
    oldest_s: float = 0.0
    sequence: Number = 0
    epoch: Annotated[str, Meta(pattern=rf"^[a-z0-9-]{{0,63}}{END}")] = ""
    degraded: str | None = None


class ReceivedCameraHealth(msgspec.Struct):
    state: str = ""
    packet_fps: float = 0.0
    cause: str | None = None
    since: str = ""
    view: list[str] = msgspec.field(default_factory=list)


class ReceivedUplinkHealth(msgspec.Struct):
    heartbeat_s: float | None = None
    monthly_bytes: int | None = None
    used_bytes: int = 0
    forecast_bytes: int | None = None
    held: list[str] = msgspec.field(default_factory=list)


class ReceivedModemHealth(msgspec.Struct):
    state: str = ""
    registration: str = ""
    operator: str = ""
    technology: str | None = None
    signal_percent: int | None = None
    sent_bytes: int = 0
    received_bytes: int = 0


class ReceivedCertificatesHealth(msgspec.Struct):
    client_days: int | None = None
    ca_days: int | None = None


class ReceivedPartHealth(msgspec.Struct):
    """Health of the detector and of stored evidence."""

    degraded: str | None = None


class ReceivedUpdateHealth(msgspec.Struct):
    version: str | None = None
    phase: str | None = None
    reverted: str | None = None
    why: str | None = None


class ReceivedModelHealth(msgspec.Struct):
    name: str | None = None
    sha256: str | None = None
    phase: str | None = None
    objects: int = 0
    agreement: float | None = None
    refusal: str | None = None
    reverted_at: str | None = None
    reverted: str | None = None
    why: str | None = None


class ReceivedConfigHealth(msgspec.Struct):
    origin: str = "file"
    given_up: str | None = None


class ReceivedRuleOverride(msgspec.Struct):
    """A rule that is overridden for a time."""

    camera: str
    rule: str
    what: str
    left_s: float = 0.0


class ReceivedSwitchedOffRule(msgspec.Struct):
    """A rule that ``set-rule`` has switched off for good, or whose zone or line its masks hide."""

    camera: str
    rule: str


class ReceivedCommandsHealth(msgspec.Struct):
    rules: list[ReceivedRuleOverride] = msgspec.field(default_factory=list)
    relearning: list[str] = msgspec.field(default_factory=list)  # cameras
    switched_off: list[ReceivedSwitchedOffRule] = msgspec.field(default_factory=list)


class ReceivedHealth(msgspec.Struct):
    time: str
    session: str
    version: str = ""
    config_hash: str = ""
    uptime_s: float | None = None
    clock: ReceivedClockHealth = msgspec.field(default_factory=ReceivedClockHealth)
    box: ReceivedBoxHealth = msgspec.field(default_factory=ReceivedBoxHealth)
    outbox: ReceivedOutboxHealth = msgspec.field(default_factory=ReceivedOutboxHealth)
    uplink: ReceivedUplinkHealth = msgspec.field(default_factory=ReceivedUplinkHealth)
    modem: ReceivedModemHealth | None = None
    certificates: ReceivedCertificatesHealth = msgspec.field(default_factory=ReceivedCertificatesHealth)
    detector: ReceivedPartHealth = msgspec.field(default_factory=ReceivedPartHealth)
    evidence: ReceivedPartHealth = msgspec.field(default_factory=ReceivedPartHealth)
    update: ReceivedUpdateHealth = msgspec.field(default_factory=ReceivedUpdateHealth)
    model: ReceivedModelHealth = msgspec.field(default_factory=ReceivedModelHealth)
    config: ReceivedConfigHealth = msgspec.field(default_factory=ReceivedConfigHealth)
    commands: ReceivedCommandsHealth = msgspec.field(default_factory=ReceivedCommandsHealth)
    cameras: Mapping[str, ReceivedCameraHealth] = msgspec.field(default_factory=dict)
    degraded: list[str] = msgspec.field(default_factory=list)
    problems: object = None  # the lines of ``degraded`` as coded problems, not checked yet


_HEALTH = msgspec.json.Decoder(ReceivedHealth)


def read_health(payload: bytes) -> ReceivedHealth:
    """Decode a heartbeat and bound its values. Each line of ``degraded`` gets its coded problem, if there is
    one. Raises msgspec.DecodeError, RecursionError."""
    health = _HEALTH.decode(payload)
    bound_fields(health)
    health.degraded = with_problems(health.degraded, health.problems)
    return health
