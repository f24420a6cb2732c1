"""The heartbeat and its parts."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from edge_agent.core.problems import CodedProblem
from edge_agent.wire.base import CameraCause, Count, Day, Message, Sha256, Time
from edge_agent.wire.commands import ConfigHealth, StormHealth
from edge_agent.wire.gateway import HealingStep, HeldBack, LoadLimits
from edge_agent.wire.models import CollectionHealth, ModelHealth


class ClockHealth(Message, frozen=True, kw_only=True):
    synced: bool
    source: str | None
    offset_ms: float | None


class BoxHealth(Message, frozen=True, kw_only=True):
    """Health of the board; unknown is null: not every board reports everything."""

    cpu_percent: float | None = None
    load_1: float | None = None
    memory_percent: float | None = None
    agent_rss_mb: float | None = None
    disk_free_mb: float | None = None
    disk_percent: float | None = None
    disk_write_kb_s: float | None = None
    temperature_c: float | None = None
    throttled: bool | None = None
    undervoltage: bool | None = None
    uptime_s: float | None = None
    boot_reason: str | None = None


class OutboxHealth(Message, frozen=True, kw_only=True):
    depth: Count
    bytes: Count
    oldest_s: float
    sequence: Count
    epoch: str
    media_depth: Count = 0
    degraded: str | None = None  # why events are queued in memory, or null
    shed: Count = 0
    damaged: Count = 0  # events discarded since start because the disk had changed them
    media_shed: Count = 0  # pictures that a full outbox dropped
    unconfirmed: Count = 0  # events sent but not confirmed by the centre; 0 with ``delivery`` broker
    oldest_unconfirmed_s: float = 0.0


class BytesByClass(Message, frozen=True, kw_only=True):
    """Bytes that TCP carried: sent by class, and received; and, counted apart, the headers of IP and TCP."""

    event: Count = 0
    heartbeat: Count = 0
    media: Count = 0
    reply: Count = 0
    other: Annotated[Count, Meta(description="sign-on, TLS, state, birth, pings")] = 0
    received: Count = 0
    headers: Annotated[Count, Meta(description="of IP and TCP, both ways")] = 0


class MqttHealth(Message, frozen=True, kw_only=True):
    reconnects: Count
    inflight: Count = 0
    refused: Count = 0  # messages the broker refused, since start; a missing subscriber does not count
    no_subscriber: bool = False  # the latest event of some camera, or the latest picture, had no subscriber
    no_retain: bool = False  # the broker keeps no retained messages: later subscribers miss state and birth
    last_error: str | None = None
    delivery: Literal["broker", "confirmed"] = "broker"  # whose confirmation events wait for
    confirmed_age_s: float | None = None  # time since the centre last confirmed something that waited
    resends: Count = 0  # events and pictures that were sent again, since start
    ignored_acks: Count = 0  # confirmations of the centre that were ignored, since start
    bytes_today: BytesByClass = BytesByClass()
    bytes_month: BytesByClass = BytesByClass()


class DetectorHealth(Message, frozen=True, kw_only=True):
    name: str
    queue: Count
    latency_ms: float | None
    inferences: Count = 0
    degraded: str | None = None


class CameraHealth(Message, frozen=True, kw_only=True):
    state: Literal["starting", "online", "degraded", "offline"]
    cause: CameraCause | None
    since: Time
    codec: str | None = None
    width: Count | None = None
    height: Count | None = None
    packet_fps: float = 0.0
    decoded_fps: float = 0.0
    analysed_fps: float = 0.0
    dropped: Count = 0
    corrupt: Count = 0
    bitrate_kbps: float = 0.0
    last_frame_age_s: float | None = None
    reconnects: Count = 0
    gear: Literal["full", "idle", "catch-up"] = "full"  # idle: only keyframes are decoded
    idle_share: float = 0.0  # share of idle in the time with pictures since the agent started, 0..1
    wake_ups: Count = 0  # how often it left idle, since the agent started
    kept_awake: str | None = None  # why it cannot become idle, if an operator can change that
    main_trouble: str | None = None  # why ``clip.main_url`` is not available; clips then come from ``url``
    view: list[str] = field(default_factory=list)  # what is wrong with its view: states of ``camera-view``


class EvidenceHealth(Message, frozen=True, kw_only=True):
    """Evidence stored on the gateway."""

    bytes: Count = 0
    clips: Count = 0  # since the agent started
    missed: Count = 0  # clips that could not be made since the agent started
    oldest: Time | None = None
    held: Count = 0  # events whose media are protected from rotation
    degraded: str | None = None


class ThermalHealth(LoadLimits, frozen=True, kw_only=True):
    """The step of the thermal ladder, and the load limits that it sets."""

    step: Annotated[int, Meta(ge=0, le=3)] = 0
    since: Time | None = None
    held: str | None = None  # why the step is frozen: the sensor has stopped answering


class UplinkHealth(Message, frozen=True, kw_only=True):
    """The budget of the billing period; the defaults where none is set."""

    kind: Literal["fibre", "sim"] = "fibre"
    monthly_bytes: Count | None = None
    period_from: Day | None = None
    resets_on: Day | None = None
    used_bytes: Count = 0  # sum of ``used``
    used: BytesByClass = BytesByClass()
    forecast_bytes: Count | None = None  # bytes at the end of the period, if the average rate continues
    step: Annotated[int, Meta(ge=0, le=3)] = 0
    since: Time | None = None
    held: list[HeldBack] = field(default_factory=list)  # what is held back until the budget recovers
    heartbeat_s: float | None = None  # present interval of heartbeats


ModemState = Literal[
    "missing", "failed", "unknown", "initializing", "locked", "disabled", "disabling", "enabling", "enabled",
    "searching", "registered", "disconnecting", "connecting", "connected",
]  # fmt: skip
"""``missing``: ModemManager runs and has no modem; the others are ModemManager's own."""


