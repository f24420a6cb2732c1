"""The keys of a board profile, a file of ``firmware_profiles/``."""

from __future__ import annotations

from itertools import pairwise

from edge_agent.config.fields.collections import ListOf
from edge_agent.config.fields.field_types import Number, Text, WordChoice
from edge_agent.config.fields.schema_types import REQUIRED, Field, Section, SectionValues, build_from_values
from edge_agent.config.model.boards import (
    BoardMatch,
    Capacity,
    Firmware,
    KernelSetting,
    Platform,
    Power,
    StorageRequirements,
    Thermal,
    ThermalSteps,
    Watchdog,
)
from edge_agent.config.model.detector import BOARD_KEYS
from edge_agent.config.model.detector import DETECTOR as CONFIGURED

CELSIUS = Number(30, 120, "degrees Celsius")
SHARE = Number(0.05, 1)
NODES = ListOf(Text("a path below /", 128, r"[^/\s]\S*", "without the / it begins with"), "kernel nodes")
STORAGE_KINDS = ("nvme", "ssd", "hdd", "emmc", "sd", "usb", "virtual")
FIRMWARE_READERS = ("raspberry-pi-bootloader", "jetson-linux", "dmi-bios", "none")
CODECS = ListOf(WordChoice(("h264", "h265", "mjpeg")), "codecs", unique=True)


def _sentence(doc: str) -> Text:
    return Text(doc, 300)


MATCH = Section(
    "match",
    "How the board is recognised.",
    (
        Field("machine", Text("a machine name", 32), "as `uname -m` prints it"),
        Field("models", ListOf(Text(), "model names"), "beginnings of the device tree's model", ()),
        Field("dmi", ListOf(Text(), "names"), "beginnings of DMI's vendor and product", ()),
    ),
    build_from_values(BoardMatch),
)

FIRMWARE = Section(
    "firmware",
    "What runs before Linux.",
    (
        Field("name", Text(), "what people call it"),
        Field("read_from", WordChoice(FIRMWARE_READERS), "how its version is read"),
        Field("minimum", Text("a version", 32), "the oldest that will do; a date or numbers", None),
        Field("update", _sentence("a command"), "what to do about an older version", None),
    ),
    build_from_values(Firmware),
    lambda values: values.require_both("minimum", "update"),
)

KERNEL_SETTING = Section(
    "a kernel setting",
    "A setting that the running kernel must have.",
    (
        Field("name", Text(), "short name of the setting"),
        Field("file", Text("a path below /", 128, r"[^/\s]\S*"), "file that shows it"),
        Field("word", Text("a word", 64, r"\S+"), "word in that file when the setting is on"),
        Field("why", _sentence("a sentence"), "what does not work without it"),
        Field("fix", _sentence("a sentence"), "what to do about it"),
    ),
    build_from_values(KernelSetting),
)


def _check_ladder(values: SectionValues) -> None:
    keys = ("fewer_inferences_c", "lower_fps_c", "keyframes_only_c")
    for lower, upper in pairwise(keys):
        below, above = values.valid(lower), values.valid(upper)
        gap = values.valid("hysteresis_c")
        if None not in (below, above, gap) and above - below < gap:
            values.reading.refuse(values.place(upper), f"must be at least hysteresis_c above {lower}")


LADDER = Section(
    "ladder",
    "Temperatures from which the agent does less.",
    (
        Field("fewer_inferences_c", CELSIUS, "step 1: fewer inferences"),
        Field("lower_fps_c", CELSIUS, "step 2: fewer frames are analysed, too"),
        Field("keyframes_only_c", CELSIUS, "step 3: only keyframes are decoded, too"),
        Field(
            "hysteresis_c",
            Number(2, 20, "degrees Celsius"),
            "a step ends so far below its threshold",
        ),
        Field("dwell_s", Number(1, 3600, "seconds"), "... and after so long"),
        Field("inference_share", SHARE, "of detector.budget_ms_per_s, from step 1 on"),
        Field("fps_share", SHARE, "of each camera's analyse.fps, from step 2 on"),
    ),
    build_from_values(ThermalSteps),
    _check_ladder,
)

THERMAL = Section(
    "thermal",
    "Where to read the temperature, and from which value to act.",
    (
        Field("warn_c", CELSIUS, "temperature that health reports as warm"),
        Field("critical_c", CELSIUS, "temperature at which the board throttles itself"),
        Field("sensors", ListOf(Text(), "names"), "thermal zones or hwmon chips, the most important first"),
        Field("throttled", NODES, "kernel nodes that report throttling"),
        Field("ladder", LADDER, "temperatures from which the agent does less"),
    ),
    build_from_values(Thermal),
)

