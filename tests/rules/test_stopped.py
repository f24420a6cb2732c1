"""``stopped-vehicle``: a vehicle that drove and then stands is reported, one that was parked before never."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest

from edge_agent.config.model.settings import RuleKind, Schedule, StoppedRule, Zone
from edge_agent.core.facts import RuleObservation, Standstill
from edge_agent.core.model import Track, TrackState
from edge_agent.rules.schedule import Arming
from edge_agent.rules.stopped import StoppedWatch
from tests.rules.scene import ALWAYS, IN_ZONE, Actor, going, played, reported

JUNCTION = Zone("junction", ((0.3, 0.3), (0.9, 0.3), (0.9, 0.9), (0.3, 0.9)))
RULE = StoppedRule(
    **{**IN_ZONE, "zone": JUNCTION, "labels": ("car", "motorcycle"), "cooldown_s": 60.0},
    kind=RuleKind.STOPPED_VEHICLE,
    still_s=30.0,
)


def watching(rule: StoppedRule = RULE) -> StoppedWatch:
    return StoppedWatch(rule, ALWAYS)


def stopping(still_s: float, **more: object) -> Actor:
    """Drives in for 4 s, stands from second 4 on, and drives on."""
    stop, gone = 4.0 + still_s, 8.0 + still_s
    return going((0, 0.05, 0.5), (4, 0.5, 0.5), (stop, 0.5, 0.5), (gone, 0.95, 0.5), **more)  # type: ignore[arg-type]


def still_s(observation: RuleObservation) -> float:
    assert isinstance(observation.facts, Standstill)
    return observation.facts.still_s


@pytest.mark.parametrize(("seconds", "expected"), [(29.0, []), (31.0, [("start", None), ("end", "moved")])])
def test_a_car_that_stands_for_31_s_is_reported_and_one_for_29_s_is_not(
    seconds: float, expected: list[tuple[str, str | None]]
) -> None:
    observations = played(watching(), 50, stopping(seconds))
    assert reported(observations) == expected


def test_it_says_since_when_how_long_and_which() -> None:
    start, end = played(watching(), 60, stopping(40))
    assert start.started_mono == end.started_mono == pytest.approx(4.0, abs=0.6)
    assert still_s(start) == pytest.approx(30.0, abs=0.3)
    assert end.last_mono == pytest.approx(44.0, abs=0.6)
    assert still_s(end) == pytest.approx(40.0, abs=1.0)
    assert start.event_id == end.event_id
    assert start.why == "car entered junction and has stopped there for 30 s"
    assert end.box.centre == pytest.approx((0.5, 0.425), abs=0.04), "where it stood"


@pytest.mark.parametrize("fps", [0.25, 0.5, 1.0, 2.0, 5.0, 10.0])
def test_it_is_reported_in_time_however_often_the_idle_camera_looks(fps: float) -> None:
    """While the car drives in, the camera is in full mode; then only keyframes are analysed."""
    watch, car = watching(), stopping(100)
    assert played(watch, 5, car) == []
    (start,) = played(watch, 50, car, begin_s=5, fps=fps)
    assert 29.5 <= still_s(start) <= 31 + 1 / fps


@pytest.mark.parametrize("jitter", [0.03, 0.06, 0.1])
def test_a_box_that_jitters_stands_still(jitter: float) -> None:
    assert reported(played(watching(), 50, stopping(31, jitter=jitter)))[0] == ("start", None)


@pytest.mark.parametrize("jitter", [0.0, 0.03, 0.06, 0.1])
def test_a_parked_box_that_jitters_for_an_hour_has_not_moved(jitter: float) -> None:
    assert played(watching(), 3600, going((0, 0.5, 0.5), (3600, 0.5, 0.5), jitter=jitter)) == []


def test_a_row_of_parked_motorbikes_whose_boxes_jump_to_the_neighbour_has_not_moved() -> None:
    """Tracks swap ids within the row: a jump of one own size, there or back, twice a minute."""

    def hopping(t: float) -> Track | None:
        place = 0.5 if int(t / 30) % 2 == 0 else 0.62
        return going((0, place, 0.5), (900, place, 0.5), label="motorcycle")(t)

    assert played(watching(), 900, hopping) == []


def test_a_slow_queue_does_not_stand() -> None:
    """The car moves by one length every ten seconds."""
    steps = [(10.0 * n + wait, 0.3 + 0.04 * (n + wait / 8), 0.6) for n in range(12) for wait in (0.0, 8.0)]
    assert played(watching(), 120, going((-4.0, 0.05, 0.6), *steps)) == []


def test_what_stands_outside_the_zone_is_not_reported() -> None:
    outside = replace(RULE, zone=Zone("lane", ((0.7, 0.3), (0.9, 0.3), (0.9, 0.9), (0.7, 0.9))))
    assert played(watching(outside), 50, stopping(40)) == []


def hidden(actor: Actor, *spans: tuple[float, float]) -> Actor:
    """The track is lost at these times: its box moves on, as predicted boxes do."""

    def at(t: float) -> Track | None:
        seen = actor(t)
        if seen is None or not any(begin <= t < end for begin, end in spans):
            return seen
        return replace(seen, state=TrackState.LOST, seen_now=False, box=seen.box.shifted(0.3, 0.0))

    return at


def test_passers_by_do_not_take_the_time_of_a_car_that_is_lost_and_found_again() -> None:
    car = hidden(stopping(31), (8, 10), (15, 17), (22, 24), (30, 32))
    (start, _) = played(watching(), 50, car)
    assert start.started_mono == pytest.approx(4.0, abs=0.6)


def renamed(actor: Actor, begin_s: float, end_s: float) -> Actor:
    """The object's track ends at ``begin_s``; from ``end_s`` on it has another track."""

    def at(t: float) -> Track | None:
        seen = actor(t)
        if seen is None or begin_s <= t < end_s:
            return None
        return seen if t < begin_s else replace(seen, id="t2")

    return at


