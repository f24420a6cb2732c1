"""The scorer of the bench, on tracks with known scores."""

from __future__ import annotations

import pytest

from bench.tracking.score import Scorer, Step
from bench.tracking.truth import Marked
from edge_agent.core.model import Box, Track, TrackState

LEFT, RIGHT = Box(0.1, 0.5, 0.2, 0.8), Box(0.6, 0.5, 0.7, 0.8)


def track(track_id: str, box: Box, group: str = "two-wheeler") -> Track:
    return Track(track_id, box, TrackState.MOVING, True, "x", group, 0.5, 0.5, 0, 0, 1, 0, True)


def scorer() -> Scorer:
    truth = {n: [Marked(1, LEFT, True), Marked(2, RIGHT, True)] for n in range(1, 21)}
    return Scorer(truth, "two-wheeler", limit_s=1.0)


def test_one_track_on_each_object_from_the_start_is_perfect() -> None:
    s = scorer()
    for n in range(1, 21):
        s.add(Step(n, n * 0.1, (track("a", LEFT), track("b", RIGHT))))
    score = s.score()
    assert (score.objects, score.in_time, score.found) == (2, 2, 2)
    assert score.idf1 == pytest.approx(1.0)
    assert score.mota == pytest.approx(1.0)
    assert not score.fragments
    assert not score.merges


def test_a_second_id_on_one_object_is_a_fragment_and_one_switch() -> None:
    s = scorer()
    for n in range(1, 21):
        s.add(Step(n, n * 0.1, (track("a" if n <= 10 else "c", LEFT), track("b", RIGHT))))
    score = s.score()
    assert score.fragments == {1: ["a", "c"]}
    assert score.switches == 1
    assert score.idf1 < 0.8


def test_one_id_on_two_objects_is_a_merge() -> None:
    s = scorer()
    for n in range(1, 21):
        s.add(Step(n, n * 0.1, (track("a", LEFT if n <= 10 else RIGHT),)))
    assert s.score().merges == {"a": [1, 2]}


def test_late_missed_and_false_tracks_are_counted_as_such() -> None:
    s = scorer()
    for n in range(1, 21):
        late = (track("a", LEFT),) if n > 15 else ()
        s.add(Step(n, n * 0.1, (*late, track("ghost", Box(0.3, 0.1, 0.4, 0.3)))))
    score = s.score()
    assert (score.found, score.in_time) == (1, 0)
    assert score.missed == [2]
    assert score.false == ["ghost"]


def test_the_wrong_group_does_not_count_as_found() -> None:
    s = scorer()
    for n in range(1, 21):
        s.add(Step(n, n * 0.1, (track("a", LEFT, group="person"), track("b", RIGHT))))
    assert s.score().missed == [1]
