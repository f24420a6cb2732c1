"""Zones, and the rules on them: their settings, and their warnings."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest

from edge_agent.config.model.settings import (
    AnyRule,
    LineRule,
    RuleKind,
    Schedule,
    WhenUnsynced,
    Zone,
    ZoneRule,
)
from edge_agent.core.model import Severity
from tests.config.places import camera_of, problems_of, settings_of, with_camera, write

_YARD = "{polygon: [[0.1, 0.5], [0.9, 0.5], [0.9, 1], [0.1, 1]]}"
_CAMERA = f"url: /clip.mp4\nzones: {{yard: {_YARD}}}\n"
_EVERY_DAY = frozenset(range(7))


def _rules_of(directory: Path, rules: str) -> tuple[AnyRule, ...]:
    return camera_of(directory, f"{_CAMERA}rules: [{rules}]").rules


def zone_of(rule: AnyRule) -> Zone:
    assert not isinstance(rule, LineRule)
    return rule.zone


def test_a_rule_as_it_is_written(tmp_path: Path) -> None:
    written = """{id: yard-night, kind: zone-intrusion, zone: yard, labels: [person], min_duration_s: 2,
      grace_s: 3, severity: alarm, cooldown_s: 4, schedule: {days: [mon-sun], from: "22:00", to: "05:00"}}"""
    assert _rules_of(tmp_path, written) == (
        ZoneRule(
            id="yard-night",
            kind=RuleKind.ZONE_INTRUSION,
            zone=Zone("yard", ((0.1, 0.5), (0.9, 0.5), (0.9, 1.0), (0.1, 1.0))),
            labels=("person",),
            min_duration_s=2.0,
            grace_s=3.0,
            severity=Severity.ALARM,
            cooldown_s=4.0,
            schedule=Schedule(_EVERY_DAY, time(22), time(5)),
        ),
    )


def test_zones_lines_and_rules_have_names_for_people(tmp_path: Path) -> None:
    rules = camera_of(
        tmp_path,
        """url: /clip.mp4
zones:
  yard: {polygon: [[0.1, 0.5], [0.9, 0.5], [0.9, 1], [0.1, 1]], name: Sân trường}
  gate: {polygon: [[0, 0], [1, 0], [1, 1]]}
lines: {street: {from: [0.1, 0.5], to: [0.9, 0.6], name: "Đường Lý Bôn: vào"}}
rules:
  - {id: night, kind: loitering, zone: yard, name: Đêm ở sân trường}
  - {id: day, kind: loitering, zone: gate}
  - {id: count, kind: line-crossing, line: street}
""",
    ).rules
    assert [each.name for each in rules] == ["Đêm ở sân trường", "", ""]
    places = [each.line if isinstance(each, LineRule) else each.zone for each in rules]
    assert [(each.id, each.shown) for each in places] == [
        ("yard", "Sân trường"), ("gate", "gate"), ("street", "Đường Lý Bôn: vào"),
    ]  # fmt: skip


def test_a_rule_has_a_least_score_and_a_zone_parts_that_it_excludes(tmp_path: Path) -> None:
    zone = _YARD.replace("{", "{exclude: [[[0.4, 0.6], [0.5, 0.6], [0.5, 0.7]]], ", 1)
    rules = "rules: [{id: r, kind: loitering, zone: yard, min_score: 0.65}]"
    (rule,) = camera_of(tmp_path, f"url: /clip.mp4\nzones: {{yard: {zone}}}\n{rules}").rules
    assert rule.min_score == 0.65
    assert zone_of(rule).exclude == (((0.4, 0.6), (0.5, 0.6), (0.5, 0.7)),)
    assert [zone_of(rule).contains((0.49, y)) for y in (0.61, 0.75)] == [False, True]


@pytest.mark.parametrize(
    ("written", "schedule"),
    [
        ('from: "22:00", to: "05:00"', Schedule(_EVERY_DAY, time(22), time(5))),
        ('from: 05:00, to: "22:00"', Schedule(_EVERY_DAY, time(5), time(22))),  # 05:00 is text to YAML
        ('from: "22:00", to: "24:00"', Schedule(_EVERY_DAY, time(22), time(0))),
        ('from: "00:00", to: "24:00"', Schedule(_EVERY_DAY, time(0), time(0))),
        ('from: "06:30", to: "06:30"', Schedule(_EVERY_DAY, time(6, 30), time(6, 30))),
        ("days: [sat, sun]", Schedule(frozenset({5, 6}), time(0), time(0))),
        ("days: [mon-fri]", Schedule(frozenset(range(5)), time(0), time(0))),
        ("days: [sat-mon, wed, mon]", Schedule(frozenset({5, 6, 0, 2}), time(0), time(0))),
        ("days: [tue-tue]", Schedule(frozenset({1}), time(0), time(0))),
        ("", Schedule(_EVERY_DAY, time(0), time(0))),
        ("unsynced: off", Schedule(_EVERY_DAY, time(0), time(0), unsynced=WhenUnsynced.OFF)),
    ],
)
def test_schedules(tmp_path: Path, written: str, schedule: Schedule) -> None:
    (rule,) = _rules_of(tmp_path, f"{{id: r, kind: loitering, zone: yard, schedule: {{{written}}}}}")
    assert rule.schedule == schedule


def test_two_rules_may_share_a_zone_and_two_cameras_a_name(tmp_path: Path) -> None:
    other = "{polygon: [[0, 0], [1, 0], [1, 1]]}"
    rules = "[{id: a, kind: loitering, zone: yard}, {id: b, kind: zone-intrusion, zone: yard}]"
    second = f"  - {{id: cam-2, url: /clip.mp4, zones: {{yard: {other}}}, rules: {rules}}}\n"
    settings = settings_of(tmp_path, with_camera(f"{_CAMERA}rules: {rules}") + second)
    corners = [[len(zone_of(rule).polygon) for rule in camera.rules] for camera in settings.cameras]
    assert corners == [[4, 4], [3, 3]]


def test_a_mistake_in_one_rule_hides_none_in_the_others(tmp_path: Path) -> None:
    rules = "\n".join(
        [
            "rules:",
            "  - {id: a, kind: loiter, zone: yrad}",
            '  - {id: b, kind: loitering, zone: yrad, schedule: {days: [mo], from: 22:00, to: "5:00"}}',
            "  - {id: c, kind: loitering, zone: yard, min_duration_s: 0, severity: high}",
        ]
    )
    problems = problems_of(write(tmp_path, with_camera(f"url: /clip.mp4\nzones: {{yard: {_YARD}}}\n{rules}")))
    assert [(p.line, p.message.partition(":")[0]) for p in problems] == [
        (8, "kind"),
        (8, "zone"),
        (9, "zone"),
        (9, "days"),
        (9, "from"),
        (9, "to"),
        (10, "min_duration_s"),
        (10, "severity"),
    ]


def test_a_zone_that_may_stand_in_a_broken_file_is_not_missing(tmp_path: Path) -> None:
    rules = "rules: [{id: r, kind: loitering, zone: yard}]"
    path = write(tmp_path, with_camera(f"url: /clip.mp4\n{rules}"))
    broken = write(tmp_path, "cameras: [\n", "conf.d/zones.yaml")
    assert [p.file for p in problems_of(path)] == [str(broken)]
