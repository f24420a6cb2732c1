"""Short visits: when they begin, and which of them were seen."""

from __future__ import annotations

import itertools

import pytest

from bench.drawing import Visit
from bench.visits import EVERY_S, FIRST_S, KEYFRAMES_S, SPREAD_S, share, visits_of


@pytest.mark.parametrize("interval_s", KEYFRAMES_S)
def test_visits_begin_at_all_moments_between_two_keyframes(interval_s: float) -> None:
    phases = [visit.begin_s % interval_s / interval_s for visit in visits_of(1.0, 24)]
    for quarter in range(4):
        in_quarter = [phase for phase in phases if quarter / 4 <= phase < (quarter + 1) / 4]
        assert 4 <= len(in_quarter) <= 8  # six, if it were perfect


def test_a_visit_is_over_long_before_the_next_one() -> None:
    visits = visits_of(3.0, 24)
    pauses_s = [later.begin_s - v.begin_s - v.seconds for v, later in itertools.pairwise(visits)]
    assert min(pauses_s) >= EVERY_S - SPREAD_S - 3.0
    assert visits[0].begin_s >= FIRST_S


@pytest.mark.parametrize(
    ("times_s", "percent"),
    [
        ([], 0),
        ([10.0, 10.2, 10.4], 50),  # the first visit, several times
        ([10.9, 30.0], 100),
        ([9.9, 11.2], 50),  # just outside, within the grace
        ([9.0, 12.0, 20.0], 0),  # at other times
    ],
)
def test_a_visit_counts_once_and_only_in_its_time(times_s: list[float], percent: float) -> None:
    visits = [Visit(10.0, 1.0), Visit(30.0, 1.0)]
    assert share(times_s, visits, grace_s=0.3) == percent
