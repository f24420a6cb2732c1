"""The tracker on small scenes, each described by the name of its test."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from edge_agent.core.model import (
    FULL_PICTURE,
    NO_INFERENCES,
    Box,
    Detection,
    Inferences,
    Motion,
    MotionRegion,
    Scene,
    Tracks,
    TrackState,
)
from edge_agent.tracking.tracker import Tracker
from tests.testbed.traffic import along
from tests.tracking.world import (
    LookPolicy,
    Run,
    Thing,
    World,
    budgeted,
    by_name,
    drawn,
    everything,
    line,
    no_inferences,
)


def test_where_nothing_is_followed_no_picture_is_held() -> None:
    """A picture is a view of the decoder's buffer; keeping it would force the decoder to allocate another."""
    tracker = Tracker("cam-1", "b")
    frame = World().frame(0.0)
    held = weakref.ref(frame.picture)
    tracker.update(frame, Motion((), Scene.STEADY, 0.0, None), NO_INFERENCES)
    del frame
    assert held() is None


def assert_one_track_each(run: Run, *things: Thing) -> None:
    """Each of these was one track all the time, and nothing else was a confirmed one."""
    assert [len(run.ids_on(thing)) for thing in things] == [1] * len(things)
    assert len(run.confirmed_ids) == len(things)


def test_one_walker_is_one_confirmed_person_within_a_second() -> None:
    walker = Thing("person", line(0.1, 0.5, 0.1, 0.0))
    run = World(walker).play(6)
    assert_one_track_each(run, walker)
    assert run.at(1.0).confirmed[0].label == "person"


@pytest.mark.parametrize("fps", [2.0, 5.0, 10.0, 30.0])
def test_a_walker_keeps_one_id_at_every_frame_rate(fps: float) -> None:
    walker = Thing("person", line(0.1, 0.5, 0.08, 0.0))
    assert_one_track_each(World(walker, fps=fps).play(6, budgeted(4)), walker)


def test_a_walker_behind_a_pillar_for_a_second_keeps_the_id() -> None:
    walker = Thing("person", line(0.1, 0.5, 0.12, 0.0))
    pillar = Thing("pillar", line(0.5, 0.5, 0.0, 0.0), size=(0.12, 0.6), hides=True)
    run = World(walker, pillar).play(7, budgeted(4))
    assert len(run.confirmed_ids) == 1
    assert any(t.state is TrackState.LOST for step in run.tracks for t in step.active)


def test_a_rider_and_the_motorbike_are_one_two_wheeler() -> None:
    rider = Thing("motorcycle", line(0.1, 0.5, 0.1, 0.0), size=(0.07, 0.24), naming=as_rider)
    run = World(rider).play(6)
    assert len(run.confirmed_ids) == 1
    assert {t.group for step in run.tracks for t in step.confirmed} == {"two-wheeler"}


def as_rider(thing: Thing, box: Box, look: int) -> Sequence[Detection]:
    """As small models see a rider: the person alone, the vehicle alone, both, or both in one box."""
    middle = box.y1 + 0.55 * box.height
    person = Detection("person", 0.7, Box(box.x1, box.y1, box.x2, middle + 0.15 * box.height))
    machine = Detection("motorcycle", 0.6, Box(box.x1, middle - 0.05, box.x2, box.y2))
    whole = Detection("motorcycle", 0.5, box)
    return [[person, machine], [machine], [whole], [person]][look % 4]


@pytest.mark.parametrize(
    ("per_s", "things"),
    [
        (4, [Thing("person", line(0.2, 0.50, 0.1, 0.0)), Thing("person", line(0.8, 0.53, -0.1, 0.0))]),
        (
            6,
            [
                Thing("motorcycle", line(0.1, 0.50, 0.09, 0.0), size=(0.07, 0.22)),
                Thing("motorcycle", line(0.02, 0.60, 0.11, 0.0), size=(0.07, 0.22)),
            ],
        ),
        (
            10,
            [
                Thing(
                    "motorcycle",
                    line(0.10 + 0.16 * column + 0.05 * (row % 2), 0.15 + 0.13 * row, 0.05, 0.01 * (row - 2)),
                    size=(0.05, 0.14),
                    naming=as_rider,
                )
                for row in range(5)
                for column in range(4)
            ],
        ),
    ],
    ids=["people who cross", "riders whose blobs merge", "dense lanes of riders"],
)
def test_objects_near_each_other_keep_their_ids(per_s: float, things: list[Thing]) -> None:
    assert_one_track_each(World(*things).play(7, budgeted(per_s)), *things)


