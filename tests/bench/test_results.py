"""The bench's arithmetic: ratios, percentiles, targets, months; and which short visits were seen."""

from __future__ import annotations

import itertools

import pytest

from bench.drawing import Visit
from bench.parts import PARTS, chosen
from bench.result import Result, percentile, ratio
from bench.targets import TARGETS, Target, judge
from bench.traffic import HEARTBEAT_S, MONTH_S, USUAL_HEARTBEAT_S, month_mb
from bench.visits import EVERY_S, FIRST_S, KEYFRAMES_S, SPREAD_S, share, visits_of
from bench.wake import pushes, waits
from bench.watch import Arrival
from bench.wiretap import Passed

CPU = "cpu_s_per_min"


def result(subject: str, *windows: float, figure: float = 0.0) -> Result:
    return Result("quiet", subject, {CPU: figure}, {CPU: list(windows)} if windows else {})


def test_a_ratio_is_the_median_of_the_windows_own_ratios() -> None:
    # In the second window something else slowed the machine: both paid, and the ratio stays.
    agent, motion = result("agent", 1.0, 4.0, 1.0), result("motion", 2.0, 8.0, 2.0)
    assert ratio(agent, motion, CPU) == 0.5


def test_without_windows_a_ratio_is_of_the_figures() -> None:
    assert ratio(result("agent", figure=3.0), result("motion", figure=2.0), CPU) == 1.5


def test_there_is_no_ratio_to_nothing() -> None:
    assert ratio(result("agent", figure=3.0), result("motion", figure=0.0), CPU) is None


@pytest.mark.parametrize(
    ("percent", "expected"),
    [
        (0, 1.0),  # the smallest
        (50, 2.5),  # between the two in the middle
        (95, 3.85),  # near the largest
        (100, 4.0),
    ],
)
def test_percentiles_lie_between_neighbours(percent: float, expected: float) -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], percent) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("target", "met"),
    [
        (Target("quiet", "agent", CPU, at_most=0.5, over="motion"), True),  # at the bound
        (Target("quiet", "agent", CPU, at_most=0.49, over="motion"), False),
        (Target("quiet", "agent", CPU, at_most=1.0), True),  # not a ratio
        (Target("quiet", "agent", CPU, at_least=1.1), False),
    ],
)
def test_a_target_is_met_or_missed(target: Target, met: bool) -> None:
    results = [result("agent", figure=1.0), result("motion", figure=2.0)]
    [verdict] = judge(results, [target])
    assert verdict.met is met


def test_what_was_not_measured_is_not_judged() -> None:
    assert judge([result("agent", figure=1.0)], [Target("quiet", "agent", CPU, 1.0, over="motion")]) == []


def test_every_target_is_of_a_part_that_exists() -> None:
    assert {target.scene for target in TARGETS} <= {part.name for part in PARTS}


def test_parts_are_chosen_by_name() -> None:
    assert [part.name for part in chosen("quiet, outbox", quick=True)] == ["quiet", "outbox"]
    with pytest.raises(ValueError, match=r"no part quite; there are: .*quiet"):
        chosen("quite", quick=True)


def heartbeat(mono: float, **sent: int) -> Arrival:
    return Arrival("dt-001", "heartbeat", mono, {"mqtt": {"bytes_month": sent}})  # zeros are left out


def test_a_month_is_extrapolated_from_what_lies_between_two_heartbeats() -> None:
    first, second = heartbeat(10.0, event=500, heartbeat=1000), heartbeat(70.0, event=1100, heartbeat=7000)
    figures = month_mb([first, second])
    assert figures["event_mb_month"] == pytest.approx(10 * MONTH_S / 1e6)  # 600 bytes in 60 s
    scaled = 100 * HEARTBEAT_S / USUAL_HEARTBEAT_S  # sent more often than usual
    assert figures["heartbeat_mb_month"] == pytest.approx(scaled * MONTH_S / 1e6, rel=1e-3)
    whole = figures["event_mb_month"] + figures["heartbeat_mb_month"]
    assert figures["total_mb_month"] == pytest.approx(whole)


def test_the_wait_for_an_event_ends_with_the_next_visit() -> None:
    passed = [Passed(number, 100.0 + number / 10) for number in range(300)]
    pushed = pushes(passed, shown=20, frames=100)
    assert pushed == [102.0, 112.0, 122.0]
    # The first visitor is told after 1.5 s, the second not at all, the third is none of the two rounds.
    assert waits(pushed, [101.0, 103.5, 122.4], rounds=2) == [1.5, None]


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
