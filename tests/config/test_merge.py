"""Drop-ins change the file; errors name the file that contains the value."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from edge_agent.config import load
from edge_agent.config.check import run_check
from edge_agent.config.model.settings import Settings
from edge_agent.core.command_line.exit_codes import EX_CONFIG, EX_OK
from tests.config.places import MINIMAL, PC, problems_of, settings_of, with_camera, write
from tests.config.test_rules import zone_of


def merged(folder: Path, text: str, drop_in: str) -> Settings:
    write(folder, drop_in, "conf.d/a.yaml")
    return settings_of(folder, text)


def test_later_files_win_key_by_key(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL + "heartbeat_s: 10\noutbox: {max_bytes: 1GB}\n")
    write(tmp_path, "heartbeat_s: 20\nmqtt: {spread_s: 0}\n", "conf.d/10-lab.yaml")
    write(tmp_path, "heartbeat_s: 40\n", "conf.d/20-site.yaml")
    settings = load(path, board=PC)
    assert (settings.heartbeat_s, settings.mqtt.spread_s) == (40.0, 0.0)
    assert settings.mqtt.brokers[0].host == "broker.example"
    assert settings.outbox.max_bytes == 10**9


def test_cameras_merge_by_id(tmp_path: Path) -> None:
    drop_in = "cameras:\n  - {id: cam-2, url: rtsp://h/2}\n  - {id: cam-1, analyse: {fps: 2}}\n"
    cameras = merged(tmp_path, MINIMAL, drop_in).cameras
    assert [(c.id, c.url, c.analyse.fps, c.analyse.width) for c in cameras] == [
        ("cam-1", "rtsp://10.0.0.11/stream2", 2.0, 640),
        ("cam-2", "rtsp://h/2", 5.0, 640),
    ]


def test_other_lists_are_replaced(tmp_path: Path) -> None:
    settings = merged(tmp_path, MINIMAL, "mqtt: {brokers: [mqtt://other]}\n")
    assert [b.host for b in settings.mqtt.brokers] == ["other"]


_SITE = with_camera("""\
url: /clip.mp4
zones: {yard: {polygon: [[0, 0], [1, 0], [1, 1]]}, gate: {polygon: [[0, 0], [1, 0], [1, 1]]}}
rules:
  - {id: night, kind: loitering, zone: yard, severity: alarm}
  - {id: day, kind: zone-intrusion, zone: gate}
""")


def test_zones_merge_by_key_and_rules_by_id(tmp_path: Path) -> None:
    drop_in = """\
cameras:
  - id: cam-1
    zones: {gate: {polygon: [[0, 0], [1, 0], [1, 1], [0, 1]]}, pool: {polygon: [[0, 0], [1, 0], [0, 1]]}}
    rules: [{id: pool, kind: loitering, zone: pool}, {id: day, severity: info}]