def test_a_label_that_flickers_is_voted_and_seldom_changes() -> None:
    def flicker(thing: Thing, box: Box, look: int) -> Sequence[Detection]:
        label, score = [("motorcycle", 0.6), ("person", 0.7), ("car", 0.5), ("motorcycle", 0.6)][look % 4]
        return [Detection(label, score, box)]

    bike = Thing("motorcycle", line(0.1, 0.5, 0.08, 0.0), naming=flicker)
    run = World(bike).play(8)
    labels = [t.label for step in run.tracks for t in step.confirmed]
    assert labels[-1] == "motorcycle"
    assert sum(a != b for a, b in pairwise(labels)) <= 1
    assert len(run.confirmed_ids) == 1


def test_a_walker_in_front_of_a_parked_motorbike_is_no_rider() -> None:
    parked = Thing("motorcycle", along((0, 0.2, 0.5), (3, 0.5, 0.5), (99, 0.5, 0.5)), size=(0.1, 0.2))
    walker = Thing("person", line(0.1, 0.45, 0.08, 0.0, start=8.0), size=(0.05, 0.24))
    run = World(parked, walker).play(18)
    assert len(run.ids_on(parked)) == 1
    assert len(run.ids_on(walker)) == 1
    assert run.at(15).confirmed[-1].group == "person"


def dance(t: float) -> tuple[float, float] | None:
    step = int(t * 5)
    return (0.3 + 0.37 * (step * 7 % 3) / 2, 0.3 + 0.4 * (step * 5 % 4) / 3) if 2 <= t <= 3.5 else None


def sometimes(thing: Thing, box: Box, look: int) -> Sequence[Detection]:
    return by_name(thing, box, look) if look % 2 == 0 else []


@pytest.mark.parametrize(
    ("thing", "policy"),
    [
        (Thing("person", line(0.1, 0.5, 0.1, 0.0)), no_inferences),
        (Thing("dog", line(0.1, 0.5, 0.1, 0.0)), everything),
        (Thing("person", line(0.5, 0.5, 0.0, 0.0), moves=False), everything),
        (Thing("person", line(0.5, 0.5, 0.0, 0.0, start=2.0, end=2.1), size=(0.9, 0.9)), everything),
        (Thing("person", dance, size=(0.5, 0.6), naming=sometimes), everything),
    ],
    ids=["motion without a label", "unknown label", "tree trunk", "ghost of one frame", "insect at the lens"],
)
def test_what_is_no_object_is_never_confirmed(thing: Thing, policy: LookPolicy) -> None:
    assert World(thing).play(60, policy).confirmed_ids == set()


def test_a_car_parked_since_before_the_start_is_confirmed_in_time_and_stationary() -> None:
    car = Thing("car", line(0.5, 0.5, 0.0, 0.0), size=(0.2, 0.2), moves=False)
    run = World(car).play(20)
    assert [(t.state, t.parked_before) for t in run.last.confirmed] == [(TrackState.STATIONARY, True)]
    assert {t.state for step in run.tracks for t in step.confirmed} == {TrackState.STATIONARY}
    assert not run.at(0.6).confirmed


def test_a_car_that_was_parked_before_the_start_and_drives_off_is_one_track_that_moves() -> None:
    car = Thing("car", along((0, 0.3, 0.5), (10, 0.3, 0.5), (14, 0.8, 0.5)), size=(0.16, 0.16))
    run = World(car).play(13.8, budgeted(5))
    assert len(run.ids_on(car)) == 1
    assert [(t.state, t.parked_before) for t in run.last.confirmed] == [(TrackState.MOVING, False)]


