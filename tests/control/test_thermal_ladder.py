"""The ladder alone: a sensor from 45 to 90 degrees and back, noise, and a sensor that is wrong or fails."""

from __future__ import annotations

import random
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.config.model.boards import ThermalSteps
from edge_agent.control.thermal_ladder import (
    AGAIN_S,
    READINGS,
    THROTTLED_DWELL_S,
    THROTTLED_READINGS,
    ThermalLadder,
    ThermalReading,
)
from edge_agent.core.facts import StepChange
from edge_agent.core.load_limits import WorkloadLimits

PI = ThermalSteps(70, 75, 80, hysteresis_c=4, dwell_s=60, inference_share=0.5, fps_share=0.5)


def play(
    ladder: ThermalLadder, readings: Iterable[ThermalReading | float | None], from_s: float = 0.0
) -> list[tuple[float, StepChange]]:
    """Feed one reading a second; returns the changes and their times."""
    changes = []
    for second, reading in enumerate(readings):
        whole = reading if isinstance(reading, ThermalReading) else ThermalReading(reading)
        change = ladder.update(from_s + second, whole)
        if change is not None:
            changes.append((from_s + second, change))
    return changes


def at_step(step: int) -> ThermalLadder:
    ladder = ThermalLadder(PI)
    play(ladder, [(60.0, 70.0, 75.0, 80.0)[step]] * READINGS)
    assert ladder.step == step
    return ladder


def test_each_step_holds_back_more() -> None:
    assert [at_step(step).limits for step in range(4)] == [
        WorkloadLimits(1, 1, False),
        WorkloadLimits(0.5, 1, False),
        WorkloadLimits(0.5, 0.5, False),
        WorkloadLimits(0.5, 0.5, True),
    ]


def test_a_box_that_is_suddenly_hot_goes_to_the_top_at_once() -> None:
    ((second, change),) = play(ThermalLadder(PI), [50.0] + [88.0] * 10)
    assert (second, change.from_step, change.to_step) == (READINGS, 0, 3)
    assert change.why == "temperature 88.0 C, step 3 from 80 C on"


def test_it_comes_down_one_step_at_a_time_however_cold_it_gets() -> None:
    down = play(at_step(3), [20.0] * 200)
    assert [(second, change.to_step) for second, change in down] == [(60, 2), (121, 1), (182, 0)]


def test_a_box_whose_own_load_heats_it_stays_longer_each_time() -> None:
    """A gateway that is hot under full load, and cool as soon as the load is reduced."""
    ladder, second, downs = ThermalLadder(PI), 0, []
    for _ in range(8 * 3600):
        change = ladder.update(second, ThermalReading(60.0 if ladder.step else 72.0))
        if change is not None and change.to_step == 0:
            downs.append(second)
        second += 1
    stayed = [later - earlier for earlier, later in pairwise(downs)]
    assert stayed[:4] == pytest.approx([120, 240, 480, 960], abs=5)
    assert stayed[4:] == pytest.approx([960] * len(stayed[4:]), abs=5)
    calm_s = round(AGAIN_S) + 1000
    play(ladder, [60.0] * calm_s, from_s=second)
    again = play(ladder, [72.0] * READINGS + [60.0] * 100, from_s=second + calm_s)
    assert [change.to_step for _, change in again] == [1, 0], "after a calm time it is quick again"


def test_a_warm_minute_within_the_dwell_begins_it_anew() -> None:
    assert play(at_step(1), ([65.0] * 50 + [66.0]) * 5) == []


@pytest.mark.parametrize("step", [0, 1, 2, 3])
def test_a_sensor_that_dies_changes_nothing_and_is_known_to_be_dead(step: int) -> None:
    ladder = at_step(step)
    assert play(ladder, [None] * 500, from_s=10) == []
    assert ladder.step == step
    assert ladder.unknown_s(510) == 500
    play(ladder, [60.0], from_s=510)
    assert ladder.unknown_s(511) is None


def test_hot_readings_before_a_silence_do_not_count_after_it() -> None:
    ladder = ThermalLadder(PI)
    assert play(ladder, [88.0] * (READINGS - 1) + [None] + [88.0] * (READINGS - 1)) == []
    assert len(play(ladder, [88.0])) == 1


def test_cool_readings_before_a_silence_do_not_count_for_the_dwell() -> None:
    ladder = at_step(1)
    assert play(ladder, [60.0] * 50 + [None] + [60.0] * 55) == []
    assert len(play(ladder, [60.0] * 6, from_s=106)) == 1


def test_a_board_that_slows_itself_down_gets_fewer_inferences() -> None:
    ladder = ThermalLadder(PI)
    cool = ThermalReading(50.0, throttled=True)
    ((second, change),) = play(ladder, [cool] * 100)
    assert (second, change.to_step, change.why) == (THROTTLED_READINGS - 1, 1, "the board slows itself down")
    back = play(ladder, [ThermalReading(50.0, throttled=False)] * 800, from_s=100)
    assert [(second, change.to_step) for second, change in back] == [(99 + THROTTLED_DWELL_S + PI.dwell_s, 0)]


def test_an_event_counter_that_rises_now_and_then_is_no_throttling() -> None:
    blips = [ThermalReading(50.0, throttled=second % 5 < 4) for second in range(100)]
    assert play(ThermalLadder(PI), blips) == []


def test_throttling_counts_without_a_temperature_too() -> None:
    ((_, change),) = play(ThermalLadder(PI), [ThermalReading(None, throttled=True)] * 30)
    assert change.to_step == 1


LADDERS = st.builds(
    lambda first, gap, gap_2, hysteresis: ThermalSteps(
        first,
        first + hysteresis + gap,
        first + 2 * hysteresis + gap + gap_2,
        hysteresis,
        dwell_s=20,
        inference_share=0.5,
        fps_share=0.5,
    ),
    st.floats(40, 80),
    st.floats(0, 8),
    st.floats(0, 8),
    st.floats(2, 8),
)


@given(
    ladder=LADDERS,
    which=st.integers(0, 2),
    offset_c=st.floats(-1, 1),
    noise=st.lists(st.floats(-1, 1), min_size=60, max_size=300),
)
def test_noise_of_a_degree_around_a_threshold_never_makes_it_flap(
    ladder: ThermalSteps, which: int, offset_c: float, noise: list[float]
) -> None:
    """A temperature near any threshold causes at most a step up, and none down."""
    mean_c = ladder.thresholds_c[which] + offset_c
    changes = play(ThermalLadder(ladder), [mean_c + each for each in noise])
    steps = [change.to_step for _, change in changes]
    assert steps == sorted(set(steps))


@given(ladder=LADDERS, seed=st.integers(0, 2**32))
def test_noise_of_a_degree_on_the_way_up_and_down_adds_no_step(ladder: ThermalSteps, seed: int) -> None:
    noise, top_c = random.Random(seed), ladder.keyframes_only_c + 3
    measured = [top_c - abs(second - 300) * 0.2 + noise.uniform(-1, 1) for second in range(600)]
    steps = [change.to_step for _, change in play(ThermalLadder(ladder), measured)]
    peak = steps.index(3)
    assert steps[: peak + 1] == sorted(set(steps[: peak + 1]))
    assert steps[peak:] == sorted(set(steps[peak:]), reverse=True)
