"""``crowding``: reported when it lasts, over when it has dissolved for as long, robust to a flickering
detector."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, time
from itertools import pairwise, starmap
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge_agent.config.model.settings import CrowdingRule, RuleKind, Schedule, Zone
from edge_agent.core.facts import Crowd, RuleObservation
from edge_agent.core.model import Track, Tracks, TrackState
from edge_agent.rules.crowding import CrowdWatch
from edge_agent.rules.schedule import Arming
from tests.events.parts import frame, track
from tests.rules import scene
from tests.rules.scene import ALWAYS, IN_ZONE, Actor, foot_at, reported

RULE = CrowdingRule(
    **{**IN_ZONE, "labels": ("person", "motorcycle"), "cooldown_s": 60.0},
    kind=RuleKind.CROWDING,
    count=10,
    min_duration_s=30.0,
    release_count=7,
)


def watching(rule: CrowdingRule = RULE) -> CrowdWatch:
    return CrowdWatch(rule, ALWAYS)


def people(count: int, **more: object) -> tuple[Track, ...]:
    """People in a row from the left, each 0.03 wide."""
    one = track(label="person", group="person")
    return tuple(
        replace(one, id=f"p{n}", box=foot_at(0.02 + 0.03 * n, 0.5, 0.03, 0.1), **more)  # type: ignore[arg-type]
        for n in range(count)
    )


def played(
    watch: CrowdWatch, seconds: float, count: int | Callable[[float], int], **how: Any
) -> list[RuleObservation]:
    def actor(number: int, one: Track) -> Actor:
        return lambda t: one if number < (count(t) if callable(count) else count) else None

    return scene.played(watch, seconds, *starmap(actor, enumerate(people(30))), **how)


def facts(observation: RuleObservation) -> Crowd:
    assert isinstance(observation.facts, Crowd)
    return observation.facts


@pytest.mark.parametrize(
    ("count", "seconds", "expected"),
    [
        (9, 120, []),
        (10, 29, []),
        (10, 31, [("start", None)]),
        (10, 600, [("start", None)]),  # a crowd that does not grow is reported once
    ],
)
def test_enough_for_long_enough_is_a_crowd(
    count: int, seconds: float, expected: list[tuple[str, str | None]]
) -> None:
    assert reported(played(watching(), seconds, count)) == expected


def test_it_says_where_how_many_and_since_when_with_a_box_around_all() -> None:
    (start,) = played(watching(), 31, lambda t: 12 if 10 < t < 20 else 10)
    assert facts(start) == Crowd("road", 10, 12)
    assert start.started_mono == 0.0
    assert start.track is None
    assert start.box.rounded() == (0.005, 0.4, 0.305, 0.5)
    assert start.why == "10 in road now, 12 at the peak, for 30 s"


def test_it_is_over_when_few_are_left_for_as_long() -> None:
    watch = watching()
    played(watch, 31, 12)
    assert played(watch, 100, 8, begin_s=31) == [], "between the two numbers nothing changes"
    assert played(watch, 29, 7, begin_s=131) == []
    (end,) = played(watch, 2, 7, begin_s=160)
    assert (end.end_reason, facts(end)) == ("over", Crowd("road", 7, 12))
    assert end.last_mono == pytest.approx(131, abs=0.3), "when it was last more than few"
    assert end.box.rounded() == (0.005, 0.4, 0.245, 0.5), "around those who were there then"


def test_a_flickering_detector_neither_delays_nor_ends_it() -> None:
    """The detector misses three of ten in each fourth inference, and nearly all for two seconds now and
    then."""

    def seen(t: float) -> int:
        if 20 <= t % 30 < 22:
            return 1
        return 7 if round(t * 5) % 4 == 0 else 10

    assert reported(played(watching(), 300, seen)) == [("start", None)]


def test_now_and_then_enough_is_no_crowd() -> None:
    assert played(watching(), 600, lambda t: 10 if round(t * 5) % 4 == 0 else 8) == []


def test_a_few_moments_with_many_do_not_keep_it_open() -> None:
    watch = watching()
    played(watch, 31, 12)
    seldom = played(watch, 60, lambda t: 12 if int(t) % 10 == 0 else 3, begin_s=31)
    assert reported(seldom) == [("end", "over")]


@pytest.mark.parametrize("fps", [0.25, 0.5, 1.0])
def test_a_crowd_that_stands_still_is_reported_by_an_idle_camera(fps: float) -> None:
    (start,) = played(watching(), 40, 10, fps=fps)
    assert start.last_mono <= 34


def test_it_is_reported_again_when_it_has_grown_by_a_fifth_and_at_most_once_a_minute() -> None:
    observations = played(watching(), 300, lambda t: min(10 + int(t / 10), 30))
    assert [each.phase for each in observations] == ["start", *["update"] * (len(observations) - 1)]
    most = [facts(each).most for each in observations]
    assert all(later >= 1.2 * earlier for earlier, later in pairwise(most))
    assert 2 <= len(observations) <= 5


def test_only_an_object_that_stands_in_the_zone_and_has_one_of_its_labels_counts() -> None:
    left = replace(RULE, zone=Zone("left", ((0.0, 0.0), (0.2, 0.0), (0.2, 1.0), (0.0, 1.0))))
    assert played(watching(left), 60, 20) == []
    assert played(watching(replace(RULE, labels=("car",))), 60, 20) == []


def test_an_object_that_is_hidden_for_a_moment_is_still_there_and_an_unconfirmed_one_is_not() -> None:
    watch = watching()
    played(watch, 20, 10)
    behind = tuple(replace(one, state=TrackState.LOST, seen_now=False) for one in people(10)[5:])
    for n in range(55):
        observations = list(watch.update(frame(20 + n / 5), Tracks((*people(5), *behind))))
        if observations:
            break
    assert reported(observations) == [("start", None)]
    unsure = people(20, confirmed=False, state=TrackState.TENTATIVE)
    other = watching()
    assert not [each for n in range(300) for each in other.update(frame(n / 5), Tracks(unsure))]


def test_a_second_crowd_is_another_event_and_waits_for_the_cooldown() -> None:
    watch = watching(replace(RULE, min_duration_s=5.0))
    observations = played(watch, 300, lambda t: 10 if t % 30 < 15 else 0)
    starts = [each for each in observations if each.phase == "start"]
    assert len({each.event_id for each in starts}) == len(starts) == 5
    assert [each.phase for each in observations] == ["start", "end"] * 5


def test_while_the_rule_is_not_armed_there_is_no_crowd() -> None:
    night = Schedule(frozenset(range(7)), time(22), time(5))
    arming = Arming(night, ZoneInfo("Asia/Ho_Chi_Minh"), frozenset())
    watch = CrowdWatch(replace(RULE, schedule=night), arming)
    evening = datetime.fromisoformat("2026-11-24T21:59:00+07:00")
    (start,) = played(watch, 100, 12, at=evening)
    assert start.started_mono == pytest.approx(60)
