"""Drawn passages of two cameras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_central.journeys.learning.samples import INSIDE, NO_COLOUR, CameraSample

LEFT, RIGHT = 0, 1
HOUR_S = 3600.0
WINDOWS = tuple((day * 86_400.0, day * 86_400.0 + 2 * HOUR_S) for day in range(4))
PASSAGE_S = 4.0

Moments = NDArray[np.float64]
Rate = Callable[[Moments], Moments]
"""Share of the highest rate, 0..1, at seconds after the begin of a window."""


def steady(after_s: Moments) -> Moments:
    return np.ones_like(after_s)


def rush_hour(after_s: Moments) -> Moments:
    return 0.15 + 0.85 * np.exp(-0.5 * ((after_s - HOUR_S) / 1200) ** 2)


def traffic_light(after_s: Moments) -> Moments:
    """Green in one half of 60 s."""
    return np.where(after_s % 60 < 30, 1.0, 0.05)


def late_light(after_s: Moments) -> Moments:
    return traffic_light(after_s - 17)


def moments(random: np.random.Generator, an_hour: float, rate: Rate = steady) -> Moments:
    """A Poisson process in all windows, whose highest rate is ``an_hour``."""
    found = []
    for begin, end in WINDOWS:
        at = random.uniform(0, end - begin, random.poisson(an_hour * (end - begin) / HOUR_S))
        found.append(begin + at[random.uniform(size=len(at)) < rate(at)])
    return np.sort(np.concatenate(found))


def in_bursts(random: np.random.Generator, an_hour: float) -> Moments:
    """Six objects within ten seconds, as a tram stop or a school gate gives."""
    first = moments(random, an_hour / 6)
    return np.sort((first[:, None] + random.uniform(0, 10, (len(first), 6))).ravel())


def sample(starts: Moments, **more: Any) -> CameraSample:
    count = len(starts)
    none = np.full(count, INSIDE)
    fields = {"colours": np.full(count, NO_COLOUR), "entries": none, "exits": none} | more
    return CameraSample(WINDOWS, starts, starts + PASSAGE_S, **fields)


def strangers(
    seed: int, first: Rate = steady, second: Rate = steady, an_hour: float = 250.0
) -> tuple[CameraSample, CameraSample]:
    """Two cameras with colours and sides, and no object that passes both."""
    random = np.random.default_rng(seed)
    return tuple(  # type: ignore[return-value]
        sample(
            starts := moments(random, an_hour, rate),
            colours=random.choice(6, len(starts), p=(0.35, 0.25, 0.15, 0.1, 0.1, 0.05)),
            entries=random.choice((LEFT, RIGHT), len(starts)),
            exits=random.choice((LEFT, RIGHT), len(starts)),
        )
        for rate in (first, second)
    )


def road(
    seed: int = 1, share: float = 0.4, an_hour: float = 250.0, rate: Rate = steady, spread_s: float = 8.0
) -> tuple[CameraSample, CameraSample]:
    """``share`` of the objects at the first camera come to the second after 70 s; so do others."""
    random = np.random.default_rng(seed)
    first = moments(random, an_hour, rate)
    goes_on = random.uniform(size=len(first)) < share
    reached = first[goes_on] + PASSAGE_S + random.normal(70, spread_s, goes_on.sum())
    second = np.sort(np.concatenate([reached, moments(random, an_hour * (1 - share), rate)]))
    return sample(first), sample(second)
