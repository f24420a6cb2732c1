"""Confirmed delivery: only events that the centre confirms are deleted."""

from __future__ import annotations

import json
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge_agent.core.delivery import Confirmation, StoredEvent
from edge_agent.core.model import Severity
from edge_agent.outbox import EventOutbox
from edge_agent.outbox.sqlite.database import waiting_count
from tests.outbox.parts import HandClock, draft, outbox_in, picture, sequences
from tests.outbox.test_trouble import nothing_can_be_written


def send(outbox: EventOutbox, limit: int = 1_000_000, rest_until_mono: float = 1e9) -> list[StoredEvent]:
    """Send the events as the publisher does: sent, then acknowledged by the broker."""
    sent: list[StoredEvent] = []
    while len(sent) < limit and (events := outbox.pending(min(20, limit - len(sent)))):
        for event in events:
            outbox.sent(event)
            outbox.unconfirmed(*event.key, rest_until_mono)
        sent += events
    return sent


def stored(folder: Path) -> list[int]:
    """Return the sequences that a new start finds."""
    with outbox_in(folder) as outbox:
        return sorted(sequences(outbox))


def appended(outbox: EventOutbox, *severities: Severity) -> str:
    """Append events; return their epoch."""
    return [outbox.append(draft(severity=severity)) for severity in severities][-1].epoch


MIXED = (Severity.INFO, Severity.ALARM, Severity.WARNING, Severity.INFO, Severity.ALARM, Severity.INFO)


@pytest.mark.parametrize(
    ("upto", "also", "left"),
    [
        pytest.param(0, [], [1, 2, 3, 4, 5, 6], id="nothing"),
        pytest.param(4, [], [5, 6], id="all up to one, whatever their priority"),
        pytest.param(6, [], [], id="everything"),
        pytest.param(0, [2, 5], [1, 3, 4, 6], id="alarms that overtook the rest"),
        pytest.param(3, [6, 2], [4, 5], id="beyond a gap"),
    ],
)
def test_an_ack_deletes_what_it_names(tmp_path: Path, upto: int, also: list[int], left: list[int]) -> None:
    with outbox_in(tmp_path) as outbox:
        epoch = appended(outbox, *MIXED)
        send(outbox)
        outbox.confirmed(epoch, upto, also)
        stats = outbox.stats()
        assert (stats.depth, stats.unconfirmed) == (len(left), len(left))
    assert stored(tmp_path) == left


@pytest.mark.parametrize(
    ("upto", "also", "outcome"),
    [
        (6, [], Confirmation.NEWS),
        (7, [], Confirmation.BEYOND),
        (1, [7], Confirmation.BEYOND),
        (0, [], Confirmation.NOTHING_NEW),
    ],
)
def test_no_ack_beyond_is_believed(tmp_path: Path, upto: int, also: list[int], outcome: Confirmation) -> None:
    with outbox_in(tmp_path) as outbox:
        epoch = appended(outbox, *MIXED)
        send(outbox)
        assert outbox.confirmed(epoch, upto, also) is outcome
        assert outbox.confirmed("another", 1, []) is Confirmation.UNKNOWN_EPOCH
    assert len(stored(tmp_path)) == (0 if outcome is Confirmation.NEWS else 6)


def test_what_was_not_sent_stays_whatever_is_confirmed(tmp_path: Path) -> None:
    with outbox_in(tmp_path) as outbox:
        epoch = appended(outbox, *MIXED)
        assert [event.sequence for event in send(outbox, limit=3)] == [2, 5, 3]
        assert outbox.confirmed(epoch, 6, [1, 4]) is Confirmation.NEWS
        assert sequences(outbox) == [1, 4, 6]
    assert stored(tmp_path) == [1, 4, 6]


def test_what_the_broker_refused_stays_whatever_is_confirmed(tmp_path: Path) -> None:
    with outbox_in(tmp_path) as outbox:
        epoch = appended(outbox, *[Severity.INFO] * 4)
        send(outbox)
        outbox.sent(StoredEvent(2, epoch, "cam-1", "object", Severity.INFO.number, 0, b""))
        outbox.deferred(2, epoch, 1e9)
        outbox.confirmed(epoch, 4, [2])
        assert outbox.stats().depth == 1
    assert stored(tmp_path) == [2]


