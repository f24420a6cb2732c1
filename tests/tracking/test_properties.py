"""Properties that hold for every input."""

from __future__ import annotations

from dataclasses import replace
from math import inf, isfinite, nan

from hypothesis import given, settings
from hypothesis import strategies as st

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
from edge_agent.tracking.sightings import MAX_DETECTIONS, sightings
from edge_agent.tracking.tracker import MAX_TRACKS, Tracker
from tests.config.places import STEADY
from tests.testbed.traffic import along
from tests.tracking.world import Thing, World, drawn, line, texture

WORLD = World(Thing("person", line(0.1, 0.5, 0.05, 0.0)), Thing("car", line(0.9, 0.3, -0.04, 0.02)))
LABELS = ["person", "motorcycle", "bicycle", "car", "bus", "dog"]

SIZES = [(1, 1), (3, 1), (640, 360), (361, 641)]
edges = st.tuples(st.floats(0, 1), st.floats(0, 1))
boxes = st.builds(lambda x, y: Box(min(x), min(y), max(x), max(y)), edges, edges)
detections = st.builds(Detection, st.sampled_from(LABELS), st.floats(0.1, 1.0), boxes)
seen = st.lists(detections, max_size=6).map(tuple)
inferences = st.builds(Inferences, st.lists(boxes, max_size=3).map(tuple), seen)
wild = st.one_of(st.floats(-0.5, 1.5), st.sampled_from([nan, inf, -inf, 0.0, 1.0, 1e300]))
wild_boxes = st.builds(Box, wild, wild, wild, wild)
wild_detections = st.builds(Detection, st.sampled_from(LABELS), wild, wild_boxes | boxes)
wild_seen = st.lists(wild_detections, max_size=8).map(tuple)
wild_looks = st.builds(Inferences, st.lists(boxes, max_size=2).map(tuple), wild_seen)
regions = st.lists(st.builds(MotionRegion, boxes, st.floats(0, 1)), max_size=4).map(tuple)
motions = st.builds(Motion, regions, st.sampled_from(list(Scene)), st.floats(0, 1))
gaps = st.one_of(st.floats(-5, 5), st.sampled_from([0.0, 0.0, 3600.0, -3600.0]))
wild_steps = st.lists(st.tuples(gaps, st.sampled_from(SIZES), motions, wild_looks), min_size=1, max_size=15)
steps = st.lists(st.tuples(st.floats(0, 3), motions, inferences), min_size=1, max_size=15)
modest = settings(STEADY, max_examples=40)


def play(script: list[tuple[float, Motion, Inferences]]) -> list[Tracks]:
    tracker, t, answers = Tracker("cam-1", "b00t"), 0.0, []
    for gap, motion, look in script:
        t += gap
        answers.append(tracker.update(WORLD.frame(t), motion, look))
    return answers


def assert_consistent(answers: list[Tracks]) -> None:
    """Each id is there once; what is no longer followed has ended, once and for good; values are in range."""
    before, over = set[str](), set[str]()
    for step in answers:
        ids, ended = {t.id for t in step.active}, {t.id for t in step.ended}
        assert len(ids | ended) == len(step.active) + len(step.ended)
        assert before - ids <= ended
        assert not over & (ids | ended)
        before, over = ids, over | ended
        assert all(t.state is TrackState.ENDED for t in step.ended)
        assert all(t.state is not TrackState.ENDED for t in step.active)
        for track in (*step.active, *step.ended):
            assert 0 <= track.box.x1 <= track.box.x2 <= 1
            assert 0 <= track.box.y1 <= track.box.y2 <= 1
            assert 0 <= track.score <= track.best_score <= 1
            assert all(isfinite(v) for v in (*track.velocity, track.detection_priority))
            assert track.label is not None or not track.confirmed
            assert (track.label is None) == (track.group is None)
            assert (track.state is TrackState.TENTATIVE) <= (not track.confirmed)


@modest
@given(steps)
def test_tracks_are_consistent(script: list[tuple[float, Motion, Inferences]]) -> None:
    assert_consistent(play(script))


