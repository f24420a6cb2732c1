"""Every message that leaves the box, as types. JSON Schemas are generated from these.

``docs/reference/schemas/`` and ``edge-agent schema`` print what is here, so the types *are* the
contract: names are the wire's names, units are in the names, unknown is null. What has a default here may
be left out of a heartbeat while it has it.
"""

from __future__ import annotations

from typing import Annotated, Generic, Literal, TypeVar

from msgspec import Meta, Struct

Id = Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,63}$")]
Time = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", description="UTC, RFC 3339")]
Unit = Annotated[float, Meta(ge=0, le=1)]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
WireBox = Annotated[
    tuple[Unit, Unit, Unit, Unit],
    Meta(description="x1, y1, x2, y2 in 0..1 of the picture, origin top left"),
]
Count = Annotated[int, Meta(ge=0)]
CameraCause = Literal[
    "unreachable",
    "refused",
    "unauthorized",
    "not_found",
    "no_video",
    "unsupported",
    "stalled",
    "ended",
    "decode_error",
]


TYPE_PREFIX = "vn.thaibinh.edge."
SCHEMA_BASE = "https://edge.thaibinh.vn/schemas/v1/"
"""Identifies schemas (``$id``, ``dataschema``); they ship in the package, nothing is fetched from there."""


class Message(Struct, frozen=True, kw_only=True):
    """Base of all messages. Consumers ignore fields they do not know: fields may be added in v1."""


# --- events: the ``data`` of a CloudEvent -------------------------------------------------------


class FrameSize(Message, frozen=True, kw_only=True):
    width: Count
    height: Count


class ModelRef(Message, frozen=True, kw_only=True):
    """The model that named the object."""

    name: str
    sha256: Sha256 | None  # null: a detector without a file, such as HOG


class SnapshotRef(Message, frozen=True, kw_only=True):
    media_id: str
    sha256: Annotated[Sha256, Meta(description="of the JPEG, before sealing")]
    bytes: Count
    box: Annotated[WireBox, Meta(description="where the object is, in 0..1 of the snapshot")]
    sealed_sha256: Sha256 | None = None  # of what is sent, where media are sealed to the centre's key


class ObjectData(Message, frozen=True, kw_only=True):
    """``object``: a confirmed object appeared, changed class or left."""

    phase: Literal["start", "update", "end"]
    event_id: Annotated[str, Meta(description="the same for start, updates and end of one object")]
    label: str
    group: Literal["person", "two-wheeler", "vehicle"] | None
    score: Annotated[Unit, Meta(description="mean score of the looks that voted for the label")]
    box: WireBox
    frame: FrameSize
    track_id: str
    started_at: Time
    ended_at: Time | None = None
    end_reason: Literal["left", "lost", "reload", "restart", "camera"] | None = None
    model: ModelRef
    snapshot: SnapshotRef | None = None


class RuleData(Message, frozen=True, kw_only=True):
    """What a configured rule tells. The kinds below say what about."""

    phase: Annotated[
        Literal["start", "update", "end", "moment"],
        Meta(description="moment: began and ended at once, nothing follows"),
    ]
    event_id: Annotated[str, Meta(description="the same for start, updates and end")]
    rule_id: str
    why: Annotated[str, Meta(description="one line for humans")]
    box: WireBox
    frame: FrameSize
    started_at: Time
    ended_at: Time | None = None
    end_reason: Annotated[
        Literal["left", "lost", "moved", "over", "disarmed", "reload", "restart", "camera"] | None,
        Meta(
            description="left the zone; lost from sight; moved on; over: no longer so; the rule is disarmed; "
            "its settings have changed; the agent was restarted; the camera is lost"
        ),
    ] = None
    model: ModelRef
    snapshot: SnapshotRef | None = None


class TrackRuleData(RuleData, frozen=True, kw_only=True):
    """... about one object."""

    label: str
    group: Literal["person", "two-wheeler", "vehicle"] | None
    score: Annotated[Unit, Meta(description="mean score of the looks that voted for the label")]
    track_id: str


class ZoneData(TrackRuleData, frozen=True, kw_only=True):
    """An object in a zone. The two kinds differ in what their rule asks for."""

    zone: str
    inside_s: Annotated[float, Meta(ge=0, description="how long it has been in the zone")]


class ZoneIntrusionData(ZoneData, frozen=True, kw_only=True):
    """``zone-intrusion``: an object came into a zone and stayed for the rule's ``min_duration_s``."""


class LoiteringData(ZoneData, frozen=True, kw_only=True):
    """``loitering``: an object stayed in a zone for ``min_duration_s``, short absences forgiven."""


class LineCrossingData(TrackRuleData, frozen=True, kw_only=True):
    """``line-crossing``: an object crossed a line. Always a moment."""

    line: str
    direction: Annotated[
        Literal["a-to-b", "b-to-a"],
        Meta(description="side A is on the left hand of who looks along the line"),
    ]


