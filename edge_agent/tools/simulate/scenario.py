"""What is played: the fleet, its day, and what goes wrong. ``scenario_file.py`` reads it from YAML."""

from __future__ import annotations

import msgspec

MOST_CAMERAS = 8
"""Of a site."""


class WardOutage(msgspec.Struct, frozen=True, kw_only=True, tag="ward-outage"):
    """The network of a ward is gone: its gateways run on, and what they have to say waits."""

    at_s: float  # since the beginning
    for_s: float
    ward: str


class PowerOutage(msgspec.Struct, frozen=True, kw_only=True, tag="power-cut"):
    """Gateways lose their power, and boot when it is back. Without ``wards`` the whole city."""

    at_s: float
    for_s: float
    wards: tuple[str, ...] = ()


class RollingRestart(msgspec.Struct, frozen=True, kw_only=True, tag="rolling-restart"):
    """One gateway after another is stopped in order and starts again, as for a new release."""

    at_s: float
    every_s: float = 1.0


Fault = WardOutage | PowerOutage | RollingRestart


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """The same seed gives the same fleet and the same dice."""

    sites: int = 465
    cameras: int = 1194
    wards: tuple[str, ...] = tuple(f"sim-ward-{number:02}" for number in range(1, 21))
    prefix: str = "sim"  # of the gateways' ids
    seed: int = 1
    duration_s: float = 300.0
    drain_s: float = 120.0  # then so long what is left is waited for
    begins_at_h: float = 6.0  # hour of the day at the beginning
    time_factor: float = 1.0  # so much faster the day goes by; what is said of a day is said in less time
    events_per_camera_day: float = 8_500.0
    heartbeat_s: float = 30.0  # of the clock on the wall, whatever the factor
    picture_share: float = 0.0  # of what begins
    picture_bytes: int = 29_000
    camera_faults_per_day: float = 0.5  # of a camera
    spread_s: float = 30.0  # ``mqtt.spread_s``
    boot_s: float = 20.0  # longest time from power to the agent's start; each gateway throws dice for its own
    delivery: str = "confirmed"
    faults: tuple[Fault, ...] = ()


class SimulatedSite(msgspec.Struct, frozen=True):
    """One gateway."""

    number: int
    id: str
    ward: str
    cameras: tuple[str, ...]