def test_a_sign_that_the_model_always_calls_a_person_is_never_confirmed_while_people_pass_it() -> None:
    def shaken(thing: Thing, box: Box, look: int) -> Sequence[Detection]:
        return [Detection("person", 0.45, box.shifted(0.01 * (look % 3), 0.01 * (look % 2)))]

    sign = Thing("person", line(0.5, 0.45, 0.0, 0.0), size=(0.05, 0.16), naming=shaken, moves=False)
    people = [Thing("person", line(0.05, 0.5, 0.1, 0.0, start=3.0 * n), size=(0.06, 0.26)) for n in range(5)]
    run = World(sign, *people).play(24)
    assert_one_track_each(run, *people)


def test_what_stands_is_not_confirmed_as_moving_by_boxes_that_jump() -> None:
    """As with a traffic light, whose lamps change: there is motion in its box, too."""

    def jumping(thing: Thing, box: Box, look: int) -> Sequence[Detection]:
        return [Detection("vehicle", 0.8, box.shifted(0.3 * box.width * (look * 7 % 5 - 2), 0.0))]

    light = Thing("vehicle", line(0.5, 0.4, 0.0, 0.0), size=(0.05, 0.15), naming=jumping)
    run = World(light).play(20)
    assert all(track.parked_before for step in run.tracks for track in step.confirmed)


def test_a_person_who_moves_in_few_frames_only_is_not_confirmed_as_standing() -> None:
    light = Thing("person", line(0.5, 0.4, 0.0, 0.0), size=(0.05, 0.15), moves=False)
    flashes = [
        Thing("lamp", line(0.5, 0.4, 0.0, 0.0, start=n, end=n + 0.1), size=(0.04, 0.1), naming=lambda *_: [])
        for n in range(2, 40, 2)
    ]
    assert World(light, *flashes).play(40).confirmed_ids == set()


@pytest.mark.parametrize("first", [0, 16], ids=["seen all the time", "seen when the walker is gone"])
def test_a_walker_who_is_gone_does_not_become_the_sign_beside_the_place(first: int) -> None:
    def from_then_on(thing: Thing, box: Box, look: int) -> Sequence[Detection]:
        return by_name(thing, box, look) if look >= first else []

    sign = Thing("person", line(0.53, 0.5, 0.0, 0.0), size=(0.05, 0.2), naming=from_then_on, moves=False)
    walker = Thing("person", line(0.1, 0.5, 0.12, 0.0, end=3.1), size=(0.06, 0.2))
    run = World(walker, sign).play(9)
    assert len(run.ids_on(walker)) == 1
    assert run.last.confirmed == ()


def test_a_rider_who_is_gone_does_not_become_a_person_in_a_moving_tree() -> None:
    rider = Thing("two-wheeler", line(0.1, 0.5, 0.12, 0.0, end=3.1), size=(0.06, 0.2))
    tree = Thing("person", line(0.55, 0.6, 0.0, 0.0, start=3.6), size=(0.05, 0.2))
    run = World(rider, tree).play(7)
    assert len(run.ids_on(rider)) == 1
    assert run.last.confirmed == ()


def garage(at: float = 0.5) -> Thing:
    """A building that the model always calls a vehicle."""
    return Thing("vehicle", line(at, 0.5, 0.0, 0.0), size=(0.2, 0.6), moves=False)


def test_a_walker_whom_the_model_misses_does_not_become_the_garage_behind() -> None:
    def but_there(thing: Thing, box: Box, look: int) -> Sequence[Detection]:
        return [] if 18 <= look < 21 else by_name(thing, box, look)

    def only_then(thing: Thing, box: Box, look: int) -> Sequence[Detection]:
        return by_name(thing, box, look) if 18 <= look < 21 else []

    building = garage()
    building.naming = only_then
    walker = Thing("person", line(0.1, 0.55, 0.1, 0.0), size=(0.08, 0.4), naming=but_there)
    run = World(building, walker).play(8)
    assert len(run.ids_on(walker)) == 1
    assert max(track.box.width for step in run.tracks for track in step.confirmed) < 0.12


