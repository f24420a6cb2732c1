"""Another program locks the database, or reads it for a long time."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from edge_agent.outbox import EventOutbox
from edge_agent.outbox.failover import RETRY_DISK_S
from edge_agent.outbox.sqlite import database
from tests.outbox.parts import HandClock, draft, outbox_in, texts


@contextmanager
def another_program(folder: Path, statement: str) -> Iterator[sqlite3.Connection]:
    path = folder / "outbox.db"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as db:
        db.execute(statement)
        db.execute("SELECT count(*) FROM event").fetchall()
        yield db


def test_an_append_waits_for_a_lock_of_more_than_a_second(tmp_path: Path, outbox: EventOutbox) -> None:
    before = outbox.append(draft("before"))
    with another_program(tmp_path, "BEGIN IMMEDIATE") as db:
        threading.Timer(1.2, db.rollback).start()
        during = outbox.append(draft("during"))
        assert (during.epoch, outbox.stats().degraded) == (before.epoch, None)


def test_what_a_lock_sends_to_memory_comes_back_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.1)
    clock = HandClock()
    with outbox_in(tmp_path, clock) as outbox:
        outbox.append(draft("before"))
        with another_program(tmp_path, "BEGIN IMMEDIATE"):
            during = outbox.append(draft("during"))
            assert "locked" in (outbox.stats().degraded or "")
            assert texts(outbox) == ["before", "during"]
            clock.advance(RETRY_DISK_S)
            outbox.append(draft("still"))
        clock.advance(RETRY_DISK_S)
        outbox.append(draft("after"))
        assert outbox.stats().degraded is None
        assert texts(outbox) == ["before", "during", "still", "after"]
        assert (during.sequence, during.epoch) in {event.key for event in outbox.pending(100)}
    with outbox_in(tmp_path, clock) as outbox:
        assert texts(outbox) == ["before", "during", "still", "after"]


def test_a_reader_that_stays_makes_the_files_no_larger_than_they_may_be(tmp_path: Path) -> None:
    clock, max_bytes = HandClock(), 1_000_000
    with outbox_in(tmp_path, clock, max_bytes) as outbox:
        outbox.append(draft())
        with another_program(tmp_path, "BEGIN"):
            for _ in range(600):
                outbox.append(draft(size=1500))
            assert sum(path.stat().st_size for path in tmp_path.glob("outbox.db*")) < 1.2 * max_bytes
            assert "another program reads it" in (outbox.stats().degraded or "")
            assert len(outbox.pending(1000)) == 601
        clock.advance(RETRY_DISK_S)
        outbox.append(draft())
        outbox.append(draft())
        assert outbox.stats().degraded is None
