"""``wrong-way``: movement against the arrow, over a distance in true proportions, and not by a jump."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time
from math import cos, radians, sin
from zoneinfo import ZoneInfo

import pytest

from edge_agent.config.model.settings import RuleKind, Schedule, WrongWayRule, Zone
from edge_agent.core.facts import AgainstArrow, RuleObservation
from edge_agent.core.model import Track, TrackState
from edge_agent.rules.schedule import Arming
from edge_agent.rules.wrong_way import WrongWayWatch
from tests.rules.scene import ALWAYS, IN_ZONE, Actor, going, played, reported

ASPECT = 360 / 640  # of the pictures in these tests
RULE = WrongWayRule(
    **{**IN_ZONE, "labels": ("car", "motorcycle")},
    kind=RuleKind.WRONG_WAY,
    arrow=((0.2, 0.5), (0.8, 0.5)),  # to the right
    angle_deg=60.0,
    min_distance=0.1,
)
SMALL = (0.06, 0.12)


def watching(rule: WrongWayRule = RULE) -> WrongWayWatch:
    return WrongWayWatch(rule, ALWAYS)


def at_angle(degrees: float, distance: float = 0.4, **more: object) -> Actor:
    """A track from the centre on, for 4 s, at a true angle to the arrow; distance in picture widths."""
    x, y = distance * cos(radians(degrees)), distance * sin(radians(degrees)) / ASPECT
    begin = 0.5 - x / 2, 0.5 - y / 2
    return going((0, *begin), (4, begin[0] + x, begin[1] + y), size=SMALL, **more)  # type: ignore[arg-type]


def facts(observation: RuleObservation) -> AgainstArrow:
    assert isinstance(observation.facts, AgainstArrow)
    return observation.facts


@pytest.mark.parametrize(
    ("degrees", "expected"),
    [
        (0, []),  # the right way
        (45, []),
        (90, []),  # across
        (-90, []),
        (115, []),  # 65 degrees from straight against it
        (125, ["start", "end"]),
        (-125, ["start", "end"]),
        (180, ["start", "end"]),  # straight against it
    ],
)
def test_an_object_that_goes_against_the_arrow_is_reported_and_one_along_or_across_it_is_not(
    degrees: float, expected: list[str]
) -> None:
    observations = played(watching(), 6, at_angle(degrees))
    assert [phase for phase, _ in reported(observations)] == expected
    for observation in observations:
        assert facts(observation).angle_deg == pytest.approx(abs(degrees), abs=3)
    assert bool(played(watching(), 6, at_angle(degrees, jitter=0.1))) == bool(expected)


@pytest.mark.parametrize("fps", [2.0, 5.0, 10.0, 25.0])
def test_it_says_since_when_how_far_and_ends_when_it_is_lost(fps: float) -> None:
    start, end = played(watching(), 6, at_angle(180), fps=fps)
    assert start.started_mono <= 1.0
    assert facts(start).distance == pytest.approx(0.1, abs=0.06)
    assert facts(end).distance == pytest.approx(0.4, abs=0.06)
    assert end.end_reason == "lost"
    assert end.last_mono == pytest.approx(4.0, abs=1.0)
    assert start.event_id == end.event_id
    assert start.why.startswith("car goes against the arrow of road: at 180 degrees to it, over 0.1")


def test_a_short_way_against_it_is_not_reported() -> None:
    assert played(watching(), 6, at_angle(180, distance=0.08)) == []
    longer = replace(RULE, min_distance=0.5)
    assert played(watching(longer), 6, at_angle(180)) == []


def test_only_the_way_inside_the_zone_counts() -> None:
    left_half = Zone("lane", ((0.0, 0.0), (0.45, 0.0), (0.45, 1.0), (0.0, 1.0)))
    watch = watching(replace(RULE, zone=left_half))
    assert played(watch, 4, going((0, 0.9, 0.5), (4, 0.46, 0.5), size=SMALL)) == []
    start, end = played(watch, 8, going((4, 0.6, 0.5), (10, 0.3, 0.5), (12, 0.6, 0.5), size=SMALL), begin_s=4)
    assert start.started_mono >= 7.0, "when it came in"
    assert end.end_reason == "over", "it turned within the zone"


def test_an_object_that_leaves_the_zone_has_left() -> None:
    middle = Zone("lane", ((0.3, 0.0), (0.7, 0.0), (0.7, 1.0), (0.3, 1.0)))
    rider = going((0, 0.9, 0.5), (8, 0.0, 0.5), size=SMALL)
    observations = played(watching(replace(RULE, zone=middle)), 8, rider)
    assert reported(observations) == [("start", None), ("end", "left")]
    assert observations[1].last_mono == pytest.approx(5.3, abs=0.7)


@pytest.mark.parametrize("jitter", [0.05, 0.1])
def test_a_box_that_jitters_goes_nowhere(jitter: float) -> None:
    car = going((0, 0.5, 0.5), (1800, 0.5, 0.5), size=(0.2, 0.3), jitter=jitter)
    assert played(watching(), 1800, car) == []


def test_a_car_that_reverses_into_a_gap_is_not_reported() -> None:
    """The car drives past the gap, reverses into it by a little less than its own length, and stays there."""
    way = (0, 0.1, 0.6), (4, 0.6, 0.6), (6, 0.6, 0.6), (10, 0.47, 0.62), (60, 0.47, 0.62)
    car = going(*way, size=(0.15, 0.12))
    assert played(watching(), 60, car) == []


def test_after_a_u_turn_it_goes_against_the_arrow() -> None:
    rider = going((0, 0.2, 0.5), (3, 0.5, 0.5), (4, 0.52, 0.6), (5, 0.5, 0.7), (9, 0.1, 0.7), size=SMALL)
    (start, *_) = played(watching(), 10, rider)
    assert start.started_mono >= 4.0


def test_an_object_that_turns_back_to_the_right_way_is_over() -> None:
    rider = going((0, 0.8, 0.5), (3, 0.5, 0.5), (6, 0.8, 0.5), size=SMALL)
    observations = played(watching(), 6, rider)
    assert reported(observations) == [("start", None), ("end", "over")]
    assert observations[1].last_mono == pytest.approx(3.0, abs=0.7)


def test_an_object_that_stops_for_a_while_and_goes_on_is_one_event() -> None:
    rider = going((0, 0.9, 0.5), (3, 0.6, 0.5), (33, 0.6, 0.5), (37, 0.2, 0.5), size=SMALL)
    assert reported(played(watching(), 40, rider)) == [("start", None), ("end", "lost")]


def test_an_object_that_stops_for_good_is_over_and_not_reported_again() -> None:
    rider = going((0, 0.9, 0.5), (3, 0.6, 0.5), (103, 0.6, 0.5), (107, 0.2, 0.5), size=SMALL)
    assert reported(played(watching(), 110, rider)) == [("start", None), ("end", "over")]


@pytest.mark.parametrize("every", [4, 7])
def test_boxes_that_jump_to_the_one_behind_do_not_go_against_the_arrow(every: int) -> None:
    """Two riders, one behind the other; the track jumps between them while both go the right way."""

    def hopping(t: float) -> Track | None:
        rider = going((0, 0.2, 0.5), (8, 0.8, 0.5), size=SMALL)(t)
        behind = int(t * 5 / every) % 2
        return rider and replace(rider, box=rider.box.shifted(-0.15 * behind, 0.0))

    assert played(watching(), 8, hopping) == []


def test_a_queue_whose_ids_change_places_once_stands() -> None:
    def swapped(t: float) -> Track | None:
        place = 0.6 if t < 10 else 0.45
        return going((0, place, 0.5), (20, place, 0.5), size=SMALL)(t)

    assert played(watching(), 20, swapped) == []


def lost(actor: Actor, begin_s: float, end_s: float, back_by: float = 0.0) -> Actor:
    """The track is lost for a while; then it is ``back_by`` further left."""

    def at(t: float) -> Track | None:
        seen = actor(t)
        if seen is None or t < begin_s:
            return seen
        if t < end_s:
            return replace(seen, state=TrackState.LOST, seen_now=False, box=seen.box.shifted(-0.2, 0.0))
        return replace(seen, box=seen.box.shifted(-back_by, 0.0))

    return at


def test_a_lost_and_found_track_keeps_its_way() -> None:
    """0.06 widths before and 0.06 after the gap: neither is enough alone."""
    way = (0, 0.6, 0.5), (1.2, 0.54, 0.5), (2.4, 0.52, 0.5), (3.6, 0.46, 0.5)
    rider = lost(going(*way, size=(0.04, 0.08)), 1.2, 2.4)
    assert reported(played(watching(), 5, rider))[0] == ("start", None)


def test_a_track_that_is_found_again_on_the_next_rider_has_not_jumped_against_the_arrow() -> None:
    rider = lost(going((0, 0.2, 0.5), (8, 0.8, 0.5), size=SMALL), 3.0, 4.6, back_by=0.25)
    assert played(watching(), 8, rider) == []


def test_each_of_two_is_reported_but_within_the_cooldown_only_the_first() -> None:
    riders = at_angle(180, name="a"), at_angle(180, name="b")
    assert [phase for phase, _ in reported(played(watching(), 6, *riders))].count("start") == 2
    slow = watching(replace(RULE, cooldown_s=60.0))
    assert [phase for phase, _ in reported(played(slow, 6, *riders))].count("start") == 1


def test_while_the_rule_is_not_armed_there_are_no_events() -> None:
    night = Schedule(frozenset(range(7)), time(22), time(5))
    arming = Arming(night, ZoneInfo("Asia/Ho_Chi_Minh"), frozenset())
    watch = WrongWayWatch(replace(RULE, schedule=night), arming)
    rider = going((0, 0.9, 0.5), (8, 0.1, 0.5), size=SMALL)
    evening = datetime.fromisoformat("2026-11-24T21:59:57+07:00")
    (start, _) = played(watch, 9, rider, at=evening)
    assert start.started_mono >= 3.0
