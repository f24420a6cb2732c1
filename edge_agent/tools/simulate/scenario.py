"""What is played: the fleet, its day, and what goes wrong. ``scenario_file.py`` reads it from YAML.

Who is in the fleet. Pure: the same scenario gives the same city.
"""

from __future__ import annotations

import random

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


LONGEST_ID = 63
"""Characters, of a gateway's as of every id (``config/fields/field_types.py``)."""


def make_sites(scenario: Scenario) -> tuple[SimulatedSite, ...]:
    """Neighbours are of one ward; each has a camera at least, and the others are thrown dice for."""
    dice = random.Random(scenario.seed)
    counts = [1] * scenario.sites
    room = list(range(scenario.sites))
    for _ in range(scenario.cameras - scenario.sites):
        place = dice.randrange(len(room))
        site = room[place]
        counts[site] += 1
        if counts[site] == MOST_CAMERAS:
            room[place] = room[-1]
            room.pop()
    width = _digits(scenario.sites)
    return tuple(
        SimulatedSite(
            number=number,
            id=f"{scenario.prefix}-{number + 1:0{width}}",
            ward=scenario.wards[number * len(scenario.wards) // scenario.sites],
            cameras=tuple(f"cam-{camera}" for camera in range(1, count + 1)),
        )
        for number, count in enumerate(counts)
    )


def longest_prefix(sites: int) -> int:
    """With a hyphen and the number of a site it is a gateway's id."""
    return LONGEST_ID - 1 - _digits(sites)


def _digits(sites: int) -> int:
    return max(3, len(str(sites)))


def split_sites(sites: tuple[SimulatedSite, ...], most: int) -> list[tuple[SimulatedSite, ...]]:
    """For processes that play at most so many each; every ward is in all of them."""
    processes = -(-len(sites) // most)
    return [sites[first::processes] for first in range(processes)]
