"""The scenario: the fleet, its day, and its faults. ``scenario_file.py`` reads it from YAML.

Pure: the same scenario gives the same fleet.
"""

from __future__ import annotations

import random

import msgspec

MAX_CAMERAS = 8
"""Of one site."""


class WardOutage(msgspec.Struct, frozen=True, kw_only=True, tag="ward-outage"):
    """The network of a ward fails: its gateways run on, and their events wait."""

    at_s: float  # since the beginning
    for_s: float
    ward: str


class PowerOutage(msgspec.Struct, frozen=True, kw_only=True, tag="power-cut"):
    """Gateways lose their power, and boot when it returns. Without ``wards`` the whole city."""

    at_s: float
    for_s: float
    wards: tuple[str, ...] = ()


class RollingRestart(msgspec.Struct, frozen=True, kw_only=True, tag="rolling-restart"):
    """One gateway after another is stopped cleanly and started again, as for a new release."""

    at_s: float
    every_s: float = 1.0


Fault = WardOutage | PowerOutage | RollingRestart


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario. The same seed gives the same fleet and the same random numbers."""

    sites: int = 465
    cameras: int = 1194
    wards: tuple[str, ...] = tuple(f"sim-ward-{number:02}" for number in range(1, 21))
    prefix: str = "sim"  # of the gateways' ids
    seed: int = 1
    duration_s: float = 300.0
    drain_s: float = 120.0  # then wait so long for the remaining events
    begins_at_h: float = 6.0  # hour of the day at the beginning
    time_factor: float = 1.0  # speed of the simulated day; figures of a day are for a simulated day
    events_per_camera_day: float = 8_500.0
    heartbeat_s: float = 30.0  # real seconds, whatever the time factor
    picture_share: float = 0.0  # of beginning events
    picture_bytes: int = 29_000
    camera_faults_per_day: float = 0.5  # of each camera
    spread_s: float = 30.0  # ``mqtt.spread_s``
    boot_s: float = 20.0  # longest random time from power to the agent's start
    delivery: str = "confirmed"
    faults: tuple[Fault, ...] = ()


class SimulatedSite(msgspec.Struct, frozen=True):
    """One gateway."""

    number: int
    id: str
    ward: str
    cameras: tuple[str, ...]


MAX_ID_CHARACTERS = 63
"""Longest id of a gateway, in characters, as for every id (``config/fields/field_types.py``)."""


def make_sites(scenario: Scenario) -> tuple[SimulatedSite, ...]:
    """Make the sites. Consecutive sites are in one ward; each has a camera at least, and the others are
    distributed at random."""
    rng = random.Random(scenario.seed)
    counts = [1] * scenario.sites
    room = list(range(scenario.sites))
    for _ in range(scenario.cameras - scenario.sites):
        place = rng.randrange(len(room))
        site = room[place]
        counts[site] += 1
        if counts[site] == MAX_CAMERAS:
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
    """Longest prefix that still leaves room for a hyphen and the number of a site."""
    return MAX_ID_CHARACTERS - 1 - _digits(sites)


def _digits(sites: int) -> int:
    return max(3, len(str(sites)))


def split_sites(sites: tuple[SimulatedSite, ...], most: int) -> list[tuple[SimulatedSite, ...]]:
    """Split for processes of at most ``most`` sites each; every ward is in all of them."""
    processes = -(-len(sites) // most)
    return [sites[first::processes] for first in range(processes)]