"""
    rules = merged(tmp_path, _SITE, drop_in).cameras[0].rules
    assert [(r.id, r.kind.value, r.severity.name, len(zone_of(r).polygon)) for r in rules] == [
        ("night", "loitering", "ALARM", 3),
        ("day", "zone-intrusion", "INFO", 4),
        ("pool", "loitering", "WARNING", 3),
    ]


def test_a_drop_in_can_take_a_zone_and_all_rules_away(tmp_path: Path) -> None:
    path = write(tmp_path, _SITE)
    write(tmp_path, "cameras: [{id: cam-1, zones: {gate: null}}]\n", "conf.d/1.yaml")
    (problem,) = problems_of(path)  # of the rule that still refers to it
    assert (problem.file, problem.line) == (str(path), 9)
    assert "no zone 'gate'" in problem.message
    write(tmp_path, "cameras: [{id: cam-1, rules: null}]\n", "conf.d/2.yaml")
    assert load(path, board=PC).cameras[0].rules == ()


@pytest.mark.parametrize("nameless", ["cam-2", "{url: /clip.mp4}", "[]"])
def test_what_has_no_id_is_not_taken_for_a_camera_with_an_empty_one(tmp_path: Path, nameless: str) -> None:
    path = write(tmp_path, MINIMAL.replace("cam-1", '""'))
    drop_in = write(tmp_path, f"cameras: [{nameless}]\n", "conf.d/a.yaml")
    assert {p.file for p in problems_of(path)} == {str(path), str(drop_in)}


def test_a_drop_in_can_take_a_value_back(tmp_path: Path) -> None:
    assert merged(tmp_path, MINIMAL + "heartbeat_s: 10\n", "heartbeat_s: null\n").heartbeat_s == 30.0


def test_drop_ins_overrule_the_profile(tmp_path: Path) -> None:
    text = MINIMAL + "detector: {threads: 2}\n"
    detector = merged(tmp_path, text, "detector: {budget_ms_per_s: 300}\n").detector
    assert (detector.threads, detector.budget_ms_per_s) == (2, 300.0)


def test_an_error_names_the_file_of_the_value(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL + "outbox: {max_bytes: little}\n")
    text = "heartbeat_s: 0\ncameras:\n  - {id: cam-1, analyse: {fps: 0}}\n"
    drop_in = str(write(tmp_path, text, "conf.d/a.yaml"))
    found = [(problem.file, problem.line, problem.column) for problem in problems_of(path)]
    assert found == [(str(path), 6, 21), (drop_in, 1, 14), (drop_in, 3, 32)]


_TWICE = "[{id: night, severity: info}, {id: night, severity: alarm}]"


@pytest.mark.parametrize(
    ("drop_in", "line", "column", "message"),
    [
        ("cameras: [{id: cam-9}]\n", 1, 11, "has no 'url'"),
        ("cameras: [{id: a, url: /a}, {id: a, url: /b}]\n", 1, 34, "twice"),
        (f"cameras: [{{id: cam-1, rules: {_TWICE}}}]\n", 1, 65, "twice"),
        ("heartbeat_s: [\n", 2, 1, "YAML syntax error"),
    ],
    ids=["half a camera", "a camera twice", "a rule twice", "broken"],
)
def test_a_mistake_in_a_drop_in_is_found_there(
    tmp_path: Path, drop_in: str, line: int, column: int, message: str
) -> None:
    path = write(tmp_path, _SITE.replace("/clip.mp4", "rtsp://h/s"))
    there = write(tmp_path, drop_in, "conf.d/a.yaml")
    (problem,) = problems_of(path)
    assert (problem.file, problem.line, problem.column) == (str(there), line, column)
    assert message in problem.message


def test_what_is_no_drop_in(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL)
    for name in ("a.yaml.bak", ".b.yaml", "README", "c.yml"):
        write(tmp_path, "heartbeat_s: 1\n", f"conf.d/{name}")
    settings = load(path, board=PC)
    assert settings.heartbeat_s == 30.0
    (warning,) = settings.warnings
    assert warning == f"{tmp_path}/conf.d/c.yml:1:1: warning: not read: a drop-in ends in .yaml"


@pytest.mark.parametrize("text", ["", "# all commented out\n", "---\n"])
def test_an_empty_drop_in_changes_nothing(tmp_path: Path, text: str) -> None:
    assert merged(tmp_path, MINIMAL, text).heartbeat_s == 30.0


def test_a_conf_dir_that_is_a_file(tmp_path: Path) -> None:
    path = write(tmp_path, MINIMAL)
    write(tmp_path, "", "conf.d")
    (problem,) = problems_of(path)
    assert "cannot read the drop-ins: not a directory" in problem.message


def test_a_copy_elsewhere_is_checked_with_the_real_drop_ins(tmp_path: Path) -> None:
    """As Ansible's ``validate=`` does: the new file is a temporary one in another folder."""
    secrets = "\n  username: u\n  password_file: /etc/not/here\n"
    text = MINIMAL.replace("}\ncameras", ", spread_s: 0}\ncameras") + "heartbeat_s: 0\n"
    copy = write(tmp_path, text, "tmp/x1")
    write(tmp_path, "heartbeat_s: 15\n", "etc/conf.d/a.yaml")
    write(tmp_path, "mqtt:" + secrets, "etc/conf.d/b.yaml")
    out, err = io.StringIO(), io.StringIO()
    assert run_check(copy, tmp_path / "etc/conf.d", True, out, err) == EX_OK
    assert run_check(copy, tmp_path / "etc/conf.d", False, out, err) == EX_CONFIG
    assert "etc/conf.d/b.yaml:3:18: password_file: cannot read /etc/not/here: no such file" in err.getvalue()


def test_a_conf_dir_that_was_named_must_be_there(tmp_path: Path) -> None:
    out, err = io.StringIO(), io.StringIO()
    assert run_check(write(tmp_path, MINIMAL), tmp_path / "no", False, out, err) == EX_CONFIG
    assert "there is no such directory of drop-ins" in err.getvalue()
