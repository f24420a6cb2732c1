"""Travel times of drawn pairs: found where objects go from one camera to the other, and not claimed else."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from edge_central.journeys.learning.estimation import MIN_CERTAINTY, best_estimate, estimate
from tests.edge_central.journeys.learning.parts import (
    LEFT,
    RIGHT,
    Rate,
    in_bursts,
    late_light,
    moments,
    road,
    rush_hour,
    sample,
    steady,
    strangers,
    traffic_light,
)


@pytest.mark.parametrize("rate", [steady, rush_hour, traffic_light])
def test_the_travel_time_of_a_road_is_found(rate: Rate) -> None:
    found = estimate(*road(rate=rate))
    assert found is not None
    assert found.median_s == pytest.approx(70, abs=4)
    assert found.low_s == pytest.approx(70 - 1.28 * 8, abs=10)
    assert found.high_s == pytest.approx(70 + 1.28 * 8, abs=10)
    assert found.share == pytest.approx(0.4, abs=0.15)


def test_the_way_back_is_not_claimed() -> None:
    first, second = road()
    assert estimate(second, first) is None


@pytest.mark.parametrize(
    ("first", "second"),
    [(steady, steady), (rush_hour, rush_hour), (traffic_light, late_light), (rush_hour, traffic_light)],
    ids=["steady", "rush hours", "traffic lights of one cycle", "rush hour and light"],
)
def test_nothing_is_claimed_without_traffic(first: Rate, second: Rate) -> None:
    highest = [best_estimate(*strangers(seed, first, second)) for seed in range(40)]
    assert max(each.certainty for each in highest if each is not None) < MIN_CERTAINTY


def test_colours_and_sides_find_weaker_traffic() -> None:
    """Three of ten go on, in a spread of two minutes."""
    random = np.random.default_rng(5)
    first = moments(random, 250)
    goes_on = random.uniform(size=len(first)) < 0.3
    colours = random.choice(5, len(first), p=(0.35, 0.25, 0.2, 0.1, 0.1))
    reached = first[goes_on] + random.uniform(100, 220, goes_on.sum())
    others = moments(random, 200)
    starts = np.concatenate([reached, others])
    order = np.argsort(starts)
    seen = np.concatenate([colours[goes_on], random.choice(5, len(others), p=(0.35, 0.25, 0.2, 0.1, 0.1))])
    entries = np.concatenate([np.full(len(reached), LEFT), random.choice((LEFT, RIGHT), len(others))])
    exits = np.where(goes_on, RIGHT, random.choice((LEFT, RIGHT), len(first)))
    pair = (
        sample(first, colours=colours, exits=exits),
        sample(starts[order], colours=seen[order], entries=entries[order]),
    )
    certainties = [
        each.certainty
        for colour, side in itertools.product((False, True), repeat=2)
        if (each := best_estimate(*pair, colours=colour, sides=side)) is not None
    ]
    neither, sides, colours_only, both = certainties
    assert neither < MIN_CERTAINTY < both
    assert both > max(sides, colours_only)


def test_bursts_are_not_taken_for_traffic() -> None:
    """Two bursts that follow each other by chance are 36 pairs."""
    for seed in range(20):
        random = np.random.default_rng(seed)
        found = best_estimate(sample(in_bursts(random, 250)), sample(in_bursts(random, 250)))
        assert found is None or found.certainty < MIN_CERTAINTY


def test_few_passages_teach_nothing() -> None:
    assert estimate(*road(an_hour=8, share=1.0, spread_s=2)) is None
    assert estimate(*road(an_hour=24, share=1.0, spread_s=2)) is not None


def test_empty_cameras_teach_nothing() -> None:
    nothing = sample(np.array([]))
    assert estimate(nothing, nothing) is None


def test_a_time_outside_the_windows_does_not_count() -> None:
    first, second = road()
    outside = sample(second.starts + 40_000)
    assert estimate(first, outside) is None
