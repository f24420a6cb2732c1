"""What holds for every input, however strange."""

from __future__ import annotations

from collections import Counter
from math import isfinite

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.model import (
    FULL_PICTURE,
    NO_LOOKS,
    Box,
    Detection,
    Looks,
    Motion,
    MotionRegion,
    Scene,
    Tracks,
    TrackState,
)
from edge_agent.tracking.tracker import Tracker
from tests.tracking.world import Thing, World, line, waypoints

WORLD = World(Thing("person", line(0.1, 0.5, 0.05, 0.0)), Thing("car", line(0.9, 0.3, -0.04, 0.02)))
LABELS = ["person", "motorcycle", "bicycle", "car", "bus", "dog"]

edges = st.tuples(st.floats(0, 1), st.floats(0, 1))
boxes = st.builds(lambda x, y: Box(min(x), min(y), max(x), max(y)), edges, edges)
detections = st.builds(Detection, st.sampled_from(LABELS), st.floats(0.1, 1.0), boxes)
looks = st.builds(Looks, st.lists(boxes, max_size=3).map(tuple), st.lists(detections, max_size=6).map(tuple))
motions = st.builds(
    Motion,
    st.lists(st.builds(MotionRegion, boxes, st.floats(0, 1)), max_size=4).map(tuple),
    st.sampled_from(list(Scene)),
    st.floats(0, 1),
)
steps = st.lists(st.tuples(st.floats(0, 3), motions, looks), min_size=1, max_size=15)
modest = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)


def play(script: list[tuple[float, Motion, Looks]]) -> list[Tracks]:
    tracker, t, answers = Tracker("cam-1", "b00t"), 0.0, []
    for gap, motion, look in script:
        t += gap
        answers.append(tracker.update(WORLD.frame(t), motion, look))
    return answers


@modest
@given(steps)
def test_every_id_is_new_once_and_ended_at_most_once(script: list[tuple[float, Motion, Looks]]) -> None:
    answers = play(script)
    ended = Counter(t.id for step in answers for t in step.ended)
    assert all(count == 1 for count in ended.values())
    for step in answers:
        ids = [t.id for t in step.active]
        assert len(ids) == len(set(ids))
        assert not set(ids) & {t.id for t in step.ended}


def test_a_blob_that_turns_out_to_be_the_parked_car_leaves_the_others_their_sightings() -> None:
    """Found by the property below: tracks were taken by index from a list that had become shorter."""
    path = waypoints((0, 0.1, 0.5), (4, 0.5, 0.5), (90, 0.5, 0.5))
    tracker = Tracker("cam-1", "b00t")
    parked = World(Thing("car", path, size=(0.16, 0.16))).play(12, tracker=tracker)
    place, off, elsewhere = Box(0.46, 0.44, 0.6, 0.58), Box(0.5, 0.44, 0.66, 0.6), Box(0.1, 0.1, 0.2, 0.3)
    gone = World()
    for t, areas in ((12.0, (place,)), (12.2, (place, elsewhere)), (12.4, (off, elsewhere))):
        regions = tuple(MotionRegion(area, area.area) for area in areas)
        tracker.update(gone.frame(t), Motion(regions, Scene.STEADY, 0.1), NO_LOOKS)
    seen = (Detection("car", 0.95, off), Detection("bus", 0.9, elsewhere))
    motion = Motion((MotionRegion(off, off.area), MotionRegion(elsewhere, elsewhere.area)), Scene.STEADY, 0.1)
    tracks = tracker.update(gone.frame(12.6), motion, Looks((FULL_PICTURE,), seen))
    assert sorted(str(t.label) for t in tracks.active) == ["bus", "car"]
    assert {t.id for t in tracks.active if t.label == "car"} == parked.confirmed_ids


@modest
@given(steps)
def test_an_ended_track_never_comes_back(script: list[tuple[float, Motion, Looks]]) -> None:
    over: set[str] = set()
    for step in play(script):
        assert not over & {t.id for t in step.active}
        over |= {t.id for t in step.ended}


@modest
@given(steps)
def test_published_tracks_are_finite_clipped_and_consistent(
    script: list[tuple[float, Motion, Looks]],
) -> None:
    for step in play(script):
        for track in (*step.active, *step.ended):
            box = track.box
            assert 0 <= box.x1 <= box.x2 <= 1
            assert 0 <= box.y1 <= box.y2 <= 1
            assert all(isfinite(v) for v in (*track.velocity, track.wants_look, track.score))
            assert track.label is not None or not track.confirmed
            assert (track.label is None) == (track.group is None)
            assert (track.state is TrackState.TENTATIVE) <= (not track.confirmed)
        assert all(t.state is TrackState.ENDED for t in step.ended)
        assert all(t.state is not TrackState.ENDED for t in step.active)


@modest
@given(steps)
def test_the_order_of_detections_and_regions_does_not_matter(
    script: list[tuple[float, Motion, Looks]],
) -> None:
    turned = [
        (
            gap,
            Motion(tuple(reversed(motion.regions)), motion.scene, motion.changed),
            Looks(tuple(reversed(look.looked)), tuple(reversed(look.detections))),
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
