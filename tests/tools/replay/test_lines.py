"""Lines and durations from the configuration file to the event, on rendered scenes with an exact truth."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.testbed.painted import Place, painted_clip, replayed

LINE = {"lane": {"from": [0.5, 0.25], "to": [0.5, 0.85]}}  # downwards: side A is on the right
RULE: dict[str, Any] = {
    "id": "lane-count",
    "kind": "line-crossing",
    "line": "lane",
    "labels": ["person"],
    "cooldown_s": 0,
}
LANES = (0.36, 0.58, 0.8)
LEFT, RIGHT = -0.05, 1.05


def way(*points: tuple[float, float], y: float) -> Place:
    """A walk straight from x to x, as (second, x)."""
    ts, xs = zip(*points, strict=True)
    return lambda t: (float(np.interp(t, ts, xs)), y) if ts[0] <= t <= ts[-1] else None


def passing(begin_s: float, y: float, *, leftwards: bool) -> Place:
    ends = (RIGHT, LEFT) if leftwards else (LEFT, RIGHT)
    return way((begin_s, ends[0]), (begin_s + 5, ends[1]), y=y)


def dithering(begin_s: float, y: float) -> Place:
    """A walk to the line, four seconds to and fro on it, and back."""
    on_line = [(begin_s + 2.4 + 0.5 * n, 0.5 + (0.012 if n % 2 else -0.012)) for n in range(9)]
    return way((begin_s, LEFT), *on_line, (begin_s + 9, LEFT), y=y)


def street() -> list[Place]:
    """7 cross from A to B, 5 from B to A, 3 sway on the line, 2 pass beyond its ends."""
    directions = [True, False, True, True, False, True, False, True, False, True, True, False]
    things = [passing(2 + 6 * (n // 3), LANES[n % 3], leftwards=left) for n, left in enumerate(directions)]
    things += [dithering(26, y) for y in LANES]
    return [*things, passing(2, 0.18, leftwards=True), passing(8, 0.985, leftwards=False)]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return painted_clip(tmp_path_factory.mktemp("lines") / "street.mp4", street(), 38)


def of_kind(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event for event in events if event["type"] == f"vn.thaibinh.edge.{kind}.v1"]


EXIT = {"exit": {"from": [0.8, 0.25], "to": [0.8, 0.85]}}
EXIT_RULE = RULE | {"id": "exit-count", "line": "exit", "each": False}


def turns_of(counts: dict[str, Any]) -> list[tuple[str, str, str, dict[str, int]]]:
    assert counts["turns"]["others"] == {}
    turns = counts["turns"]["turns"]
    return [(each["line"], each["direction"], each["to_direction"], each["objects"]) for each in turns]


@pytest.mark.parametrize("mode", ["strict", "balanced"])
def test_seven_one_way_five_the_other_three_ditherers_and_two_outside(
    mode: str, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = [RULE | {"mode": mode}, EXIT_RULE | {"mode": mode}]
    events = replayed(tmp_path, clip, monkeypatch, {"lines": LINE | EXIT, "rules": rules})
    each = Counter(event["data"]["direction"] for event in of_kind(events, "line-crossing"))
    assert each == {"a-to-b": 7, "b-to-a": 5}
    counts, counts_exit = (event["data"] for event in of_kind(events, "line-counts"))
    assert (counts["a_to_b"], counts["b_to_a"]) == ({"person": 7}, {"person": 5})
    assert turns_of(counts) == [("exit", "a-to-b", "a-to-b", {"person": 7})]
    assert turns_of(counts_exit) == [("lane", "b-to-a", "b-to-a", {"person": 5})]
    assert counts["turns"]["only"] == counts_exit["turns"]["only"] == {}


def test_loose_counts_who_sways_on_the_line_each_time(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They sway by 0.2 widths to either side, more than the line's band of 0.1: ``loose`` is for objects that
    pass quickly."""
    events = replayed(tmp_path, clip, monkeypatch, {"lines": LINE, "rules": [RULE | {"mode": "loose"}]})
    each = Counter(event["data"]["direction"] for event in of_kind(events, "line-crossing"))
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
    points: list[tuple[float, float]], expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone = {"yard": {"polygon": [[0.2, 0.4], [0.5, 0.4], [0.5, 0.9], [0.2, 0.9]]}}
    rule = {
        "id": "dwell",
        "kind": "loitering",
        "zone": "yard",
        "labels": ["person"],
        "min_duration_s": 5.6,
        "grace_s": 3,
    }
    clip = painted_clip(tmp_path / "yard.mp4", [way(*points, y=0.7)], points[-1][0] + 5)
    events = replayed(tmp_path, clip, monkeypatch, {"zones": zone, "rules": [rule]})
    assert [event["data"]["phase"] for event in of_kind(events, "loitering")] == expected
