"""Rules on people that the detector of every installation (OpenCV's) detects, with the real command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.testbed.walker import WalkPath, people_clip, walking_clip
from tests.tools.replay.command import of_kind, replayed

WHOLE = {"place": {"polygon": [[0, 0], [1, 0], [1, 1], [0, 1]]}}
LINE = {"path": {"from": [0.5, 0.2], "to": [0.5, 1.0]}}  # downwards: side A is on the right
COUNT = {"id": "count", "kind": "line-crossing", "line": "path", "labels": ["person"], "cooldown_s": 0}


def along(*points: tuple[float, float, float]) -> WalkPath:
    """A path straight between (second, x, y) in pixels; no person before and after."""
    ts, xs, ys = zip(*points, strict=True)

    def way(t: float) -> tuple[float, float] | None:
        return (float(np.interp(t, ts, xs)), float(np.interp(t, ts, ys))) if ts[0] <= t <= ts[-1] else None

    return way


def test_two_one_way_one_the_other_and_one_who_turns_at_the_line(tmp_path: Path) -> None:
    people = [
        along((1, -30, 300), (6, 670, 300)),
        along((7, 670, 310), (12, -30, 310)),
        along((13, -30, 290), (16.2, 270, 290), (19.5, -30, 290)),
        along((20, -30, 300), (25, 670, 300)),
    ]
    clip = people_clip(tmp_path / "path.mp4", people, 27)
    events = replayed(tmp_path, clip, {"lines": LINE, "rules": [COUNT]})
    directions = [data["direction"] for data in of_kind(events, "line-crossing")]
    assert directions == ["b-to-a", "a-to-b", "b-to-a"]
    (counts,) = of_kind(events, "line-counts")
    assert (counts["a_to_b"], counts["b_to_a"]) == ({"person": 1}, {"person": 2})


@pytest.fixture(scope="module")
def walker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """In the middle at 4.5 s."""
    return walking_clip(tmp_path_factory.mktemp("people") / "walker.mp4")


@pytest.mark.parametrize(
    ("start", "armed"),
    [("21:59:25.5", False), ("22:00:25.5", True), ("04:59:25.5", True), ("05:00:25.5", False)],
)
def test_half_a_minute_before_and_after_each_edge_of_the_night(
    walker: Path, tmp_path: Path, start: str, armed: bool
) -> None:
    rule = COUNT | {"schedule": {"from": "22:00", "to": "05:00"}}
    events = replayed(tmp_path, walker, {"lines": LINE, "rules": [rule]}, "--start", f"2026-11-24T{start}")
    assert len(of_kind(events, "line-crossing")) == armed


@pytest.mark.parametrize(("inside_s", "expected"), [(5, []), (7, ["start", "end"])])
def test_who_loiters_for_a_second_less_and_a_second_more(
    tmp_path: Path, inside_s: float, expected: list[str]
) -> None:
    """At 140 pixels a second the person enters the zone at 3 s, and leaves it within a frame."""
    clip = people_clip(
        tmp_path / "yard.mp4",
        [along((1, -30, 300), (3, 250, 300), (1 + 2 + inside_s, 390, 300), (5 + inside_s, 670, 300))],
        inside_s + 7,
    )
    zone = {"yard": {"polygon": [[250 / 640, 0.5], [390 / 640, 0.5], [390 / 640, 1], [250 / 640, 1]]}}
    rule = {"id": "dwell", "kind": "loitering", "zone": "yard", "min_duration_s": 6, "grace_s": 2}
    events = replayed(tmp_path, clip, {"zones": zone, "rules": [rule]})
    assert [data["phase"] for data in of_kind(events, "loitering")] == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ([(1, -30, 300), (6, 670, 300)], []),  # the right way
        ([(1, 320, 160), (6, 320, 355)], []),  # at 90 degrees
        ([(1, 670, 300), (6, -30, 300)], ["start", "end"]),  # against it
    ],
)
def test_a_pedestrian_against_the_arrow(
    tmp_path: Path, path: list[tuple[float, float, float]], expected: list[str]
) -> None:
    clip = people_clip(tmp_path / "way.mp4", [along(*path)], 8)
    arrow = {"from": [0.2, 0.8], "to": [0.8, 0.8]}
    rule = {"id": "way", "kind": "wrong-way", "zone": "place", "arrow": arrow, "labels": ["person"]}
    events = replayed(tmp_path, clip, {"zones": WHOLE, "rules": [rule]})
    reported = of_kind(events, "wrong-way")
    assert [data["phase"] for data in reported] == expected
    for data in reported:
        assert data["angle_deg"] == pytest.approx(180, abs=10)


@pytest.mark.parametrize(("count", "expected"), [(3, ["start", "end"]), (4, [])])
def test_three_are_a_crowd_of_three(tmp_path: Path, count: int, expected: list[str]) -> None:
    people: list[Any] = [
        along((1 + n, -30, 300), (4.5 + n, 520 - 160 * n, 300), (14, 520 - 160 * n, 300), (19, 1220, 300))
        for n in range(3)
    ]
    clip = people_clip(tmp_path / "crowd.mp4", people, 22)
    rule = {"id": "crowd", "kind": "crowding", "zone": "place", "count": count, "min_duration_s": 3}
    events = replayed(tmp_path, clip, {"zones": WHOLE, "rules": [rule | {"labels": ["person"]}]})
    assert [data["phase"] for data in of_kind(events, "crowding")] == expected


def test_a_days_counts_end_at_the_sites_midnight(tmp_path: Path) -> None:
    """One crossing before midnight, one after it; the machine runs in UTC."""
    people = [along((1, -30, 300), (6, 670, 300)), along((9, 670, 300), (14, -30, 300))]
    clip = people_clip(tmp_path / "midnight.mp4", people, 16)
    camera = {"lines": LINE, "rules": [COUNT | {"counts_s": 1}]}
    events = replayed(tmp_path, clip, camera, "--start", "2026-11-24T23:59:52")
    *_, last, today = of_kind(events, "line-counts")
    assert (last["day"], last["a_to_b"], last["b_to_a"]) == ("2026-11-24", {}, {"person": 1})
    assert (today["day"], today["a_to_b"], today["b_to_a"]) == ("2026-11-25", {"person": 1}, {})
    assert last["to_at"] == today["from_at"] == "2026-11-24T17:00:00.000Z"
