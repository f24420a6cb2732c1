"""Who is in the fleet. Pure: the same scenario gives the same city."""

from __future__ import annotations

import random

from edge_agent.tools.simulate.scenario import MOST_CAMERAS, Scenario, SimulatedSite

LONGEST_ID = 63
"""Characters, of a gateway's as of every id (``config/fields/kinds.py``)."""


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