def test_motion_leads_a_walker_who_turns_unseen_in_front_of_a_garage() -> None:
    def until_he_turns(thing: Thing, box: Box, look: int) -> Sequence[Detection]:
        return by_name(thing, box, look) if not 15 <= look < 19 else []

    turns = along((0, 0.2, 0.55), (3, 0.5, 0.55), (3.4, 0.5, 0.55), (5, 0.34, 0.55))
    walker = Thing("person", turns, size=(0.08, 0.3), naming=until_he_turns)
    run = World(garage(), walker).play(5)
    [led] = [track for track in run.at(3.6).confirmed if track.group == "person"]
    assert led.seen_now
    assert abs(led.box.centre[0] - 0.48) < 0.02


def test_what_stands_does_not_become_a_much_larger_box_around_it() -> None:
    def with_all_around(thing: Thing, box: Box, look: int) -> Sequence[Detection]:
        around = Box(0.3, 0.1, 0.95, 0.9)
        return [Detection("vehicle", 0.8, box if look < 12 else around)] if look not in (12, 13) else []

    building = garage()
    building.naming = with_all_around
    unseen = Thing("person", line(0.1, 0.5, 0.2, 0.0, start=1.0), size=(0.2, 0.5), naming=lambda *_: [])
    run = World(building, unseen).play(5)
    parked = next(t for t in run.at(1.8).confirmed if t.parked_before)
    assert all(t.parked_before for step in run.tracks for t in step.confirmed if t.id == parked.id)


def test_a_weak_track_does_not_take_the_object_that_passes_it() -> None:
    """The model weakly calls a flickering sign a vehicle; when a car comes, it detects both in one box."""
    sign = Thing("vehicle", line(0.5, 0.5, 0.0, 0.0), size=(0.2, 0.12))
    sign.naming = lambda thing, box, look: [Detection("vehicle", 0.36, box)]
    place = Box(0.4, 0.44, 0.6, 0.56)

    def with_sign(thing: Thing, box: Box, look: int) -> Sequence[Detection]:
        arrives = box.inside(place) > 0.3
        return [Detection("vehicle", 0.62, box.union(place) if arrives else box)]

    car = Thing("vehicle", line(0.1, 0.5, 0.15, 0.0), size=(0.15, 0.14), naming=with_sign)
    assert_one_track_each(World(sign, car).play(2.2), car)


def test_what_was_first_seen_of_an_object_is_no_track_beside_it() -> None:
    part = Thing("two-wheeler", line(0.14, 0.5, 0.1, 0.0, end=0.3), size=(0.06, 0.1))
    car = Thing("vehicle", line(0.16, 0.5, 0.1, 0.0, start=0.4), size=(0.2, 0.2))
    assert len(World(part, car).play(1.0).last.active) == 1


def test_a_little_motion_leads_a_walker_in_the_dark_to_the_next_sighting() -> None:
    man = Thing("person", line(0.3, 0.6, 0.2, 0.0), size=(0.06, 0.3))
    tracker, world = Tracker("cam-1", "b"), World(man)
    for number in range(5):
        box = man.box(number / 5)
        assert box is not None
        chest = Box(box.x1, 0.56, box.x1 + 0.045, 0.60)
        motion = Motion((MotionRegion(chest, chest.area),), Scene.STEADY, 0.01)
        found = (Detection("person", 0.6, box),) if number in (0, 4) else ()
        tracks = tracker.update(world.frame(number / 5), motion, Inferences((FULL_PICTURE,), found))
    assert [track.inferences for track in tracks.active] == [2]


@pytest.mark.parametrize("label", ["person", "vehicle"])
def test_large_weak_boxes_in_a_dark_yard_hide_no_walker(label: str) -> None:
    """At the start, before motion is known, as the model sees them in enlarged noise for a moment."""
    man = Thing("person", line(0.43, 0.6, 0.15, 0.0), size=(0.06, 0.3))
    tracker, world = Tracker("cam-1", "b"), World(man)
    for number in range(8):
        box = man.box(number / 5)
        assert box is not None
        around = Detection(label, 0.34, Box(0.35, 0.1 + 0.01 * number, 0.75, 0.9))
        seen = () if number == 1 else (Detection("person", 0.44, box),)
        found = (*seen, around) if number < 3 else seen
        motion = Motion((), Scene.LEARNING, 0.0, None)
        tracks = tracker.update(world.frame(number / 5), motion, Inferences((FULL_PICTURE,), found))
    (walker,) = tracks.confirmed
    assert (walker.group, walker.inferences) == ("person", 7)
    assert box is not None
    assert walker.box.iou(box) > 0.5