POWER = Section(
    "power",
    "The power supply of the board.",
    (
        Field("supply", _sentence("a sentence"), "the supply to use"),
        Field(
            "minimum_ma",
            Number(500, 20_000, "mA", whole=True),
            "current that the board must negotiate at 5 V; null: the board cannot tell",
            None,
        ),
        Field("undervoltage", NODES, "kernel nodes that report undervoltage"),
    ),
    build_from_values(Power),
)


def _check_watchdog(values: SectionValues) -> None:
    longest_s, timeout_s = values.valid("longest_s"), values.valid("timeout_s")
    if None not in (longest_s, timeout_s) and timeout_s > longest_s:
        values.reading.refuse(values.place("timeout_s"), "must not be more than longest_s")


WATCHDOG = Section(
    "watchdog",
    "The hardware timer that resets a gateway whose kernel hangs.",
    (
        Field("device", Text("a path", 64, r"/dev/\S+"), "device that systemd opens"),
        Field("identity", Text(), "its name in the kernel; null: it depends on the machine", None),
        Field(
            "longest_s",
            Number(1, 3600, "seconds", whole=True),
            "longest time-out of the hardware; null: it depends on the machine",
            None,
        ),
        Field(
            "timeout_s",
            Number(5, 600, "seconds", whole=True),
            "the gateway is reset after the kernel has hung for so long",
        ),
    ),
    build_from_values(Watchdog),
    _check_watchdog,
)

STORAGE = Section(
    "storage",
    "Storage for the outbox and clips.",
    (
        Field(
            "good",
            ListOf(WordChoice(STORAGE_KINDS), "kinds", unique=True),
            "kinds of storage that last for years",
        ),
        Field("poor", ListOf(WordChoice(STORAGE_KINDS), "kinds", unique=True), "kinds that wear out or fail"),
        Field("advice", _sentence("a sentence"), "what to buy"),
    ),
    build_from_values(StorageRequirements),
)

CAPACITY = Section(
    "capacity",
    "The number and kind of cameras that the board is meant for.",
    (
        Field("cameras", Number(1, 64, whole=True), "largest number of cameras"),
        Field("width", Number(160, 7680, "pixels", whole=True), "of the analysed stream"),
        Field("height", Number(120, 4320, "pixels", whole=True), "of the analysed stream"),
        Field("fps", Number(1, 60, whole=True), "frame rate of that stream"),
        Field("codecs", CODECS, "codecs, the best first"),
        Field(
            "decode_fps",
            Number(1, 10_000, whole=True),
            "frames of that size a second, for all cameras together",
        ),
    ),
    build_from_values(Capacity),
)

PLATFORM = Section(
    "platform",
    "Requirements on the system below the agent.",
    (
        Field(
            "systems",
            ListOf(Text("an id and a version", 64, r"[a-z]+ [0-9.]+"), "systems"),
            "ID and VERSION_ID of /etc/os-release",
        ),
        Field("firmware", FIRMWARE, "the program that runs before Linux"),
        Field("kernel", ListOf(KERNEL_SETTING, "settings"), "settings that the running kernel must have"),
        Field("power", POWER, "the power supply"),
        Field("watchdog", WATCHDOG, "the timer that resets a gateway whose kernel hangs"),
        Field("storage", STORAGE, "storage for the outbox and clips"),
        Field("capacity", CAPACITY, "the number and kind of cameras that the board is meant for"),
    ),
    build_from_values(Platform),
)

DETECTOR = Section(
    "detector",
    "Values of the configuration's detector section.",
    tuple(
        Field(f.key, f.kind, f.doc, REQUIRED if f.key != "delegate" else None)
        for f in CONFIGURED.fields
        if f.key in BOARD_KEYS
    ),
    build_from_values(dict),
)

PROFILE = Section(
    "the profile",
    "A board.",
    (
        Field("description", Text(), "the board in words"),
        Field("match", MATCH, "how to recognise the board"),
        Field("platform", PLATFORM, "requirements on the system below the agent"),
        Field("detector", DETECTOR, "values of the configuration's detector section"),
        Field("thermal", THERMAL, "where to read the temperature, and from which value to act"),
    ),
    build_from_values(dict),
)
