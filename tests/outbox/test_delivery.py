"""The sending verbs: order, resends, deferrals."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_agent.core.delivery import Loss, OpenEvent, Stamp, StoredEvent
from edge_agent.core.errors import OutboxError
from edge_agent.core.model import Severity
from edge_agent.outbox import EventOutbox
from edge_agent.outbox.backlog import MAX_DEFERRED, RESEND_ALL_AFTER_S, Backlog
from edge_agent.outbox.numbering import Rank, row_id
from edge_agent.outbox.sqlite.disk import DiskStore
from tests.outbox.parts import HandClock, append, deliver_all, draft, outbox_in, picture, sequences


def test_sequences_run_without_a_gap_and_over_restarts(tmp_path: Path) -> None:
    with outbox_in(tmp_path) as outbox:
        first = append(outbox, 3)
        deliver_all(outbox)
    with outbox_in(tmp_path) as outbox:
        then = outbox.append(draft())
    assert [stamp.sequence for stamp in first] == [1, 2, 3]
    assert (then.sequence, then.epoch) == (4, first[0].epoch)


def test_of_events_appended_together_only_one_that_cannot_be_encoded_is_missing(outbox: EventOutbox) -> None:
    def fail(stamp: Stamp) -> bytes:
        raise ValueError("cannot be encoded")

    assert [stamp and stamp.sequence for stamp in outbox.append_all([draft(), draft()])] == [1, 2]
    with pytest.raises(ValueError, match="cannot be encoded"):
        outbox.append_all([draft(), replace(draft(), encode=fail), draft()])
    assert sequences(outbox) == [1, 2, 3, 4]


def test_an_event_is_found_after_nothing_was_found(outbox: EventOutbox) -> None:
    for count in (1, 2):
        outbox.pending(10)
        outbox.append(draft())
        assert len(outbox.pending(10)) == count


def test_order_is_by_priority_then_oldest_first(outbox: EventOutbox) -> None:
    for severity in (Severity.INFO, Severity.WARNING, Severity.ALARM, Severity.INFO, Severity.ALARM):
        outbox.append(draft(severity=severity))
    assert sequences(outbox) == [3, 5, 2, 1, 4]


def test_an_event_is_given_until_it_is_delivered_and_not_after_a_restart(tmp_path: Path) -> None:
    with outbox_in(tmp_path) as outbox:
        stamp = outbox.append(draft("first"))
        outbox.append(draft("second"))
        before = outbox.pending(1)
        assert outbox.pending(1) == before
        outbox.delivered(stamp.sequence, stamp.epoch)
        assert sequences(outbox) == [2]
    with outbox_in(tmp_path) as outbox:
        assert sequences(outbox) == [2]


def test_those_in_flight_can_be_left_out(outbox: EventOutbox) -> None:
    append(outbox, 5)
    in_flight = {event.key for event in outbox.pending(2)}
    assert [event.sequence for event in outbox.pending(2, in_flight)] == [3, 4]


def test_a_deferred_event_blocks_no_new_ones_and_comes_back(outbox: EventOutbox, clock: HandClock) -> None:
    old = outbox.append(draft())
    outbox.deferred(old.sequence, old.epoch, clock.mono + 60)
    outbox.append(draft())
    assert sequences(outbox) == [2]
    clock.advance(60)
    again = outbox.pending(10)
    assert [(event.sequence, event.attempts) for event in again] == [(1, 1), (2, 0)]


def test_a_huge_deferred_backlog_comes_back_together_and_new_events_go_at_once() -> None:
    backlog = Backlog()
    stored = [row_id(Rank.INFO, n) for n in range(1, MAX_DEFERRED + 3)]

    def rows(after: int, last: int) -> Iterator[int]:
        return (stored[at] for at in range(bisect_right(stored, after), bisect_right(stored, last)))

    assert list(backlog.fresh(Rank.INFO, rows)) == stored
    for row in stored[:-1]:
        assert next(backlog.fresh(Rank.INFO, rows)) == row
        backlog.defer(row, RESEND_ALL_AFTER_S, now_mono=0.0)
    assert list(backlog.fresh(Rank.INFO, rows)) == stored[-1:]
    assert list(backlog.resends(Rank.INFO, rows)) == []
    backlog.advance(RESEND_ALL_AFTER_S)
    assert list(backlog.resends(Rank.INFO, rows)) == stored[:-1]
    assert list(backlog.fresh(Rank.INFO, rows)) == stored[-1:]


def test_alarms_are_sent_again_while_informative_events_are_held_back() -> None:
    """The data budget holds those of an earlier run; alarms that the centre does not confirm go on."""
    backlog = Backlog()
    held, alarm = row_id(Rank.INFO, 1), row_id(Rank.ALARM, 1)

    def rows(after: int, last: int) -> Iterator[int]:
        return (row for row in (alarm, held) if after < row <= last)

    backlog.begin({**{rank: row_id(rank, 0) for rank in Rank}, Rank.INFO: held}, "")
    assert list(backlog.fresh(Rank.ALARM, rows)) == [alarm]
    backlog.defer(alarm, RESEND_ALL_AFTER_S, now_mono=0.0)
    assert list(backlog.fresh(Rank.ALARM, rows)) == []
    backlog.reschedule(1.0, hold_back=True)
    backlog.advance(2.0)
    assert list(backlog.resends(Rank.ALARM, rows)) == [alarm]
    assert list(backlog.resends(Rank.INFO, rows)) == [held]


def test_unknown_events_and_epochs_are_ignored(outbox: EventOutbox) -> None:
    stamp = outbox.append(draft())
    outbox.delivered(99, stamp.epoch)
    outbox.delivered(1, "another")
    outbox.deferred(99, stamp.epoch, 1e9)
    assert sequences(outbox) == [1]


def test_an_unforeseen_failure_reaches_every_appender_and_blocks_none(tmp_path: Path) -> None:
    def fails(stamp: Stamp, loss: Loss) -> bytes:
        raise RuntimeError("cannot say what was lost")

    with outbox_in(tmp_path, max_bytes=466_000, encode_loss=fails) as outbox:
        with pytest.raises(RuntimeError, match="cannot say"):
            append(outbox, 1000, size=900)
        stats = outbox.stats()
        assert (stats.depth, stats.shed) == (stats.sequence, 0)


def test_the_publisher_hears_of_every_append_after_its_commit(outbox: EventOutbox) -> None:
    outbox.append(draft())
    assert outbox.wait_for_work(0)
    assert sequences(outbox) == [1]
    assert not outbox.wait_for_work(0)


def test_waiting_for_news_ends_with_an_append_on_another_thread(outbox: EventOutbox) -> None:
    appender = threading.Timer(0.05, lambda: outbox.append(draft()))
    appender.start()
    assert outbox.wait_for_work(10)
    appender.join()


def test_a_picture_goes_after_its_event_and_leaves_with_its_file(tmp_path: Path) -> None:
    clock = HandClock()
    with outbox_in(tmp_path, clock) as outbox:
        stamp = outbox.append(draft(media=picture("p1")))
        assert outbox.pending_media() is None
        outbox.delivered(stamp.sequence, stamp.epoch)
        media = outbox.pending_media()
        assert media is not None
        assert (media.media_id, media.payload) == ("p1", picture("p1").payload)
        outbox.media_deferred("p1", clock.mono + 60)
        assert outbox.pending_media() is None
        clock.advance(60)
        outbox.media_delivered("p1")
        assert outbox.pending_media() is None
    assert list((tmp_path / "media").iterdir()) == []


def test_pictures_survive_a_restart_and_orphans_and_damaged_ones_do_not(tmp_path: Path) -> None:
    with outbox_in(tmp_path) as outbox:
        for name in ("good", "short", "changed", "gone"):
            outbox.append(draft(media=picture(name, 9000)))
        deliver_all(outbox)
    folder = tmp_path / "media"
    (folder / "short.jpg").write_bytes(b"x")
    (folder / "changed.jpg").write_bytes(b"x" * 9000)
    (folder / "gone.jpg").unlink()
    (folder / "orphan.jpg").write_bytes(b"left over")
    with outbox_in(tmp_path) as outbox:
        assert outbox.stats().media_depth == 2
        media = outbox.pending_media()
        assert media is not None
        assert media.media_id == "good"
        outbox.media_delivered("good")
        assert outbox.pending_media() is None
    assert list(folder.iterdir()) == []


def test_health_counts_what_waits_and_how_long(tmp_path: Path) -> None:
    clock = HandClock()
    with outbox_in(tmp_path, clock) as outbox:
        outbox.append(draft(media=picture("p1")))
        clock.advance(7)
        stamp = outbox.append(draft())
        clock.wall = clock.wall.replace(year=1970)
        stats = outbox.stats()
    assert (stats.depth, stats.media_depth, stats.sequence, stats.oldest_s) == (2, 1, 2, 7.0)
    assert (stats.epoch, stats.degraded, stats.shed) == (stamp.epoch, None, 0)
    with outbox_in(tmp_path, HandClock(mono=42.0), boot_id="boot-2") as outbox:
        assert outbox.stats().oldest_s == 42.0


def test_deletions_wait_for_company(tmp_path: Path, outbox: EventOutbox, clock: HandClock) -> None:
    stamps = append(outbox, 3, size=3000)
    wal = tmp_path / "outbox.db-wal"
    written = wal.stat().st_size
    for stamp in stamps:
        outbox.delivered(stamp.sequence, stamp.epoch)
    assert outbox.pending(10) == []
    assert (wal.stat().st_size, outbox.stats().depth) == (written, 0)
    clock.advance(5)
    outbox.maintain()
    assert wal.stat().st_size > written


def test_the_second_agent_on_a_state_directory_is_turned_away(tmp_path: Path) -> None:
    with outbox_in(tmp_path), pytest.raises(OutboxError, match="another agent"):
        outbox_in(tmp_path).open()


def test_open_events_are_remembered_until_they_are_closed(tmp_path: Path) -> None:
    with outbox_in(tmp_path) as outbox:
        for name in ("a", "b"):
            outbox.append(draft(opens=OpenEvent(name, "cam-1", name.encode())))
        outbox.append(draft(closes="a"))
    with outbox_in(tmp_path) as outbox:
        assert outbox.left_open() == [OpenEvent("b", "cam-1", b"b")]
        outbox.append(draft(closes="b"))
    with outbox_in(tmp_path) as outbox:
        assert outbox.left_open() == []


def test_an_open_event_that_nobody_can_end_is_forgotten_for_good(tmp_path: Path) -> None:
    with outbox_in(tmp_path) as outbox:
        outbox.append(draft(opens=OpenEvent("a", "cam-1", b"not what events.py writes")))
    with outbox_in(tmp_path) as outbox:
        assert [event.event_id for event in outbox.left_open()] == ["a"]
        outbox.forget_open("a")
    with outbox_in(tmp_path) as outbox:
        assert outbox.left_open() == []


def test_what_a_commit_deleted_is_counted_once(monkeypatch: pytest.MonkeyPatch, outbox: EventOutbox) -> None:
    """Health once reported -23 events between a commit and the update of the queue; the centre refused it."""
    for number in range(30):
        outbox.append(draft(media=picture(f"picture-{number}")))
    deliver_all(outbox)
    while (media := outbox.pending_media()) is not None:
        outbox.media_delivered(media.media_id)
    write, seen = DiskStore.write, []

    def and_look(*args: Any) -> list[StoredEvent]:
        stored = write(*args)
        with ThreadPoolExecutor(1) as other:
            seen.append(other.submit(outbox.stats).result(10))
        return stored

    monkeypatch.setattr(DiskStore, "write", and_look)
    outbox.append(draft())
    assert [(stats.depth, stats.media_depth) for stats in seen] == [(1, 0)]
    assert outbox.stats().depth == 1
