"""The consequences of a changed file for a running agent."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.config.changes import ConfigChanges, compare
from tests.config.places import MINIMAL, settings_of, with_camera, write

_LOGIN = with_camera("url: rtsp://h/s\nusername: u\npassword_file: cam.pass")


def _changes(directory: Path, old: str, new: str) -> ConfigChanges:
    return compare(settings_of(directory, old), settings_of(directory, new))


def test_what_is_only_written_differently_is_no_change(tmp_path: Path) -> None:
    new = "heartbeat_s: 30.0  # as before\n" + MINIMAL + "    analyse: {fps: 5}\n    rules: []\n"
    assert not _changes(tmp_path, MINIMAL, new)


@pytest.mark.parametrize(
    "line",
    [
        "analyse: {fps: 2}",
        "ring: {seconds: 5}",
        "report: {clips: none}",
        "masks: [[[0, 0], [1, 0], [1, 0.1]]]",
        "privacy_masks: [[[0, 0], [1, 0], [1, 0.1]]]",
        "clip: {pre_s: 3}",
        "watch_view: false",
        "zones: {z: {polygon: [[0, 0], [1, 0], [1, 1]]}}\nrules: [{id: r, kind: loitering, zone: z}]",
        "lines: {l: {from: [0, 0.5], to: [1, 0.5]}}\nrules: [{id: r, kind: line-crossing, line: l}]",
    ],
)
def test_a_key_of_a_camera_concerns_that_camera_only(tmp_path: Path, line: str) -> None:
    second = "  - {id: cam-2, url: rtsp://h/2}\n"
    plain = with_camera("url: rtsp://h/s") + second
    changed = with_camera(f"url: rtsp://h/s\n{line}") + second
    assert _changes(tmp_path, plain, changed) == ConfigChanges(changed=("cam-1",))


def test_another_password_behind_the_same_file_name_is_a_change(tmp_path: Path) -> None:
    write(tmp_path, "one\n", "cam.pass")
    old = settings_of(tmp_path, _LOGIN)
    write(tmp_path, "two\n", "cam.pass")
    assert compare(old, settings_of(tmp_path, _LOGIN)) == ConfigChanges(changed=("cam-1",))


def test_cameras_come_and_go_by_their_ids(tmp_path: Path) -> None:
    new = MINIMAL.replace("cam-1", "cam-0") + "  - {id: cam-9, url: rtsp://h/9}\n"
    assert _changes(tmp_path, MINIMAL, new) == ConfigChanges(added=("cam-0", "cam-9"), removed=("cam-1",))


def test_another_order_of_the_same_cameras_is_no_change(tmp_path: Path) -> None:
    one, two = "  - {id: a, url: rtsp://h/1}\n", "  - {id: b, url: rtsp://h/2}\n"
    assert not _changes(tmp_path, MINIMAL + one + two, MINIMAL + two + one)


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("gateway: {id: dt-001, ward: de-tham, timezone: Asia/Bangkok}", "gateway.timezone"),
        ('gateway: {id: dt-001, ward: de-tham, holidays: ["2027-01-01"]}', "gateway.holidays"),
        ("mqtt: {brokers: [mqtts://broker.example], spread_s: 0}", "mqtt.spread_s"),
        ("outbox: {max_bytes: 1GB}", "outbox.max_bytes"),
        ("storage: {max_age_days: 7}", "storage.max_age_days"),
        ("detector: {min_score: 0.6}", "detector.min_score"),
        ("state_dir: /srv/agent", "state_dir"),
        ("profile: raspberry-pi-4", "profile.name"),
    ],
)
def test_other_keys_need_a_restart_and_are_named(tmp_path: Path, line: str, key: str) -> None:
    section = line.partition(":")[0]
    kept = "".join(f"{each}\n" for each in MINIMAL.splitlines() if not each.startswith(section))
    changes = _changes(tmp_path, MINIMAL, f"{line}\n{kept}")
    assert key in changes.restart
    assert all(each.startswith((section, "detector")) for each in changes.restart)
    assert changes.at_once == changes.changed == ()


def test_the_heartbeat_is_taken_over_at_once(tmp_path: Path) -> None:
    changes = _changes(tmp_path, MINIMAL, MINIMAL + "heartbeat_s: 10\n")
    assert changes == ConfigChanges(at_once=("heartbeat_s",))
