"""The frozen settings for run-time code: no None for "default", no raw YAML, no environment.

``loader.py`` makes them: raw YAML -> merged (profile, file, drop-ins) -> these. ``camera`` settings restart
only that camera, nearly all others restart the agent; ``changes.py`` decides which.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from edge_agent.config.model.addresses import Broker as Broker
from edge_agent.config.model.addresses import ProbeTarget as ProbeTarget
from edge_agent.config.model.boards import Profile
from edge_agent.config.model.connection import Delivery as Delivery
from edge_agent.config.model.connection import Healing as Healing
from edge_agent.config.model.connection import Mqtt as Mqtt
from edge_agent.config.model.connection import Uplink as Uplink
from edge_agent.config.model.connection import UplinkKind as UplinkKind
from edge_agent.config.model.detector import Detector as Detector
from edge_agent.config.model.gateway import SIGNED_COMMANDS as SIGNED_COMMANDS
from edge_agent.config.model.gateway import Commands as Commands
from edge_agent.config.model.gateway import Gateway as Gateway
from edge_agent.config.model.gateway import Location as Location
from edge_agent.config.model.schedule import OnHolidays as OnHolidays
from edge_agent.config.model.schedule import Schedule as Schedule
from edge_agent.config.model.schedule import WhenUnsynced as WhenUnsynced
from edge_agent.config.model.storage import Collecting as Collecting
from edge_agent.config.model.storage import Outbox as Outbox
from edge_agent.config.model.storage import Storage as Storage
from edge_agent.core.geometry import Point as Point
from edge_agent.core.geometry import Polygon as Polygon
from edge_agent.core.model import Severity
from edge_agent.core.secrets import Credentials


class SnapshotPolicy(StrEnum):
    NONE = "none"
    RULES = "rules"  # snapshots for rule events only
    OBJECTS = "objects"  # for rule events and for object events


class GearChoice(StrEnum):
    AUTO = "auto"
    FULL = "full"  # every picture is decoded
    IDLE = "idle"  # keyframes only


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


class ClipPolicy(StrEnum):
    NONE = "none"
    RULES = "rules"  # for events of rules, unless the camera has privacy masks
    UNMASKED = "unmasked"  # also with privacy masks: a clip is not transcoded, so the masks are not in it


@dataclass(frozen=True, slots=True)
class Report:
    objects: bool
    counts_s: float  # 0: no counts
    snapshots: SnapshotPolicy
    clips: ClipPolicy = ClipPolicy.NONE


class RuleKind(StrEnum):
    """Also the kind of its events on the wire."""

    ZONE_INTRUSION = "zone-intrusion"  # an object entered a zone and stayed for ``min_duration_s``
    LOITERING = "loitering"  # the same, but a short absence does not restart the time
    LINE_CROSSING = "line-crossing"
    STOPPED_VEHICLE = "stopped-vehicle"  # a vehicle moved, and then stood still in a zone
    WRONG_WAY = "wrong-way"
    CROWDING = "crowding"


@dataclass(frozen=True, slots=True)
class Zone:
    id: str
    polygon: Polygon


@dataclass(frozen=True, slots=True)
class Line:
    """A line from one point to another. Seen along the line, side A is on the left, side B on the right."""

    id: str
    begin: Point
    end: Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The settings that all rules have. The kind of a rule decides its class."""

    id: str
    kind: RuleKind
    labels: tuple[str, ...]
    severity: Severity
    cooldown_s: float  # between two starts of this rule
    schedule: Schedule | None  # None: always armed
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneRule(Rule):
    """``zone-intrusion`` and ``loitering``."""

    zone: Zone
    min_duration_s: float
    grace_s: float  # a shorter absence does not count


class Direction(StrEnum):
    A_TO_B = "a-to-b"
    B_TO_A = "b-to-a"
    BOTH = "both"


class CrossingMode(StrEnum):
    """How much of an object must be across before it counts."""

    STRICT = "strict"
    BALANCED = "balanced"
    LOOSE = "loose"


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRule(Rule):
    """``line-crossing``. Counts are kept for both directions, whatever ``direction`` says about single
    events."""

    line: Line
    direction: Direction
    mode: CrossingMode
    each: bool  # an event for each crossing
    counts_s: float  # period of counts, if there are new ones; 0: none


@dataclass(frozen=True, slots=True, kw_only=True)
class StoppedRule(Rule):
    """``stopped-vehicle``."""

    zone: Zone
    still_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongWayRule(Rule):
    """``wrong-way``."""

    zone: Zone
    arrow: tuple[Point, Point]  # the right direction of travel, from the first point to the second
    angle_deg: float  # largest deviation from the exact opposite of the arrow
    min_distance: float  # in widths of the picture


@dataclass(frozen=True, slots=True, kw_only=True)
class CrowdingRule(Rule):
    """``crowding``."""

    zone: Zone
    count: int  # number of objects that is too many
    min_duration_s: float
    release_count: int  # it ends when for ``min_duration_s`` there are no more than this


AnyRule = ZoneRule | LineRule | StoppedRule | WrongWayRule | CrowdingRule


@dataclass(frozen=True, slots=True)
class Clip:
    """The length of clips, and their source."""

    pre_s: float = 5.0
    post_s: float = 5.0
    max_s: float = 60.0
    max_bytes: int = (
        16_000_000  # memory for one clip, and for the packets of the main stream that may become one
    )
    main_url: str | None = None  # without user part; None: clips are cut from the analysed stream
    main_credentials: Credentials | None = None


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
    rules: tuple[AnyRule, ...]
    clip: Clip = field(default_factory=Clip)
    watch_view: bool = False  # report that the camera was covered, turned or frozen, and the like
    allow_basic: bool = False  # the password may be sent in clear, over a connection without TLS


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
    storage: Storage = field(default_factory=Storage)
    version: int = 0  # the file or the pushed configuration with the highest version is in force
    uplink: Uplink = field(default_factory=Uplink)
    commands: Commands = field(default_factory=Commands)
    healing: Healing = field(default_factory=Healing)
    collect: Collecting = field(default_factory=Collecting)

    @property
    def all_credentials(self) -> tuple[Credentials, ...]:
        """Logins whose passwords must not appear in any output."""
        cameras = [(camera.credentials, camera.clip.main_credentials) for camera in self.cameras]
        found = (self.mqtt.credentials, *(each for pair in cameras for each in pair))
        return tuple(credentials for credentials in found if credentials is not None)
