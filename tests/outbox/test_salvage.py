"""A damaged database: readable events are sent, and the others are announced as lost."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge_agent.core.delivery import OpenEvent, StoredEvent
from edge_agent.core.model import Severity
from edge_agent.outbox import EventOutbox, failover
from edge_agent.outbox.failover import RETRY_DISK_S
from edge_agent.outbox.sqlite.database import PAGE_BYTES
from tests.outbox.parts import HandClock, draft, outbox_in, picture
from tests.testbed.faulty_disk import FaultyDisk

MIXED = (Severity.INFO, Severity.INFO, Severity.ALARM, Severity.WARNING)
EVENTS, DELIVERED = 60, 6
ROWS_OF_A_PAGE = 6


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of about twenty pages with rows in all tables."""
    folder = tmp_path_factory.mktemp("whole")
    with outbox_in(folder) as outbox:
        for number in range(EVENTS):
            media = picture(f"p{number}") if number % 20 == 0 else None
            opens = OpenEvent(f"e{number}", "cam-1", b"") if number % 25 == 0 else None
            size = 9000 if number == 30 else 700
            outbox.append(draft(severity=MIXED[number % 4], size=size, media=media, opens=opens))
        for event in sorted(outbox.pending(EVENTS), key=lambda each: each.sequence)[:DELIVERED]:
            outbox.delivered(*event.key)
    return folder


def damaged(whole: Path, folder: Path, offset: int, content: bytes) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole, folder)
    with (folder / "outbox.db").open("r+b") as file:
        file.seek(offset)
        file.write(content)
    return folder


def pages(folder: Path) -> Iterator[int]:
    """Return the offset of each page."""
    return iter(range(0, (folder / "outbox.db").stat().st_size, PAGE_BYTES))


def drained(outbox: EventOutbox) -> list[StoredEvent]:
    """Deliver all events, also those announced meanwhile; return them."""
    events: list[StoredEvent] = []
    for _ in range(3):
        for event in outbox.pending(1000) or outbox.pending(1000):
            outbox.delivered(*event.key)
            events.append(event)
        outbox.append(draft("next"))
    return events


def losses(events: list[StoredEvent]) -> list[dict[str, object]]:
    found = {event.key: json.loads(event.payload)["loss"] for event in events if event.kind == "loss"}
    return list(found.values())


def announced(events: list[StoredEvent]) -> set[int]:
    ranges = [tuple(each) for loss in losses(events) for each in loss["ranges"]]  # type: ignore[attr-defined]
    return {number for low, high in ranges for number in range(low, high + 1)}


def test_whatever_page_is_zeroed_the_agent_starts_saves_the_rest_and_announces_what_is_lost(
    whole: Path, tmp_path: Path
) -> None:
    with outbox_in(whole) as outbox:
        epoch = outbox.stats().epoch
    waiting = set(range(DELIVERED + 1, EVENTS + 1))
    for offset in pages(whole):
        folder = damaged(whole, tmp_path / "state", offset, bytes(PAGE_BYTES))
        with outbox_in(folder) as outbox:
            events = drained(outbox)
            outbox.stats()
        old = [event for event in events if event.epoch == epoch and event.kind != "loss"]
        saved = {event.sequence for event in old}
        page = f"page {offset // PAGE_BYTES + 1}"
        assert [each.priority for each in old] == sorted((e.priority for e in old), reverse=True), page
        assert len(saved) == len(old) >= len(waiting) - ROWS_OF_A_PAGE, page
        assert waiting <= saved | announced(events), page
        assert not saved & announced(events), page
        assert len(losses(events)) <= 1, page
        assert len(announced(events)) <= 2 * ROWS_OF_A_PAGE, page
        with outbox_in(folder) as outbox:
            assert outbox.stats().degraded is None, page


