"""A board, as its file in ``firmware_profiles/`` describes it; ``profiles.py`` makes these objects.

They hold advice and thresholds for the board itself. The ``detector`` section of the file becomes part of the
configuration and is not repeated here.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class BoardMatch:
    """How to recognise a board: by the beginning of a name, or by the machine if no name is given."""

    machine: str
    models: tuple[str, ...] = ()  # of the device tree's model
    dmi: tuple[str, ...] = ()  # of DMI's vendor and product


@dataclass(frozen=True, slots=True)
class Firmware:
    """The program that runs before Linux."""

    name: str  # its name for people
    read_from: str  # how its version is read; see ``host/board/platform.py``
    minimum: str | None  # None: any version
    update: str | None  # what to do about an older version


@dataclass(frozen=True, slots=True)
class KernelSetting:
    """A setting that the running kernel must have: ``word`` stands in ``file``."""

    name: str
    file: str
    word: str
    why: str  # what is missing without it
    fix: str


@dataclass(frozen=True, slots=True)
class ThermalSteps:
    """Temperatures from which the agent does less, and how much less; see ``control/thermal_ladder.py``."""

    fewer_inferences_c: float
    lower_fps_c: float
    keyframes_only_c: float
    hysteresis_c: float = 4.0  # a step ends this far below its threshold
    dwell_s: float = 60.0  # ... and after so long
    inference_share: float = 0.5  # of ``detector.budget_ms_per_s``, from the first step on
    fps_share: float = 0.5  # of each camera's ``analyse.fps``, from the second

    @property
    def thresholds_c(self) -> tuple[float, float, float]:
        """Thresholds of the steps 1, 2 and 3, rising."""
        return self.fewer_inferences_c, self.lower_fps_c, self.keyframes_only_c


@dataclass(frozen=True, slots=True)
class Thermal:
    """Where to read the temperature, and from which value to act."""

    warn_c: float
    critical_c: float
    sensors: tuple[str, ...] = ()  # names of thermal zones or hwmon chips, the most important first
    throttled: tuple[str, ...] = ()  # kernel nodes that report it, as patterns below /
    ladder: ThermalSteps | None = None  # None: the agent does not react to heat


@dataclass(frozen=True, slots=True)
class Power:
    """The power supply of the board."""

    supply: str
    minimum_ma: int | None  # current that it must negotiate at 5 V; None: the board cannot tell
    undervoltage: tuple[str, ...]  # kernel nodes that report it, as patterns below /


@dataclass(frozen=True, slots=True)
class Watchdog:
    """The hardware timer that resets a gateway whose kernel hangs."""

    device: str
    identity: str | None  # as the kernel names it; None: it depends on the machine
    longest_s: int | None  # longest time-out of the hardware itself; None: it depends on the machine
    timeout_s: int  # time-out that role base sets in systemd


@dataclass(frozen=True, slots=True)
class StorageRequirements:
    """Storage for the outbox and clips."""

    good: tuple[str, ...]  # suitable kinds, as ``host/board/platform.py`` names them
    poor: tuple[str, ...]
    advice: str


@dataclass(frozen=True, slots=True)
class Capacity:
    """The number and kind of cameras that a board is meant for."""

    cameras: int
    width: int
    height: int
    fps: int
    codecs: tuple[str, ...]
    decode_fps: int  # pictures of that size a second, of all cameras together

    def in_pictures(self, pixels: float) -> float:
        """Convert pixels to pictures of that size: the cost of decoding is proportional to pixels."""
        return pixels / (self.width * self.height)

    @property
    def size(self) -> str:
        """For people: ``640x360``."""
        return f"{self.width}x{self.height}"


@dataclass(frozen=True, slots=True)
class Platform:
    """Requirements on the system below the agent."""

    systems: tuple[str, ...]  # ID and VERSION_ID of /etc/os-release
    firmware: Firmware
    kernel: tuple[KernelSetting, ...]
    power: Power
    watchdog: Watchdog
    storage: StorageRequirements
    capacity: Capacity


@dataclass(frozen=True, slots=True)
class Profile:
    """One board."""

    name: str
    description: str
    thermal: Thermal
    platform: Platform | None = field(default=None)  # every shipped profile has one

    @property
    def alarm_nodes(self) -> tuple[str, ...]:
        """Kernel nodes that report throttling or undervoltage, as patterns below /."""
        return (*self.thermal.throttled, *(self.platform.power.undervoltage if self.platform else ()))
