"""The traffic in front of a camera: means of what the tracks say, without what was parked there before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge_agent.config.model.settings import Ground
from edge_agent.core.facts import FlowNumbers
from edge_agent.core.model import Box, Track, Tracks, TrackState
from edge_agent.rules.flow import LONG_S, MAX_SAMPLE_S, FlowSampler, SpeedHistogram
from edge_agent.rules.objects import ObjectCounter
from tests.events.parts import frame, track

MIDDLE = Box(0.4, 0.4, 0.5, 0.6)
"""640 x 360: 0.18 picture heights wide and 0.2 high, so its length is 0.2."""


def car(name: str = "a", state: TrackState = TrackState.MOVING, vx: float = 0.0, **more: object) -> Track:
    """``vx``: picture widths a second."""
    made = track(name, label="car", group="vehicle", state=state, box=MIDDLE, first=0.0)
    return replace(made, velocity=(vx, 0.0), **more)  # type: ignore[arg-type]


def measured(
    *tracks: Track,
    seconds: float = 60.0,
    step_s: float = 0.2,
    sampler: FlowSampler | None = None,
    begin: float = 10.0,
) -> FlowNumbers | None:
    """What the sampler says of tracks that are there for all that time."""
    sampler = sampler or FlowSampler()
    for number in range(round(seconds / step_s) + 1):
        sampler.update(frame(begin + number * step_s), Tracks(tracks))
    numbers = sampler.numbers()
    sampler.reset()
    return numbers


def test_it_counts_those_that_move_and_those_that_stand() -> None:
    standing = [car(f"s{n}", TrackState.STATIONARY) for n in range(3)]
    numbers = measured(car(vx=0.1), *standing, car("bike", vx=0.1, label="bicycle", group="two-wheeler"))
    assert numbers is not None
    assert (numbers.moving, numbers.standing, numbers.standing_long) == (2.0, 3.0, 0.0)
    assert numbers.watched_s == pytest.approx(60, abs=1.1)


@pytest.mark.parametrize(
    "absent",
    [
        car(parked_before=True, state=TrackState.STATIONARY),
        car(confirmed=False, state=TrackState.TENTATIVE),
        car(state=TrackState.LOST),
        car(label="person", group="person"),
    ],
    ids=["parked", "unconfirmed", "lost", "person"],
)
def test_these_are_no_traffic(absent: Track) -> None:
    assert measured(absent) is None


def test_a_speed_is_in_own_lengths_in_the_shape_of_the_picture() -> None:
    """0.1 widths are 0.178 heights, and its length is 0.2 of these."""
    numbers = measured(car(vx=0.1), *(car(f"s{n}", TrackState.STATIONARY) for n in range(9)))
    assert numbers is not None
    assert numbers.speed == pytest.approx(0.889, rel=0.1), "what stands has no part in it"
    assert numbers.speed_m_s is None


def test_with_a_ground_plane_it_is_in_metres_too() -> None:
    """From straight above, the picture is 32 m wide and 18 m deep."""
    marks = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    ground = Ground(points=marks, metres=((0.0, 0.0), (32.0, 0.0), (32.0, -18.0), (0.0, -18.0)))
    numbers = measured(car(vx=0.25), sampler=FlowSampler(ground))
    assert numbers is not None
    assert numbers.speed_m_s == pytest.approx(8.0, rel=0.1)


@pytest.mark.parametrize(
    "doubtful",
    [
        car("edge", vx=9.0, box=Box(0.0, 0.4, 0.1, 0.6)),
        car("unseen", vx=9.0, seen_now=False),
        car("new", vx=9.0, first_seen_mono=1e6),
    ],
    ids=["edge", "unseen", "new"],
)
def test_a_doubtful_speed_is_left_out(doubtful: Track) -> None:
    numbers = measured(doubtful)
    assert numbers is not None
    assert (numbers.moving, numbers.speed) == (1.0, None)


def test_one_that_stands_for_five_minutes_is_counted_apart() -> None:
    sampler, stands = FlowSampler(), car(state=TrackState.STATIONARY)
    first = measured(stands, seconds=LONG_S - 2, sampler=sampler)
    covered = measured(replace(stands, state=TrackState.LOST), seconds=4, sampler=sampler, begin=LONG_S + 10)
    later = measured(stands, seconds=60, sampler=sampler, begin=LONG_S + 20)
    assert first is not None
    assert later is not None
    assert (first.standing, first.standing_long, covered) == (1.0, 0.0, None)
    assert (later.standing, later.standing_long) == (0.0, 1.0)


def test_time_without_frames_is_not_watched() -> None:
    """After an hour without a picture, one sample stands for ten seconds."""
    numbers = measured(car(vx=0.1), seconds=3600.0, step_s=3600.0)
    assert numbers is not None
    assert numbers.watched_s == MAX_SAMPLE_S


@pytest.mark.parametrize("speed", [0.0, 0.01, 1.0, 3.0, 1e9])
def test_the_median_of_one_speed_is_that_speed_within_its_bounds(speed: float) -> None:
    histogram = SpeedHistogram()
    assert histogram.median is None
    histogram.add(speed, 5.0)
    assert histogram.median == pytest.approx(min(max(speed, 0.05), 200), rel=0.1)


def test_the_median_is_by_time() -> None:
    histogram = SpeedHistogram()
    for speed, seconds in ((0.5, 10.0), (2.0, 1.0), (9.0, 1.0), (20.0, 1.0)):
        histogram.add(speed, seconds)
    assert histogram.median == pytest.approx(0.5, rel=0.1)


def test_standing_traffic_is_reported_although_nothing_is_new() -> None:
    counter, stands = ObjectCounter(60.0, FlowSampler()), car(state=TrackState.STATIONARY)
    reports = [each for mono in range(182) for each in counter.update(frame(float(mono)), Tracks((stands,)))]
    assert [(each.new, each.flow is not None) for each in reports] == [
        ({"car": 1}, True), ({}, True), ({}, True),
    ]  # fmt: skip


def test_an_interval_that_was_not_stored_is_reported_again_with_its_traffic() -> None:
    counter, moves = ObjectCounter(60.0, FlowSampler()), car(vx=0.1)
    for mono in range(60):
        assert list(counter.update(frame(float(mono)), Tracks((moves,)))) == []
    untaken = counter.update(frame(60.0), Tracks((moves,)))
    next(untaken)
    untaken.close()  # type: ignore[attr-defined]  # the sink failed
    (again,) = counter.update(frame(61.0), Tracks((moves,)))
    assert again.flow is not None
    assert again.flow.watched_s == pytest.approx(60, abs=1.5)


def test_a_parked_row_alone_is_not_reported() -> None:
    counter = ObjectCounter(60.0, FlowSampler())
    row = Tracks(tuple(car(f"p{n}", TrackState.STATIONARY, parked_before=True) for n in range(6)))
    assert [each for mono in range(200) for each in counter.update(frame(float(mono)), row)] == []
