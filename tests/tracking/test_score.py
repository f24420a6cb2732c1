"""The scorer of the bench, on tracks with known scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench.tracking.clips import STREET, STREET_NEAR, STREET_SIZE, STREET_TRUTH
from bench.tracking.run import Setup, analysed, run
from bench.tracking.score import Score, Scorer, Step
from bench.tracking.truth import Marked, read_truth, scaled
from edge_agent.capture.replay import VideoFile
from edge_agent.core.model import TWO_WHEELER, Box, Track, TrackState
from edge_agent.detection.choose import SHIPPED

LEFT, RIGHT = Box(0.1, 0.5, 0.2, 0.8), Box(0.6, 0.5, 0.7, 0.8)


def track(track_id: str, box: Box, group: str = "two-wheeler") -> Track:
    return Track(track_id, box, TrackState.MOVING, True, "x", group, 0.5, 0.5, 0, 0, 1, 0, True)


def scored(tracks: Callable[[int], tuple[Track, ...]]) -> Score:
    """The score of these tracks, by the number of the frame, where two objects stand for 20 frames."""
    truth = {n: [Marked(1, LEFT, True), Marked(2, RIGHT, True)] for n in range(1, 21)}
    scorer = Scorer(truth, "two-wheeler", limit_s=1.0)
    for n in range(1, 21):
        scorer.add(Step(n, n * 0.1, tracks(n)))
    return scorer.score()


def test_one_track_on_each_object_from_the_start_is_perfect() -> None:
    score = scored(lambda n: (track("a", LEFT), track("b", RIGHT)))
    assert (score.objects, score.in_time, score.found) == (2, 2, 2)
    assert score.idf1 == pytest.approx(1.0)
    assert score.mota == pytest.approx(1.0)
    assert not score.fragments
    assert not score.merges


def test_a_second_id_on_one_object_is_a_fragment_and_one_switch() -> None:
    score = scored(lambda n: (track("a" if n <= 10 else "c", LEFT), track("b", RIGHT)))
    assert score.fragments == {1: ["a", "c"]}
    assert score.switches == 1
    assert score.idf1 < 0.8


def test_one_id_on_two_objects_is_a_merge() -> None:
    assert scored(lambda n: (track("a", LEFT if n <= 10 else RIGHT),)).merges == {"a": [1, 2]}


def test_late_missed_and_false_tracks_are_counted_as_such() -> None:
    late, ghost = track("a", LEFT), track("ghost", Box(0.3, 0.1, 0.4, 0.3))
    score = scored(lambda n: (late, ghost) if n > 15 else (ghost,))
    assert (score.found, score.in_time) == (1, 0)
    assert score.missed == [2]
    assert score.false == ["ghost"]


def test_an_object_that_stood_there_before_makes_no_event_and_is_not_false() -> None:
    parked = replace(track("parked", Box(0.3, 0.1, 0.4, 0.3)), parked_before=True)
    assert scored(lambda n: (parked,)).false == []


def test_the_wrong_group_does_not_count_as_found() -> None:
    assert scored(lambda n: (track("a", LEFT, group="person"), track("b", RIGHT))).missed == [1]


def test_riders_of_the_street_are_one_track_each_within_two_seconds(test_data: Path, tmp_path: Path) -> None:
    clip = scaled(test_data / "video" / f"{STREET}.mp4", tmp_path)
    setup = Setup(SHIPPED, fps=5)
    scorer = Scorer(read_truth(STREET_TRUTH, *STREET_SIZE), TWO_WHEELER, lowest_foot=STREET_NEAR)
    costs = run(
        analysed(VideoFile(clip, "street"), setup.fps),
        setup,
        lambda frame, insight: scorer.add(Step(frame.number, frame.captured_mono, insight.tracks.confirmed)),
    )
    score = scorer.score()
    assert score.objects == 14
    assert score.in_time >= 10
    assert len(score.fragments) <= 1
    assert len(score.merges) <= 1
    assert costs.inferences <= costs.frames