def test_a_blob_that_turns_out_to_be_the_parked_car_leaves_the_others_their_sightings() -> None:
    """Found by the property below: tracks were taken by index from a list that had become shorter."""
    path = along((0, 0.1, 0.5), (4, 0.5, 0.5), (90, 0.5, 0.5))
    tracker = Tracker("cam-1", "b00t")
    parked = World(Thing("car", path, size=(0.16, 0.16))).play(12, tracker=tracker)
    place, off, elsewhere = Box(0.46, 0.44, 0.6, 0.58), Box(0.5, 0.44, 0.66, 0.6), Box(0.1, 0.1, 0.2, 0.3)
    gone = World()
    for t, areas in ((12.0, (place,)), (12.2, (place, elsewhere)), (12.4, (off, elsewhere))):
        regions = tuple(MotionRegion(area, area.area) for area in areas)
        tracker.update(gone.frame(t), Motion(regions, Scene.STEADY, 0.1), NO_INFERENCES)
    seen = (Detection("car", 0.95, off), Detection("bus", 0.9, elsewhere))
    motion = Motion((MotionRegion(off, off.area), MotionRegion(elsewhere, elsewhere.area)), Scene.STEADY, 0.1)
    tracks = tracker.update(gone.frame(12.6), motion, Inferences((FULL_PICTURE,), seen))
    assert sorted(str(t.label) for t in tracks.active) == ["bus", "car"]
    assert {t.id for t in tracks.active if t.label == "car"} == parked.confirmed_ids


@modest
@given(wild_steps)
def test_no_clock_no_size_and_no_detection_confuses_the_tracker(
    script: list[tuple[float, tuple[int, int], Motion, Inferences]],
) -> None:
    """Time stops, runs backwards or jumps; pictures change their size; boxes are invalid."""
    tracker, t, answers = Tracker("cam-1", "b00t"), 100.0, list[Tracks]()
    for gap, (width, height), motion, look in script:
        t += gap
        picture = drawn(texture(1, height, width, 0, 255))
        answers.append(
            tracker.update(replace(WORLD.frame(0.0), captured_mono=t, picture=picture), motion, look)
        )
    assert_consistent(answers)


def test_a_model_that_has_gone_wrong_is_followed_within_bounds() -> None:
    """500 detections in each frame, each time elsewhere: without a limit, frames take longer and longer."""
    tracker, motion = Tracker("cam-1", "b00t"), Motion((MotionRegion(FULL_PICTURE, 1.0),), Scene.STEADY, 1.0)
    for number in range(5):
        places = [(n % 25 / 26, n // 25 / 21, 0.9 if n % 5 == number else 0.5) for n in range(500)]
        seen = tuple(Detection("person", score, Box(x, y, x + 0.01, y + 0.02)) for x, y, score in places)
        tracks = tracker.update(WORLD.frame(number / 5), motion, Inferences((FULL_PICTURE,), seen))
        assert len(tracks.active) <= MAX_TRACKS
        found = sightings(seen, 0.56, lambda person, machine: False, lambda box, group=None: True)
        assert len(found) == MAX_DETECTIONS
    assert len(tracker.tracks) == MAX_TRACKS


@modest
@given(steps)
def test_the_order_within_a_frame_does_not_matter(script: list[tuple[float, Motion, Inferences]]) -> None:
    turned = [
        (
            gap,
            Motion(tuple(reversed(motion.regions)), motion.scene, motion.changed),
            Inferences(tuple(reversed(look.inferred)), tuple(reversed(look.detections))),
        )
        for gap, motion, look in script
    ]
    assert play(script) == play(turned)


def test_two_trackers_of_one_camera_share_no_id_when_their_boot_tags_differ() -> None:
    world = World(Thing("person", line(0.1, 0.5, 0.1, 0.0)))
    first = world.play(3, tracker=Tracker("cam-1", "aaaa")).confirmed_ids
    second = world.play(3, tracker=Tracker("cam-1", "bbbb")).confirmed_ids
    assert first
    assert second
    assert not first & second
