"""Lines, and the kinds of rules: their settings."""
# ruff: noqa: E501

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest

from edge_agent.config.model.rule_kinds import KINDS, RULE
from edge_agent.config.model.settings import (
    AnyRule,
    CrossingMode,
    CrowdingRule,
    Direction,
    Line,
    LineRule,
    OnHolidays,
    RuleKind,
    Schedule,
)
from edge_agent.core.model import Severity
from tests.config.places import camera_of, problems_of, with_camera, write

_CAMERA = """\
url: /clip.mp4
zones: {yard: {polygon: [[0.1, 0.5], [0.9, 0.5], [0.9, 1], [0.1, 1]]}}
lines: {lane-2: {from: [0.2, 0.5], to: [0.8, 0.6]}}
"""
_LANE = Line("lane-2", (0.2, 0.5), (0.8, 0.6))
_ARROW = "arrow: {from: [0.5, 0.9], to: [0.5, 0.6]}"
_ALL = "labels: [person, bicycle, motorcycle, car, bus, truck]"
_STAY = f"zone: yard, {_ALL}, severity: warning"
DEFAULTS = {
    "zone-intrusion, zone: yard": f"{_STAY}, min_duration_s: 1, grace_s: 1",
    "loitering, zone: yard": f"{_STAY}, min_duration_s: 30, grace_s: 5",
    "line-crossing, line: lane-2": f"line: lane-2, {_ALL}, severity: info, direction: both, mode: balanced, each: true, counts_s: 60",
    "stopped-vehicle, zone: yard": "zone: yard, labels: [car, bus, truck, motorcycle], severity: warning, still_s: 120",
    f"wrong-way, zone: yard, {_ARROW}": f"zone: yard, {_ARROW}, labels: [bicycle, motorcycle, car, bus, truck], severity: info, angle_deg: 60, min_distance: 0.1",
    "crowding, zone: yard, count: 12": "zone: yard, count: 12, labels: [person, bicycle, motorcycle], severity: info, min_duration_s: 30, release_count: 8",
}
"""What a rule must say, by kind -> all that it then says. One row a line, so that it reads as a table."""
_COMMON = "cooldown_s: 60, enabled: true, schedule: null"


def rule_of(folder: Path, written: str) -> AnyRule:
    (rule,) = camera_of(folder, f"{_CAMERA}rules: [{{id: r, kind: {written}}}]").rules
    return rule


@pytest.mark.parametrize("written", DEFAULTS)
def test_what_a_rule_leaves_out_follows_its_kind(tmp_path: Path, written: str) -> None:
    kind = written.partition(",")[0]
    assert rule_of(tmp_path, written) == rule_of(tmp_path, f"{kind}, {_COMMON}, {DEFAULTS[written]}")


def test_a_rule_with_all_its_keys(tmp_path: Path) -> None:
    written = """line-crossing, line: lane-2, labels: [car], severity: alarm, cooldown_s: 5,
      schedule: {days: [sun], holidays: also}, enabled: false, direction: a-to-b, mode: strict, each: false,
      counts_s: 10"""
    assert rule_of(tmp_path, written) == LineRule(
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
    )


@pytest.mark.parametrize(("count", "release"), [(2, 1), (3, 2), (5, 3), (10, 7), (11, 7), (200, 140)])
def test_a_crowd_is_over_well_below_its_count(tmp_path: Path, count: int, release: int) -> None:
    rule = rule_of(tmp_path, f"crowding, zone: yard, count: {count}")
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
    drawn = [(rule.line.begin, rule.line.end) for rule in found if isinstance(rule, LineRule)]
    assert drawn == [((0, 0), (1, 1)), ((0, 1), (0.5, 0.5))]
