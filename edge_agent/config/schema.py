"""The whole configuration as one table, for validation, suggestions and the reference.

A new key is one ``Field`` in its section's file and one field in ``config/model/settings.py``; a new section
is one file in ``model/`` and one ``Field`` that holds it. A test compares both sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_agent.config.cross_checks import warn_idle_rules
from edge_agent.config.fields.collections import ListOf
from edge_agent.config.fields.field_types import Number, PathType, Text
from edge_agent.config.fields.schema_types import (
    Field,
    ReloadScope,
    Section,
    SectionValues,
    build_from_values,
)
from edge_agent.config.model.camera import CAMERA
from edge_agent.config.model.connection import HEALING, MQTT, UPLINK
from edge_agent.config.model.detector import DETECTOR
from edge_agent.config.model.gateway import COMMANDS, GATEWAY
from edge_agent.config.model.settings import (
    Camera,
    Collecting,
    Commands,
    Detector,
    Gateway,
    Healing,
    Mqtt,
    Outbox,
    Storage,
    Uplink,
)
from edge_agent.config.model.storage import COLLECT, OUTBOX, STORAGE
from edge_agent.config.texts.messages import message

STATE_DIR = Path("/var/lib/edge-agent")
"""Default of ``state_dir``."""


@dataclass(frozen=True, slots=True)
class Checked:
    """The merged configuration as typed values; ``loader.py`` makes Settings of it."""

    gateway: Gateway
    version: int
    profile: str
    state_dir: Path
    heartbeat_s: float
    mqtt: Mqtt
    uplink: Uplink
    healing: Healing
    outbox: Outbox
    storage: Storage
    commands: Commands
    collect: Collecting
    detector: Detector
    cameras: tuple[Camera, ...]


PROFILE_NAME = Text(
    "the name of a profile",
    63,
    r"[A-Za-z0-9_.-]+",
    "auto, or a file name in firmware_profiles/ without .yaml",
)


_OF_A_CAMERA = ("zones", "lines", "rules", "masks", "analyse", "report", "clip")


def _check(values: SectionValues) -> None:
    if values.valid("cameras") == ():
        values.warn("cameras", message("no-cameras"))
    warn_idle_rules(values)


ROOT = Section(
    "the configuration",
    "One file, and `conf.d/*.yaml` beside it: mappings merge by key, cameras and rules by id, later wins.",
    (
        Field("gateway", GATEWAY, GATEWAY.doc),
        Field(
            "version",
            Number(0, 2**31 - 1, whole=True),
            "version of this configuration; the highest version is in force, in the file or pushed by the "
            "centre",
            0,
            reload=ReloadScope.NOTHING,
        ),
        Field(
            "profile",
            PROFILE_NAME,
            "the board profile: auto recognises the board; else a file name in firmware_profiles/ without "
            ".yaml",
            "auto",
        ),
        Field(
            "state_dir",
            PathType("a directory"),
            "folder of the outbox, snapshots and learned data; relative to the configuration file",
            STATE_DIR,
            str(STATE_DIR),
        ),
        Field(
            "heartbeat_s",
            Number(1, 3600, "seconds"),
            "time between heartbeats, plus or minus 10 %",
            30.0,
            reload=ReloadScope.NOTHING,
        ),
        Field("mqtt", MQTT, MQTT.doc),
        Field("uplink", UPLINK, UPLINK.doc, {}),
        Field("healing", HEALING, HEALING.doc, {}),
        Field("outbox", OUTBOX, OUTBOX.doc, {}),
        Field("storage", STORAGE, STORAGE.doc, {}),
        Field("commands", COMMANDS, COMMANDS.doc, {}),
        Field("collect", COLLECT, COLLECT.doc, {}),
        Field("detector", DETECTOR, DETECTOR.doc, {}),
        Field("cameras", ListOf(CAMERA, "cameras"), "the cameras of this gateway", reload=ReloadScope.CAMERA),
    ),
    build_from_values(Checked),
    _check,
    dict.fromkeys(_OF_A_CAMERA, message("of-a-camera")),
)
