"""The media store: complete files, limits, holds, and failing disks."""

from __future__ import annotations

import errno
import logging
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.config.model.settings import Storage
from edge_agent.core.errors import StorageError
from edge_agent.core.model import Severity
from edge_agent.evidence.media_index import BLOCK_BYTES, MediaIndex, MediaName, media_entry
from edge_agent.evidence.store import PROBE_S, RESCAN_S, MediaStore
from tests.outbox.parts import HandClock
from tests.outbox.test_failing_disk import fill

INFO, WARNING, ALARM = Severity.INFO, Severity.WARNING, Severity.ALARM
BLOCKS = 4 * BLOCK_BYTES
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def storage(max_bytes: int = 10**9, days: float = 30.0, keep_free: int = 0) -> Storage:
    return Storage(max_bytes, days, keep_free)


class Rig:
    """A store in which the test sets the age of the files."""

    def __init__(self, folder: Path, limits: Storage | None = None, *, synced: bool = True) -> None:
        self.clock = HandClock(wall=NOW)
        self.synced = synced
        self.folder = folder / "evidence"
        self.store = MediaStore(self.folder, limits or storage(), self.clock, lambda: self.synced)
        self.store.open()

    def save(self, event_id: str, severity: Severity = WARNING, size: int = BLOCKS) -> Path:
        of: dict[str, Any] = {"event_id": event_id, "camera": "gate-1", "media_id": f"m-{event_id}"}
        path = self.store.save((bytes(size),), "mp4", severity=severity, at=self.clock.now(), **of)
        self.clock.advance(60)
        return path

    def aged(self, event_id: str, written: datetime, severity: Severity = WARNING) -> Path:
        path = self.save(event_id, severity)
        os.utime(path, (written.timestamp(), written.timestamp()))
        return path

    def restart(self) -> None:
        self.store = MediaStore(self.folder, self.store._storage, self.clock, lambda: self.synced)
        self.store.open()

    def look(self) -> None:
        self.clock.advance(RESCAN_S + 1)
        self.store.maintain()

    def events(self) -> list[str]:
        names = (MediaName.parsed(path) for path in (self.folder / "media").glob("*/*"))
        return sorted(name.event_id for name in names if name)


