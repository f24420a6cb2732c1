"""``zone-intrusion`` and ``loitering``: a stay is reported after its duration, at armed hours, and ends
once."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge_agent.config.model.settings import RuleKind, Schedule, Zone, ZoneRule
from edge_agent.core.facts import Phase, RuleObservation, Stay
from edge_agent.core.model import Box, Severity, Track, TrackState
from edge_agent.rules.schedule import Arming
from edge_agent.rules.zones import ZoneWatch
from tests.events.parts import track
from tests.rules.scene import EPOCH, IN_ZONE, played, reported

SITE = ZoneInfo("Asia/Ho_Chi_Minh")
YARD = Zone("yard", ((0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0)))
INTRUSION = ZoneRule(
    **{**IN_ZONE, "zone": YARD, "labels": ("person",), "severity": Severity.ALARM, "cooldown_s": 60.0},
    kind=RuleKind.ZONE_INTRUSION,
    min_duration_s=1.0,
    grace_s=1.0,
)
LOITERING = replace(INTRUSION, kind=RuleKind.LOITERING, min_duration_s=30.0, grace_s=5.0)
NIGHT = Schedule(frozenset(range(7)), time(22), time(5))
INSIDE, OUTSIDE = Box(0.4, 0.5, 0.5, 0.9), Box(0.4, 0.1, 0.5, 0.4)
ABOVE = Box(0.4, 0.2, 0.5, 0.7)  # most of it is outside, but it stands in the yard


def watching(rule: ZoneRule) -> ZoneWatch:
    return ZoneWatch(rule, Arming(rule.schedule, SITE, frozenset()))


def person(name: str = "t1", box: Box = INSIDE, **more: object) -> Track:
    return replace(track(name, label="person", group="person", box=box), **more)  # type: ignore[arg-type]


def watched(
    watch: ZoneWatch, seconds: float, *tracks: Track, begin_s: float = 0.0, at: datetime = EPOCH
) -> list[RuleObservation]:
    """Pass the same tracks with every frame; ``at``: the wall clock at second 0."""
    actors = [lambda t, track=track: track for track in tracks]
    return played(watch, seconds, *actors, begin_s=begin_s, at=at)


def inside_s(observation: RuleObservation) -> float:
    assert isinstance(observation.facts, Stay)
    return observation.facts.inside_s


def test_an_object_that_comes_in_is_reported_after_the_set_time_and_once() -> None:
    observations = watched(watching(INTRUSION), 10, person())
    assert reported(observations) == [("start", None)]
    assert observations[0].started_mono == 0.0
    assert inside_s(observations[0]) == pytest.approx(1.0)
    assert observations[0].rule.severity is Severity.ALARM


def test_the_reason_calls_a_zone_by_its_name_and_the_facts_by_its_id() -> None:
    rule = replace(INTRUSION, zone=replace(YARD, name="Sân trường"))
    (observation,) = watched(watching(rule), 3, person())
    assert observation.why == "person in Sân trường for 1 s"
    assert isinstance(observation.facts, Stay)
    assert observation.facts.zone == "yard"


STANDING: dict[str, Any] = {"state": TrackState.STATIONARY}


def test_a_parked_object_that_nothing_shows_any_more_is_not_inside() -> None:
    """As a person who stood there when the camera was lost, and left before it came back."""
    watch = watching(LOITERING)
    assert watched(watch, 10, person(**STANDING)) == []
    gone = person(**STANDING, seen_now=False)
    assert watched(watch, 10, gone, begin_s=3600) == []
    assert watched(watch, 60, person(name="t2"), begin_s=3610) != []


def test_an_end_after_an_outage_has_the_time_when_the_object_was_seen() -> None:
    watch = watching(INTRUSION)
    watched(watch, 10, person(**STANDING))
    watched(watch, 5, person(**STANDING, seen_now=False), begin_s=600)
    (end,) = watched(watch, 10, begin_s=605)
    assert (end.phase, end.end_reason) == (Phase.END, "lost")
    assert end.last_mono == pytest.approx(10, abs=0.3)


def test_what_was_parked_before_it_was_first_seen_enters_when_it_moves() -> None:
    """After each restart of the agent, and in the morning."""
    rule = replace(INTRUSION, labels=("car",))
    watch = watching(rule)
    car = track("t1", label="car", group="vehicle", box=INSIDE)
    parked = replace(car, state=TrackState.STATIONARY, parked_before=True)
    assert watched(watch, 60, parked) == []
    assert reported(watched(watch, 3, car, begin_s=60)) == [("start", None)]


def test_an_object_that_walks_through_in_less_is_not_reported() -> None:
    watch = watching(INTRUSION)
    assert watched(watch, 0.8, person()) + watched(watch, 5, person(box=OUTSIDE), begin_s=0.8) == []


def test_what_counts_is_where_it_stands() -> None:
    assert reported(watched(watching(INTRUSION), 3, person(box=ABOVE))) == [("start", None)]
    assert watched(watching(INTRUSION), 3, person(box=OUTSIDE)) == []


@pytest.mark.parametrize(("label", "group"), [("two-wheeler", "two-wheeler"), ("vehicle", "vehicle")])
def test_the_name_of_a_group_counts_for_each_of_its_labels(label: str, group: str) -> None:
    rule = replace(INTRUSION, labels=("motorcycle", "person"))
    observations = watched(watching(rule), 3, replace(person(), label=label, group=group))
    assert reported(observations) == ([("start", None)] if group == "two-wheeler" else [])


def test_the_time_before_it_was_confirmed_counts() -> None:
    watch = watching(INTRUSION)
    watched(watch, 5, person(confirmed=False, state=TrackState.TENTATIVE))
    (observation,) = watched(watch, 0.2, person(), begin_s=5)
    assert observation.started_mono == 0.0


def test_leaving_ends_it_with_the_time_it_was_inside_last() -> None:
    watch = watching(INTRUSION)
    watched(watch, 4, person())
    observations = watched(watch, 4, person(box=OUTSIDE), begin_s=4)
    assert reported(observations) == [("end", "left")]
    assert observations[0].last_mono == pytest.approx(3.8)
    assert inside_s(observations[0]) == pytest.approx(3.8)
    assert watched(watch, 4, person(box=OUTSIDE), begin_s=8) == []


def test_a_short_step_outside_is_no_end() -> None:
    watch = watching(INTRUSION)
    watched(watch, 4, person())
    assert watched(watch, 0.8, person(box=OUTSIDE), begin_s=4) == []
    assert watched(watch, 4, person(), begin_s=4.8) == []


def test_a_lost_track_is_where_it_was_until_it_is_found_or_given_up() -> None:
    watch = watching(INTRUSION)
    watched(watch, 4, person())
    lost = person(state=TrackState.LOST, box=OUTSIDE, seen_now=False)
    assert watched(watch, 4, lost, begin_s=4) == []
    assert reported(watched(watch, 0.2, begin_s=8)) == [("end", "lost")]


def test_another_within_the_cooldown_is_reported_only_if_still_there_after_it() -> None:
    watch = watching(INTRUSION)
    watched(watch, 5, person("a"))
    elsewhere = person("b", Box(0.8, 0.5, 0.9, 0.9))
    assert reported(watched(watch, 50, elsewhere, begin_s=5)) == [("end", "lost")], "the end of a"
    (observation,) = watched(watch, 10, elsewhere, begin_s=55)
    assert (observation.phase, observation.started_mono) == (Phase.START, 5.0)
    assert observation.track is not None
    assert observation.track.id == "b"


def test_an_object_that_stays_long_is_reported_again_once_a_minute() -> None:
    observations = watched(watching(INTRUSION), 150, person())
    assert reported(observations) == [("start", None), ("update", None), ("update", None)]
    assert len({each.event_id for each in observations}) == 1


@pytest.mark.parametrize(
    ("stay_s", "absent_s", "again_s", "expected"),
    [
        (29.0, 0.0, 0.0, []),  # a second too short
        (31.0, 0.0, 0.0, ["start"]),
        (20.0, 4.0, 7.2, ["start"]),  # a short absence is none: 31.2 s since it came
        (20.0, 8.0, 11.0, []),  # after a long one the time starts again
    ],
)
def test_loitering_forgives_a_short_absence(
    stay_s: float, absent_s: float, again_s: float, expected: list[str]
) -> None:
    watch = watching(LOITERING)
    observations = watched(watch, stay_s, person())
    observations += watched(watch, absent_s, person(box=OUTSIDE), begin_s=stay_s)
    observations += watched(watch, again_s, person(), begin_s=stay_s + absent_s)
    assert [phase for phase, _ in reported(observations)] == expected


def test_an_object_that_is_there_when_the_rule_is_armed_is_reported_then() -> None:
    watch = watching(replace(INTRUSION, schedule=NIGHT))
    evening = datetime.fromisoformat("2026-11-24T21:59:50+07:00")
    (start,) = watched(watch, 20, person(), at=evening)
    assert start.started_mono == pytest.approx(10.0)


@pytest.mark.parametrize("reason", ["camera", "restart"])
def test_what_is_open_ends_with_the_pipeline(reason: str) -> None:
    watch = watching(INTRUSION)
    watched(watch, 4, person("a"))
    watched(watch, 4, person("a"), person("b"), begin_s=4)  # b is not reported: the cooldown
    assert reported(list(watch.finish(reason))) == [("end", reason)]
    assert list(watch.finish(reason)) == []


def test_what_is_parked_stays_open_over_a_loss_of_the_camera() -> None:
    watch = watching(replace(INTRUSION, labels=("car",)))
    car = replace(person("car"), label="car", group="vehicle", state=TrackState.STATIONARY)
    watched(watch, 4, car)
    assert list(watch.finish("camera", {"car"})) == []
    assert reported(list(watch.finish("restart"))) == [("end", "restart")]


# --- a stay and its tracks ---

SPOT, STEP_ASIDE = Box(0.4, 0.5, 0.5, 0.9), Box(0.46, 0.5, 0.56, 0.9)
FAR = Box(0.8, 0.5, 0.9, 0.9)
AT_EDGE = Box(0.4, 0.5, 0.5, 0.99)
NAMELESS: dict[str, Any] = {"label": None, "group": None, "confirmed": False, "state": TrackState.TENTATIVE}


def first_seen(at_s: float, name: str, box: Box = SPOT, **more: Any) -> Track:
    return person(name, box, first_seen_mono=at_s, **more)


def lost(name: str, box: Box = SPOT) -> Track:
    return first_seen(0.0, name, box, state=TrackState.LOST, seen_now=False)


def test_loitering_goes_on_under_the_same_id_when_the_track_is_another_one() -> None:
    watch = watching(LOITERING)
    observations = watched(watch, 20, first_seen(0.0, "a"))
    observations += watched(watch, 2.6, lost("a"), begin_s=20)
    observations += watched(watch, 0.6, begin_s=22.6)  # given up, with an empty zone
    observations += watched(watch, 20, first_seen(23.2, "b", STEP_ASIDE), begin_s=23.2)
    observations += watched(watch, 10, begin_s=43.2)
    assert reported(observations) == [("start", None), ("end", "lost")]
    assert {each.event_id for each in observations} == {observations[0].event_id}
    assert (observations[0].started_mono, observations[0].track and observations[0].track.id) == (0.0, "b")
    assert inside_s(observations[0]) == pytest.approx(30.0)


@pytest.mark.parametrize(
    ("absent_s", "expected"),
    [(4.6, ["start"]), (5.4, [])],  # grace_s is 5: after a longer absence the time starts again
)
def test_the_grace_is_for_another_track_too(absent_s: float, expected: list[str]) -> None:
    watch = watching(LOITERING)
    observations = watched(watch, 20, first_seen(0.0, "a")) + watched(watch, absent_s, begin_s=20)
    back_s = 20 + absent_s
    observations += watched(watch, 11, first_seen(back_s, "b"), begin_s=back_s)
    assert [phase for phase, _ in reported(observations)] == expected


def test_what_appears_in_its_place_may_get_its_name_later() -> None:
    watch = watching(LOITERING)
    watched(watch, 35, first_seen(0.0, "a"))
    observations = watched(watch, 5.6, first_seen(36.0, "b", **NAMELESS), begin_s=36)
    observations += watched(watch, 5, first_seen(36.0, "b"), begin_s=41.6)
    assert observations == []
    assert reported(list(watch.finish("restart"))) == [("end", "restart")]


@pytest.mark.parametrize(
    "other",
    [
        first_seen(36.0, "b", FAR),  # too far off
        first_seen(36.0, "b", label="car", group="vehicle"),
        first_seen(36.0, "b", Box(0.43, 0.78, 0.47, 0.9)),  # a third as high
        first_seen(30.0, "b"),  # seen beside it before: another person
    ],
)
def test_another_person_does_not_take_over_the_stay(other: Track) -> None:
    watch = watching(LOITERING)
    watched(watch, 35, first_seen(0.0, "a"))
    assert reported(watched(watch, 20, other, begin_s=36)) == [("end", "lost")]


def test_an_object_that_goes_over_the_edge_of_the_picture_is_not_the_one_that_comes_in_there() -> None:
    watch = watching(LOITERING)
    watched(watch, 20, first_seen(0.0, "a", AT_EDGE))
    assert watched(watch, 20, first_seen(21.0, "b", AT_EDGE), begin_s=21) == []


def test_two_people_that_change_places_stay_two() -> None:
    watch = watching(replace(LOITERING, cooldown_s=0.0))
    observations = watched(watch, 20, first_seen(0.0, "a"), first_seen(0.0, "b", STEP_ASIDE))
    observations += watched(watch, 20, first_seen(0.0, "a", STEP_ASIDE), first_seen(0.0, "b"), begin_s=20)
    observations += watched(watch, 8, first_seen(0.0, "b"), begin_s=40)
    assert reported(observations) == [("start", None), ("start", None), ("end", "lost")]
    assert len({each.event_id for each in observations}) == 2


def test_one_lost_track_goes_on_in_one_other_only() -> None:
    watch = watching(replace(LOITERING, cooldown_s=0.0))
    observations = watched(watch, 35, first_seen(0.0, "a"))
    near, nearer = first_seen(36.0, "b", STEP_ASIDE), first_seen(36.0, "c")
    observations += watched(watch, 20, near, nearer, begin_s=36)
    assert reported(observations) == [("start", None)]
    assert [each.track and each.track.id for each in watch.finish("restart")] == ["c"]


def test_an_alarm_is_not_reported_twice_while_the_first_track_is_still_looked_for() -> None:
    watch = watching(replace(INTRUSION, cooldown_s=0.0))
    observations = watched(watch, 4, first_seen(0.0, "a"))
    observations += watched(watch, 2, lost("a"), first_seen(4.4, "b", STEP_ASIDE), begin_s=4.4)
    observations += watched(watch, 4, first_seen(4.4, "b", STEP_ASIDE), begin_s=6.4)
    assert reported(observations) == [("start", None)]


def test_when_the_first_track_is_found_again_the_other_is_reported() -> None:
    watch = watching(replace(INTRUSION, cooldown_s=0.0))
    observations = watched(watch, 4, first_seen(0.0, "a"))
    observations += watched(watch, 2, lost("a"), first_seen(4.4, "b", STEP_ASIDE), begin_s=4.4)
    observations += watched(watch, 4, first_seen(0.0, "a"), first_seen(4.4, "b", STEP_ASIDE), begin_s=6.4)
    assert reported(observations) == [("start", None), ("start", None)]
    assert [each.track and each.track.id for each in observations] == ["a", "b"]
