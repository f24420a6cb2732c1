"""Parts of a camera's section: ``analyse``, ``ring``, ``report`` and ``clip``; and ``camera_firmware``."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated

from edge_agent.config.fields.declare import Key, Made, section
from edge_agent.config.fields.field_types import ByteSize, Flag, Number, PasswordFile, Text, WordChoice
from edge_agent.config.fields.login import ADVICE
from edge_agent.config.fields.schema_types import SectionValues
from edge_agent.config.model.addresses import CameraAddress, CameraUrl
from edge_agent.config.texts.messages import message
from edge_agent.core.secrets import Credentials, Secret


class GearChoice(StrEnum):
    AUTO = "auto"
    FULL = "full"  # every picture is decoded
    IDLE = "idle"  # keyframes only


@dataclass(frozen=True, slots=True)
class Analyse:
    """How the frames are analysed."""

    fps: Annotated[
        float,
        Key(
            "analysed frames a second; fast objects need more, and the CPU load grows with it",
            Number(0.1, 60, "pictures a second"),
        ),
    ] = 5.0
    width: Annotated[
        int,  # the picture is never enlarged to it
        Key(
            "largest width for motion and tracking; inference and snapshots use the camera's resolution",
            Number(160, 3840, "pixels", whole=True),
        ),
    ] = 640
    gear: Annotated[
        GearChoice,
        Key(
            "full: every frame is decoded; idle: keyframes only; auto: keyframes only while nothing moves, "
            "or if there is no detector",
            WordChoice(tuple(GearChoice), GearChoice),
        ),
    ] = GearChoice.AUTO
    quiet_s: Annotated[
        float,
        Key(
            "with gear auto: time without motion before only keyframes are decoded",
            Number(2, 3600, "seconds"),
        ),
    ] = 20.0


ANALYSE = section(Analyse, "analyse")


@dataclass(frozen=True, slots=True)
class Ring:
    """The last packets of the stream, in memory: frames between two keyframes can still be decoded later."""

    seconds: Annotated[float, Key("longest duration", Number(1, 120, "seconds"))] = 10.0
    max_bytes: Annotated[int, Key("most memory", ByteSize(100_000, 256_000_000))] = 4_000_000


RING = section(Ring, "ring")


class SnapshotPolicy(StrEnum):
    NONE = "none"
    RULES = "rules"  # snapshots for rule events only
    OBJECTS = "objects"  # for rule events and for object events


class ClipPolicy(StrEnum):
    NONE = "none"
    RULES = "rules"  # for events of rules, unless the camera has privacy masks
    UNMASKED = "unmasked"  # also with privacy masks: a clip is not transcoded, so the masks are not in it


class StillPolicy(StrEnum):
    OFF = "off"
    REQUEST = "request"  # only the command ``snapshot`` makes one
    RULES = "rules"  # also for events of rules


@dataclass(frozen=True, slots=True)
class Report:
    """Which events are sent. An ordinary street has 10,000 objects a day, which is a lot for a SIM card."""

    objects: Annotated[bool, Key("an event for each confirmed object", Flag())] = False
    counts_s: Annotated[
        float,
        Key(
            "time between reports of new objects per label, and of the traffic; 0: never; over 900 the "
            "centre cannot tell congestion, nor in which quarter of an hour an object was new",
            Number(1, 86400, "seconds", or_zero=True),
        ),
    ] = 60.0
    snapshots: Annotated[
        SnapshotPolicy,
        Key(
            "rules: snapshots of rule events; objects: of object events too; none: no snapshots",
            WordChoice(tuple(SnapshotPolicy), SnapshotPolicy, no="none"),
        ),
    ] = SnapshotPolicy.RULES
    clips: Annotated[
        ClipPolicy,
        Key(
            "rules: clips of events of severity warning and alarm, and their pictures, are stored on the "
            "gateway. A camera with privacy_masks has no clips unless unmasked is set, because a clip is "
            "not transcoded and does not contain the masks. The camera's own privacy mask is in both",
            WordChoice(tuple(ClipPolicy), ClipPolicy, no="none"),
        ),
    ] = ClipPolicy.RULES
    stills: Annotated[
        StillPolicy,
        Key(
            "large pictures, from clip.main_url where it is set. rules: of events of severity warning and "
            "alarm; request: only for the command snapshot with still; off: never. Privacy masks are "
            "applied; with snapshots: none there are no stills",
            WordChoice(tuple(StillPolicy), StillPolicy, no="off"),
        ),
    ] = StillPolicy.REQUEST
    passages: Annotated[bool, Key("store a row for each object; see `passages`", Flag())] = True

    @property
    def makes_stills(self) -> bool:
        """Whether stills are made at all: never if no picture may leave the gateway."""
        return self.stills is not StillPolicy.OFF and self.snapshots is not SnapshotPolicy.NONE

    @property
    def stills_of_rules(self) -> bool:
        return self.makes_stills and self.stills is StillPolicy.RULES


REPORT = section(Report, "report")


def _main_url(values: SectionValues) -> str | None:
    main: CameraUrl | None = values["main_url"]
    return main.url if main else None


def _main_login(values: SectionValues) -> Credentials | None:
    main: CameraUrl | None = values["main_url"]
    return main.credentials if main else None


@dataclass(frozen=True, slots=True)
class Clip:
    """The length of clips, and their source. They are cut from the received stream without decoding, so they
    begin at a keyframe."""

    pre_s: Annotated[float, Key("seconds before the event", Number(0, 60, "seconds"))] = 5.0
    post_s: Annotated[float, Key("seconds after its end", Number(0, 60, "seconds"))] = 5.0
    max_s: Annotated[
        float, Key("longest clip; more than pre_s and post_s together", Number(1, 600, "seconds"))
    ] = 60.0
    max_bytes: Annotated[
        int,
        Key(
            "memory for one clip, and for the packets of main_url that may become one",
            ByteSize(10**6, 256 * 10**6),
        ),
    ] = 16_000_000
    main_url: Annotated[
        str | None,  # without user part
        Key(
            "URL of the main stream, for clips and stills; without a user part the camera's login is used",
            CameraAddress(main=True),
            "clips and stills are made from url",
            make=_main_url,
        ),
    ] = None
    main_credentials: Annotated[Credentials | None, Made(_main_login)] = None


def _check_lengths(values: SectionValues) -> None:
    pre_s, post_s, max_s = (values.valid(key) for key in ("pre_s", "post_s", "max_s"))
    if pre_s is None or post_s is None or max_s is None:
        return
    if max_s <= pre_s + post_s:
        key = next(key for key in ("max_s", "pre_s", "post_s") if values.given(key))
        text = message("about", key=key, text=message("clip-short", both=pre_s + post_s, most=max_s))
        values.reading.refuse(values.place(key), text)


CLIP = section(Clip, "clip", check=_check_lengths)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoePort:
    """The port of the switch that powers the camera: it is switched off and on when the camera has been
    unreachable for long (docs/design/healing.md)."""

    switch: Annotated[
        str,
        Key(
            "address of the switch, which must support POWER-ETHERNET-MIB over SNMP",
            Text("an address", 128, r"[A-Za-z0-9][A-Za-z0-9.-]*(:\d{1,5})?", "a host, or host:port"),
        ),
    ]
    port: Annotated[
        int, Key("number of the port in the MIB (pethPsePortIndex)", Number(1, 65535, whole=True))
    ]
    group: Annotated[
        int, Key("number of the group of ports; a stack has several", Number(1, 65535, whole=True))
    ] = 1
    username: Annotated[
        str | None,
        Key(
            "user of SNMP version 3, with SHA and AES",
            Text("a user name", 32, r"[!-~]+", "without spaces"),
            "version 2c, where the password is the community",
        ),
    ] = None
    password: Annotated[
        Secret,
        Key(
            "file with the passphrase, or with the community of version 2c",
            PasswordFile(),
            key="password_file",
        ),
    ]
    privacy: Annotated[
        Secret | None,
        Key(
            "file with the passphrase of the encryption",
            PasswordFile(),
            "as password_file",
            key="privacy_file",
        ),
    ] = None
    after_min: Annotated[
        float,
        Key(
            "minutes without an answer of the camera before an attempt, and between two attempts",
            Number(5, 1440, "minutes"),
        ),
    ] = 30.0
    per_day: Annotated[int, Key("most attempts within 24 hours", Number(1, 10, whole=True))] = 2
    off_s: Annotated[float, Key("how long the port is off", Number(2, 120, "seconds"))] = 10.0


POE = section(PoePort, "poe", replacements=ADVICE)


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraFirmware:
    """The oldest firmware that cameras of some models should have."""

    vendor: Annotated[str, Key("part of the manufacturer's name, such as Hikvision", Text("a name", 60))]
    models: Annotated[str, Key("models, where * and ? stand for other characters", Text("a pattern", 60))]
    minimum: Annotated[
        str | None,
        Key("the oldest version", Text("a version", 60, r".*\d.*", "with a number"), "any version"),
    ] = None
    minimum_build: Annotated[
        str | None,
        Key(
            "the oldest build, as a date; for vendors whose versions of different models cannot be compared",
            Text("a date", 10, r"20\d\d-[01]\d-[0-3]\d", "such as 2021-06-23"),
            "any build",
        ),
    ] = None
    why: Annotated[str, Key("what is wrong with an older one", Text("a sentence", 300))]
    why_vi: Annotated[str | None, Key("the same in Vietnamese", Text("a sentence", 300), "as why")] = None
    source: Annotated[str, Key("where this is documented", Text("an address", 300))]


def _check_firmware(values: SectionValues) -> None:
    if not values.given("minimum") and not values.given("minimum_build"):
        values.reading.refuse(values.place("models"), message("firmware-no-minimum"))
    try:
        date.fromisoformat(values.valid("minimum_build") or "2020-01-01")
    except ValueError:
        values.reading.refuse(values.place("minimum_build"), message("no-such-date"))


CAMERA_FIRMWARE = section(CameraFirmware, "camera firmware", check=_check_firmware)
