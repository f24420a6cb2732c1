"""Stamps, sampling and rates."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.capture.reader import ordinal
from edge_agent.capture.stream_time import Sampler, StreamTime, WindowedRate


def stamps(pairs: list[tuple[float | None, float]], timed: bool = True) -> list[float]:
    """Stamps for (pts, arrival) pairs."""
    times = StreamTime(timed)
    return [round(times.stamp(pts, arrived), 3) for pts, arrived in pairs]


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        # network jitter: the camera's spacing wins
        ([(0.0, 100.0), (0.1, 100.14), (0.2, 100.21)], [100.0, 100.1, 100.2]),
        # the first packets of an RTSP stream have no pts
        ([(None, 100.0), (5.0, 100.1), (5.1, 100.25)], [100.0, 100.1, 100.2]),
        # the camera's clock jumps ahead by an hour, then back
        ([(0.0, 100.0), (3600.0, 100.1), (3600.1, 100.2), (0.3, 100.3)], [100.0, 100.1, 100.2, 100.3]),
        # a burst after a jam of 3 s: the pictures were taken long before they came
        ([(0.0, 100.0), (0.1, 103.1), (0.2, 103.11)], [100.0, 100.1, 100.2]),
        # B-frames come out of order: each has its own time
        ([(0.0, 100.0), (0.3, 100.3), (0.1, 100.31), (0.2, 100.32)], [100.0, 100.3, 100.1, 100.2]),
        # a stamp is never later than the arrival
        ([(0.0, 100.0), (1.0, 100.4), (1.1, 100.5)], [100.0, 100.4, 100.5]),
    ],
)
def test_stamps_follow_the_camera_but_not_blindly(
    pairs: list[tuple[float | None, float]], expected: list[float]
) -> None:
    assert stamps(pairs) == pytest.approx(expected, abs=0.002)


def test_a_stream_without_times_is_stamped_on_arrival() -> None:
    assert stamps([(0.0, 100.0), (0.04, 100.5), (0.08, 101.0)], timed=False) == [100.0, 100.5, 101.0]


def test_packets_that_stay_late_mean_that_the_clock_was_set() -> None:
    # The camera's clock stood still for 3 s.
    late = [(0.1 * i, 103.0 + 0.1 * i) for i in range(1, 70)]
    made = stamps([(0.0, 100.0), *late])
    assert made[1] == pytest.approx(100.1, abs=0.002), "it may be a jam"
    assert made[-1] == pytest.approx(late[-1][1], abs=0.002), "for seven seconds it is none"


def test_times_can_be_set() -> None:
    times = StreamTime()
    times.stamp(9.1, 100.1)
    times.start_from(8.9, 100.2)
    assert times.stamp(9.0, 100.3) == pytest.approx(100.3)


def test_a_slow_camera_clock_is_followed_without_jumps() -> None:
    times = StreamTime()
    made = [times.stamp(i * 0.1 * (1 - 200e-6), i * 0.1) for i in range(36_000)]  # an hour, 200 ppm slow
    assert 3599.9 - made[-1] < 0.05
    assert max(b - a for a, b in itertools.pairwise(made)) < 0.11


@given(
    st.lists(st.tuples(st.one_of(st.none(), st.floats(-1e6, 1e6)), st.floats(0, 5)), min_size=1, max_size=40)
)
def test_a_stamp_is_never_later_than_the_arrival(steps: list[tuple[float | None, float]]) -> None:
    times, arrived = StreamTime(), 1000.0
    for pts, step in steps:
        arrived += step
        assert times.stamp(pts, arrived) <= arrived


@pytest.mark.parametrize(
    ("source_fps", "wanted_fps", "picked"),
    [
        (10, 5, 50),  # every second frame
        (12.5, 5, 50),  # 2, 3, 2, 3 frames apart
        (4, 5, 40),  # a slow camera: all of them
        (10, None, 100),  # all
        (30, 1, 10),
    ],
)
def test_the_analysed_rate_holds_on_average(source_fps: float, wanted_fps: float | None, picked: int) -> None:
    sampler = Sampler(wanted_fps)
    due = sum(sampler.due(i / source_fps) for i in range(int(10 * source_fps)))
    assert due == pytest.approx(picked, abs=1)


def test_jitter_of_milliseconds_does_not_skip_frames() -> None:
    sampler = Sampler(5)
    assert [sampler.due(t) for t in (0.0, 0.104, 0.196, 0.305, 0.401)] == [True, False, True, False, True]


def test_sampling_goes_on_after_time_fell_back() -> None:
    sampler = Sampler(5)
    sampler.due(1000.0)
    assert sampler.due(3.0)


def test_a_rate_is_the_mean_of_the_last_ten_seconds() -> None:
    rate = WindowedRate()
    for tick in range(300):
        rate.add(100 + tick / 10)
    assert rate.per_second(130.0) == pytest.approx(10, rel=0.02)
    assert rate.per_second(135.0) == pytest.approx(5, rel=0.15)
    assert rate.per_second(145.0) == 0


def test_an_amount_is_all_of_the_window() -> None:
    rate = WindowedRate()
    rate.add(100.0)
    rate.add(109.9, 3)
    assert [rate.amount(mono) for mono in (109.9, 110.5, 111.5, 120.5)] == [4, 4, 3, 0]


def test_asking_often_does_not_change_a_rate() -> None:
    rate = WindowedRate()
    for tick in range(100):
        rate.add(100 + tick / 10)
        for _ in range(5):
            asked = rate.per_second(100 + tick / 10)
    assert asked == pytest.approx(10, rel=0.05)


def test_a_young_rate_counts_from_its_first_event() -> None:
    rate = WindowedRate()
    for tick in range(11):
        rate.add(100 + tick / 10)
    assert rate.per_second(101.0) == pytest.approx(11)


def test_after_a_restart_the_grid_goes_on_from_there() -> None:
    sampler = Sampler(5)
    assert sampler.due(10.0)
    sampler.restart(8.0)
    assert [sampler.due(t) for t in (8.1, 8.2, 8.3, 8.4)] == [False, True, False, True]


@pytest.mark.parametrize(
    ("number", "text"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (22, "22nd"), (113, "113th")],
)
def test_ordinals_are_english(number: int, text: str) -> None:
    assert ordinal(number) == text
