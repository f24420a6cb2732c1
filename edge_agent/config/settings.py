"""The frozen settings that run-time code sees: no None for "default", no raw YAML, no environment.

``loader.py`` makes them: raw YAML -> merged (profile, file, drop-ins) -> these. How a field reloads:
``camera`` settings restart that camera only, everything else restarts the agent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import time
from enum import StrEnum
from pathlib import Path
from zoneinfo import ZoneInfo

from edge_agent.geometry import Point as Point
from edge_agent.geometry import Polygon as Polygon
from edge_agent.model import Severity
from edge_agent.secrets import Credentials


class Delivery(StrEnum):
    BROKER = "broker"  # an event leaves the outbox on a successful PUBACK
    CONFIRMED = "confirmed"  # ... on the central ingest's down/ack


class SnapshotPolicy(StrEnum):
    NONE = "none"
    RULES = "rules"  # snapshots for rule events only
    OBJECTS = "objects"  # for rule events and for object events


class GearChoice(StrEnum):
    AUTO = "auto"
    FULL = "full"  # every picture is decoded
    IDLE = "idle"  # keyframes only


@dataclass(frozen=True, slots=True)
class Gateway:
    id: str  # [a-z0-9-]{1,63}; also client id, certificate CN and broker user
    ward: str
    name: str
    timezone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Broker:
    """One broker address; several are tried in turn."""

    host: str
    port: int
    tls: bool


@dataclass(frozen=True, slots=True)
class Mqtt:
    brokers: tuple[Broker, ...]
    root: str
    ca_file: Path | None  # None: the system's trust store
    cert_file: Path | None
    key_file: Path | None
    credentials: Credentials | None
    delivery: Delivery
    spread_s: float


@dataclass(frozen=True, slots=True)
class Outbox:
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Detector:
    model: str  # auto | hog | none | path of a .tflite file
    labels: tuple[str, ...]
    min_score: float
    threads: int
    budget_per_s: float  # inferences a second for all cameras together
    delegate: str | None  # from the profile: library of an external delegate, e.g. libedgetpu.so.1


@dataclass(frozen=True, slots=True)
class Analyse:
    fps: float
    width: int  # pixels; the picture is never enlarged to it
    gear: GearChoice
    quiet_s: float  # without motion, until only keyframes are decoded


@dataclass(frozen=True, slots=True)
class Ring:
    """How much of a camera's stream is kept in memory, undecoded."""

    seconds: float
    max_bytes: int


@dataclass(frozen=True, slots=True)
class Report:
    objects: bool
    counts_s: float  # 0: no counts
    snapshots: SnapshotPolicy


class RuleKind(StrEnum):
    """Also the kind of its events on the wire."""

    ZONE_INTRUSION = "zone-intrusion"  # somebody came into a zone and stayed for ``min_duration_s``
    LOITERING = "loitering"  # the same, and a short absence does not begin the time anew


@dataclass(frozen=True, slots=True)
class Zone:
    id: str
    polygon: Polygon


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a rule is armed, in the site's own time."""

    days: frozenset[int]  # on which it begins; 0 is Monday, 6 Sunday
    begin: time
    end: time  # not after ``begin``: on the next day


@dataclass(frozen=True, slots=True)
class ZoneRule:
    """What to tell about a zone."""

    id: str
    kind: RuleKind
    zone: Zone
    labels: tuple[str, ...]
    min_duration_s: float
    grace_s: float  # so long an absence is none
    severity: Severity
    cooldown_s: float  # from one start to the next, of this rule
    schedule: Schedule | None  # None: always armed


@dataclass(frozen=True, slots=True)
class Camera:
    id: str
    url: str  # without user part; rtsp(s)://, http(s)://, /path or file://, v4l2:/dev/videoN
    credentials: Credentials | None
    analyse: Analyse
    report: Report
    masks: tuple[Polygon, ...]  # ignored by motion and detection
    privacy_masks: tuple[Polygon, ...]  # blacked out before anything leaves the box
    ring: Ring
    rules: tuple[ZoneRule, ...]


@dataclass(frozen=True, slots=True)
class Thermal:
    """Where to read temperature and when to worry; from the profile."""

    warn_c: float
    critical_c: float


@dataclass(frozen=True, slots=True)
class Profile:
    """A board as its file in ``firmware_profiles/`` describes it."""

    name: str
    description: str
    thermal: Thermal
    delegate: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    gateway: Gateway
    profile: Profile
    state_dir: Path
    heartbeat_s: float
    mqtt: Mqtt
    outbox: Outbox
    detector: Detector
    cameras: tuple[Camera, ...]
    config_hash: str  # sha256 of the merged configuration, secrets left out
    warnings: tuple[str, ...] = field(default=())
