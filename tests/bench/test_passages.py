"""The scoring of ``bench.passages``, on made-up marks and passages."""

from __future__ import annotations

from pathlib import Path

from bench.passages.marks import Mark, MarkedClip, read_marks
from bench.passages.run import ClipRun
from bench.passages.score import ClipScore, score
from edge_agent.core.model import VEHICLE
from edge_agent.passages.passage import (
    COLOURS,
    GROUPS,
    PARTS,
    ColourShare,
    Light,
    PartColours,
    Passage,
    PathPoint,
    Side,
)

CAR = Mark(VEHICLE, [(1.0, 0.1, 0.5), (5.0, 0.9, 0.5)], colours={"body": ["red"]})


def passage(
    from_s: float = 1.0,
    to_s: float = 5.0,
    x: tuple[float, float] = (0.1, 0.9),
    direction: float = 90.0,
    colour: str = "red",
) -> Passage:
    return Passage(
        camera="c",
        track="t",
        group=VEHICLE,
        label=None,
        score=0.9,
        votes=9,
        started_mono=from_s,
        ended_mono=to_s,
        path=(PathPoint(0.0, x[0], 0.5), PathPoint(to_s - from_s, x[1], 0.5)),
        entry=Side.LEFT,
        exit=Side.RIGHT,
        direction_deg=direction,
        width=0.1,
        height=0.1,
        speed=1.0,
        light=Light.DAY,
        colours=(PartColours("body", (ColourShare(colour, 0.5),), 0.9),),
    )


def scored(*passages: Passage, marks: tuple[Mark, ...] = (CAR,)) -> ClipScore:
    return score(MarkedClip("c.mp4", 0.0, 10.0, 0.2, "day", marks), ClipRun(passages, 0.75))


def test_a_passage_at_the_same_time_and_place_in_the_same_direction_is_right() -> None:
    result = scored(passage())
    assert (result.right, result.parts_right, result.doubled, result.false) == (1, 1, 0, 0)


def test_another_direction_or_colour_is_no_find() -> None:
    result = scored(passage(direction=180.0, colour="blue"))
    assert (result.right, result.group_only, result.parts, result.parts_right) == (0, 1, 1, 0)
    assert result.confusion[Light.DAY] == {("red", "blue"): 1}


def test_a_second_passage_of_one_object_is_doubled_and_one_elsewhere_is_false() -> None:
    result = scored(passage(), passage(2.0, 4.0, (0.3, 0.7)), passage(7.0, 9.0))
    assert (result.right, result.doubled, result.false) == (1, 1, 1)


def test_one_passage_counts_for_one_mark_only() -> None:
    follower = Mark(VEHICLE, [(1.2, 0.1, 0.5), (5.2, 0.9, 0.5)])
    result = scored(passage(), marks=(CAR, follower))
    assert (result.right, result.missed) == (1, 1)


def test_the_marks_use_known_groups_parts_and_terms_inside_of_their_clips() -> None:
    clips = read_marks()
    assert sum(not mark.optional for clip in clips for mark in clip.marks) >= 100
    for clip in clips:
        assert Path(clip.clip).name == clip.clip
        for mark in clip.marks:
            assert mark.group in GROUPS
            assert set(mark.colours) <= set(PARTS)
            assert {term for terms in mark.colours.values() for term in terms} <= set(COLOURS)
            seconds = [second for second, _, _ in mark.path]
            assert seconds == sorted(seconds)
            assert clip.from_s <= seconds[0] < seconds[-1] <= clip.to_s + 0.5