def test_a_car_that_is_found_again_as_another_track_keeps_its_time() -> None:
    (start, _) = played(watching(), 60, renamed(stopping(40), 15, 30))
    assert start.started_mono == pytest.approx(4.0, abs=0.6)
    assert start.track is not None
    assert start.track.id == "t2"


def test_what_was_parked_from_the_start_stays_parked_under_another_track() -> None:
    assert played(watching(), 100, renamed(going((0, 0.5, 0.5), (100, 0.5, 0.5)), 15, 30)) == []


def test_an_open_event_goes_on_under_another_track() -> None:
    observations = played(watching(), 130, renamed(stopping(100), 50, 70))
    assert reported(observations) == [("start", None), ("update", None), ("end", "moved")]
    assert len({each.event_id for each in observations}) == 1


def test_a_track_that_ends_and_is_not_found_again_is_lost() -> None:
    observations = played(watching(), 130, renamed(stopping(100), 50, 999))
    assert reported(observations) == [("start", None), ("end", "lost")]
    assert observations[1].last_mono == pytest.approx(50, abs=0.5), "when it was seen last"


def test_another_car_that_drives_to_the_same_place_starts_again() -> None:
    second = going((30, 0.05, 0.5), (34, 0.5, 0.5), (60, 0.5, 0.5), name="t2")
    assert played(watching(), 60, renamed(stopping(20), 15, 999), second) == []


def test_an_object_that_nudges_forward_and_stands_again_starts_again() -> None:
    car = going((0, 0.05, 0.5), (4, 0.4, 0.5), (24, 0.4, 0.5), (26, 0.48, 0.5), (50, 0.48, 0.5))
    assert played(watching(), 50, car) == []


def test_of_several_only_one_is_reported_within_the_cooldown_and_the_others_after_it() -> None:
    cars = [stopping(200, name="a"), stopping(200, name="b")]
    observations = played(watching(), 100, *cars)
    starts = [each for each in observations if each.phase == "start"]
    assert [each.track and each.track.id for each in starts] == ["a", "b"]
    assert still_s(starts[1]) == pytest.approx(90, abs=1.5)


def test_an_object_that_stands_long_is_reported_again_once_a_minute() -> None:
    observations = played(watching(), 200, stopping(300))
    assert reported(observations) == [("start", None), ("update", None), ("update", None)]


NIGHT = Schedule(frozenset(range(7)), time(22), time(5))
SITE = ZoneInfo("Asia/Ho_Chi_Minh")


def test_an_object_that_stopped_before_the_rule_was_armed_stands_there_since_then() -> None:
    rule = replace(RULE, schedule=NIGHT)
    watch = StoppedWatch(rule, Arming(NIGHT, SITE, frozenset()))
    evening = datetime.fromisoformat("2026-11-24T21:59:00+07:00")
    (start,) = played(watch, 100, stopping(100), at=evening)
    assert start.started_mono == pytest.approx(60.0)
    assert still_s(start) == pytest.approx(30.0, abs=0.3)


def test_when_the_schedule_ends_what_is_open_ends_as_disarmed() -> None:
    rule = replace(RULE, schedule=NIGHT)
    watch = StoppedWatch(rule, Arming(NIGHT, SITE, frozenset()))
    morning = datetime.fromisoformat("2026-11-25T04:59:00+07:00")
    observations = played(watch, 90, stopping(200), at=morning)
    assert reported(observations) == [("start", None), ("end", "disarmed")]


def test_what_is_parked_over_a_loss_of_the_camera_goes_on() -> None:
    watch, car = watching(), stopping(300)
    played(watch, 50, car)
    assert reported(watch.finish("camera", {"t1"})) == []
    observations = played(watch, 30, car, begin_s=110)
    assert reported(observations) == [("update", None)]


def test_what_stood_there_when_the_camera_came_back_is_parked() -> None:
    watch, car = watching(), stopping(300)
    played(watch, 50, car)
    assert reported(watch.finish("camera")) == [("end", "camera")]
    assert played(watch, 100, going((0, 0.5, 0.5), (300, 0.5, 0.5), name="new"), begin_s=60) == []


def test_an_older_track_that_drove_away_does_not_take_the_event_over() -> None:
    """It was seen first where the other one stands now."""
    drives = going((0, 0.5, 0.5), (8, 0.95, 0.2), (200, 0.95, 0.2), name="a")

    def older(t: float) -> Track | None:
        seen = drives(t)
        return seen and replace(seen, first_seen_mono=0.0)

    standing = going((10, 0.05, 0.5), (14, 0.5, 0.5), (100, 0.5, 0.5), (104, 0.95, 0.5))
    observations = played(watching(), 130, older, renamed(standing, 50, 54))
    assert reported(observations) == [("start", None), ("end", "moved")]
    assert observations[1].last_mono == pytest.approx(100, abs=1), "under its second track"