def test_a_weak_box_around_more_than_the_walker_does_not_lead_the_track_astray() -> None:
    def loose_once(thing: Thing, box: Box, look: int) -> Sequence[Detection]:
        if look == 5:
            return [Detection("person", 0.31, Box(box.x1 - 1.5 * box.width, box.y1, box.x2, box.y2))]
        return [Detection("person", 0.6, box)]

    walker = Thing("person", line(0.1, 0.5, 0.1, 0.0), naming=loose_once)
    (track,) = World(walker).play(1.5).at(1.0).confirmed
    assert track.velocity[0] == pytest.approx(0.1, abs=0.03)


def test_weak_detections_keep_a_walker_and_begin_no_track() -> None:
    def fading(thing: Thing, box: Box, look: int) -> Sequence[Detection]:
        return [Detection("person", 0.6 if look < 6 else 0.15, box)]

    walker = Thing("person", line(0.1, 0.5, 0.08, 0.0), naming=fading)
    unsure = line(0.1, 0.2, 0.08, 0.0)
    weak = Thing("person", unsure, naming=lambda _, box, look: [Detection("person", 0.15, box)])
    run = World(walker, weak).play(8)
    assert len(run.ids_on(walker)) == 1
    assert run.last.confirmed[0].seen_now
    assert run.ids_on(weak) == []


def parking_car() -> Thing:
    path = along((0, 0.1, 0.5), (4, 0.5, 0.5), (90, 0.5, 0.5), (94, 0.9, 0.5))
    return Thing("car", path, size=(0.16, 0.16))


def test_a_car_that_parks_and_drives_off_is_one_track_with_three_states() -> None:
    car = parking_car()
    run = World(car).play(93.5, budgeted(4))
    assert len(run.ids_on(car)) == 1
    states = [t.state for step in run.tracks for t in step.confirmed]
    order = [a for a, b in pairwise([*states, None]) if a is not b]
    assert order == [TrackState.MOVING, TrackState.STATIONARY, TrackState.MOVING]


@pytest.mark.parametrize(
    ("thing", "most"),
    [
        (parking_car(), 2),
        (Thing("person", along((0, 0.1, 0.5), (4, 0.4, 0.5), (999, 0.4, 0.5))), 3),
    ],
    ids=["parked car", "person who stands"],
)
def test_what_stands_costs_hardly_any_inferences(thing: Thing, most: int) -> None:
    world, tracker = World(thing), Tracker("cam-1", "b00t")
    world.play(10, budgeted(10), tracker)
    run = world.play(60, budgeted(10), tracker, start=10)
    assert len(run.last.confirmed) == 1
    assert run.inferences <= most


def works(t: float) -> tuple[float, float] | None:
    """Walks up and down within the width of a truck, from 5 s to 35 s."""
    return (0.44 + 0.01 * abs(t % 16 - 8), 0.55) if 5 <= t < 35 else None


def parked_truck(score: float) -> Thing:
    def naming(thing: Thing, box: Box, inference: int) -> Sequence[Detection]:
        return [Detection("truck", score, box)]

    return Thing("truck", line(0.5, 0.5, 0, 0), size=(0.45, 0.55), naming=naming, moves=False)


