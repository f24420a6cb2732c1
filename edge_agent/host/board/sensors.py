"""Temperature, throttling and undervoltage, from the kernel nodes that the board has.

Sources: Linux ``Documentation/ABI/testing/sysfs-class-thermal`` and ``sysfs-class-hwmon``; the
Raspberry Pi documentation of ``vcgencmd get_throttled`` for the bits; ``drivers/hwmon/
raspberrypi-hwmon.c`` for ``in0_lcrit_alarm``; NVIDIA's Jetson Linux guide for the Orin's zones and
``soctherm_oc``. Everything is read below ``sysroot``, so that tests can use a board of their own.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent.config.board import device_tree
from edge_agent.core.clock import Clock

# The sensor of the hottest point comes first: on an Orin tj-thermal is the maximum of all zones. On a PC
# acpitz is often a constant, so the package sensor is preferred.
PREFERRED_ZONES = ("tj-thermal", "cpu-thermal", "cpu_thermal", "x86_pkg_temp", "soc_thermal", "soc-thermal")
PREFERRED_CHIPS = ("coretemp", "k10temp", "cpu_thermal", "zenpower")
PLAUSIBLE_C = (-40.0, 150.0)

UNDERVOLTAGE_NOW = 1 << 0
UNDERVOLTAGE_SINCE_BOOT = 1 << 16
THROTTLED_NOW = 1 << 1 | 1 << 2 | 1 << 3  # frequency capped, throttled, soft temperature limit

KNOWN_NODES = (
    "sys/devices/platform/soc*/soc*firmware/get_throttled",
    "sys/class/hwmon/hwmon*/in0_lcrit_alarm",
    "sys/class/hwmon/hwmon*/oc*_event_cnt",
    "sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count",
)
"""Nodes in which boards report throttling or undervoltage; the name of a node shows what it reports."""

VCGENCMD_EVERY_S = 60.0
VCGENCMD_TIMEOUT_S = 2.0

Vcgencmd = Callable[[str], str | None]
"""Runs ``vcgencmd <word>`` and returns the text after the ``=``, or None."""


def run_vcgencmd(word: str) -> str | None:
    """Return the text after the ``=`` of the firmware's answer, or None."""
    name, equals, value = (ask_vcgencmd(word) or "").partition("=")
    return value if equals and name else None