def test_what_never_got_on_its_way_stays_although_later_ones_did(tmp_path: Path) -> None:
    with outbox_in(tmp_path) as outbox:
        epoch = appended(outbox, *[Severity.INFO] * 4)
        send(outbox, limit=1)
        outbox.deferred(2, epoch, 1e9)  # larger than the broker takes: it is not tried
        send(outbox)
        outbox.confirmed(epoch, 4, [2])
        assert (outbox.stats().depth, outbox.stats().unconfirmed) == (1, 0)
    assert stored(tmp_path) == [2]


def test_what_is_confirmed_and_then_refused_by_the_broker_is_gone_and_counted_once(tmp_path: Path) -> None:
    """The confirmation of the first copy arrives while a second copy is being sent."""
    with outbox_in(tmp_path) as outbox:
        epoch = appended(outbox, *[Severity.INFO] * 4)
        send(outbox)
        outbox.confirmed(epoch, 2, [])
        outbox.deferred(2, epoch, 0.0)
        assert sequences(outbox) == []
        outbox.append(draft())
        send(outbox)
        assert (outbox.stats().depth, outbox.stats().unconfirmed) == (3, 3)
    assert stored(tmp_path) == [3, 4, 5]


def test_an_ack_that_overtakes_the_puback_counts(tmp_path: Path) -> None:
    with outbox_in(tmp_path) as outbox:
        epoch = appended(outbox, Severity.INFO)
        (event,) = outbox.pending(1)
        outbox.sent(event)
        assert outbox.confirmed(epoch, 1, []) is Confirmation.NEWS
        outbox.unconfirmed(*event.key, 0.0)
        assert outbox.pending(1) == []
    assert stored(tmp_path) == []


def test_acks_of_an_earlier_epoch_end_where_it_ended(tmp_path: Path) -> None:
    clock = HandClock()
    with outbox_in(tmp_path, clock) as outbox:
        first = appended(outbox, *[Severity.INFO] * 3)
        send(outbox)
        for path in tmp_path.glob("outbox.db*"):
            path.unlink()
        clock.advance(6)
        outbox.maintain()  # the file is written again, and another epoch begins
        second = appended(outbox, *[Severity.INFO] * 3)
        send(outbox)
        assert first != second
        assert outbox.confirmed(first, 5, [6]) is Confirmation.NEWS
        assert outbox.stats().depth == 3
        assert outbox.confirmed(second, 2, []) is Confirmation.NEWS
        assert outbox.stats().depth == 1


def test_events_in_memory_are_confirmed_there_and_the_rest_comes_again_from_disk(tmp_path: Path) -> None:
    clock = HandClock()
    with outbox_in(tmp_path, clock) as outbox:
        on_disk = appended(outbox, Severity.INFO)
        with nothing_can_be_written():
            in_memory = appended(outbox, *[Severity.INFO] * 4)
            sent = send(outbox)
            assert [event.epoch for event in sent] == [on_disk, *[in_memory] * 4]
            assert outbox.stats().unconfirmed == 5
            assert outbox.confirmed(in_memory, 5, []) is Confirmation.BEYOND
            assert outbox.confirmed(in_memory, 1, [3]) is Confirmation.NEWS
            assert outbox.confirmed(on_disk, 1, []) is Confirmation.NEWS
            assert outbox.stats().depth == 2
        clock.advance(31)
        again = outbox.pending(10)
        assert [event.key for event in again] == [(2, in_memory), (4, in_memory)]
        assert {event.payload for event in again} < {event.payload for event in sent}
        send(outbox)
        assert outbox.confirmed(in_memory, 4, []) is Confirmation.NEWS
    assert stored(tmp_path) == []


def test_after_a_restart_an_ack_counts_for_what_the_run_before_had_sent(tmp_path: Path) -> None:
    with outbox_in(tmp_path) as outbox:
        epoch = appended(outbox, *[Severity.INFO] * 6)
        send(outbox, limit=4)
        outbox.confirmed(epoch, 1, [])  # this deletion also stores which events were sent
    with outbox_in(tmp_path) as outbox:
        assert sequences(outbox) == [2, 3, 4, 5, 6]
        outbox.confirmed(epoch, 6, [])
        assert sequences(outbox) == [5, 6], "those were never sent"


