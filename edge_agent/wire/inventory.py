"""The messages of a gateway about itself: whether it is online, its inventory, and the result of ``doctor
--json``."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from msgspec import UNSET, Meta

from edge_agent.wire.base import END, Count, Id, Message, OptionalProblem, Sha256, Time, Unit


class State(Message, frozen=True, kw_only=True):
    schema: Literal["state/1"] = "state/1"
    state: Literal["online", "stopped", "offline"]
    session: str
    time: Time
    reason: str
    problem: OptionalProblem = UNSET


CameraText = Annotated[str, Meta(max_length=60)]
_MAC_PATTERN = r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}"
Mac = Annotated[str, Meta(pattern=rf"^{_MAC_PATTERN}{END}")]


def plain_mac(text: str) -> str | None:
    """Return a MAC address in the form of ``Mac``; None if ``text`` is no MAC address or has only zeros."""
    mac = text.strip().lower().replace("-", ":")
    return mac if re.fullmatch(_MAC_PATTERN, mac) and mac.strip("0:") else None


class CameraIdentity(Message, frozen=True, kw_only=True):
    """Make, model and other identity of a camera, as the camera reports them. null: it does not report the
    value."""

    manufacturer: CameraText | None = None
    model: CameraText | None = None
    firmware: CameraText | None = None
    serial: CameraText | None = None
    mac: Annotated[
        Mac | None, Meta(description="as the camera reports it, else as the gateway's network has it")
    ] = None


class BirthCamera(Message, frozen=True, kw_only=True):
    id: Id
    url: Annotated[str, Meta(description="without user part")]
    analyse_fps: float
    analyse_width: Count
    identity: Annotated[CameraIdentity | None, Meta(description="null: not read yet")] = None


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


class DoctorText(Message, frozen=True, kw_only=True):
    """A text in both languages."""

    en: str
    vi: str


class DoctorLine(Message, frozen=True, kw_only=True):
    """One result of a check."""

    check: Annotated[str, Meta(description="the name for --accept")]
    level: Literal["green", "yellow", "red", "skipped"]
    finding: Annotated[str, Meta(description="a fixed word; docs/guide/doctor.md lists them")]
    said: str
    todo: str | None  # null: nothing has to be done
    accepted: Annotated[str | None, Meta(description="why the operator accepts the problem, or null")] = None
    label: Annotated[DoctorText | None, Meta(description="name of the check for people")] = None
    words: Annotated[DoctorText | None, Meta(description="said in both languages, for the report")] = None


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
    manufacturer: str | None = None
    model: str | None = None
    firmware: str | None = None
    serial: str | None = None
    mac: str | None = None
    address: Annotated[str | None, Meta(description="host of its url")] = None
    picture: Annotated[
        str | None, Meta(description="JPEG in base64, privacy masks black; with a report only")
    ] = None


class DoctorParty(Message, frozen=True, kw_only=True):
    """A party that signs the report. Empty: left blank, to be written by hand."""

    role: Literal["owner", "contractor", "ward"]
    organisation: str = ""
    name: str = ""
    position: str = ""
    signature: Annotated[str | None, Meta(description="drawn signature, PNG in base64")] = None


class DoctorReport(Message, frozen=True, kw_only=True):
    """The content of a commissioning report beside the results."""

    number: Annotated[str, Meta(description="number of the report, without its symbol")]
    symbol: Annotated[str, Meta(description="abbreviation of the organisation, after BB-; may be empty")] = ""
    authority: Annotated[str, Meta(description="the organisation's superior; may be empty")] = ""
    organisation: Annotated[str, Meta(description="who draws up the report; may be empty")] = ""
    place: Annotated[str, Meta(description="place name beside the date")]
    by: Annotated[str, Meta(description="who examined; may be empty")] = ""
    parties: list[DoctorParty]
    photo: Annotated[str | None, Meta(description="notice sign, JPEG in base64")] = None


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
        Literal["passed", "accepted", "pending", "failed"],
        Meta(
            description="accepted: every red result was accepted with a reason; pending: nothing is wrong at "
            "the site, the centre has not confirmed its claim yet"
        ),
    ]
    sentence: Annotated[str, Meta(description="the verdict, to be read aloud")]
    took_s: float
    lines: list[DoctorLine]
    cameras: list[DoctorCamera]
    ward_name: Annotated[str | None, Meta(description="the ward's name for people")] = None
    timezone: Annotated[str | None, Meta(description="time zone of the site (IANA)")] = None
    serial: Annotated[
        str | None, Meta(description="serial of the box as on its label, else of its board; null: unknown")
    ] = None
    summary: Annotated[
        list[str] | None,
        Meta(
            description="what to do, in lang: a line for each fault, then for each thing that could be better"
        ),
    ] = None
    sentences: Annotated[DoctorText | None, Meta(description="the verdict in both languages")] = None
    report: Annotated[DoctorReport | None, Meta(description="with --report only")] = None