def ask_vcgencmd(word: str) -> str | None:
    """Return the firmware's whole answer; None without vcgencmd or rights, or if it takes over 2 s."""
    program = shutil.which("vcgencmd")
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, word], capture_output=True, text=True, timeout=VCGENCMD_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def read_text(path: Path) -> str | None:
    """Return the stripped text of a kernel node; None where there is none or reading fails."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\0 \n\t")
    except OSError:
        return None


def parse_number(text: str | None, base: int = 10) -> int | None:
    try:
        return int(text, base) if text else None
    except ValueError:
        return None


def read_number(path: Path, base: int = 10) -> int | None:
    return parse_number(read_text(path), base)


def read_cell(path: Path) -> int | None:
    """Return a number of the device tree, which is big endian; None if there is none."""
    try:
        return int.from_bytes(path.read_bytes()[:4])
    except OSError:
        return None


def is_raspberry_pi(sysroot: Path) -> bool:
    return "Raspberry Pi" in (read_text(device_tree(sysroot) / "model") or "")


class Thermometer:
    """Reads the temperature that controls throttling, in degrees Celsius."""

    def __init__(self, sysroot: Path, sensors: Sequence[str] = ()) -> None:
        """``sensors``: names of zones or chips from the board's profile, best first. If none exists,
        ``PREFERRED_ZONES`` are used in their order."""
        self._sysroot = sysroot
        self._sensors = sensors
        self._chosen: Path | None = None

    def read_c(self) -> float | None:
        """Return degrees Celsius, or None. It searches for a sensor until one has answered.

        While the chosen sensor does not answer, only other sensors of a known name replace it: a wireless
        chip would report a low temperature on a hot gateway.
        """
        if self._chosen is not None:
            value = _celsius(self._chosen)
            return value if value is not None else self._first(self._deciding())[0]
        value, self._chosen = self._first([*self._deciding(), *self._zones().values()])
        return value

    @staticmethod
    def _first(paths: Sequence[Path]) -> tuple[float | None, Path | None]:
        for path in paths:
            value = _celsius(path)
            if value is not None:
                return value, path
        return None, None

    def _deciding(self) -> list[Path]:
        """Return the sensors of a known name, best first."""
        zones = self._zones()
        chips = self._named("sys/class/hwmon", "hwmon*", "name", "temp1_input")
        good = [nodes[name] for name in self._sensors for nodes in (zones, chips) if name in nodes]
        good += [zones[name] for name in PREFERRED_ZONES if name in zones]
        return good + [chips[name] for name in PREFERRED_CHIPS if name in chips]

    def _zones(self) -> dict[str, Path]:
        return self._named("sys/class/thermal", "thermal_zone*", "type", "temp")

    def _named(self, folder: str, pattern: str, label: str, value: str) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for node in sorted((self._sysroot / folder).glob(pattern)):
            name = read_text(node / label)
            if name:
                found.setdefault(name, node / value)
        return found


def _celsius(path: Path) -> float | None:
    millidegrees = read_number(path)
    if millidegrees is None:  # Jetson zones of a unit that is powered down answer EAGAIN
        return None
    value = millidegrees / 1000.0
    return round(value, 1) if PLAUSIBLE_C[0] < value < PLAUSIBLE_C[1] else None


@dataclass(frozen=True, slots=True)
class Throttling:
    """One reading of the throttling sensors. A value is None if the board does not report it."""

    throttled: bool | None = None
    undervoltage: bool | None = None


class ThrottleSensors:
    """Reads whether the board is throttled, and whether its supply voltage is too low.

    Sources in order: the Pi firmware's sysfs node; ``vcgencmd`` (a process, so at most once a minute, and
    only on a Pi without the node); the Pi's hwmon alarm, which latches undervoltage until it is read; the
    event counters of Jetson (over-current) and x86 (package), which mean "throttled" when they have risen
    since the last read. The firmware's "since boot" bits are not used: they would keep a gateway degraded
    until its next boot.
    """

    def __init__(
        self, sysroot: Path, clock: Clock, vcgencmd: Vcgencmd = run_vcgencmd, nodes: Sequence[str] = ()
    ) -> None:
        """``nodes``: patterns below ``sysroot`` from the board's profile; empty: ``KNOWN_NODES``."""
        self._sysroot = sysroot
        self._nodes = tuple(nodes) or KNOWN_NODES
        self._clock = clock
        self._vcgencmd: Vcgencmd | None = vcgencmd if is_raspberry_pi(sysroot) else None
        self._asked_mono: float | None = None
        self._answer: int | None = None
        self._counted: int | None = None

    def read(self) -> Throttling:
        bits = self._firmware_bits()
        alarm = self._voltage_alarm()
        if bits is not None:
            return Throttling(bool(bits & THROTTLED_NOW), bool(bits & UNDERVOLTAGE_NOW) or alarm is True)
        return Throttling(self._counters_rose(), alarm)

    def had_undervoltage_since_boot(self) -> bool | None:
        """Return whether undervoltage occurred since the boot, for a single check; None: not reported."""
        bits = self._firmware_bits()
        return None if bits is None else bool(bits & UNDERVOLTAGE_SINCE_BOOT)

    def _firmware_bits(self) -> int | None:
        for node in self._called("get_throttled"):
            bits = read_number(node, 16)
            if bits is not None:
                return bits
        if self._vcgencmd is None:
            return None
        now = self._clock.monotonic()
        if self._asked_mono is None or now - self._asked_mono >= VCGENCMD_EVERY_S:
            self._asked_mono = now
            self._answer = parse_number(self._vcgencmd("get_throttled"), 16)
        return self._answer

    def _voltage_alarm(self) -> bool | None:
        for node in self._called("_alarm"):
            if read_text(node.parent / "name") == "rpi_volt":
                alarm = read_number(node)
                return None if alarm is None else bool(alarm)
        return None

    def _counters_rose(self) -> bool | None:
        nodes = self._called("_cnt", "_count")
        counts = [count for count in map(read_number, nodes) if count is not None]
        if not counts:
            return None
        before, self._counted = self._counted, sum(counts)
        return before is not None and self._counted > before

    def _called(self, *endings: str) -> Iterator[Path]:
        """Yield the nodes of the board whose names end with one of ``endings``."""
        for pattern in dict.fromkeys(self._nodes):
            if pattern.endswith(endings):
                yield from self._sysroot.glob(pattern)
