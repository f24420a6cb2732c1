"""A board as its file in ``firmware_profiles/`` describes it; ``profiles.py`` makes these.

All of it is advice or thresholds for the board itself. What a board may change in the configuration, the
``detector`` section of its file, becomes part of the configuration and is not repeated here.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class BoardMatch:
    """How to recognise a board: by the beginning of a name; by the machine where none is given."""

    machine: str
    models: tuple[str, ...] = ()  # of the device tree's model
    dmi: tuple[str, ...] = ()  # of DMI's vendor and product


@dataclass(frozen=True, slots=True)
class Firmware:
    """What runs before Linux."""

    name: str  # what people call it
    read_from: str  # how its version is read; see ``host/board/platform.py``
    minimum: str | None  # None: any version
    update: str | None  # what somebody does about an old one


@dataclass(frozen=True, slots=True)
class KernelSetting:
    """What the running kernel has to offer: ``word`` stands in ``file``."""

    name: str
    file: str
    word: str
    why: str  # what is missing without it
    fix: str


@dataclass(frozen=True, slots=True)
class ThermalSteps:
    """From which temperatures on the agent does less, and how much less; see
    ``control/thermal_ladder.py``."""

    fewer_inferences_c: float
    lower_fps_c: float
    keyframes_only_c: float
    hysteresis_c: float = 4.0  # so far below a threshold its step is over
    dwell_s: float = 60.0  # ... and for so long
    inference_share: float = 0.5  # of ``detector.budget_ms_per_s``, from the first step on
    fps_share: float = 0.5  # of each camera's ``analyse.fps``, from the second

    @property
    def thresholds_c(self) -> tuple[float, float, float]:
        """Of the steps 1, 2 and 3; rising."""
        return self.fewer_inferences_c, self.lower_fps_c, self.keyframes_only_c


@dataclass(frozen=True, slots=True)
class Thermal:
    """Where to read the temperature and when to worry."""

    warn_c: float
    critical_c: float
    sensors: tuple[str, ...] = ()  # names of thermal zones or hwmon chips, the one that counts first
    throttled: tuple[str, ...] = ()  # kernel nodes that tell, as patterns below /
    ladder: ThermalSteps | None = None  # None: nothing is done about heat


@dataclass(frozen=True, slots=True)
class Power:
    """What the board is fed with."""

    supply: str
    minimum_ma: int | None  # what it has to negotiate at 5 V; None: it cannot tell
    undervoltage: tuple[str, ...]  # kernel nodes that tell, as patterns below /


@dataclass(frozen=True, slots=True)
class Watchdog:
    """The timer in hardware that resets a box whose kernel hangs."""

    device: str
    identity: str | None  # as the kernel names it; None: it depends on the machine
    longest_s: int | None  # longest time-out of the hardware itself; None: it depends on the machine
    timeout_s: int  # what role base has systemd ask of it


@dataclass(frozen=True, slots=True)
class StorageRequirements:
    """What to keep the outbox and clips on."""

    good: tuple[str, ...]  # kinds as ``host/board/platform.py`` tells them apart
    poor: tuple[str, ...]
    advice: str


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many cameras of which kind a board is meant for."""

    cameras: int
    width: int
    height: int
    fps: int
    codecs: tuple[str, ...]
    decode_fps: int  # pictures of that size a second, of all cameras together

    def in_pictures(self, pixels: float) -> float:
        """So many pixels, in pictures of that size: what decoding costs goes with them."""
        return pixels / (self.width * self.height)

    @property
    def size(self) -> str:
        """For people: ``640x360``."""
        return f"{self.width}x{self.height}"


@dataclass(frozen=True, slots=True)
class Platform:
    """What has to be there below the agent."""

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
        """Kernel nodes that tell of throttling or undervoltage, as patterns below /."""
        return (*self.thermal.throttled, *(self.platform.power.undervoltage if self.platform else ()))
