"""Lines and durations from the configuration file to the event, on rendered scenes with an exact truth."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.testbed.traffic import Street, Thing, along
from tests.tools.replay.command import of_kind
from tests.tools.replay.test_traffic import reported

LINE = {"lane": {"from": [0.5, 0.25], "to": [0.5, 0.85]}}  # downwards: side A is on the right
RULE: dict[str, Any] = {"id": "lane-count", "kind": "line-crossing", "line": "lane", "cooldown_s": 0}
LANES = (0.36, 0.58, 0.8)
LEFT, RIGHT = -0.05, 1.05


def person(*points: tuple[float, float], y: float) -> Thing:
    """Someone who walks straight from x to x, as (second, x)."""
    return Thing("person", along(*((t, x, y) for t, x in points)), (0.06, 0.17))


def passing(begin_s: float, y: float, *, leftwards: bool) -> Thing:
    ends = (RIGHT, LEFT) if leftwards else (LEFT, RIGHT)
    return person((begin_s, ends[0]), (begin_s + 5, ends[1]), y=y)


def dithering(begin_s: float, y: float) -> Thing:
    """A walk to the line, four seconds to and fro on it, and back."""
    on_line = [(begin_s + 2.4 + 0.5 * n, 0.5 + (0.012 if n % 2 else -0.012)) for n in range(9)]
    return person((begin_s, LEFT), *on_line, (begin_s + 9, LEFT), y=y)


def street() -> Street:
    """7 cross from A to B, 5 from B to A, 3 sway on the line, 2 pass beyond its ends."""
    directions = [True, False, True, True, False, True, False, True, False, True, True, False]
    things = [passing(2 + 6 * (n // 3), LANES[n % 3], leftwards=left) for n, left in enumerate(directions)]
    things += [dithering(26, y) for y in LANES]
    return Street(*things, passing(2, 0.18, leftwards=True), passing(8, 0.985, leftwards=False))


EXIT = {"exit": {"from": [0.8, 0.25], "to": [0.8, 0.85]}}
EXIT_RULE = RULE | {"id": "exit-count", "line": "exit", "each": False}


def turns_of(counts: dict[str, Any]) -> list[tuple[str, str, str, dict[str, int]]]:
    assert counts["turns"]["others"] == {}
    turns = counts["turns"]["turns"]
    return [(each["line"], each["direction"], each["to_direction"], each["objects"]) for each in turns]


@pytest.mark.parametrize("mode", ["strict", "balanced"])
def test_seven_one_way_five_the_other_three_ditherers_and_two_outside(mode: str, tmp_path: Path) -> None:
    rules = [RULE | {"mode": mode}, EXIT_RULE | {"mode": mode}]
    events = reported(tmp_path, street(), 38, *rules, lines=LINE | EXIT)
    each = Counter(data["direction"] for data in of_kind(events, "line-crossing"))
    assert each == {"a-to-b": 7, "b-to-a": 5}
    counts, counts_exit = of_kind(events, "line-counts")
    assert (counts["a_to_b"], counts["b_to_a"]) == ({"person": 7}, {"person": 5})
    assert turns_of(counts) == [("exit", "a-to-b", "a-to-b", {"person": 7})]
    assert turns_of(counts_exit) == [("lane", "b-to-a", "b-to-a", {"person": 5})]
    assert counts["turns"]["only"] == counts_exit["turns"]["only"] == {}


def test_loose_counts_who_sways_on_the_line_each_time(tmp_path: Path) -> None:
    """They sway by 0.2 widths to either side, more than the line's band of 0.1: ``loose`` is for objects that
    pass quickly."""
    events = reported(tmp_path, street(), 38, RULE | {"mode": "loose"}, lines=LINE)
    each = Counter(data["direction"] for data in of_kind(events, "line-crossing"))
    assert each["a-to-b"] - each["b-to-a"] == 2
    assert each["a-to-b"] > 7


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([(2, 0.02), (4, 0.3), (6, 0.3), (8, 0.58), (8.5, 0.7)], []),  # inside from 3.3 s to 7.9 s
        ([(2, 0.02), (4, 0.3), (9, 0.3), (10, 0.58), (10.5, 0.7)], ["start", "end"]),  # to 9.7 s
        (
            [(2, 0.02), (4, 0.3), (5, 0.3), (6, 0.6), (7, 0.6), (8, 0.3), (10.5, 0.3), (11.5, 0.7)],
            ["start", "end"],  # out for less than ``grace_s``, and back
        ),
        (
            [(2, 0.02), (4, 0.3), (5, 0.3), (6, 0.6), (10, 0.6), (11, 0.3), (14, 0.3), (15, 0.7)],
            [],  # out for longer: the time starts again
        ),
    ],
)
def test_loitering_for_a_second_less_and_a_second_more_with_leave_and_return(
    points: list[tuple[float, float]], expected: list[str], tmp_path: Path
) -> None:
    zones = {"yard": {"polygon": [[0.2, 0.4], [0.5, 0.4], [0.5, 0.9], [0.2, 0.9]]}}
    rule = {"id": "dwell", "kind": "loitering", "zone": "yard", "min_duration_s": 5.6, "grace_s": 3}
    events = reported(tmp_path, Street(person(*points, y=0.7)), points[-1][0] + 5, rule, zones=zones)
    assert [data["phase"] for data in of_kind(events, "loitering")] == expected