def test_a_second_damage_announces_no_numbers_that_were_never_assigned(whole: Path, tmp_path: Path) -> None:
    with outbox_in(whole) as outbox:
        first = outbox.stats().epoch
    folder = damaged(whole, tmp_path / "once", 0, bytes(PAGE_BYTES))
    with outbox_in(folder) as outbox:
        waiting = {event.key for event in outbox.pending(1000)}
        stamps = [outbox.append(draft(size=700)) for _ in range(10)]
        waiting |= {(stamp.sequence, stamp.epoch) for stamp in stamps}
    for offset in list(pages(folder))[::4]:
        with outbox_in(damaged(folder, tmp_path / "twice", offset, bytes(PAGE_BYTES))) as outbox:
            events = drained(outbox)
        lost = [
            (number, loss["epoch"])
            for loss in losses(events)
            for low, high in loss["ranges"]  # type: ignore[attr-defined]
            for number in range(low, high + 1)
        ]
        assert waiting <= {event.key for event in events} | set(lost), offset
        assert len(lost) <= 3 * ROWS_OF_A_PAGE, offset
        assert max((number for number, epoch in lost if epoch == first), default=0) <= EVENTS, offset


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE meta SET value=9223372036854775807 WHERE key='n'",
        "UPDATE epoch SET base=base+5",
        "UPDATE epoch SET base=9223372036854775807",
        "INSERT INTO epoch VALUES ('abcdef01', 1000000)",
    ],
)
def test_a_wrong_counter_or_epoch_costs_no_event(whole: Path, tmp_path: Path, change: str) -> None:
    folder = tmp_path / "state"
    shutil.copytree(whole, folder)
    with closing(sqlite3.connect(folder / "outbox.db")) as db:
        db.execute(change)
        db.commit()
    with outbox_in(damaged(folder, tmp_path / "damaged", 0, bytes(PAGE_BYTES))) as outbox:
        saved = sorted(event.sequence for event in outbox.pending(1000))
        assert saved == list(range(DELIVERED + 1, EVENTS + 1))
    with outbox_in(tmp_path / "damaged") as outbox:
        assert outbox.stats().sequence == 0