def test_what_is_new_goes_whatever_waits_to_go_again(tmp_path: Path) -> None:
    clock = HandClock()
    with outbox_in(tmp_path, clock) as outbox:
        appended(outbox, *[Severity.INFO] * 3)
    with outbox_in(tmp_path, clock) as outbox:
        appended(outbox, Severity.INFO, Severity.WARNING)
        assert [e.sequence for e in outbox.pending(10, max_resends=0)] == [5, 4]
        with_resends = [(e.sequence, e.resend) for e in outbox.pending(10, max_resends=2)]
        assert with_resends == [(5, False), (1, True), (2, True), (4, False)]
        send(outbox, rest_until_mono=clock.mono + 60)
        appended(outbox, Severity.INFO)
        assert [e.sequence for e in outbox.pending(10)] == [6]
        clock.advance(60)
        assert [e.sequence for e in outbox.pending(10, max_resends=3)] == [5, 1, 2, 6]


def test_all_deferred_events_can_be_rescheduled(outbox: EventOutbox, clock: HandClock) -> None:
    appended(outbox, *MIXED)
    send(outbox)
    outbox.reschedule(clock.mono + 60, hold_back=True)
    assert sequences(outbox) == []
    clock.advance(60)
    assert sequences(outbox) == [2, 5, 3, 1, 4, 6]


def test_what_would_come_sooner_need_not_wait_for_the_rest(outbox: EventOutbox, clock: HandClock) -> None:
    appended(outbox, *MIXED)
    send(outbox, limit=2)
    send(outbox, limit=4, rest_until_mono=clock.mono + 30)
    outbox.reschedule(clock.mono + 60, hold_back=False)
    clock.advance(30)
    soon = [3, 1, 4, 6]
    assert sequences(outbox) == soon
    for event in outbox.pending(10):
        outbox.unconfirmed(*event.key, 1e9)
    clock.advance(30)
    assert sequences(outbox) == [2, 5]


def test_a_picture_follows_when_its_event_is_confirmed_and_stays_until_it_is_named(tmp_path: Path) -> None:
    with outbox_in(tmp_path) as outbox:
        outbox.append(draft(media=picture("early")))
        send(outbox)
        assert outbox.pending_media() is None
        epoch = outbox.append(draft(media=picture("late"))).epoch
        send(outbox)
        outbox.confirmed(epoch, 2, [])
        for name in ("early", "late"):
            assert (media := outbox.pending_media()) is not None
            assert media.media_id == name
            outbox.media_deferred(name, 1e9)
        assert outbox.stats().media_depth == 2
        outbox.media_delivered("late")
    with outbox_in(tmp_path) as outbox:
        assert (media := outbox.pending_media()) is not None
        assert media.media_id == "early"


def test_health_tells_how_many_are_unconfirmed_and_how_long(outbox: EventOutbox, clock: HandClock) -> None:
    epoch = appended(outbox, *[Severity.INFO] * 3)
    send(outbox, limit=2)
    clock.advance(70)
    appended(outbox, Severity.ALARM)
    stats = outbox.stats()
    assert (stats.depth, stats.unconfirmed, stats.oldest_unconfirmed_s) == (4, 2, 70.0)
    outbox.confirmed(epoch, 3, [])
    stats = outbox.stats()
    assert (stats.depth, stats.unconfirmed, stats.oldest_unconfirmed_s) == (2, 0, 0.0)
    clock.advance(5)
    outbox.maintain()
    stats = outbox.stats()
    assert (stats.depth, stats.unconfirmed, stats.oldest_s) == (2, 0, 75.0)


