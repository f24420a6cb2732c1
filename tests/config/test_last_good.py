"""The copy of the last valid configuration: its content, and when it is used."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import yaml
from hypothesis import given

from edge_agent import config
from edge_agent.config import last_good
from edge_agent.config.fields import tree
from edge_agent.config.model.settings import Settings
from edge_agent.core.errors import ConfigError
from tests.config.test_yaml import VALUES

GOOD = """\
gateway: {id: dt-001, ward: de-tham, name: "Trường số 1: cổng 'chính'"}
state_dir: state  # relative to this file
mqtt: {brokers: ["mqtt://127.0.0.1:1883"], spread_s: 0}
cameras:
  - &gate
    id: gate-1
    url: rtsp://viewer:p%40ss@10.0.0.1/1
    zones: {yard: {polygon: [[0, 0], [1, 0], [1.0, 1], [0, 1]]}}
    rules:
      - {id: night, kind: zone-intrusion, zone: yard, labels: [person],
         schedule: {days: [mon-sun], from: "22:00", to: "05:00"}}
  - {<<: *gate, id: gate-2, url: rtsp://10.0.0.2/1, username: viewer, password_file: gate-2.pass}
heartbeat_s: null
"""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    etc = tmp_path / "etc"
    (etc / "conf.d").mkdir(parents=True)
    (etc / "gate-2.pass").write_text("se cret")
    (etc / "gate-2.pass").chmod(0o600)
    site = "heartbeat_s: 12\ncameras: [{id: gate-1, analyse: {fps: 3}}]\n"
    (etc / "conf.d" / "10-site.yaml").write_text(site)
    (etc / "edge-agent.yaml").write_text(GOOD, encoding="utf-8")
    return etc / "edge-agent.yaml"


def kept(path: Path) -> Settings:
    settings = config.load(path)
    last_good.save(path, settings)
    return settings


def found(path: Path) -> Settings:
    copy = last_good.find(path)
    assert copy is not None
    return copy.settings


def test_the_copy_reads_as_the_file_and_its_drop_ins_did(path: Path) -> None:
    settings = kept(path)
    path.write_text(GOOD.replace("heartbeat_s", "hearbeat_s"), encoding="utf-8")
    (path.parent / "conf.d" / "10-site.yaml").unlink()
    assert found(path) == dataclasses.replace(settings, warnings=found(path).warnings)
    assert settings.heartbeat_s == 12
    logins = [camera.credentials for camera in found(path).cameras]
    assert [login and login.password.reveal() for login in logins] == ["p@ss", "se cret"]


def placeless(node: tree.Node | None) -> object:
    match node:
        case tree.Scalar(_, text, plain):
            return text, plain
        case tree.Sequence(_, items):
            return [placeless(item) for item in items]
        case tree.Mapping(_, entries):
            return {key: placeless(entry.value) for key, entry in entries.items()}
    return None


@given(VALUES)
def test_what_is_written_is_read_as_it_was(value: object) -> None:
    node, _ = tree.parse(yaml.safe_dump(value).encode(), "file")
    assert node is not None
    read, problems = tree.parse(last_good.as_yaml(node).encode(), "copy")
    assert problems == []
    assert placeless(read) == placeless(node)


def test_passwords_of_files_are_not_in_it_and_nobody_else_may_read_it(path: Path) -> None:
    kept(path)
    copy = path.parent / "state" / last_good.NAME
    assert "se cret" not in copy.read_text()
    assert copy.stat().st_mode & 0o777 == 0o600
    assert list(copy.parent.glob("*.new")) == []


@pytest.mark.parametrize(
    "broken",
    [
        "",  # a file that was not synced, after a power cut
        GOOD + "]",  # not YAML
        GOOD.replace("gate-1", "gate 1"),
        "\0" * 4096,
    ],
)
def test_it_is_found_whatever_the_file_is(path: Path, broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = kept(path)
    monkeypatch.setenv("STATE_DIRECTORY", str(settings.state_dir))  # for configurations without state_dir
    path.write_text(broken)
    with pytest.raises(ConfigError):
        config.load(path)
    assert found(path).cameras == settings.cameras
    assert last_good.read_or_find(path).gateway == settings.gateway


def test_a_line_that_names_the_state_directory_is_enough(path: Path) -> None:
    settings = kept(path)
    path.write_text("gateway: {id: [\nstate_dir: 'state'\n")
    assert found(path).cameras == settings.cameras


def test_nobody_starts_with_the_copy_of_another_file_or_of_one_that_is_gone(path: Path) -> None:
    kept(path)
    other = path.with_name("other.yaml")
    other.write_text("state_dir: state\n")
    assert last_good.find(other) is None
    path.unlink()
    assert last_good.find(path) is None


def test_a_copy_that_cannot_be_used_either_is_none(path: Path) -> None:
    kept(path)
    (path.parent / "gate-2.pass").unlink()
    assert last_good.find(path) is None
    with pytest.raises(ConfigError, match=r"gate-2\.pass"):
        config.load(path)


def test_the_same_configuration_is_not_written_again(path: Path) -> None:
    kept(path)
    copy = path.parent / "state" / last_good.NAME
    before = copy.stat()
    kept(path)
    assert copy.stat().st_ino == before.st_ino
    path.write_text(GOOD.replace("gate-2,", "gate-3,"), encoding="utf-8")
    kept(path)
    assert "gate-3" in copy.read_text()


def test_a_file_that_changed_in_between_is_not_kept(path: Path) -> None:
    settings = config.load(path)
    path.write_text(GOOD.replace("gate-2,", "gate-3,"), encoding="utf-8")
    last_good.save(path, settings)
    assert list((path.parent / "state").iterdir()) == []


def test_a_disk_that_takes_no_copy_is_told_and_no_more(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (path.parent / "state").write_text("in the way")
    kept(path)
    assert "no copy of it can be kept" in caplog.text
