"""Full, read-only and damaged disks: the outbox goes on and reports them."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from edge_agent.outbox import EventOutbox
from edge_agent.outbox.failover import MAX_QUARANTINED, RETRY_DISK_S
from tests.outbox.parts import HandClock, append, deliver_all, draft, outbox_in, picture


def fill(folder: Path) -> Path:
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    return ballast


def append_until_memory_is_used(outbox: EventOutbox, most: int = 500) -> None:
    for _ in range(most):
        outbox.append(draft(size=2000))
        if outbox.stats().degraded:
            return
    pytest.fail("the full disk took everything")


def test_on_a_full_disk_events_go_on_from_memory_and_return_to_disk(small_disk: Path) -> None:
    clock = HandClock()
    with outbox_in(small_disk, clock) as outbox:
        before = outbox.append(draft("before"))
        ballast = fill(small_disk)
        append_until_memory_is_used(outbox)
        during = outbox.append(draft("during", media=picture("p1", 9000)))
        assert "full" in (outbox.stats().degraded or "")
        assert during.epoch not in ("", before.epoch)
        everything = outbox.pending(1000)
        assert json.loads(everything[0].payload)["text"] == "before"
        assert everything[-1].key == (during.sequence, during.epoch)

        ballast.unlink()
        clock.advance(RETRY_DISK_S)
        after = outbox.append(draft("after"))
        assert outbox.stats().degraded is None
        assert (after.sequence, after.epoch not in (before.epoch, during.epoch)) == (1, True)
        assert [event.key for event in outbox.pending(1000)[:-1]] == [event.key for event in everything]
        outbox.delivered(during.sequence, during.epoch)
        media = outbox.pending_media()
        assert media is not None
        assert media.payload == picture("p1", 9000).payload
    with outbox_in(small_disk, clock) as outbox:
        kept = [event.key for event in everything[:-1]]
        assert [event.key for event in outbox.pending(1000)] == [*kept, (after.sequence, after.epoch)]


def test_what_was_delivered_on_a_full_disk_is_not_sent_again(small_disk: Path) -> None:
    clock = HandClock()
    with outbox_in(small_disk, clock) as outbox:
        outbox.append(draft())
        ballast = fill(small_disk)
        append_until_memory_is_used(outbox)
        deliver_all(outbox)
        assert outbox.pending(10) == []
        ballast.unlink()
        clock.advance(RETRY_DISK_S)
        outbox.maintain()
        assert (outbox.pending(10), outbox.stats().depth, outbox.stats().degraded) == ([], 0, None)


def test_memory_sheds_and_announces_when_it_is_full_too(small_disk: Path) -> None:
    with outbox_in(small_disk, HandClock()) as outbox:
        fill(small_disk)
        append_until_memory_is_used(outbox)
        append(outbox, 5, size=1_000_000)
        stats, events = outbox.stats(), outbox.pending(1000)
    losses = [json.loads(event.payload)["loss"] for event in events if event.kind == "loss"]
    assert stats.shed > 0
    assert {loss["reason"] for loss in losses} == {"memory-full"}
    assert losses[0]["epoch"] == stats.epoch


def test_a_read_only_disk_does_not_stop_the_agent(small_disk: Path) -> None:
    with outbox_in(small_disk) as outbox:
        outbox.append(draft("old"))
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    clock = HandClock()
    with outbox_in(small_disk, clock) as outbox:
        stamp = outbox.append(draft("new"))
        assert outbox.stats().degraded
        assert (stamp.sequence, outbox.pending(10)[-1].key) == (1, (1, stamp.epoch))
        subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
        clock.advance(RETRY_DISK_S)
        outbox.append(draft("newer"))
        texts = [json.loads(event.payload)["text"] for event in outbox.pending(10)]
    assert texts == ["old", "new", "newer"]


def garbage(path: Path) -> None:
    path.write_bytes(b"no database at all" * 1000)


def table_missing(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TABLE event")


def of_a_newer_agent(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version=99")


@pytest.mark.parametrize("spoil", [garbage, table_missing, of_a_newer_agent])
def test_a_useless_file_is_set_aside_under_a_new_epoch(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    with outbox_in(tmp_path) as outbox:
        old = outbox.append(draft())
    spoil(tmp_path / "outbox.db")
    with outbox_in(tmp_path) as outbox:
        new = outbox.append(draft())
        degraded = outbox.stats().degraded or ""
    assert (new.sequence, new.epoch != old.epoch) == (1, True)
    (aside,) = tmp_path.glob("outbox.db.corrupt-*")
    assert aside.name in degraded


def test_only_the_newest_files_set_aside_are_kept(tmp_path: Path) -> None:
    for _ in range(MAX_QUARANTINED + 3):
        (tmp_path / "outbox.db").write_bytes(b"garbage" * 1000)
        with outbox_in(tmp_path) as outbox:
            outbox.append(draft())
    assert len(list(tmp_path.glob("outbox.db.corrupt-*"))) == MAX_QUARANTINED


def test_a_path_that_is_no_folder_leaves_the_agent_working_from_memory(tmp_path: Path) -> None:
    (tmp_path / "outbox.db").mkdir()
    (tmp_path / "outbox.db" / "something").touch()
    with outbox_in(tmp_path) as outbox:
        outbox.append(draft())
        assert len(deliver_all(outbox)) == 1