class ModemHealth(Message, frozen=True, kw_only=True):
    """The modem as ModemManager reports it, read once a minute."""

    state: ModemState = "unknown"
    failed: str | None = None  # why the state is failed: sim-missing, sim-error, unknown
    lock: str | None = None  # what the SIM card asks for: sim-pin, sim-puk, other
    registration: str = "unknown"  # idle, home, searching, denied, roaming, emergency
    operator: str = ""
    operator_code: str = ""  # MCC and MNC
    technology: str | None = None  # the fastest technology in use: 5G, LTE, HSPA+, ...
    signal_percent: Annotated[int, Meta(ge=0, le=100)] | None = None
    # In the billing period, as the modem counts them: the traffic of all programs.
    sent_bytes: Count = 0
    received_bytes: Count = 0


class RuleOverride(Message, frozen=True, kw_only=True):
    """A rule that the centre has overridden for a time."""

    camera: str
    rule: str
    what: Literal["mask", "arm", "disarm"]
    left_s: float


class SwitchedOffRule(Message, frozen=True, kw_only=True):
    """A rule that ``set-rule`` has switched off for good, or whose zone or line its masks hide."""

    camera: str
    rule: str


class CommandsHealth(Message, frozen=True, kw_only=True):
    """State of the centre's commands; docs/design/commands.md."""

    waiting: Count = 0  # accepted and not finished
    rejected: Count = 0  # since the agent started
    unanswerable: Count = 0  # commands without an id, since the agent started
    degraded: str | None = None  # why the journal cannot be written, so that most commands are refused
    rules: list[RuleOverride] = field(default_factory=list)
    relearning: list[str] = field(default_factory=list)  # cameras that learn their view again by command
    switched_off: list[SwitchedOffRule] = field(default_factory=list)


class CertificatesHealth(Message, frozen=True, kw_only=True):
    """Certificates of the broker connection, with TLS and a synchronised clock; else null."""

    client_days: int | None = None  # days left of the gateway's certificate; below 0: it has expired
    ca_days: int | None = None  # days left of the CA in ``mqtt.ca_file`` that expires last
    next_trouble: str | None = None  # why the certificate in the next slot is not in force


class UpdateHealth(Message, frozen=True, kw_only=True):
    """The state of updates, which a program of root installs, and the last reverted release until another
    one is tried."""

    version: str | None = None  # the release that is being installed or tried; null: none
    phase: Literal["fetching", "installing", "trial"] | None = None
    until: Time | None = None  # latest time of the verdict on the trial
    reverted: str | None = None  # version of the release that was reverted last
    reverted_at: Time | None = None
    why: str | None = None


class HealingHealth(Message, frozen=True, kw_only=True):
    """What a gateway without a broker does to recover; the defaults while it has one."""

    since: Time | None = None
    without_s: float = 0.0
    tried: list[HealingStep] = field(default_factory=list)  # the latest steps


class Heartbeat(Message, frozen=True, kw_only=True):
    schema: Literal["heartbeat/1"] = "heartbeat/1"
    time: Time
    session: str
    uptime_s: float
    clock: ClockHealth
    box: BoxHealth
    outbox: OutboxHealth
    mqtt: MqttHealth
    detector: DetectorHealth
    config_hash: Sha256
    version: str
    cameras: dict[str, CameraHealth]
    evidence: EvidenceHealth = EvidenceHealth()
    thermal: ThermalHealth = ThermalHealth()
    config: ConfigHealth = ConfigHealth()
    storm: StormHealth | None = None  # null: storm mode is not active
    collection: CollectionHealth | None = None  # null: no frames are collected or on the gateway
    uplink: UplinkHealth = UplinkHealth()
    modem: ModemHealth | None = None  # null: ModemManager does not run
    commands: CommandsHealth = CommandsHealth()
    certificates: CertificatesHealth = CertificatesHealth()
    update: UpdateHealth = UpdateHealth()
    healing: HealingHealth = HealingHealth()
    model: ModelHealth = ModelHealth()
    degraded: list[str] = field(default_factory=list)  # one line for humans for each problem
    problems: Annotated[
        list[CodedProblem | None],
        Meta(description="the lines of degraded, in their order, as codes with figures; null: no code"),
    ] = field(default_factory=list)
