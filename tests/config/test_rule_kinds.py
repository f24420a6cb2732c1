"""Lines, and the other kinds of rules: their settings, and their warnings."""

from __future__ import annotations

from datetime import time
from pathlib import Path
from typing import Any

import pytest

from edge_agent.config.model.rule_kinds import KINDS, RULE
from edge_agent.config.model.settings import (
    CrossingMode,
    CrowdingRule,
    Direction,
    Line,
    LineRule,
    OnHolidays,
    RuleKind,
    Schedule,
    StoppedRule,
    WrongWayRule,
    Zone,
)
from edge_agent.core.model import LABELS, Severity
from tests.config.places import camera_of, problems_of, with_camera, write
from tests.config.test_rules import warnings_of

_YARD = Zone("yard", ((0.1, 0.5), (0.9, 0.5), (0.9, 1.0), (0.1, 1.0)))
_CAMERA = """\
url: /clip.mp4
zones: {yard: {polygon: [[0.1, 0.5], [0.9, 0.5], [0.9, 1], [0.1, 1]]}}
lines: {lane-2: {from: [0.2, 0.5], to: [0.8, 0.6]}}
"""
_LANE = Line("lane-2", (0.2, 0.5), (0.8, 0.6))
_ARROW = "arrow: {from: [0.5, 0.9], to: [0.5, 0.6]}"
_COMMON: dict[str, Any] = {"id": "r", "cooldown_s": 60.0, "schedule": None, "enabled": True}
_ALL = LABELS


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        (
            "kind: line-crossing, line: lane-2",
            LineRule(
                **_COMMON,
                kind=RuleKind.LINE_CROSSING,
                labels=_ALL,
                severity=Severity.INFO,
                line=_LANE,
                direction=Direction.BOTH,
                mode=CrossingMode.BALANCED,
                each=True,
                counts_s=60.0,
            ),
        ),
        (
            "kind: stopped-vehicle, zone: yard",
            StoppedRule(
                **_COMMON,
                kind=RuleKind.STOPPED_VEHICLE,
                labels=("car", "bus", "truck", "motorcycle"),
                severity=Severity.WARNING,
                zone=_YARD,
                still_s=120.0,
            ),
        ),
        (
            f"kind: wrong-way, zone: yard, {_ARROW}",
            WrongWayRule(
                **_COMMON,
                kind=RuleKind.WRONG_WAY,
                labels=("bicycle", "motorcycle", "car", "bus", "truck"),
                severity=Severity.INFO,
                zone=_YARD,
                arrow=((0.5, 0.9), (0.5, 0.6)),
                angle_deg=60.0,
                min_distance=0.1,
            ),
        ),
        (
            "kind: crowding, zone: yard, count: 12",
            CrowdingRule(
                **_COMMON,
                kind=RuleKind.CROWDING,
                labels=("person", "bicycle", "motorcycle"),
                severity=Severity.INFO,
                zone=_YARD,
                count=12,
                min_duration_s=30.0,
                release_count=8,
            ),
        ),
    ],
    ids=["line-crossing", "stopped-vehicle", "wrong-way", "crowding"],
)
def test_what_a_rule_leaves_out_follows_its_kind(tmp_path: Path, written: str, rule: object) -> None:
    assert camera_of(tmp_path, f"{_CAMERA}rules: [{{id: r, {written}}}]").rules == (rule,)


def test_a_rule_with_all_its_keys(tmp_path: Path) -> None:
    written = """{id: r, kind: line-crossing, line: lane-2, labels: [car], severity: alarm, cooldown_s: 5,
      schedule: {days: [sun], holidays: also}, enabled: false, direction: a-to-b, mode: strict, each: false,
      counts_s: 10}"""
    assert camera_of(tmp_path, f"{_CAMERA}rules: [{written}]").rules == (
        LineRule(
            id="r",
            kind=RuleKind.LINE_CROSSING,
            labels=("car",),
            severity=Severity.ALARM,
            cooldown_s=5.0,
            schedule=Schedule(frozenset({6}), time(0), time(0), OnHolidays.ALSO),
            enabled=False,
            line=_LANE,
            direction=Direction.A_TO_B,
            mode=CrossingMode.STRICT,
            each=False,
            counts_s=10.0,
        ),
    )


@pytest.mark.parametrize(("count", "release"), [(2, 1), (3, 2), (5, 3), (10, 7), (11, 7), (200, 140)])
def test_a_crowd_is_over_well_below_its_count(tmp_path: Path, count: int, release: int) -> None:
    rules = f"rules: [{{id: r, kind: crowding, zone: yard, count: {count}}}]"
    (rule,) = camera_of(tmp_path, _CAMERA + rules).rules
    assert isinstance(rule, CrowdingRule)
    assert rule.release_count == release < count


def test_every_kind_has_a_section() -> None:
    assert tuple(KINDS) == tuple(RuleKind)
    shared = ["id", "kind", "name", "min_score", "cooldown_s", "schedule", "enabled"]
    assert [each.key for each in RULE.shared] == shared


def test_a_drop_in_that_changes_the_kind_meets_the_keys_of_the_old_one(tmp_path: Path) -> None:
    rule = "{id: r, kind: loitering, zone: yard, grace_s: 3}"
    path = write(tmp_path, with_camera(f"{_CAMERA}rules: [{rule}]"))
    drop_in = "cameras: [{id: cam-1, rules: [{id: r, kind: stopped-vehicle}]}]\n"
    write(tmp_path, drop_in, "conf.d/a.yaml")
    (problem,) = problems_of(path)
    assert (problem.file, problem.line) == (str(path), 8)
    assert "grace_s belongs to zone-intrusion or loitering" in problem.message


