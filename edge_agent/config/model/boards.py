"""A board, as its file in ``firmware_profiles/`` describes it, and the keys of that file.

``profiles.py`` makes these objects. They hold advice and thresholds for the board itself. The ``detector``
section of the file becomes part of the configuration and is not repeated here.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Annotated

from edge_agent.config.fields.collections import ListOf
from edge_agent.config.fields.declare import Key, section
from edge_agent.config.fields.field_types import Number, Text, WordChoice
from edge_agent.config.fields.schema_types import REQUIRED, Field, Section, SectionValues
from edge_agent.config.model.detector import BOARD_KEYS
from edge_agent.config.model.detector import DETECTOR as CONFIGURED
from edge_agent.config.texts.messages import message

_CELSIUS = Number(30, 120, "degrees Celsius")
_SHARE = Number(0.05, 1)
_NODES = ListOf(Text("a path below /", 128, r"[^/\s]\S*", "without the / it begins with"), "kernel nodes")
_STORAGE_KINDS = ListOf(
    WordChoice(("nvme", "ssd", "hdd", "emmc", "sd", "usb", "virtual")), "kinds", unique=True
)
_FIRMWARE_READERS = ("raspberry-pi-bootloader", "jetson-linux", "dmi-bios", "none")
_SENTENCE = Text("a sentence", 300)


@dataclass(frozen=True, slots=True)
class BoardMatch:
    """How the board is recognised."""

    machine: Annotated[str, Key("as `uname -m` prints it", Text("a machine name", 32))]
    models: Annotated[
        tuple[str, ...], Key("beginnings of the device tree's model", ListOf(Text(), "model names"))
    ] = ()
    dmi: Annotated[
        tuple[str, ...], Key("beginnings of DMI's vendor and product", ListOf(Text(), "names"))
    ] = ()


MATCH = section(BoardMatch, "match")


@dataclass(frozen=True, slots=True)
class Firmware:
    """The software that runs before Linux."""

    name: Annotated[str, Key("what people call it", Text())]
    read_from: Annotated[str, Key("how its version is read", WordChoice(_FIRMWARE_READERS))]
    minimum: Annotated[
        str | None,  # None: any version
        Key("the oldest that will do; a date or numbers", Text("a version", 32)),
    ] = None
    update: Annotated[str | None, Key("what to do about an older version", Text("a command", 300))] = None


FIRMWARE = section(Firmware, "firmware", check=lambda values: values.require_both("minimum", "update"))


@dataclass(frozen=True, slots=True)
class KernelSetting:
    """A setting that the running kernel must have."""

    name: Annotated[str, Key("short name of the setting", Text())]
    file: Annotated[str, Key("file that shows it", Text("a path below /", 128, r"[^/\s]\S*"))]
    word: Annotated[str, Key("word in that file when the setting is on", Text("a word", 64, r"\S+"))]
    why: Annotated[str, Key("what does not work without it", _SENTENCE)]
    fix: Annotated[str, Key("what to do about it", _SENTENCE)]


KERNEL_SETTING = section(KernelSetting, "a kernel setting")


@dataclass(frozen=True, slots=True)
class ThermalSteps:
    """Temperatures from which the agent does less."""

    fewer_inferences_c: Annotated[float, Key("step 1: fewer inferences", _CELSIUS)]
    lower_fps_c: Annotated[float, Key("step 2: fewer frames are analysed, too", _CELSIUS)]
    keyframes_only_c: Annotated[float, Key("step 3: only keyframes are decoded, too", _CELSIUS)]
    hysteresis_c: Annotated[
        float, Key("a step ends so far below its threshold", Number(2, 20, "degrees Celsius"))
    ]
    dwell_s: Annotated[float, Key("... and after so long", Number(1, 3600, "seconds"))]
    inference_share: Annotated[float, Key("of detector.budget_ms_per_s, from step 1 on", _SHARE)]
    fps_share: Annotated[float, Key("of each camera's analyse.fps, from step 2 on", _SHARE)]

    @property
    def thresholds_c(self) -> tuple[float, float, float]:
        """Thresholds of the steps 1, 2 and 3, rising."""
        return self.fewer_inferences_c, self.lower_fps_c, self.keyframes_only_c


def _check_ladder(values: SectionValues) -> None:
    keys = ("fewer_inferences_c", "lower_fps_c", "keyframes_only_c")
    for lower, upper in pairwise(keys):
        below, above = values.valid(lower), values.valid(upper)
        gap = values.valid("hysteresis_c")
        if None not in (below, above, gap) and above - below < gap:
            values.reading.refuse(values.place(upper), message("above-hysteresis", lower=lower))


LADDER = section(ThermalSteps, "ladder", check=_check_ladder)


@dataclass(frozen=True, slots=True)
class Thermal:
    """Where to read the temperature, and from which value to act."""

    warn_c: Annotated[float, Key("temperature that health reports as warm", _CELSIUS)]
    critical_c: Annotated[float, Key("temperature at which the board throttles itself", _CELSIUS)]
    sensors: Annotated[
        tuple[str, ...],
        Key("thermal zones or hwmon chips, the most important first", ListOf(Text(), "names")),
    ]
    throttled: Annotated[tuple[str, ...], Key("kernel nodes that report throttling", _NODES)]
    ladder: Annotated[
        ThermalSteps | None,  # None in tests: the agent does not react to heat
        Key("temperatures from which the agent does less", LADDER),
    ]


THERMAL = section(Thermal, "thermal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """The power supply of the board."""

    supply: Annotated[str, Key("the supply to use", _SENTENCE)]
    minimum_ma: Annotated[
        int | None,
        Key(
            "current that the board must negotiate at 5 V; null: the board cannot tell",
            Number(500, 20_000, "mA", whole=True),
        ),
    ] = None
    undervoltage: Annotated[tuple[str, ...], Key("kernel nodes that report undervoltage", _NODES)]


POWER = section(Power, "power")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watchdog:
    """The hardware timer that resets a gateway whose kernel hangs."""

    device: Annotated[str, Key("device that systemd opens", Text("a path", 64, r"/dev/\S+"))]
    identity: Annotated[
        str | None, Key("its name in the kernel; null: it depends on the machine", Text())
    ] = None
    longest_s: Annotated[
        int | None,
        Key(
            "longest time-out of the hardware; null: it depends on the machine",
            Number(1, 3600, "seconds", whole=True),
        ),
    ] = None
    timeout_s: Annotated[
        int,
        Key(
            "the gateway is reset after the kernel has hung for so long",
            Number(5, 600, "seconds", whole=True),
        ),
    ]


def _check_watchdog(values: SectionValues) -> None:
    longest_s, timeout_s = values.valid("longest_s"), values.valid("timeout_s")
    if None not in (longest_s, timeout_s) and timeout_s > longest_s:
        values.reading.refuse(values.place("timeout_s"), message("not-above-longest"))


WATCHDOG = section(Watchdog, "watchdog", check=_check_watchdog)


@dataclass(frozen=True, slots=True)
class StorageRequirements:
    """Storage for the outbox and clips."""

    good: Annotated[tuple[str, ...], Key("kinds of storage that last for years", _STORAGE_KINDS)]
    poor: Annotated[tuple[str, ...], Key("kinds that wear out or fail", _STORAGE_KINDS)]
    advice: Annotated[str, Key("what to buy", _SENTENCE)]


STORAGE = section(StorageRequirements, "storage")


@dataclass(frozen=True, slots=True)
class Capacity:
    """The number and kind of cameras that the board is meant for."""

    cameras: Annotated[int, Key("largest number of cameras", Number(1, 64, whole=True))]
    width: Annotated[int, Key("of the analysed stream", Number(160, 7680, "pixels", whole=True))]
    height: Annotated[int, Key("of the analysed stream", Number(120, 4320, "pixels", whole=True))]
    fps: Annotated[int, Key("frame rate of that stream", Number(1, 60, whole=True))]
    codecs: Annotated[
        tuple[str, ...],
        Key("codecs, the best first", ListOf(WordChoice(("h264", "h265", "mjpeg")), "codecs", unique=True)),
    ]
    decode_fps: Annotated[
        int, Key("frames of that size a second, for all cameras together", Number(1, 10_000, whole=True))
    ]

    def in_pictures(self, pixels: float) -> float:
        """Convert pixels to pictures of that ``size``: the cost of decoding is proportional to pixels."""
        return pixels / (self.width * self.height)

    @property
    def size(self) -> str:
        """The size as people write it, such as ``640x360``."""
        return f"{self.width}x{self.height}"


CAPACITY = section(Capacity, "capacity")


@dataclass(frozen=True, slots=True)
class Platform:
    """Requirements on the system below the agent."""

    systems: Annotated[
        tuple[str, ...],
        Key(
            "ID and VERSION_ID of /etc/os-release",
            ListOf(Text("an id and a version", 64, r"[a-z]+ [0-9.]+"), "systems"),
        ),
    ]
    firmware: Annotated[Firmware, Key("the program that runs before Linux", FIRMWARE)]
    kernel: Annotated[
        tuple[KernelSetting, ...],
        Key("settings that the running kernel must have", ListOf(KERNEL_SETTING, "settings")),
    ]
    power: Annotated[Power, Key("the power supply", POWER)]
    watchdog: Annotated[Watchdog, Key("the timer that resets a gateway whose kernel hangs", WATCHDOG)]
    storage: Annotated[StorageRequirements, Key("storage for the outbox and clips", STORAGE)]
    capacity: Annotated[Capacity, Key("the number and kind of cameras that the board is meant for", CAPACITY)]


PLATFORM = section(Platform, "platform")


@dataclass(frozen=True, slots=True)
class Profile:
    """Everything that the agent knows of one type of board."""

    name: str
    description: str
    thermal: Thermal
    platform: Platform | None = None  # every shipped profile has one

    @property
    def alarm_nodes(self) -> tuple[str, ...]:
        """Kernel nodes that report throttling or undervoltage, as patterns below /."""
        return (*self.thermal.throttled, *(self.platform.power.undervoltage if self.platform else ()))


_DETECTOR = Section(
    "detector",
    "Values of the configuration's detector section.",
    tuple(
        replace(each, default=None if each.key == "delegate" else REQUIRED, default_text="")
        for each in CONFIGURED.fields
        if each.key in BOARD_KEYS
    ),
    lambda values: values.found,
)

PROFILE = Section(
    "the profile",
    "A board.",
    (
        Field("description", Text(), "the board in words"),
        Field("match", MATCH, "how to recognise the board"),
        Field("platform", PLATFORM, "requirements on the system below the agent"),
        Field("detector", _DETECTOR, "values of the configuration's detector section"),
        Field("thermal", THERMAL, "where to read the temperature, and from which value to act"),
    ),
    lambda values: values.found,
)
"""A file of ``firmware_profiles/``, of which ``profiles.py`` makes a Profile, a BoardMatch and a layer below
the configuration."""
