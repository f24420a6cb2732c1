"""Races of appends, disk failures and stops: no event whose append has returned is lost."""

from __future__ import annotations

import resource
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from edge_agent.core.delivery import Draft, OpenEvent, Stamp
from edge_agent.core.errors import OutboxError
from edge_agent.core.model import Severity
from edge_agent.outbox import EventOutbox
from edge_agent.outbox.failover import RETRY_DISK_S
from edge_agent.outbox.sqlite.database import OutboxDamaged
from edge_agent.outbox.sqlite.disk import DiskStore
from tests.outbox.parts import HandClock, append, draft, outbox_in


@contextmanager
def nothing_can_be_written() -> Iterator[None]:
    """Let every write of this process fail and every read work, as on a read-only card."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def damage(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "outbox.db")) as db:
        db.execute("DROP TABLE event")


class SlowCommit:
    """A thread that appends an event whose commit goes on until ``end()``."""

    def __init__(self, outbox: EventOutbox) -> None:
        self._outbox = outbox
        self._inside, self._go_on = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._append)
        self._thread.start()
        assert self._inside.wait(10)

    def _append(self) -> None:
        self._outbox.append(Draft("cam-1", "object", Severity.INFO, self._encode))

    def _encode(self, stamp: Stamp) -> bytes:
        self._inside.set()
        assert self._go_on.wait(10)
        return b"{}"

    def end(self) -> None:
        self._go_on.set()
        self._thread.join(10)


def test_two_threads_that_meet_a_damaged_file_set_it_aside_once(tmp_path: Path) -> None:
    outbox = outbox_in(tmp_path)
    reader = threading.Thread(target=lambda: outbox.pending(5))

    def encode(stamp: Stamp) -> bytes:
        if reader.ident is None:
            reader.start()
            reader.join(0.3)  # it has found the damage, and waits for the end of this transaction
        return b"{}"

    with outbox:
        outbox.append(draft())
        damage(tmp_path)
        stamp = outbox.append(Draft("cam-1", "object", Severity.ALARM, encode))
        reader.join(10)
        assert [event.key for event in outbox.pending(5)] == [(stamp.sequence, stamp.epoch)]
    assert len(list(tmp_path.glob("outbox.db.corrupt-*"))) == 1


def test_what_two_databases_refuse_is_in_memory(monkeypatch: pytest.MonkeyPatch, outbox: EventOutbox) -> None:
    def write(*arguments: object) -> None:
        raise OutboxDamaged("outbox.db: malformed")

    monkeypatch.setattr(DiskStore, "write", write)
    stamp = outbox.append(draft())
    assert [event.key for event in outbox.pending(5)] == [(stamp.sequence, stamp.epoch)]
    assert "memory" in (outbox.stats().degraded or "")
    monkeypatch.undo()


def test_what_is_stored_is_sent_while_the_disk_is_unwritable(outbox: EventOutbox, clock: HandClock) -> None:
    append(outbox, 3)
    with nothing_can_be_written():
        outbox.append(draft())
        assert len(outbox.pending(9)) == 4
        for _ in range(3):
            clock.advance(RETRY_DISK_S)
            assert (len(outbox.pending(9)), outbox.stats().depth) == (4, 4)
    clock.advance(RETRY_DISK_S)
    assert (len(outbox.pending(9)), outbox.stats().degraded) == (4, None)


def test_a_stop_does_not_wait_for_a_long_commit(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outbox = outbox_in(tmp_path)
    outbox.open()
    commit = SlowCommit(outbox)
    began = time.monotonic()
    outbox.close(timeout_s=0.1)
    took = time.monotonic() - began
    commit.end()
    outbox.close(timeout_s=None)
    assert took < 5
    assert "1 events not stored yet" in caplog.text
    with outbox_in(tmp_path) as outbox:
        assert len(outbox.pending(5)) == 1


def test_an_event_after_the_close_is_refused_in_words(tmp_path: Path) -> None:
    with outbox_in(tmp_path) as outbox:
        outbox.append(draft())
    with pytest.raises(OutboxError, match="not open; the event is not stored"):
        outbox.append(draft())
    assert outbox.pending(5) == []


def test_a_new_database_is_told_of_the_open_events(tmp_path: Path) -> None:
    events = [OpenEvent(name, "cam-1", name.encode()) for name in ("old", "ended", "new")]
    with outbox_in(tmp_path) as outbox:
        outbox.append(draft(opens=events[0]))
    with outbox_in(tmp_path) as outbox:
        for event in events[1:]:
            outbox.append(draft(opens=event))
        outbox.append(draft(closes="ended"))
        damage(tmp_path)
        outbox.append(draft())
        assert [event.event_id for event in outbox.left_open()] == ["old"]
    with outbox_in(tmp_path) as outbox:
        assert {event.event_id for event in outbox.left_open()} == {"old", "new"}


def test_a_disk_that_fails_at_the_start_names_what_was_left_open_when_it_is_back(tmp_path: Path) -> None:
    clock = HandClock()
    with outbox_in(tmp_path) as outbox:
        for name in ("a", "b"):
            outbox.append(draft(opens=OpenEvent(name, "cam-1", b"")))
    with nothing_can_be_written():
        outbox = outbox_in(tmp_path, clock)
        outbox.open()
        outbox.append(draft(opens=OpenEvent("c", "cam-1", b"")))
        outbox.append(draft(closes="a"))
        assert outbox.left_open() == []
    clock.advance(RETRY_DISK_S)
    outbox.maintain()
    assert [event.event_id for event in outbox.left_open()] == ["b"]
    outbox.append(draft(closes="b"))
    assert outbox.left_open() == []
    outbox.close(timeout_s=None)
    with outbox_in(tmp_path) as outbox:
        assert [event.event_id for event in outbox.left_open()] == ["c"]