def test_a_discarded_file_is_gone_and_its_space_is_free(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    path, other = rig.save("zone-1"), rig.save("zone-2")
    for _ in range(2):
        rig.store.discard(path)
        assert (rig.events(), rig.store.health().bytes) == (["zone-2"], other.stat().st_size)


def test_a_folder_that_cannot_be_read_is_a_storage_error(tmp_path: Path) -> None:
    store = MediaStore(tmp_path / ("x" * 300), storage(), HandClock())  # as on a failing card
    for read in (store.files, lambda: store.files_of("zone-1")):
        with pytest.raises(StorageError, match="the disk failed"):
            read()


def test_a_file_is_found_by_its_event_and_its_name_says_the_rest(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    path = rig.save("zone-1", ALARM)
    assert path == tmp_path / "evidence/media/2026-11-24/120000_17_gate-1_zone-1_m-zone-1.mp4"
    rig.save("zone-11")
    assert rig.store.files_of("zone-1") == (path,)
    assert rig.store.health().bytes == 2 * BLOCKS


def test_what_was_half_written_is_removed_at_the_start(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    path = rig.save("zone-1")
    part = path.with_name(path.name.replace("zone-1", "zone-2") + ".part")
    part.write_bytes(b"half")
    rig.restart()
    assert not part.exists()
    assert path.exists()


def test_the_lowest_severity_goes_first_and_of_one_severity_the_oldest(tmp_path: Path) -> None:
    rig = Rig(tmp_path, storage(max_bytes=4 * BLOCKS))
    for event_id, severity in (("a", ALARM), ("b", WARNING), ("c", ALARM), ("d", WARNING)):
        rig.save(event_id, severity)
    rig.save("e", ALARM)
    assert rig.events() == ["a", "c", "d", "e"]
    rig.save("f", WARNING)
    assert rig.events() == ["a", "c", "e", "f"]
    rig.save("g", ALARM)
    rig.save("h", ALARM)
    assert rig.events() == ["c", "e", "g", "h"]


def test_a_file_displaces_nothing_graver_than_itself(tmp_path: Path) -> None:
    rig = Rig(tmp_path, storage(max_bytes=2 * BLOCKS))
    rig.save("a", ALARM)
    rig.save("b", ALARM)
    with pytest.raises(StorageError, match=r"storage\.max_bytes"):
        rig.save("c", WARNING)
    assert rig.events() == ["a", "b"]


def test_held_media_stay_and_if_only_they_are_left_new_ones_are_refused(tmp_path: Path) -> None:
    rig = Rig(tmp_path, storage(max_bytes=2 * BLOCKS))
    rig.save("a")
    rig.save("b")
    other_process = MediaStore(rig.folder, storage(), rig.clock)
    other_process.holds.add("a", "Nguyen Van A", "court file 12")
    rig.save("c")
    assert rig.events() == ["a", "c"]
    other_process.holds.add("c", "Nguyen Van A", "court file 12")
    with pytest.raises(StorageError, match="more severe events or are held"):
        rig.save("d")
    assert rig.store.health().held == 2
    assert "max_bytes" in (rig.store.health().degraded or "")
    assert other_process.holds.remove("c")
    assert not other_process.holds.remove("c")
    rig.save("e")
    assert rig.events() == ["a", "e"]
    assert rig.store.health().degraded is None


def test_a_store_full_of_what_is_graver_stays_degraded_until_there_is_room(tmp_path: Path) -> None:
    """A successful write, or a stored alarm, does not mean that there is space for the refused warnings."""
    rig = Rig(tmp_path, storage(max_bytes=2 * BLOCKS))
    rig.save("a", ALARM)
    rig.save("b", ALARM)
    with pytest.raises(StorageError):
        rig.save("c", WARNING)
    rig.clock.advance(PROBE_S + 1)
    rig.store.maintain()
    assert "more severe events or are held" in (rig.store.health().degraded or "")
    rig.save("d", ALARM)
    assert "more severe events or are held" in (rig.store.health().degraded or "")
    for path in rig.store.files_of("d"):
        path.unlink()
    rig.look()
    assert rig.store.health().degraded is None
    rig.save("e", WARNING)


def test_an_id_from_the_command_line_leads_nowhere_else(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    for event_id in ("../../etc/passwd", "", "*", "a b"):
        with pytest.raises(StorageError, match="is not an id"):
            rig.store.holds.add(event_id, "who", "why")
        with pytest.raises(StorageError, match="is not an id"):
            rig.store.files_of(event_id)


def test_old_media_go_and_held_ones_stay(tmp_path: Path) -> None:
    rig = Rig(tmp_path, storage(days=30))
    for event_id, days in (("old", 31), ("held", 31), ("young", 29)):
        rig.aged(event_id, NOW - timedelta(days=days), ALARM)
    rig.store.holds.add("held", "who", "why")
    rig.look()
    assert rig.events() == ["held", "young"]


def test_an_old_file_of_another_user_keeps_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a restore by root: its folder belongs to root."""
    rig = Rig(tmp_path, storage(days=30))
    foreign = rig.aged("a", NOW - timedelta(days=32))
    rig.aged("b", NOW - timedelta(days=31))
    real_unlink = Path.unlink

    def unlink(path: Path, *, missing_ok: bool = False) -> None:
        if path == foreign:
            raise PermissionError(errno.EACCES, "Permission denied")
        real_unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    rig.look()
    assert rig.events() == ["a"]
    assert rig.store.health().degraded is None


def test_a_clock_of_1970_that_jumps_makes_nothing_too_old(tmp_path: Path) -> None:
    rig = Rig(tmp_path, storage(days=30, max_bytes=3 * BLOCKS), synced=False)
    rig.aged("before", NOW - timedelta(days=1))
    rig.clock.wall = datetime(1970, 1, 1, 0, 2, tzinfo=UTC)
    rig.restart()
    assert rig.aged("unsynced", rig.clock.now()).parent.name == "1970-01-01"
    rig.look()
    assert rig.events() == ["before", "unsynced"]
    rig.clock.wall, rig.synced = NOW, True
    rig.look()
    assert rig.events() == ["before", "unsynced"]
    rig.save("c")
    rig.save("d")  # the oldest is removed; a file dated 1970 counts as new
    assert rig.events() == ["c", "d", "unsynced"]
    rig.clock.wall += timedelta(days=29, hours=1)
    rig.look()
    assert "unsynced" in rig.events()
    rig.clock.wall += timedelta(days=2)
    rig.look()
    assert "unsynced" not in rig.events()


def test_a_clock_that_was_months_behind_makes_nothing_too_old(tmp_path: Path) -> None:
    """A box that was in store boots with the time of its last shutdown."""
    rig = Rig(tmp_path, storage(days=30, max_bytes=3 * BLOCKS))
    rig.save("before")
    rig.synced = False
    rig.save("first")
    rig.save("second")
    rig.restart()
    rig.save("third")
    assert rig.events() == ["first", "second", "third"], "the oldest goes first"
    rig.save("fourth")
    assert rig.events() == ["fourth", "second", "third"]
    rig.clock.wall, rig.synced = datetime.now(UTC) + timedelta(days=70), True
    rig.look()
    rig.clock.wall += timedelta(days=29)
    rig.look()
    assert rig.events() == ["fourth", "second", "third"]
    rig.clock.wall += timedelta(days=2)
    rig.look()
    assert rig.events() == []


def test_a_time_server_that_is_wrong_for_a_while_costs_no_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Also not the newest ones, which were written with the wrong time."""
    rig = Rig(tmp_path, storage(days=30))
    rig.aged("before", NOW - timedelta(days=20))
    for name, years in (("ahead", 5), ("behind", -2)):
        rig.clock.wall, rig.synced = NOW + timedelta(days=365 * years), False
        rig.save(name)
        rig.look()
    rig.clock.wall, rig.synced = NOW, True
    rig.look()
    rig.look()
    assert rig.events() == ["ahead", "before", "behind"]
    rig.clock.wall += timedelta(days=11)
    with caplog.at_level(logging.INFO):
        rig.look()
    assert rig.events() == ["ahead", "behind"]
    assert caplog.messages == ["evidence: files older than 30 days deleted: 1"]
    rig.clock.wall += timedelta(days=20)
    rig.look()
    assert rig.events() == []


def test_without_a_clock_nothing_grows_old_but_the_bytes_are_bounded(tmp_path: Path) -> None:
    rig = Rig(tmp_path, storage(max_bytes=2 * BLOCKS), synced=False)
    rig.aged("a", NOW - timedelta(days=400))
    rig.look()
    assert rig.events() == ["a"]
    rig.save("b")
    rig.save("c")
    assert rig.events() == ["b", "c"]


def test_a_full_disk_refuses_and_recovers_by_itself(small_disk: Path) -> None:
    rig = Rig(small_disk, storage(keep_free=100_000))
    rig.save("a", ALARM)
    rig.store.holds.add("a", "who", "why")
    ballast = fill(small_disk)
    with pytest.raises(StorageError, match=r"\d MB free, and 0 MB must stay free .*held files are not"):
        rig.save("b", ALARM)
    assert "short of space" in (rig.store.health().degraded or "")
    assert rig.events() == ["a"]
    assert not list(small_disk.rglob("*.part"))
    ballast.unlink()
    rig.clock.advance(PROBE_S + 1)
    rig.store.maintain()
    assert rig.store.health().degraded is None
    rig.save("c", ALARM)
    assert rig.events() == ["a", "c"]


def test_a_disk_that_others_have_filled_is_said_so(tmp_path: Path) -> None:
    rig = Rig(tmp_path, storage(keep_free=10**18))
    with pytest.raises(StorageError) as refused:
        rig.save("a")
    assert "1000000000000 MB must stay free (storage.keep_free)" in str(refused.value)
    assert "held" not in str(refused.value), "nothing is stored"


def test_so_much_of_the_disk_is_left_to_others(small_disk: Path) -> None:
    rig = Rig(small_disk, storage(keep_free=3_000_000))
    for n in range(40):
        rig.save(f"e{n}", size=100_000)
    disk = os.statvfs(small_disk)
    assert disk.f_bavail * disk.f_frsize >= 3_000_000
    assert "e39" in rig.events()
    assert len(rig.events()) < 12


def test_a_disk_that_is_full_before_the_limits_say_so_leaves_no_half_file(small_disk: Path) -> None:
    rig = Rig(small_disk, storage())
    fill(small_disk)
    with pytest.raises(StorageError, match="short of space"):
        rig.save("a", size=1_000_000)
    assert not list(small_disk.rglob("*.part"))
    assert rig.events() == []


@pytest.fixture
def lockable(small_disk: Path) -> Iterator[Path]:
    yield small_disk
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)


def test_a_read_only_disk_is_told_and_media_come_back_with_it(lockable: Path) -> None:
    rig = Rig(lockable)
    rig.save("a")
    subprocess.run(["mount", "-o", "remount,ro", str(lockable)], check=True)
    with pytest.raises(StorageError, match="read-only"):
        rig.save("b")
    rig.clock.advance(PROBE_S + 1)
    rig.store.maintain()
    assert rig.store.health().degraded == "the disk is read-only"
    subprocess.run(["mount", "-o", "remount,rw", str(lockable)], check=True)
    rig.clock.advance(PROBE_S + 1)
    rig.store.maintain()
    assert rig.store.health().degraded is None
    rig.save("c")
    assert rig.events() == ["a", "c"]


def test_a_folder_that_is_removed_while_it_runs_is_made_again(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.save("a")
    subprocess.run(["rm", "-r", str(rig.folder)], check=True)
    rig.save("b")
    assert rig.events() == ["b"]
    assert rig.store.health().bytes == BLOCKS


def test_a_disk_that_fails_leaves_nothing_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    rig = Rig(tmp_path)
    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(StorageError, match="Input/output error"):
        rig.save("a")
    assert not [path for path in rig.folder.rglob("*") if path.is_file()]


words = st.from_regex(r"[a-z0-9-]{1,20}", fullmatch=True)


parts = {"camera": words, "event_id": words, "media_id": words, "severity": st.sampled_from([9, 13, 17])}
parts |= {"suffix": st.sampled_from(["mp4", "jpg"]), "sealed": st.booleans()}


@given(st.fixed_dictionaries(parts))
def test_names_say_what_they_were_made_of(made_of: dict[str, Any]) -> None:
    name = MediaName.at(NOW, **made_of)
    assert MediaName.parsed(Path("/anywhere") / name.path) == name
    assert MediaName.parsed(Path(f"{name.path}.part")) is None


items = st.lists(st.tuples(st.sampled_from([9, 13, 17]), st.integers(1, 9), st.integers(0, 50)), max_size=30)


@given(items, st.integers(0, 200_000), st.sampled_from([9, 13, 17]))
@settings(max_examples=200)
def test_no_more_goes_than_has_to_and_nothing_graver(
    files: list[tuple[int, int, int]], size: int, severity: int
) -> None:
    shelf = MediaIndex()
    for n, (of, blocks, age) in enumerate(files):
        name = MediaName("2026-11-24", "120000", of, "cam", f"e{n}", f"m{n}", "mp4", False)
        shelf.add(media_entry(name, blocks * BLOCK_BYTES, 2e9 - age))
    going = shelf.to_free(size, severity, lambda item: item.name.event_id == "e0")
    allowed = [item for item in shelf if item.name.severity <= severity and item.name.event_id != "e0"]
    if going is None:
        assert sum(item.size for item in allowed) < size
        return
    assert going == allowed[: len(going)]
    assert sum(item.size for item in going) >= size
    assert not going or sum(item.size for item in going[:-1]) < size
    before = shelf.bytes
    for item in going:
        shelf.remove(item)
    assert shelf.bytes == before - sum(item.size for item in going)