@pytest.mark.parametrize("missed", [1000, 4])  # every fourth inference misses the person
def test_a_person_who_appears_in_front_of_a_parked_truck_is_followed(missed: int) -> None:
    def naming(thing: Thing, box: Box, inference: int) -> Sequence[Detection]:
        return [Detection("person", 0.85, box)] if inference % missed else []

    person = Thing("person", works, size=(0.07, 0.36), naming=naming)
    truck = parked_truck(0.85)
    run = World(truck, person).play(40)
    assert run.ids_on(person)
    followed = [t for t, step in zip(run.times, run.tracks, strict=True) if "person" in labels_of(step)]
    assert followed[0] < 16
    assert len(followed) > 80
    assert len(run.ids_on(truck)) == 1


def labels_of(step: Tracks) -> set[str | None]:
    return {track.label for track in step.confirmed}


@pytest.mark.parametrize("score", [0.6, 0.8])
def test_a_person_who_stands_in_front_of_a_truck_is_one_track(score: float) -> None:
    """Also where the truck's score is so much higher that an unknown box inside it is taken for a part."""

    def naming(thing: Thing, box: Box, inference: int) -> Sequence[Detection]:
        return [Detection("person", score, box)]

    path = along((2, 0.05, 0.62), (6, 0.49, 0.62), (26, 0.5, 0.62), (32, 0.98, 0.62))
    person = Thing("person", path, size=(0.07, 0.36), naming=naming)
    run = World(parked_truck(0.9), person).play(32)
    assert len({track.id for step in run.tracks for track in step.confirmed if track.label == "person"}) == 1


def until_dusk(thing: Thing, box: Box, inference: int) -> Sequence[Detection]:
    """The model sees it in the first inferences only; the picture stays the same."""
    return by_name(thing, box, inference) if inference < 20 else []


@pytest.mark.parametrize(
    ("hidden", "size"), [(False, (0.2, 0.2)), (False, (0.025, 0.028)), (True, (0.06, 0.2))]
)
def test_a_parked_vehicle_that_is_no_longer_detected_costs_hardly_any_inferences(
    hidden: bool, size: tuple[float, float]
) -> None:
    """Whether inferences miss it, it is too small for one, or a nearer one hides half of it."""
    parked = Thing("motorcycle", line(0.48, 0.5, 0, 0), size, until_dusk, moves=False)
    nearer = Thing("motorcycle", line(0.50, 0.53, 0, 0), size, moves=False)
    world, tracker = World(parked, *[nearer] * hidden), Tracker("cam-1", "b00t")
    world.play(20, everything, tracker)
    run = world.play(120, budgeted(10), tracker, start=20)
    assert len(run.last.confirmed) == 1 + hidden
    assert run.inferences <= 10


def test_a_parked_car_keeps_its_id_while_ten_people_walk_past() -> None:
    car = parking_car()
    ways = [line(0.05, 0.52, 0.1, 0.0, start=10.0 + 4 * n) for n in range(10)]
    people = [Thing("person", way, size=(0.06, 0.26)) for way in ways]
    run = World(car, *people).play(62, budgeted(10))
    assert_one_track_each(run, car, *people)


def test_over_a_loss_of_the_camera_a_parked_car_stays_the_same_and_a_walker_does_not() -> None:
    car = parking_car()
    walker = Thing("person", line(0.05, 0.9, 0.01, 0.0), size=(0.06, 0.2))
    tracker = Tracker("cam-1", "b00t")
    world = World(car, walker)
    before = world.play(12, budgeted(10), tracker)
    (parked,) = before.ids_on(car)
    assert [track.id for track in tracker.on_signal_lost()] == [parked]
    after = world.play(10, budgeted(10), tracker, start=60.0)
    assert after.ids_on(car) == [parked]
    assert not set(before.ids_on(walker)) & set(after.ids_on(walker))


def test_a_parked_car_that_left_while_the_camera_was_lost_ends_once() -> None:
    car = Thing("car", along((0, 0.1, 0.5), (4, 0.5, 0.5), (20, 0.5, 0.5)), size=(0.16, 0.16))
    tracker = Tracker("cam-1", "b00t")
    before = World(car).play(12, budgeted(10), tracker)
    tracker.on_signal_lost()
    after = World().play(30, budgeted(10), tracker, start=60.0)
    assert [t.id for t in after.ended if t.confirmed] == before.ids_on(car)
    (last_seen_mono,) = (t.last_seen_mono for t in after.ended if t.confirmed)
    assert last_seen_mono <= 112
    assert not after.last.confirmed


