"""The frozen settings for run-time code: no None for "default", no raw YAML, no environment.

Each section is declared in its own module of this folder, and can be imported from here. ``loader.py`` makes
the settings: raw YAML -> merged (profile, file, drop-ins) -> these. ``cameras`` settings restart only that
camera, nearly all others restart the agent; ``changes.py`` decides which.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from edge_agent.config.fields.collections import ListOf
from edge_agent.config.fields.declare import Key
from edge_agent.config.fields.field_types import Number, PathType, Text
from edge_agent.config.fields.schema_types import ReloadScope
from edge_agent.config.model.addresses import Broker, ProbeTarget
from edge_agent.config.model.boards import Profile
from edge_agent.config.model.camera import CAMERA, Camera
from edge_agent.config.model.camera_parts import (
    CAMERA_FIRMWARE,
    Analyse,
    CameraFirmware,
    Clip,
    ClipPolicy,
    GearChoice,
    Report,
    Ring,
    SnapshotPolicy,
    StillPolicy,
)
from edge_agent.config.model.connection import (
    HEALING,
    MQTT,
    UPLINK,
    Delivery,
    Healing,
    Mqtt,
    Uplink,
    UplinkKind,
)
from edge_agent.config.model.detector import DETECTOR, Detector
from edge_agent.config.model.gateway import (
    ACCEPTANCE,
    COMMANDS,
    GATEWAY,
    SIGNED_COMMANDS,
    Acceptance,
    Commands,
    Gateway,
    Location,
)
from edge_agent.config.model.ground import Ground
from edge_agent.config.model.rules import (
    AnyRule,
    CrossingMode,
    CrowdingRule,
    Direction,
    LineRule,
    Rule,
    RuleKind,
    StoppedRule,
    WrongWayRule,
    ZoneRule,
)
from edge_agent.config.model.schedule import OnHolidays, Schedule, WhenUnsynced
from edge_agent.config.model.storage import (
    COLLECT,
    OUTBOX,
    PASSAGES,
    STORAGE,
    Collecting,
    Outbox,
    Passages,
    Storage,
)
from edge_agent.config.model.zones import Line, Zone
from edge_agent.core.geometry import Point, Polygon
from edge_agent.core.secrets import Credentials

STATE_DIR = Path("/var/lib/edge-agent")  # default of ``state_dir``
PROFILE_NAME = Text(
    "the name of a profile",
    63,
    r"[A-Za-z0-9_.-]+",
    "auto, or a file name in firmware_profiles/ without .yaml",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole configuration of a gateway."""

    gateway: Annotated[Gateway, GATEWAY]
    version: Annotated[
        int,
        Key(
            "version of this configuration; the highest version is in force, in the file or pushed by the "
            "centre",
            Number(0, 2**31 - 1, whole=True),
            reload=ReloadScope.NOTHING,
        ),
    ] = 0
    profile: Annotated[
        Profile,  # ``profiles.py`` reads it by its name
        Key(
            "the board profile: auto recognises the board; else a file name in firmware_profiles/ without "
            ".yaml",
            PROFILE_NAME,
            default="auto",
        ),
    ]
    state_dir: Annotated[
        Path,
        Key(
            "folder of the outbox, snapshots and learned data; relative to the configuration file",
            PathType("a directory"),
            str(STATE_DIR),
        ),
    ] = STATE_DIR
    heartbeat_s: Annotated[
        float,
        Key(
            "time between heartbeats, plus or minus 10 %",
            Number(1, 3600, "seconds"),
            reload=ReloadScope.NOTHING,
        ),
    ] = 30.0
    mqtt: Annotated[Mqtt, MQTT]
    uplink: Annotated[Uplink, UPLINK] = field(default_factory=Uplink)
    healing: Annotated[Healing, HEALING] = field(default_factory=Healing)
    outbox: Annotated[Outbox, OUTBOX] = field(default_factory=Outbox)
    storage: Annotated[Storage, STORAGE] = field(default_factory=Storage)
    commands: Annotated[Commands, COMMANDS] = field(default_factory=Commands)
    collect: Annotated[Collecting, COLLECT] = field(default_factory=Collecting)
    passages: Annotated[Passages, PASSAGES] = field(default_factory=Passages)
    acceptance: Annotated[Acceptance, ACCEPTANCE] = field(default_factory=Acceptance)
    detector: Annotated[Detector, DETECTOR]
    cameras: Annotated[
        tuple[Camera, ...],
        Key("the cameras of this gateway", ListOf(CAMERA, "cameras"), reload=ReloadScope.CAMERA),
    ]
    camera_firmware: Annotated[
        tuple[CameraFirmware, ...],
        Key(
            "oldest firmware of cameras, in addition to the list of the package; an entry with the same "
            "vendor and models replaces that of the package",
            ListOf(CAMERA_FIRMWARE, "entries", most=200),
            reload=ReloadScope.NOTHING,
        ),
    ] = ()
    config_hash: str  # sha256 of the merged configuration, secrets left out
    warnings: tuple[str, ...] = ()

    @property
    def all_credentials(self) -> tuple[Credentials, ...]:
        """Logins whose passwords must not appear in any output."""
        cameras = [(camera.credentials, camera.clip.main_credentials) for camera in self.cameras]
        switches = [
            Credentials(poe.username or "", secret)
            for poe in (camera.poe for camera in self.cameras)
            if poe is not None
            for secret in (poe.password, poe.privacy)
            if secret is not None
        ]
        found = (self.mqtt.credentials, *(each for pair in cameras for each in pair), *switches)
        return tuple(credentials for credentials in found if credentials is not None)
