"""Who is in a zone: told once it has lasted, at the right hours, not again and again, and ended once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from edge_agent.config.settings import RuleKind, Schedule, Zone, ZoneRule
from edge_agent.hits import Phase, RuleHit, Stay
from edge_agent.model import Box, Severity, Track, Tracks, TrackState
from edge_agent.rules.schedule import Arming
from edge_agent.rules.zones import ZoneWatch
from tests.events.parts import frame, track

SITE = ZoneInfo("Asia/Ho_Chi_Minh")
YARD = Zone("yard", ((0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0)))
INTRUSION = ZoneRule(
    id="yard-night",
    kind=RuleKind.ZONE_INTRUSION,
    zone=YARD,
    labels=("person",),
    min_duration_s=1.0,
    grace_s=1.0,
    severity=Severity.ALARM,
    cooldown_s=60.0,
    schedule=None,
)
LOITERING = replace(INTRUSION, id="yard-dwell", kind=RuleKind.LOITERING, min_duration_s=30.0, grace_s=5.0)
NIGHT = Schedule(frozenset(range(7)), time(22), time(5))
INSIDE, OUTSIDE = Box(0.4, 0.5, 0.5, 0.9), Box(0.4, 0.1, 0.5, 0.4)
ABOVE = Box(0.4, 0.2, 0.5, 0.7)  # most of it is outside, but it stands in the yard
EPOCH = datetime(2026, 11, 24, 13, 0, tzinfo=UTC)


def watching(rule: ZoneRule) -> ZoneWatch:
    return ZoneWatch(rule, Arming(rule.schedule, SITE, frozenset()))


def person(name: str = "t1", box: Box = INSIDE, **more: object) -> Track:
    return replace(track(name, label="person", group="person", box=box), **more)  # type: ignore[arg-type]


def watched(
    watch: ZoneWatch, seconds: float, *tracks: Track, begin_s: float = 0.0, at: datetime = EPOCH
) -> list[RuleHit]:
    """Five frames a second with the same tracks; ``at`` is the wall clock at second 0."""
    hits: list[RuleHit] = []
    for n in range(round(seconds * 5)):
        mono = begin_s + n / 5
        moment = replace(frame(mono), captured_at=at + timedelta(seconds=mono))
        hits += watch.update(moment, Tracks(tracks))
    return hits


def inside_s(hit: RuleHit) -> float:
    assert isinstance(hit.facts, Stay)
    return hit.facts.inside_s


def told(hits: list[RuleHit]) -> list[tuple[str, str | None]]:
    return [(hit.phase.value, hit.end_reason) for hit in hits]


def test_who_comes_in_is_told_after_the_set_time_and_once() -> None:
    hits = watched(watching(INTRUSION), 10, person())
    assert told(hits) == [("start", None)]
    assert hits[0].started_mono == 0.0
    assert inside_s(hits[0]) == pytest.approx(1.0)
    assert hits[0].rule.severity is Severity.ALARM


def test_who_walks_through_in_less_is_not_told() -> None:
    watch = watching(INTRUSION)
    assert watched(watch, 0.8, person()) + watched(watch, 5, person(box=OUTSIDE), begin_s=0.8) == []


def test_what_counts_is_where_it_stands() -> None:
    assert told(watched(watching(INTRUSION), 3, person(box=ABOVE))) == [("start", None)]
    assert watched(watching(INTRUSION), 3, person(box=OUTSIDE)) == []


def test_other_labels_and_what_is_not_confirmed_are_not_told() -> None:
    dog = replace(person(), label="car", group="vehicle")
    unsure = person(confirmed=False, state=TrackState.TENTATIVE)
    assert watched(watching(INTRUSION), 5, dog, unsure) == []


def test_the_time_before_it_was_confirmed_counts() -> None:
    watch = watching(INTRUSION)
    watched(watch, 5, person(confirmed=False, state=TrackState.TENTATIVE))
    (hit,) = watched(watch, 0.2, person(), begin_s=5)
    assert hit.started_mono == 0.0


def test_leaving_ends_it_with_the_time_it_was_inside_last() -> None:
    watch = watching(INTRUSION)
    watched(watch, 4, person())
    hits = watched(watch, 4, person(box=OUTSIDE), begin_s=4)
    assert told(hits) == [("end", "left")]
    assert hits[0].last_mono == pytest.approx(3.8)
    assert inside_s(hits[0]) == pytest.approx(3.8)
    assert watched(watch, 4, person(box=OUTSIDE), begin_s=8) == []


def test_a_short_step_outside_is_no_end() -> None:
    watch = watching(INTRUSION)
    watched(watch, 4, person())
    hits = watched(watch, 0.8, person(box=OUTSIDE), begin_s=4) + watched(watch, 4, person(), begin_s=4.8)
    assert hits == []


def test_a_lost_track_is_where_it_was_until_it_is_found_or_given_up() -> None:
    watch = watching(INTRUSION)
    watched(watch, 4, person())
    lost = person(state=TrackState.LOST, box=OUTSIDE, seen_now=False)
    assert watched(watch, 4, lost, begin_s=4) == []
    assert told(watched(watch, 0.2, begin_s=8)) == [("end", "lost")]


def test_another_within_the_cooldown_is_told_only_if_still_there_after_it() -> None:
    watch = watching(INTRUSION)
    watched(watch, 5, person("a"))
    elsewhere = person("b", Box(0.8, 0.5, 0.9, 0.9))
    assert told(watched(watch, 50, elsewhere, begin_s=5)) == [("end", "lost")], "the end of a"
    (hit,) = watched(watch, 10, elsewhere, begin_s=55)
    assert (hit.phase, hit.track and hit.track.id, hit.started_mono) == (Phase.START, "b", 5.0)


def test_who_stays_long_is_told_again_once_a_minute() -> None:
    hits = watched(watching(INTRUSION), 150, person())
    assert told(hits) == [("start", None), ("update", None), ("update", None)]
    assert len({hit.event_id for hit in hits}) == 1


def test_a_second_stay_is_another_event() -> None:
    watch = watching(replace(INTRUSION, cooldown_s=0.0))
    first = watched(watch, 3, person())
    watched(watch, 3, person(box=OUTSIDE), begin_s=3)
    second = watched(watch, 3, person(), begin_s=6)
    assert first[0].event_id != second[0].event_id


@pytest.mark.parametrize(
    ("stay_s", "absent_s", "again_s", "expected"),
    [
        (29.0, 0.0, 0.0, []),  # a second too short
        (31.0, 0.0, 0.0, ["start"]),
        (20.0, 4.0, 7.2, ["start"]),  # a short absence is none: 31.2 s since it came
        (20.0, 8.0, 11.0, []),  # a long one begins anew
    ],
)
def test_loitering_forgives_a_short_absence(
    stay_s: float, absent_s: float, again_s: float, expected: list[str]
) -> None:
    watch = watching(LOITERING)
    hits = watched(watch, stay_s, person())
    hits += watched(watch, absent_s, person(box=OUTSIDE), begin_s=stay_s)
    hits += watched(watch, again_s, person(), begin_s=stay_s + absent_s)
    assert [phase for phase, _ in told(hits)] == expected


@pytest.mark.parametrize(
    ("local", "armed"),
    [("21:59:30", False), ("22:00:30", True), ("04:59:30", True), ("05:00:30", False)],
)
def test_a_schedule_over_midnight_is_in_the_sites_own_time(local: str, armed: bool) -> None:
    moment = datetime.fromisoformat(f"2026-11-24T{local}+07:00").astimezone(UTC)  # the box runs in UTC
    hits = watched(watching(replace(INTRUSION, schedule=NIGHT)), 3, person(), at=moment)
    assert bool(hits) == armed


def test_who_is_there_when_the_rule_is_armed_is_told_then_and_not_after_it() -> None:
    watch = watching(replace(INTRUSION, schedule=NIGHT))
    evening = datetime.fromisoformat("2026-11-24T21:59:50+07:00")
    (start,) = watched(watch, 20, person(), at=evening)
    assert start.started_mono == pytest.approx(10.0)
    morning = datetime.fromisoformat("2026-11-25T04:59:35+07:00")
    assert told(watched(watch, 10, person(), begin_s=20, at=morning)) == [("end", "disarmed")]


def weekdays(*days: int) -> Schedule:
    return Schedule(frozenset(days), time(22), time(5))


@pytest.mark.parametrize(
    ("schedule", "local", "armed"),
    [
        (weekdays(4), "2026-11-27T23:00", True),  # Friday night ...
        (weekdays(4), "2026-11-28T04:00", True),  # ... lasts into Saturday
        (weekdays(4), "2026-11-28T23:00", False),
        (weekdays(4), "2026-11-27T04:00", False),  # Friday morning belongs to Thursday's night
        (Schedule(frozenset({6}), time(8), time(17)), "2026-11-29T12:00", True),  # Sunday
        (Schedule(frozenset({6}), time(8), time(17)), "2026-11-29T17:00", False),  # the end is not in it
        (Schedule(frozenset({6}), time(0), time(0)), "2026-11-29T23:59", True),  # the whole day
        (Schedule(frozenset({6}), time(0), time(0)), "2026-11-30T00:00", False),
        (None, "2026-11-29T12:00", True),
    ],
)
def test_a_night_belongs_to_the_day_it_begins_on(schedule: Schedule | None, local: str, armed: bool) -> None:
    at = datetime.fromisoformat(local).replace(tzinfo=SITE)
    assert Arming(schedule, SITE, frozenset()).armed(at) == armed


@pytest.mark.parametrize("reason", ["camera", "restart"])
def test_what_is_open_ends_with_the_pipeline(reason: str) -> None:
    watch = watching(INTRUSION)
    watched(watch, 4, person("a"))
    watched(watch, 4, person("a"), person("b"), begin_s=4)  # b is not told: the cooldown
    assert told(list(watch.finish(reason))) == [("end", reason)]
    assert list(watch.finish(reason)) == []


def test_what_is_parked_stays_open_over_a_loss_of_the_camera() -> None:
    rule = replace(INTRUSION, labels=("car",))
    watch = watching(rule)
    car = replace(person("car"), label="car", group="vehicle", state=TrackState.STATIONARY)
    watched(watch, 4, car)
    assert list(watch.finish("camera", {"car"})) == []
    assert told(list(watch.finish("restart"))) == [("end", "restart")]


def test_a_hit_that_was_not_taken_is_told_again() -> None:
    watch = watching(INTRUSION)
    watched(watch, 0.9, person())
    untaken: Iterator[RuleHit] = iter(watch.update(frame(2.0), Tracks((person(),))))
    first = next(untaken)
    untaken.close()  # type: ignore[attr-defined]  # the sink failed
    (again,) = watch.update(frame(2.2), Tracks((person(),)))
    assert (again.phase, again.event_id) == (first.phase, first.event_id)
