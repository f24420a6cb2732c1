"""Small records on disk: whole after a power cut, and no disk stops the agent."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_agent.commands.handlers import storm
from edge_agent.control.camera_power import CameraOutage, PowerAttempt
from edge_agent.control.certificates import OpenCertificateEvent
from edge_agent.control.recovery_ladder import BrokerOutage
from edge_agent.core import state_file
from edge_agent.core.state_file import read_record, write_record
from edge_agent.events.envelope import UnfinishedEvent
from edge_agent.host.health.camera_identity import CameraSwap
from edge_agent.host.system.root_requests import UpdateProgressRecord, UpdateResultRecord
from edge_agent.model_release.record import RevertedModel

TIME = "2026-11-30T08:00:00.000Z"
CERTIFICATE = {"event_id": "e", "expires_at": TIME, "started_at": TIME, "told_at": TIME}


class Count(msgspec.Struct):
    number: int
    name: str = ""


def test_what_is_written_is_read_again_and_nothing_else_stays_behind(tmp_path: Path) -> None:
    path = tmp_path / "count.json"
    assert read_record(path, Count) is None
    assert write_record(path, Count(1))
    assert write_record(path, Count(2))
    assert read_record(path, Count) == Count(2)
    assert list(tmp_path.iterdir()) == [path]


def test_new_content_is_on_the_disk_before_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a power cut may leave an empty file under the right name."""
    path = tmp_path / "count.json"
    write_record(path, Count(1))
    synced: list[Count | None] = []
    real_fsync = os.fsync

    def fsync(handle: int) -> None:
        synced.append(read_record(path, Count))
        real_fsync(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    write_record(path, Count(2))
    assert synced == [Count(1)], "one fsync, while the old content is still in place"


def test_reading_a_small_file_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "count.json"
    write_record(path, Count(1))
    tracemalloc.start()
    try:
        assert state_file.read_bounded(path) == path.read_bytes()
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("content", [b"", b"{", b'{"number":"x"}', b"\xff\x00", b'{"name":"\xff"}'])
def test_a_damaged_file_is_left_out(content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "count.json"
    path.write_bytes(content)
    assert read_record(path, Count) is None
    assert f"{path} cannot be read" in caplog.text


KEPT_TIMES = [
    (storm._Storm, {"command": "c", "cameras": [], "every_s": 1, "until": TIME, "left_s": 1}, "until"),
    (PowerAttempt, {"at": TIME, "boot_id": "b", "mono": 1, "after_s": 1, "outcome": "done"}, "at"),
    (CameraOutage, {"since": TIME}, "since"),
    (BrokerOutage, {"since": TIME}, "since"),
    (CameraSwap, {"at": TIME, "what": "mac", "before": "a", "after": "b"}, "at"),
    (RevertedModel, {"sha256": "0", "name": "n", "at": TIME, "why": "w"}, "at"),
    (UpdateProgressRecord, {"id": "", "version": "1", "phase": "trial", "until": TIME}, "until"),
    (
        UpdateResultRecord,
        {"id": "", "version": "1", "outcome": "reverted", "text": "", "time": TIME},
        "time",
    ),
    (UnfinishedEvent, {"data": {}, "seen_at": TIME}, "seen_at"),
    *((OpenCertificateEvent, CERTIFICATE, name) for name in ("expires_at", "started_at", "told_at")),
]


@pytest.mark.parametrize(("kind", "content", "name"), KEPT_TIMES)
def test_a_file_with_a_damaged_time_is_left_out(
    kind: type[msgspec.Struct], content: dict[str, Any], name: str, tmp_path: Path
) -> None:
    path = tmp_path / "record.json"
    path.write_text(json.dumps(content))
    assert read_record(path, kind) is not None
    path.write_text(json.dumps(content | {name: TIME.replace("T", "\0")}))
    assert read_record(path, kind) is None, "whoever reads the time would raise ValueError at every start"


def link(path: Path) -> None:
    path.with_name("elsewhere").write_bytes(b'{"number": 1}')
    path.symlink_to("elsewhere")


def endless(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(state_file.MAX_BYTES + 1)


@pytest.mark.parametrize("trick", [os.mkfifo, link, Path.mkdir, endless])
def test_what_another_user_left_in_its_place_is_not_read(
    trick: Callable[[Path], None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Root reads these files too; opening a pipe would block root for ever."""
    path, found = tmp_path / "count.json", list[Count | None]()
    trick(path)
    reading = threading.Thread(target=lambda: found.append(read_record(path, Count)), daemon=True)
    reading.start()
    reading.join(10)
    assert found == [None]
    assert f"{path} cannot be read" in caplog.text


def test_a_disk_that_fails_for_long_does_not_fill_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "folder" / "count.json"
    lost = f"{path} cannot be written (%s), it will be forgotten at the next start"

    def lines(times: int = 3) -> list[str]:
        caplog.clear()
        for _ in range(times):
            write_record(path, Count(1))
        return caplog.messages

    assert lines() == [lost % "No such file or directory"]
    path.parent.write_text("in the way")
    assert lines() == [lost % "Not a directory"], "another failure is new"
    assert lines() == []
    monkeypatch.setattr(state_file, "REPEAT_S", 0.0)
    assert lines(1) == [lost % "Not a directory"]
    path.parent.unlink()
    path.parent.mkdir()
    assert lines() == [f"{path} is written again"]


def test_a_disk_that_refuses_is_said_and_not_raised(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "gone" / "count.json"
    with caplog.at_level(logging.WARNING):
        assert not write_record(path, Count(1))
    assert f"{path} cannot be written" in caplog.text


def test_a_link_in_the_way_of_the_new_content_is_not_followed(tmp_path: Path) -> None:
    other, path = tmp_path / "other", tmp_path / "count.json"
    other.write_text("of somebody else")
    (tmp_path / "count.json.new").symlink_to(other)
    assert write_record(path, Count(1))
    assert other.read_text() == "of somebody else"
    assert not path.is_symlink()
    assert read_record(path, Count) == Count(1)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write for another user")
def test_what_root_writes_belongs_to_the_folders_owner(tmp_path: Path) -> None:
    os.chown(tmp_path, 4711, 4712)
    path = tmp_path / "count.json"
    assert write_record(path, Count(1))
    assert (path.stat().st_uid, path.stat().st_gid) == (4711, 4712)


def test_a_disk_that_hangs_is_left_after_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_file, "MAIN_DISK_TIMEOUT_S", 0.1)
    path, answers = tmp_path / "count.json", threading.Event()
    real_fsync = os.fsync

    def fsync(handle: int) -> None:
        assert answers.wait(30)
        real_fsync(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    began = time.monotonic()
    assert not any(write_record(path, Count(number)) for number in range(20))
    assert time.monotonic() - began < 1.0
    answers.set()
    for thread in threading.enumerate():
        if thread.name == "state-file":
            thread.join(10)
    assert not path.exists(), "write_record has returned False"
    while not write_record(path, Count(20)):
        assert time.monotonic() - began < 10.0
    assert read_record(path, Count) == Count(20)