def test_a_drop_in_moves_one_line_and_leaves_the_others(tmp_path: Path) -> None:
    lines = "lines: {a: {from: [0, 0], to: [1, 1]}, b: {from: [0, 1], to: [1, 0]}}"
    rules = "rules: [{id: a, kind: line-crossing, line: a}, {id: b, kind: line-crossing, line: b}]"
    write(tmp_path, "cameras: [{id: cam-1, lines: {b: {to: [0.5, 0.5]}}}]\n", "conf.d/a.yaml")
    found = camera_of(tmp_path, f"url: /clip.mp4\n{lines}\n{rules}").rules
    assert [(r.line.begin, r.line.end) for r in found if isinstance(r, LineRule)] == [
        ((0, 0), (1, 1)),
        ((0, 1), (0.5, 0.5)),
    ]


def test_a_mistake_in_the_kind_hides_none_in_the_rest(tmp_path: Path) -> None:
    rule = "{id: R, kind: crowd, zone: yrad, count: 3, enabled: maybe, colour: red}"
    problems = problems_of(write(tmp_path, with_camera(f"{_CAMERA}rules: [{rule}]")))
    said = sorted(problem.message.partition(" ")[0] for problem in problems)
    assert said == ["enabled:", "id:", "kind:", "unknown", "zone:"]


_CROSSING = "{id: r, kind: line-crossing, line: lane-2}"
_ON_LANE = f"rules: [{_CROSSING}]"


def _line(begin: str, end: str) -> str:
    return f"url: /clip.mp4\nlines: {{lane-2: {{from: {begin}, to: {end}}}}}\n{_ON_LANE}"


def _wrong_way(more: str) -> str:
    zone = "zones: {lane: {polygon: [[0.1, 0.5], [0.4, 0.5], [0.4, 0.9], [0.1, 0.9]]}}"
    return f"url: /clip.mp4\n{zone}\nrules: [{{id: r, kind: wrong-way, zone: lane, {more}}}]"


@pytest.mark.parametrize(
    ("lines", "warning"),
    [
        (
            "url: /clip.mp4\nlines: {door: {from: [0, 0], to: [1, 1]}}",
            "6:13: no rule refers to the line 'door'; it does nothing",
        ),
        (
            _line("[0.2, 0.5]", "[0.8, 0.5]") + "\nmasks: [[[0, 0], [1, 0], [1, 0.5], [0, 0.5]]]",
            "6:13: the line 'lane-2' lies wholly in one of masks: nothing is seen there",
        ),
        (
            _line("[0, 0.99]", "[1, 1]"),
            "6:13: the line 'lane-2' lies on the picture's border: nothing is seen beyond it, so nothing "
            "crosses it",
        ),
        (
            _line("[0.01, 0.1]", "[0, 0.9]"),
            "6:13: the line 'lane-2' lies on the picture's border: nothing is seen beyond it, so nothing "
            "crosses it",
        ),
        (
            _wrong_way("arrow: {from: [0.2, 0.6], to: [0.22, 0.6]}"),
            "7:57: arrow: 0.02 of the picture is too short for a sure direction; draw a longer one",
        ),
        (
            _wrong_way(f"{_ARROW}, min_distance: 0.4"),
            "7:107: min_distance: the zone 'lane' is only 0.38 widths of a 16:9 picture from end to end: "
            "nothing can go 0.4 in it",
        ),
    ],
    ids=["unused", "masked", "on the lower border", "on the left border", "a short arrow", "a short zone"],
)
def test_what_can_never_fire_is_doubtful(tmp_path: Path, lines: str, warning: str) -> None:
    assert warnings_of(tmp_path, with_camera(lines)) == [warning]


@pytest.mark.parametrize(
    "lines",
    [
        _line("[0.2, 0.5]", "[0.8, 0.5]") + "\nmasks: [[[0, 0], [0.7, 0], [0.7, 1], [0, 1]]]",
        _line("[0, 0]", "[0, 1]").replace("[0, 1]", "[0.1, 1]"),
        _line("[0, 0.5]", "[1, 0.5]"),
        _wrong_way(f"{_ARROW}, min_distance: 0.36"),
    ],
    ids=["half masked", "one end on the border", "across the whole picture", "a zone that is long enough"],
)
def test_what_can_fire_is_not_commented_on(tmp_path: Path, lines: str) -> None:
    assert warnings_of(tmp_path, with_camera(lines)) == []


def test_a_rule_that_is_switched_off_waits_for_nothing(tmp_path: Path) -> None:
    rule = "rules: [{id: r, kind: stopped-vehicle, zone: yard, enabled: false}]"
    lines = _CAMERA[: _CAMERA.index("lines:")] + rule
    assert warnings_of(tmp_path, with_camera(lines) + "detector: {labels: [person]}\n") == []


def test_a_kind_whose_classes_the_detector_never_sees_is_doubtful(tmp_path: Path) -> None:
    rule = "rules: [{id: r, kind: stopped-vehicle, zone: yard}]"
    lines = _CAMERA[: _CAMERA.index("lines:")] + rule
    assert warnings_of(tmp_path, with_camera(lines) + "detector: {labels: [person]}\n") == [
        "7:13: rule 'r' never fires: detector.labels does not have car, bus, truck or motorcycle"
    ]