class StoppedVehicleData(TrackRuleData, frozen=True, kw_only=True):
    """``stopped-vehicle``: it moved, and then stood still where nothing should stop."""

    zone: str
    still_s: Annotated[float, Meta(ge=0, description="how long it has been standing")]


class WrongWayData(TrackRuleData, frozen=True, kw_only=True):
    """``wrong-way``: an object moves against the arrow of a zone."""

    zone: str
    angle_deg: Annotated[float, Meta(ge=0, le=180, description="to the arrow; 180: straight against it")]
    distance: Annotated[float, Meta(ge=0, description="how far so, in widths of the picture")]


class CrowdingData(RuleData, frozen=True, kw_only=True):
    """``crowding``: many objects in a zone at once. ``box`` is around them all."""

    zone: str
    count: Count
    most: Annotated[Count, Meta(description="since it began")]


class LineCountsData(Message, frozen=True, kw_only=True):
    """``line-counts``: who crossed a line since the site's midnight; sent once a minute when somebody has,
    and once more at midnight, before it begins with 0 again."""

    rule_id: str
    line: str
    day: Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\d$", description="in the site's own time")]
    from_at: Annotated[Time, Meta(description="of the interval since the last one")]
    to_at: Time
    a_to_b: Annotated[dict[str, Count], Meta(description="since midnight, by label")]
    b_to_a: Annotated[dict[str, Count], Meta(description="since midnight, by label")]


class CameraViewData(Message, frozen=True, kw_only=True):
    """``camera-view``: something has happened to what a camera sees: covered, turned, frozen, rain, ..."""

    phase: Literal["start", "update", "end", "moment"]
    event_id: str
    state: Literal[
        "covered",
        "defocused",
        "moved",
        "frozen",
        "dark",
        "overexposed",
        "visibility-degraded",
        "illumination-change",
        "colour-mono-switch",
    ]
    tamper: Annotated[bool, Meta(description="somebody has to look after it; false: weather, light, a fact")]
    why: Annotated[str, Meta(description="one line for humans")]
    features: Annotated[dict[str, float], Meta(description="what the verdict rests on; docs/design/view.md")]
    started_at: Time
    ended_at: Time | None = None
    end_reason: Literal["over", "relearned", "reload", "restart", "camera"] | None = None
    snapshot: SnapshotRef | None = None


class ClipRef(Message, frozen=True, kw_only=True):
    media_id: str
    sha256: Annotated[Sha256, Meta(description="of the MP4 file, before sealing")]
    bytes: Count
    codec: Literal["h264", "hevc", "mjpeg"]
    source: Literal["sub", "main"]
    began_at: Time
    pre_roll_s: Annotated[
        float,
        Meta(
            description="how much of it is before the event began; negative when that was told so late that "
            "the clip begins after it"
        ),
    ]
    duration_s: Annotated[float, Meta(ge=0)]
    sealed_sha256: Sha256 | None = None  # of the file on the box, where media are sealed to the centre's key
    cut_short: str | None = None  # why it ends before the event and its post-roll, or null


class EvidenceData(Message, frozen=True, kw_only=True):
    """``evidence``: what was not ready when the event itself went. The file is complete and on the box."""

    event_id: str
    clip: ClipRef | None
    missing: Annotated[str | None, Meta(description="why there is no clip, or null")] = None


class ChainHeadData(Message, frozen=True, kw_only=True):
    """``chain-head``: the gateway signs all its events up to one; docs/reference/evidence.md."""

    epoch: str
    sequence: Annotated[str, Meta(pattern=r"^\d{16}$", description="of the newest event that is signed")]
    sha256: Annotated[Sha256, Meta(description="of its bytes, as they were published")]
    signed_at: Time
    key_id: Annotated[Sha256, Meta(description="of the public key, DER")]
    signature: Annotated[
        str, Meta(description="Ed25519, base64, over the text in docs/reference/evidence.md")
    ]


class CountsData(Message, frozen=True, kw_only=True):
    """``counts``: new confirmed objects per label since the last ``counts``; zero is not sent."""

    from_at: Time
    to_at: Time
    interval_s: float
    new: dict[str, Count]


class CameraStateData(Message, frozen=True, kw_only=True):
    """``camera-state``: a camera went down, came back or got worse."""

    state: Literal["online", "degraded", "offline"]
    cause: CameraCause | None
    detail: str
    since_at: Time
    down_s: Annotated[float, Meta(ge=0)] | None = None  # with online: how long it was away
    kept_back: Count = 0  # changes since the last event that were not told: the camera flaps


class ClockCorrectionData(Message, frozen=True, kw_only=True):
    """``clock-correction``: the first synchronisation of this boot; add ``offset_ms`` to the
    times of earlier events with the same ``bootid`` and ``clock: unsynced``."""

    offset_ms: int
    source: str
    corrected_at: Time


