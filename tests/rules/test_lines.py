"""``line-crossing``: each crossing counts once, in the right direction, between the line's ends."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from time import thread_time
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edge_agent.config.model.settings import CrossingMode, Direction, Line, LineRule, RuleKind, Schedule
from edge_agent.core.facts import Crossing, LineCountsObservation, Phase, RuleObservation
from edge_agent.core.model import TWO_WHEELER, Box, Frame, Severity, Track, Tracks, TrackState
from edge_agent.rules.lines import LineWatch
from edge_agent.rules.movement import BANDS, CrossingDetector, CrossingLine
from edge_agent.rules.schedule import Arming
from tests.events.parts import PlainPicture, frame, track

SITE = ZoneInfo("Asia/Ho_Chi_Minh")
ACROSS = Line("lane", (0.5, 0.2), (0.5, 0.8))  # downwards: side A, the left hand, is on the right
RULE = LineRule(
    id="lane-count",
    kind=RuleKind.LINE_CROSSING,
    line=ACROSS,
    direction=Direction.BOTH,
    mode=CrossingMode.BALANCED,
    each=True,
    counts_s=60.0,
    labels=("person", "motorcycle"),
    severity=Severity.INFO,
    cooldown_s=0.0,
    schedule=None,
)
NOON = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
WIDTH, HEIGHT = 0.1, 0.2  # of the boxes here; balanced: on a side from 0.025 off the line

Foot = tuple[float, float]
Sight = Foot | None
"""Where a track is in one frame; None: it is lost there."""


def watching(rule: LineRule = RULE) -> LineWatch:
    return LineWatch(rule, Arming(rule.schedule, SITE, frozenset()), SITE)


def at(foot: Foot, name: str = "t1", **more: object) -> Track:
    x, y = foot
    box = Box(x - WIDTH / 2, y - HEIGHT, x + WIDTH / 2, y)
    return replace(track(name, box=box), **more)  # type: ignore[arg-type]


def moment(mono: float, wall: datetime = NOON) -> Frame:
    """``wall`` is the clock at second 0."""
    return replace(frame(mono), captured_at=wall + timedelta(seconds=mono))


def walked(
    watch: LineWatch, *sights: Sight, name: str = "t1", begin_s: float = 0.0, wall: datetime = NOON
) -> list[RuleObservation]:
    """One track at five frames a second; returns what was reported about it, one by one."""
    observations: list[RuleObservation] = []
    for n, sight in enumerate(sights):
        state = TrackState.MOVING if sight else TrackState.LOST
        seen = at(sight or (0.5, 0.5), name, state=state, seen_now=sight is not None)
        observations += events_of(watch.update(moment(begin_s + n / 5, wall), Tracks((seen,))))
    return observations


def events_of(observations: Iterable[object]) -> list[RuleObservation]:
    """Without the counts."""
    return [each for each in observations if isinstance(each, RuleObservation)]


def directions(observations: Iterable[RuleObservation]) -> list[str]:
    return [each.facts.direction for each in observations if isinstance(each.facts, Crossing)]


def level(*xs: float, y: float = 0.5) -> list[Foot]:
    """Feet at one height."""
    return [(x, y) for x in xs]


RIGHTWARDS, LEFTWARDS = level(0.3, 0.4, 0.6, 0.7), level(0.7, 0.6, 0.4, 0.3)


@pytest.mark.parametrize(
    ("line", "feet", "expected"),
    [
        (ACROSS, LEFTWARDS, ["a-to-b"]),  # the line points down, so side A is on the right
        (ACROSS, RIGHTWARDS, ["b-to-a"]),
        (Line("up", ACROSS.end, ACROSS.begin), RIGHTWARDS, ["a-to-b"]),
        (Line("right", (0.1, 0.5), (0.9, 0.5)), [(0.5, 0.3), (0.5, 0.7)], ["a-to-b"]),  # A is above
        (Line("left", (0.9, 0.5), (0.1, 0.5)), [(0.5, 0.3), (0.5, 0.7)], ["b-to-a"]),
        (Line("slant", (0.2, 0.9), (0.8, 0.1)), [(0.3, 0.3), (0.8, 0.8)], ["a-to-b"]),  # up and right
    ],
)
def test_side_a_is_left_of_the_lines_direction(line: Line, feet: list[Foot], expected: list[str]) -> None:
    assert directions(walked(watching(replace(RULE, line=line)), *feet)) == expected


@pytest.mark.parametrize(
    ("feet", "expected"),
    [
        (level(0.3, 0.7), ["b-to-a"]),  # a jump between two frames
        (level(0.3, 0.7, 0.3), ["b-to-a", "a-to-b"]),  # there and back are two
        (level(0.3, 0.49, 0.51, 0.49, 0.51, 0.7), ["b-to-a"]),  # dithering on the line, then across
        (level(0.3, 0.49, 0.51, 0.49, 0.51, 0.3), []),  # dithering, and back where it came from
        (level(0.3, 0.49, 0.51), []),  # not yet across
        (level(0.49, 0.51, 0.7), []),  # it was never really on the first side
        (level(0.6, 0.7), []),  # appears past the line
        (level(0.3, 0.7, y=0.1), []),  # past the line's begin
        (level(0.3, 0.7, y=0.9), []),  # past its end
        ([(0.3, 0.7), (0.7, 0.95)], []),  # slantwise: on the line's extension when it is there (y 0.825)
        ([(0.3, 0.7), (0.7, 0.85)], ["b-to-a"]),  # ... at y 0.775
        ([(0.3, 0.9), (0.52, 0.9), (0.52, 0.5), (0.7, 0.5)], []),  # round the end, close to the line
        ([(0.3, 0.9), (0.7, 0.9), (0.7, 0.5), (0.3, 0.5)], ["a-to-b"]),  # round the end, back across
        ([(0.3, 0.5), None, None, (0.7, 0.5)], ["b-to-a"]),  # lost on the line, found again
        ([(0.3, 0.9), None, (0.7, 0.9)], []),  # the path from its last position is outside
        ([(0.3, 0.5), (0.4, 0.5), None, None], []),  # predicted across, never seen there
    ],
)
def test_a_crossing_is_from_one_side_really_to_the_other(feet: Sequence[Sight], expected: list[str]) -> None:
    assert directions(walked(watching(), *feet)) == expected


@pytest.mark.parametrize("mode", CrossingMode)
def test_the_mode_says_how_far_off_the_line_an_object_has_to_be(mode: CrossingMode) -> None:
    """In widths of the box on either side of the line."""
    enough, short = BANDS[mode] * WIDTH + 0.001, BANDS[mode] * WIDTH - 0.001
    rule = replace(RULE, mode=mode)
    assert directions(walked(watching(rule), *level(0.5 - enough, 0.5 + enough))) == ["b-to-a"]
    assert walked(watching(rule), *level(0.5 - short, 0.5 + enough)) == []
    assert walked(watching(rule), *level(0.5 - enough, 0.5 + short)) == []


def test_of_a_tall_box_the_breadth_counts_when_it_crosses_a_level_line() -> None:
    """An object on the ground is no deeper than it is wide: 0.1 of the width are 0.178 picture heights."""
    rule = replace(RULE, line=Line("right", (0.1, 0.5), (0.9, 0.5)))
    assert len(walked(watching(rule), (0.5, 0.45), (0.5, 0.55))) == 1
    assert walked(watching(rule), (0.5, 0.46), (0.5, 0.54)) == []


def test_sides_are_those_of_the_picture_as_it_is_seen() -> None:
    """The same coordinates in 0..1 are nearer to the line than half a box only in a wide picture."""
    rule = replace(RULE, line=Line("slant", (0.0, 0.0), (1.0, 1.0)), mode=CrossingMode.STRICT)
    crossing = [at((0.45, 0.55)), at((0.55, 0.45))]
    reported = []
    for picture in (PlainPicture(640, 160), PlainPicture(160, 640)):
        watch = watching(rule)
        frames = [replace(moment(n / 5), picture=picture) for n in range(2)]
        steps = zip(frames, crossing, strict=True)
        reported.append(sum(len(list(watch.update(now, Tracks((each,))))) for now, each in steps))
    assert reported == [0, 1]


def test_each_crossing_is_an_event_that_says_what_when_and_which_way() -> None:
    (observation,) = walked(watching(), *RIGHTWARDS)
    assert (observation.phase, observation.facts) == (Phase.MOMENT, Crossing("lane", "b-to-a"))
    half_way = pytest.approx(0.3)  # between two frames
    assert observation.started_mono == observation.last_mono == half_way
    assert observation.why == "motorcycle crossed lane from B to A"
    assert observation.track is not None


def test_two_crossings_of_one_track_are_two_events() -> None:
    ids = [each.event_id for each in walked(watching(), *RIGHTWARDS, *LEFTWARDS)]
    assert len(ids) == len(set(ids)) == 2


def test_what_is_not_confirmed_yet_counts_once_it_is() -> None:
    watch = watching()
    unsure: dict[str, Any] = {"confirmed": False, "label": None, "group": None, "state": TrackState.TENTATIVE}
    for n, foot in enumerate(RIGHTWARDS):
        assert list(watch.update(moment(n / 5), Tracks((at(foot, **unsure),)))) == []
    (observation,) = events_of(watch.update(moment(1.0), Tracks((at((0.8, 0.5)),))))
    assert observation.started_mono == pytest.approx(0.3), "when it crossed, not when it was named"
    assert walked(watch, (0.8, 0.5), begin_s=2.0) == []


def test_what_is_never_confirmed_or_has_another_label_does_not_count() -> None:
    watch = watching()
    for n, foot in enumerate(RIGHTWARDS):
        ghost = at(foot, "ghost", confirmed=False, state=TrackState.TENTATIVE)
        car = at(foot, "car", label="car", group="vehicle")
        assert list(watch.update(moment(n / 5), Tracks((ghost, car)))) == []
    assert list(watch.finish("restart")) == []


def test_one_that_ends_with_the_frame_that_confirms_it_counts() -> None:
    watch = watching()
    for n, foot in enumerate(RIGHTWARDS):
        list(watch.update(moment(n / 5), Tracks((at(foot, confirmed=False, state=TrackState.TENTATIVE),))))
    over = at((0.8, 0.5), state=TrackState.ENDED, seen_now=False)
    assert len(list(watch.update(moment(1.0), Tracks((), (over,))))) == 1


def test_the_cooldown_is_for_events_only() -> None:
    watch = watching(replace(RULE, cooldown_s=10.0))
    walks = (walked(watch, *RIGHTWARDS, name=f"t{n}", begin_s=4.0 * n) for n in range(6))
    observations = list(itertools.chain.from_iterable(walks))
    assert [round(each.started_mono, 1) for each in observations] == [0.3, 12.3]
    (counts,) = watch.finish("restart")
    assert isinstance(counts, LineCountsObservation)
    assert counts.b_to_a == {"motorcycle": 6}


def test_without_a_cooldown_one_that_is_named_late_is_reported_too() -> None:
    watch = watching()
    for n, foot in enumerate(RIGHTWARDS):
        late = at(foot, "late", confirmed=False, state=TrackState.TENTATIVE)
        list(watch.update(moment(n / 5), Tracks((late, at(level(0.1, 0.2, 0.3, 0.7)[n], "quick")))))
    (observation,) = events_of(watch.update(moment(0.8), Tracks((at((0.8, 0.5), "late"),))))
    assert observation.started_mono == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("more", "events"),
    [
        ({"direction": Direction.A_TO_B}, ["a-to-b"]),
        ({"direction": Direction.B_TO_A}, ["b-to-a"]),
        ({"each": False}, []),
    ],
)
def test_the_direction_is_for_events_and_not_for_counts(more: dict[str, object], events: list[str]) -> None:
    watch = watching(replace(RULE, **more))  # type: ignore[arg-type]
    assert directions(walked(watch, *RIGHTWARDS, *LEFTWARDS)) == events
    (counts,) = watch.finish("restart")
    assert isinstance(counts, LineCountsObservation)
    assert (counts.a_to_b, counts.b_to_a) == ({"motorcycle": 1}, {"motorcycle": 1})


def test_without_counts_there_are_none() -> None:
    watch = watching(replace(RULE, counts_s=0.0))
    assert len(walked(watch, *RIGHTWARDS)) == 1
    assert list(watch.finish("restart")) == []


@pytest.mark.parametrize(
    ("local", "expected"),
    [("21:59:30", []), ("22:00:30", ["b-to-a"]), ("04:59:30", ["b-to-a"]), ("05:00:30", [])],
)
def test_a_schedule_over_midnight_is_in_the_sites_own_time(local: str, expected: list[str]) -> None:
    night = Schedule(frozenset(range(7)), time(22), time(5))
    wall = datetime.fromisoformat(f"2026-11-24T{local}+07:00").astimezone(UTC)  # the box runs in UTC
    watch = watching(replace(RULE, schedule=night))
    assert directions(walked(watch, *RIGHTWARDS, wall=wall)) == expected
    assert bool(list(watch.finish("restart"))) == bool(expected), "what crosses unarmed is not counted either"


def test_an_object_that_came_near_before_the_rule_was_armed_counts_when_it_crosses_after() -> None:
    watch = watching(replace(RULE, schedule=Schedule(frozenset(range(7)), time(22), time(5))))
    evening = datetime.fromisoformat("2026-11-24T21:59:59.5+07:00")
    assert directions(walked(watch, *level(0.3, 0.35, 0.4, 0.45, 0.6), wall=evening)) == ["b-to-a"]


def test_after_a_loss_of_the_camera_only_what_is_parked_is_still_where_it_was() -> None:
    for kept, expected in (({"t1"}, ["b-to-a"]), (set(), [])):
        watch = watching()
        walked(watch, (0.3, 0.5), (0.4, 0.5))
        assert list(watch.finish("camera", kept)) == []
        assert directions(walked(watch, (0.7, 0.5), begin_s=60.0)) == expected


def test_an_observation_that_was_not_stored_is_reported_again_and_counts_once() -> None:
    watch = watching()
    walked(watch, *level(0.3, 0.4))
    untaken = iter(watch.update(moment(1.0), Tracks((at((0.7, 0.5)),))))
    first = next(untaken)
    untaken.close()  # type: ignore[attr-defined]  # the sink failed
    (again,) = watch.update(moment(1.2), Tracks(()))  # the track may be gone by then
    assert again == first
    (counts,) = watch.finish("restart")
    assert isinstance(counts, LineCountsObservation)
    assert counts.b_to_a == {"motorcycle": 1}


units = st.floats(0.0, 1.0)
ways = st.lists(st.tuples(units, units), min_size=2, max_size=30)


def crossings(line: Line, feet: Sequence[Foot], mode: CrossingMode = CrossingMode.BALANCED) -> list[str]:
    gate, way = CrossingLine(line, mode, 16 / 9), CrossingDetector()
    found = (way.update(gate.position_of(at(foot).box), float(n)) for n, foot in enumerate(feet))
    return [crossed.direction for crossed in found if crossed is not None]


@given(ways, st.sampled_from(CrossingMode))
def test_over_a_line_without_ends_the_directions_alternate(feet: list[Foot], mode: CrossingMode) -> None:
    found = crossings(Line("endless", (0.5, -100.0), (0.5, 101.0)), feet, mode)
    assert all(one != other for one, other in itertools.pairwise(found))
    changes = sum((x > 0.5) != (following > 0.5) for (x, _), (following, _) in itertools.pairwise(feet))
    assert len(found) <= changes


grid = st.integers(0, 100).map(lambda n: n / 100)
off_grid = st.tuples(grid, grid).map(lambda at: (at[0] + math.sqrt(2) / 400, at[1] + math.sqrt(3) / 1000))
"""Ends of a line that no way between two points of the grid touches: a touched end is on neither side."""


@given(st.lists(st.tuples(grid, grid), min_size=2, max_size=30), off_grid, off_grid)
def test_a_line_the_other_way_round_swaps_the_directions(feet: list[Foot], begin: Foot, end: Foot) -> None:
    assume(begin != end)
    swapped = {"a-to-b": "b-to-a", "b-to-a": "a-to-b"}
    there = crossings(Line("there", begin, end), feet)
    back = crossings(Line("back", end, begin), feet)
    assert [swapped[direction] for direction in back] == there


@given(st.lists(st.floats(-0.99, 0.99), max_size=40), st.sampled_from(CrossingMode))
def test_however_long_it_dithers_it_counts_once_at_most(shares: list[float], mode: CrossingMode) -> None:
    on_line = [0.5 + share * BANDS[mode] * WIDTH for share in shares]
    assert crossings(ACROSS, level(0.3, *on_line, 0.7), mode) == ["b-to-a"]
    assert crossings(ACROSS, level(0.3, *on_line, 0.3), mode) == []


def test_thirty_tracks_and_eight_lines_cost_little() -> None:
    """CPU of one frame, docs/design/rules.md; the limit is wide, machines differ."""
    watches = [watching(replace(RULE, id=f"r{n}")) for n in range(8)]
    spent = []
    for n in range(100):
        tracks = Tracks(tuple(at((0.2 + 0.006 * n, 0.03 * k), f"t{k}") for k in range(30)))
        now, start = moment(n / 5), thread_time()
        for watch in watches:
            list(watch.update(now, tracks))
        spent.append(thread_time() - start)
    assert sorted(spent)[50] < 0.010


@pytest.mark.parametrize(
    ("beside", "size", "crossings"),
    [
        ((0.0, 0.0), (0.08, 0.09), 1),  # the vehicle of a rider whose box includes it: not a second object
        ((0.09, 0.0), (0.08, 0.09), 2),  # beside the rider
        ((0.01, 0.01), (0.1, 0.2), 2),  # of the same size: another rider, nearly hidden
        ((-0.12, 0.0), (0.08, 0.09), 2),  # behind the rider
    ],
)
def test_a_motorbike_seen_twice_counts_once(beside: Foot, size: tuple[float, float], crossings: int) -> None:
    watch, observations = watching(), []
    for n, x in enumerate((0.3, 0.4, 0.47, 0.54, 0.6, 0.7, 0.8)):
        whole = replace(at((x, 0.5), "whole"), label="motorcycle", group=TWO_WHEELER)
        foot, (width, height) = (x + beside[0], 0.5 + beside[1]), size
        box = Box(foot[0] - width / 2, foot[1] - height, foot[0] + width / 2, foot[1])
        part = replace(whole, id="part", box=box)
        observations += events_of(watch.update(moment(n / 5), Tracks((whole, part))))
    assert len(observations) == crossings