@pytest.fixture
def memory_folder() -> Iterator[Path]:
    """A folder in memory, so that thousands of commits do not wait for a disk."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


def test_thousands_of_events_are_confirmed_by_one_message(memory_folder: Path) -> None:
    with outbox_in(memory_folder) as outbox:
        epoch = appended(outbox, *MIXED * 500)
        assert len(send(outbox)) == 3_000
        began = time.process_time()
        outbox.confirmed(epoch, 2_998, [])
        taken_s = time.process_time() - began
        assert taken_s < 0.5, "one range a priority, not a look at each event"
        assert (outbox.stats().depth, outbox.stats().unconfirmed) == (2, 2)
        left = [waiting_count(memory_folder)]
        while left[-1] > 2:
            outbox.maintain()
            left.append(waiting_count(memory_folder))
            assert left[-2] - 1000 <= left[-1] < left[-2], "no appender waits for all the deletions"
        assert (outbox.stats().depth, outbox.stats().unconfirmed) == (2, 2)


def test_an_ack_deletes_at_once_however_many_were_deleted_before_it(memory_folder: Path) -> None:
    with outbox_in(memory_folder) as outbox:
        epoch = appended(outbox, *[Severity.INFO] * 5_000)
        send(outbox)
        outbox.confirmed(epoch, 5_000, [])
        while waiting_count(memory_folder):
            outbox.maintain()
        for number in range(3):  # one confirmation each, as on a quiet day
            appended(outbox, *[Severity.INFO] * 200)
            send(outbox)
            outbox.confirmed(epoch, 5_200 + 200 * number, [])
            outbox.maintain()
            assert waiting_count(memory_folder) == 0


def test_a_day_with_a_full_outbox_costs_the_least_important_and_says_which(memory_folder: Path) -> None:
    """For a day the centre confirms nothing; an event every three minutes, every twentieth an alarm."""
    clock = HandClock()
    alarms: set[int] = set()
    with outbox_in(memory_folder, clock, max_bytes=700_000) as outbox:
        for number in range(480):
            severity = Severity.INFO if number % 20 else Severity.ALARM
            stamp = outbox.append(draft(severity=severity, size=2700))
            if severity is Severity.ALARM:
                alarms.add(stamp.sequence)
            send(outbox, rest_until_mono=clock.mono + 900)
            clock.advance(180)
        assert outbox.stats().shed > 200
        assert outbox.stats().unconfirmed == outbox.stats().depth
        outbox.reschedule(clock.mono, hold_back=True)
        arrived: dict[int, bytes] = {}
        while outbox.stats().depth > 1:
            for event in outbox.pending(20):
                outbox.sent(event)
                arrived[event.sequence] = event.payload
                outbox.confirmed(event.epoch, 0, [event.sequence])
            outbox.append(draft())  # its transaction also deletes, and announces the next loss
    lost = {n for payload in arrived.values() for n in announced(payload)}
    assert alarms <= set(arrived), "an alarm was given up"
    assert len(lost) > 200
    assert not lost & alarms
    assert set(range(1, max(arrived))) - set(arrived) <= lost, "a gap that was not announced"


def announced(payload: bytes) -> Iterable[int]:
    loss = json.loads(payload).get("loss", {"ranges": []})
    return [n for first, last in loss["ranges"] for n in range(first, last + 1)]


def quickest_s(act: Callable[[], object]) -> float:
    times = []
    for _ in range(3):
        began = time.perf_counter()
        act()
        times.append(time.perf_counter() - began)
    return min(times)


def test_the_first_question_after_a_start_does_not_read_the_whole_backlog(tmp_path: Path) -> None:
    with outbox_in(tmp_path) as outbox:
        outbox.append(draft())
    with closing(sqlite3.connect(tmp_path / "outbox.db")) as db:
        first = db.execute("SELECT max(id) FROM event").fetchone()[0]
        rows = ((first + n, 1, 0.0, "cam-1", "object", b"{}".ljust(150)) for n in range(1, 60_000))
        sql = "INSERT INTO event (id, boot, mono, camera, kind, payload) VALUES (?, ?, ?, ?, ?, ?)"
        db.executemany(sql, rows)
        db.commit()
        counting_s = quickest_s(lambda: db.execute("SELECT count(*) FROM event WHERE id > 1").fetchone())
    asking_s = []
    for _ in range(3):
        with outbox_in(tmp_path) as outbox:
            began = time.perf_counter()
            assert len(outbox.pending(20)) == 20
            asking_s.append(time.perf_counter() - began)
    assert min(asking_s) < counting_s / 2
