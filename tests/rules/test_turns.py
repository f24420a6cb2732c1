"""Turning movements: each object is in one number of the line that it crossed last."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.config.model.settings import Direction, Line, LineRule
from edge_agent.core.facts import LineCountsObservation, RuleObservation, TurnNumbers
from edge_agent.core.model import Track, Tracks, TrackState
from edge_agent.rules.lines import LineWatch
from edge_agent.rules.schedule import Arming
from edge_agent.rules.turns import MAX_TURNS, LineMovement, PassedLine, TurnCounts, TurnTracker
from tests.rules.test_lines import NOON, RULE, SITE, Foot, at, level, moment

WEST = replace(RULE, id="west-count", line=Line("west", (0.3, 0.1), (0.3, 0.9)))
EAST = replace(RULE, id="east-count", line=Line("east", (0.7, 0.1), (0.7, 0.9)))
EASTWARDS = level(0.1, 0.2, 0.4, 0.5, 0.6, 0.8, 0.9)  # across both lines from B to A
WESTWARDS = list(reversed(EASTWARDS))
THERE_AND_BACK = [*level(0.1, 0.2, 0.4, 0.5), *level(0.4, 0.2, 0.1)]
STRAIGHT_ON = "west b-to-a east b-to-a"
ByLine = dict[str, TurnNumbers | None]


class Junction:
    """One camera with several counted lines."""

    def __init__(self, *rules: LineRule, folder: Path | None = None) -> None:
        self.turns = TurnTracker()
        self.turns.lines = frozenset(rule.line.id for rule in rules)
        arming = Arming(None, SITE, frozenset())
        self.watches = [LineWatch(rule, arming, SITE, folder, self.turns) for rule in rules]
        self.now = 0.0
        self.crossings: list[RuleObservation] = []

    def frame(self, *active: Track, ended: Sequence[Track] = (), after_s: float = 0.2) -> ByLine:
        """Returns what the lines report, by line."""
        self.now += after_s
        tracks = Tracks(active, tuple(ended))
        found = [each for watch in self.watches for each in watch.update(moment(self.now), tracks)]
        return self._numbers(found)

    def walk(self, *feet: Foot, name: str = "t1") -> None:
        for foot in feet:
            self.frame(at(foot, name))

    def finish(self, continuing: Collection[str] = ()) -> ByLine:
        return self._numbers([each for watch in self.watches for each in watch.finish("restart", continuing)])

    def _numbers(self, found: Sequence[RuleObservation | LineCountsObservation]) -> ByLine:
        self.crossings += [each for each in found if isinstance(each, RuleObservation)]
        return {each.line: each.turns for each in found if isinstance(each, LineCountsObservation)}


def counted(by_line: ByLine) -> Counter[str]:
    """Numbers of objects by their movement."""
    found = Counter[str]()
    for line, numbers in by_line.items():
        assert numbers is not None
        for turn in numbers.turns:
            key = f"{turn.line} {turn.direction} {line} {turn.to_direction}"
            found[key] += sum(turn.objects.values())
        found[f"only {line}"] += sum(numbers.only.values())
        found["others"] += sum(numbers.others.values())
    return +found


@pytest.mark.parametrize(
    ("feet", "expected"),
    [
        (EASTWARDS, {STRAIGHT_ON: 1}),
        (WESTWARDS, {"east a-to-b west a-to-b": 1}),
        (level(0.1, 0.2, 0.4, 0.5), {"only west": 1}),  # ends between the lines
        (level(0.5, 0.6, 0.8), {"only east": 1}),  # begins between them
        (THERE_AND_BACK, {"west b-to-a west a-to-b": 1}),  # came back
        ([*EASTWARDS, *WESTWARDS], {"west b-to-a west a-to-b": 1}),  # across both, and back over both
        ([*level(0.1, 0.9)], {STRAIGHT_ON: 1}),  # across both between two frames
        (level(0.4, 0.5, 0.6), {}),
    ],
)
def test_a_movement_is_from_the_first_line_to_the_last(feet: list[Foot], expected: dict[str, int]) -> None:
    junction = Junction(EAST, WEST)
    junction.walk(*feet)
    assert counted(junction.finish()) == expected


@pytest.mark.parametrize(
    "more",
    [{"cooldown_s": 3600.0}, {"direction": Direction.A_TO_B}, {"each": False}],
    ids=["cooldown", "direction", "each"],
)
def test_what_suppresses_events_suppresses_no_movement(more: dict[str, object]) -> None:
    junction = Junction(*(replace(rule, **more) for rule in (WEST, EAST)))  # type: ignore[arg-type]
    for n in range(3):
        junction.walk(*EASTWARDS, name=f"t{n}")
    assert len(junction.crossings) < 6
    assert counted(junction.finish()) == {STRAIGHT_ON: 3}


def test_it_is_reported_in_time_once_the_track_has_ended() -> None:
    junction = Junction(WEST, EAST)
    junction.walk(*EASTWARDS)
    junction.frame(at((0.95, 0.5)))
    assert counted(junction.frame(at((0.95, 0.5)), after_s=60.0)) == {}, "it may still turn back"
    junction.frame(ended=[at((0.95, 0.5), state=TrackState.ENDED)])
    assert counted(junction.frame(after_s=60.0)) == {STRAIGHT_ON: 1}


def test_one_that_is_named_when_it_ends_is_counted() -> None:
    junction = Junction(WEST, EAST)
    for foot in EASTWARDS:
        junction.frame(at(foot, confirmed=False, state=TrackState.TENTATIVE))
    junction.frame(ended=[at((0.95, 0.5), state=TrackState.ENDED, seen_now=False)])
    assert counted(junction.finish()) == {STRAIGHT_ON: 1}


def test_a_vehicle_that_parks_between_two_lines_has_made_no_turn() -> None:
    junction = Junction(WEST, EAST)
    junction.walk(*level(0.1, 0.2, 0.4, 0.5))
    found = junction.frame(at((0.5, 0.5)), after_s=600.0)
    junction.walk(*level(0.6, 0.8, 0.9))
    assert counted(found | junction.finish()) == {"only west": 1, "only east": 1}


def test_a_red_light_between_two_lines_does_not_part_a_movement() -> None:
    junction = Junction(WEST, EAST)
    junction.walk(*level(0.1, 0.2, 0.4, 0.5))
    for _ in range(4):
        junction.frame(at((0.5, 0.5)), after_s=60.0)
    junction.walk(*level(0.6, 0.8, 0.9))
    assert counted(junction.finish()) == {STRAIGHT_ON: 1}


def test_a_camera_with_one_counted_line_reports_no_movements() -> None:
    junction = Junction(WEST)
    junction.walk(*EASTWARDS)
    assert junction.frame(at((0.95, 0.5)), after_s=60.0) == {"west": None}
    assert junction.frame(after_s=60.0) == junction.finish() == {}, "its end is no reason for a report"


def test_two_rules_at_one_line_make_no_turn() -> None:
    junction = Junction(WEST, replace(WEST, id="again"), EAST)
    junction.walk(*level(0.1, 0.2, 0.4, 0.5))
    assert counted(junction.finish()) == {"only west": 1}


def test_a_line_that_is_removed_ends_its_movements_only() -> None:
    junction = Junction(WEST, EAST)
    junction.walk(*level(0.1, 0.2, 0.4, 0.5), name="stays")
    for foot in EASTWARDS:
        junction.frame(at((0.5, 0.5), "stays"), at(foot, "passes"))
    west, east = junction.watches
    (of_west,) = west.finish("reload")
    assert isinstance(of_west, LineCountsObservation)
    assert of_west.turns is not None
    assert of_west.turns.only == {"motorcycle": 1}
    junction.watches = [east]
    junction.walk(*level(0.8, 0.6, 0.5), name="passes")
    assert counted(junction.finish()) == {"west b-to-a east a-to-b": 1}


def test_parked_tracks_go_on_while_the_camera_is_lost() -> None:
    junction = Junction(WEST, EAST)
    junction.walk(*level(0.1, 0.2, 0.4, 0.5))
    junction.finish(continuing={"t1"})
    junction.walk(*level(0.6, 0.8, 0.9))
    assert counted(junction.finish()) == {STRAIGHT_ON: 1}


def test_the_numbers_of_a_day_go_on_after_a_restart_and_a_file_of_before_them_is_read(tmp_path: Path) -> None:
    file = tmp_path / "line-counts-east-count.json"
    day = NOON.astimezone(SITE).date()
    old = {"a_to_b": {}, "b_to_a": {"motorcycle": 4}}
    file.write_text(json.dumps({"line": "east", "day": day.isoformat(), "days": {day.isoformat(): old}}))
    for passed in (1, 2):
        junction = Junction(WEST, EAST, folder=tmp_path)
        junction.walk(*EASTWARDS)
        assert counted(junction.finish())[STRAIGHT_ON] == passed
    tomorrow = Junction(WEST, EAST, folder=tmp_path)
    tomorrow.now = timedelta(days=1).total_seconds()
    tomorrow.walk(*EASTWARDS)
    assert counted(tomorrow.finish())[STRAIGHT_ON] == 1, "a new day begins with 0"


def test_a_line_tells_a_bounded_number_of_turns_apart() -> None:
    counts = TurnCounts()
    last = PassedLine("east", "a-to-b", 1.0)
    for n in range(MAX_TURNS + 3):
        counts.add(LineMovement(PassedLine(f"l{n}", "a-to-b", 0.0), last, "car"))
    numbers = counts.numbers()
    assert (len(numbers.turns), numbers.others) == (MAX_TURNS, {"car": 3})


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.sampled_from([0.1, 0.5, 0.9]), min_size=1, max_size=6), max_size=6))
def test_each_object_that_crossed_a_line_is_in_one_number(walks: list[list[float]]) -> None:
    junction = Junction(WEST, EAST)
    for n, xs in enumerate(walks):
        junction.walk(*level(*xs), name=f"t{n}")
    found = junction.finish()
    assert sum(counted(found).values()) == sum(len(set(xs)) > 1 for xs in walks)
