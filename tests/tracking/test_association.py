"""Assignment against an exhaustive search, and the geometry of riders."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.core.model import Box
from edge_agent.tracking.association import FORBIDDEN, assign
from edge_agent.tracking.sightings import is_rider_on

costs = st.integers(1, 4).flatmap(
    lambda columns: st.lists(
        st.lists(st.one_of(st.floats(0, 2), st.just(FORBIDDEN)), min_size=columns, max_size=columns),
        min_size=1,
        max_size=4,
    )
)


def least_by_trying_all(costs: list[list[float]], alone: float) -> float:
    rows, columns = len(costs), len(costs[0])
    sums = []
    for order in permutations([*range(columns), *([-1] * rows)], rows):
        chosen = [alone if column < 0 else costs[row][column] for row, column in enumerate(order)]
        sums.append(sum(chosen))
    return min(sums)


@settings(deadline=None, derandomize=True, max_examples=150)
@given(costs, st.sampled_from([0.5, 1.0, 10.0]))
def test_the_assignment_is_as_good_as_trying_all(costs: list[list[float]], alone: float) -> None:
    pairs = assign(costs, alone)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
    total = sum(costs[row][column] for row, column in pairs) + alone * (len(costs) - len(pairs))
    assert total == pytest.approx(least_by_trying_all(costs, alone))


def test_a_neighbour_keeps_its_own_although_two_pairs_could_be_made() -> None:
    """The first is not seen, and a third comes into reach of the second."""
    first, second = [0.9, FORBIDDEN], [0.1, 0.8]
    assert assign([first, second]) == [(1, 0)]


@pytest.mark.parametrize(
    ("person", "machine", "rides"),
    [
        (Box(0.40, 0.30, 0.46, 0.50), Box(0.40, 0.42, 0.47, 0.56), True),  # seen from behind
        (Box(0.42, 0.30, 0.48, 0.52), Box(0.36, 0.42, 0.54, 0.58), True),  # seen from the side
        (Box(0.40, 0.30, 0.46, 0.55), Box(0.48, 0.42, 0.55, 0.56), False),  # walks beside it
        (Box(0.40, 0.42, 0.46, 0.56), Box(0.40, 0.30, 0.47, 0.44), False),  # stands before it
        (Box(0.40, 0.10, 0.46, 0.30), Box(0.40, 0.42, 0.47, 0.56), False),  # far above it: another road
        (Box(0.40, 0.30, 0.41, 0.33), Box(0.30, 0.32, 0.52, 0.60), False),  # a child's size on a big machine
    ],
)
def test_a_rider_sits_on_the_machine(person: Box, machine: Box, rides: bool) -> None:
    assert is_rider_on(person, machine) is rides