def test_a_long_range_of_given_up_events_takes_neither_time_nor_memory(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    shutil.copytree(whole, folder)
    with closing(sqlite3.connect(folder / "outbox.db")) as db:
        columns, newest = "id, boot, mono, camera, kind, payload", (2_000_000_001, 1, 0.0, "c", "k", b"{}")
        db.execute(f"INSERT INTO event ({columns}) VALUES (?, ?, ?, ?, ?, ?)", newest)
        db.execute("INSERT INTO shed VALUES (100, 2000000000)")
        db.commit()
    with outbox_in(damaged(folder, tmp_path / "damaged", 0, bytes(PAGE_BYTES))) as outbox:
        assert len(outbox.pending(1000)) == EVENTS - DELIVERED + 1


def test_a_pointer_map_that_runs_in_a_circle_does_not_hold_the_agent_up(whole: Path, tmp_path: Path) -> None:
    content = (whole / "outbox.db").read_bytes()
    leaf = content.index(b'"sequence": 40,') // PAGE_BYTES * PAGE_BYTES
    folder = damaged(whole, tmp_path / "state", leaf, bytes(PAGE_BYTES))
    with closing(sqlite3.connect(whole / "outbox.db")) as db:
        (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name='event'").fetchone()
    with (folder / "outbox.db").open("r+b") as file:
        file.seek(
            PAGE_BYTES + 5 * (root - 3) + 1
        )  # its parent: https://www.sqlite.org/fileformat2.html#ptrmap
        file.write(root.to_bytes(4, "big"))
    with outbox_in(folder) as outbox:
        saved = outbox.pending(1000) or outbox.pending(1000)
        assert len(saved) >= EVENTS - DELIVERED - ROWS_OF_A_PAGE


def test_damage_met_while_the_agent_runs_loses_no_more(whole: Path, tmp_path: Path) -> None:
    clock, folder = HandClock(), tmp_path / "state"
    shutil.copytree(whole, folder)
    with outbox_in(folder, clock) as outbox:
        newest = outbox.append(draft("newest", Severity.ALARM, size=700))
        content = (folder / "outbox.db").read_bytes()
        page = content.index(b'"sequence": 40,') // PAGE_BYTES
        with (folder / "outbox.db").open("r+b") as file:
            file.seek(page * PAGE_BYTES)
            file.write(bytes(PAGE_BYTES))
        saved = {event.sequence for event in outbox.pending(1000) or outbox.pending(1000)}
        assert "set aside" in (outbox.stats().degraded or "")
        assert newest.sequence in saved
        assert len(saved) >= EVENTS - DELIVERED + 1 - ROWS_OF_A_PAGE


def test_a_kill_before_the_saved_file_is_in_place_loses_nothing_of_it(whole: Path, tmp_path: Path) -> None:
    folder = damaged(whole, tmp_path / "state", 0, bytes(PAGE_BYTES))
    with outbox_in(folder):
        pass
    (folder / "outbox.db").rename(folder / "outbox.db.salvaged")
    (aside,) = folder.glob("outbox.db.corrupt-*")
    aside.rename(folder / "outbox.db")
    with outbox_in(folder) as outbox:
        assert len(outbox.pending(1000)) == EVENTS - DELIVERED


def test_when_time_runs_out_alarms_are_saved_and_the_rest_is_announced(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock advances a second at each reading."""

    class Running(HandClock):
        def monotonic(self) -> float:
            self.advance(1.0)
            return self.mono

    monkeypatch.setattr(failover, "SALVAGE_TIMEOUT_S", 28.0)
    folder = damaged(whole, tmp_path / "state", 0, bytes(PAGE_BYTES))
    with outbox_in(folder, Running()) as outbox:
        events = drained(outbox)
    kinds = [event.priority for event in events if event.kind == "object" and event.epoch == events[0].epoch]
    assert set(kinds) >= {Severity.ALARM.number}
    assert len(kinds) + len(announced(events)) == EVENTS - DELIVERED


def flip_a_bit(path: Path, text: bytes) -> None:
    content = bytearray(path.read_bytes())
    content[content.index(text)] ^= 1
    path.write_bytes(content)


def test_an_event_with_a_flipped_bit_is_announced_as_lost_and_not_sent(tmp_path: Path) -> None:
    with outbox_in(tmp_path) as outbox:
        for text in ("first", "second", "third"):
            outbox.append(draft(text))
    flip_a_bit(tmp_path / "outbox.db", b"second")
    with outbox_in(tmp_path) as outbox:
        events = drained(outbox)
        found = {event.sequence for event in events}
        assert (found & {1, 2, 3}) == {1, 3}
        assert (outbox.stats().damaged, announced(events)) == (1, {2})
    with outbox_in(tmp_path) as outbox:
        assert 2 not in {event.sequence for event in outbox.pending(10)}


def test_the_loss_of_a_damaged_event_is_announced_although_the_disk_fails_before(tmp_path: Path) -> None:
    clock = HandClock()
    with outbox_in(tmp_path) as outbox:
        for text in ("first", "second", "third"):
            outbox.append(draft(text))
    flip_a_bit(tmp_path / "outbox.db", b"second")
    with FaultyDisk().in_place() as disk, outbox_in(tmp_path, clock) as outbox:
        assert {event.sequence for event in outbox.pending(10)} == {1, 3}
        disk.fails = True
        outbox.append(draft("in memory"))
        disk.fails = False
        clock.advance(RETRY_DISK_S)
        outbox.maintain()
        assert outbox.stats().degraded is None
        assert announced(drained(outbox)) == {2}


def test_a_database_of_the_agent_before_is_taken_over_and_can_be_given_back(tmp_path: Path) -> None:
    with outbox_in(tmp_path) as outbox:
        outbox.append(draft("old"))
    with closing(sqlite3.connect(tmp_path / "outbox.db")) as db:
        db.execute("ALTER TABLE event DROP COLUMN crc")
        db.execute("DROP TABLE damaged")
    with outbox_in(tmp_path) as outbox:
        outbox.append(draft("new"))
        assert [event.sequence for event in outbox.pending(10)] == [1, 2]
    with closing(sqlite3.connect(tmp_path / "outbox.db")) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
        db.execute(
            "INSERT INTO event (id, boot, mono, camera, kind, payload) VALUES (3, 1, 0, 'c', 'k', '{}')"
        )
        db.execute("INSERT INTO shed VALUES (7, 8)")