def test_a_parked_car_that_is_towed_unseen_ends_once() -> None:
    car = Thing("car", along((0, 0.1, 0.5), (4, 0.5, 0.5), (20, 0.5, 0.5)), size=(0.16, 0.16))
    run = World(car).play(40, budgeted(4))
    assert [t.state for t in run.ended if t.confirmed] == [TrackState.ENDED]
    assert not run.last.active


def test_a_person_who_stops_and_goes_on_keeps_the_id() -> None:
    walker = Thing("person", along((0, 0.1, 0.5), (4, 0.4, 0.5), (12, 0.4, 0.5), (16, 0.8, 0.5)))
    run = World(walker).play(16, budgeted(4))
    assert len(run.ids_on(walker)) == 1
    assert run.at(11).confirmed[0].state is TrackState.STATIONARY


def hole(start: float, end: float = 1e9) -> Thing:
    """Motion at one place in which no inference sees anything: the ground that a person has uncovered."""
    place = line(0.4, 0.5, 0.0, 0.0, start, end)
    return Thing("hole", place, size=(0.08, 0.22), naming=lambda *_: [], seed=-1)


def test_a_person_whose_place_is_a_hole_ends_and_never_parks_there() -> None:
    walker = Thing("person", along((0, 0.1, 0.5), (4, 0.4, 0.5)))
    run = World(walker, hole(3.9)).play(60, budgeted(4))
    assert len(run.ids_on(walker)) == 1
    assert not run.at(11).confirmed
    assert not run.last.confirmed


def test_a_parked_person_is_gone_when_inferences_see_nothing_although_the_picture_is_the_same() -> None:
    """The picture of the place does not change, as with a coat on a chair; an inference comes every 45 s."""

    def until_it_left(thing: Thing, box: Box, look: int) -> Sequence[Detection]:
        return by_name(thing, box, look) if look < 30 else []

    walker = Thing("person", along((0, 0.1, 0.5), (4, 0.4, 0.5), (999, 0.4, 0.5)), naming=until_it_left)
    run = World(walker).play(110, budgeted(4))
    assert run.at(20).confirmed
    assert not run.last.confirmed


def test_an_object_that_comes_to_a_hole_was_not_there_before() -> None:
    walker = Thing("person", along((20, 0.38, 0.5), (22, 0.42, 0.5), (26, 0.8, 0.5)))
    run = World(hole(1.0, 22.0), walker).play(26, budgeted(4))
    (track,) = run.last.confirmed
    assert track.first_seen_mono >= 100.0 + 20.0
    assert len(run.confirmed_ids) == 1


def test_a_walker_who_leaves_the_picture_ends_soon() -> None:
    walker = Thing("person", line(0.7, 0.5, 0.15, 0.0))
    run = World(walker).play(5, budgeted(4))
    over = [t for t, step in zip(run.times, run.tracks, strict=True) if any(k.confirmed for k in step.ended)]
    assert len(over) == 1
    assert over[0] < 3.5


def test_an_inference_that_sees_nothing_at_a_vanished_object_lets_it_end() -> None:
    walker = Thing("person", line(0.1, 0.5, 0.1, 0.0, end=3.0))
    run = World(walker).play(8, everything)
    assert not run.last.active
    assert len([t for t in run.ended if t.confirmed]) == 1


def test_frames_of_another_size_in_mid_stream_do_not_lose_the_track() -> None:
    world = World(Thing("person", line(0.1, 0.5, 0.1, 0.0)))
    tracker = Tracker("cam-1", "b00t")
    before = world.play(3, everything, tracker)
    tracker.update(world.frame(3.0), world.motion(3.0), world.infer(3.0, [FULL_PICTURE]))
    half = world.frame(3.2)
    half = replace(half, picture=drawn(half.picture.luma()[::2, ::2].copy()))
    after = tracker.update(half, world.motion(3.2), NO_INFERENCES)
    assert [t.id for t in after.confirmed] == [t.id for t in before.last.confirmed]