class LossData(Message, frozen=True, kw_only=True):
    """``loss``: events that were given up; a gap that is not announced is a fault."""

    epoch: Annotated[str, Meta(description="of the ranges; may be an earlier one than this event's")]
    ranges: Annotated[
        list[tuple[Count, Count]], Meta(description="first and last sequence, both included, ascending")
    ]
    count: Count
    reason: Literal["outbox-full", "memory-full"]


DATA_OF_KIND: dict[str, type[Message]] = {
    "object": ObjectData,
    "counts": CountsData,
    "zone-intrusion": ZoneIntrusionData,
    "loitering": LoiteringData,
    "line-crossing": LineCrossingData,
    "line-counts": LineCountsData,
    "stopped-vehicle": StoppedVehicleData,
    "wrong-way": WrongWayData,
    "crowding": CrowdingData,
    "camera-view": CameraViewData,
    "evidence": EvidenceData,
    "chain-head": ChainHeadData,
    "camera-state": CameraStateData,
    "clock-correction": ClockCorrectionData,
    "loss": LossData,
}
Data = TypeVar("Data", bound=Message)
KIND_OF_DATA: dict[type[Message], str] = {data: kind for kind, data in DATA_OF_KIND.items()}


class CloudEvent(Message, Generic[Data], frozen=True, kw_only=True):
    """CloudEvents 1.0, structured JSON. ``id`` is deterministic: deduplicate on (source, id)."""

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str
    subject: Id
    type: Annotated[str, Meta(pattern=r"^vn\.thaibinh\.edge\.[a-z-]+\.v1$")]
    time: Time
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: str
    sequence: Annotated[str, Meta(pattern=r"^\d{16}$")]
    epoch: str
    prevhash: Annotated[
        Sha256,
        Meta(description="SHA-256 of the bytes of the event before it in this epoch; 64 zeros for the first"),
    ]
    recordedtime: Time
    bootid: str
    bootms: Annotated[str, Meta(pattern=r"^\d+$", description="ms since boot when it happened")]
    severitynumber: Literal[9, 13, 17]
    severitytext: Literal["INFO", "WARN", "ERROR"]
    clock: Literal["synced", "unsynced"]
    ward: Id
    data: Data


# --- state, birth, heartbeat --------------------------------------------------------------------


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


class BirthDetector(Message, frozen=True, kw_only=True):
    name: str
    model_sha256: Sha256 | None
    labels: list[str]
    delegate: str | None


class Birth(Message, frozen=True, kw_only=True):
    """Inventory; retained, sent on every connect."""

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
        str | None, Meta(description="Ed25519 public key that signs chain heads, DER in base64; null: none")
    ] = None
    cameras: list[BirthCamera]


class ClockHealth(Message, frozen=True, kw_only=True):
    synced: bool
    source: str | None
    offset_ms: float | None


class BoxHealth(Message, frozen=True, kw_only=True):
    """Unknown is null: not every board tells everything."""

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
    degraded: str | None = None  # why events go out from memory, or null
    shed: Count = 0
    media_shed: Count = 0  # pictures


class BytesByClass(Message, frozen=True, kw_only=True):
    """Sent by class, and received; as TCP carries them, IP and TCP headers left out."""

    event: Count = 0
    heartbeat: Count = 0
    media: Count = 0
    reply: Count = 0
    other: Annotated[Count, Meta(description="sign-on, TLS, state, birth, pings")] = 0
    received: Count = 0


class MqttHealth(Message, frozen=True, kw_only=True):
    reconnects: Count
    inflight: Count = 0
    refused: Count = 0  # messages the broker refused, since start; none without a subscriber
    no_subscriber: bool = False  # the latest event of some camera, or the latest picture, reached nobody
    last_error: str | None = None
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
    gear: Literal["full", "idle", "catch-up"] = "full"  # idle: only keyframes are decoded, nothing moves
    idle_share: float = 0.0  # of the time there were pictures, since the agent started, 0..1
    wake_ups: Count = 0  # from idle, since the agent started
    kept_awake: str | None = None  # why it cannot go idle, where somebody could do something about it
    main_trouble: str | None = None  # why ``clip.main_url`` is wanted and not there; clips come from ``url``
    view: list[str] = []  # what is wrong with what it sees: states of ``camera-view``


class EvidenceHealth(Message, frozen=True, kw_only=True):
    """What is kept on the box."""

    bytes: Count = 0
    clips: Count = 0  # since the agent started
    missed: Count = 0  # clips that could not be made, since then
    oldest: Time | None = None
    held: Count = 0  # events whose media rotation leaves alone
    degraded: str | None = None


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
    degraded: list[str] = []  # one human line for each thing that is not as it should be
