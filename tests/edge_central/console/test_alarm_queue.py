"""The queue of alarms on SQLite and on a real PostgreSQL: rows, pages, counts, silences."""

from __future__ import annotations

import itertools
import random
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice

import pytest
from sqlalchemy import Connection, delete, func, select

from edge_central.console.alarms.model import EVERYTHING, QueueFilter, QueueItem, QueueRank
from edge_central.console.alarms.queue import (
    PAGE,
    counts_by_ward,
    open_kinds,
    open_names,
    open_wards,
    read_alarm_bar,
    read_queue,
    unhandled_subjects,
)
from edge_central.console.alarms.silences import active_silences, end_silence, past_silences, set_silence
from edge_central.console.alarms.subjects import find_subjects
from edge_central.console.events import EventRow, rows_of
from edge_central.console.incident_log import (
    IncidentOutcome,
    LogAuthor,
    acknowledge_all,
    assign_all,
    close_all,
    hide,
    reopen,
    steps,
    unhide,
)
from edge_central.store import tables
from edge_central.store.database import DatabaseConnections, read_meta, write_meta
from edge_central.store.open_alarms import OPEN_ALARM_AGE_MS, AlarmRule, rule_of, unlist_deleted
from edge_central.store.scope import EVERYWHERE, Scope
from edge_central.trusted_time.clock import Correction
from edge_central.trusted_time.clock_store import shift_times
from tests.edge_central.ingest_harness import NOW_MS, IngestHarness, alert_row
from tests.edge_central.parts import OURS, THEIRS, FakeGateway
from tests.edge_central.web.hostile import Message, event

LAN, MINH = LogAuthor("lan", NOW_MS + 1_000), LogAuthor("minh", NOW_MS + 2_000)
DE_THAM = Scope(frozenset({"de-tham"}))
MINUTE_MS = 60_000
PAGE_S = 1.0


class Alarms:
    """A database, and messages of alarms with numbers of their own."""

    def __init__(self, ingest: IngestHarness, connections: DatabaseConnections) -> None:
        self.ingest, self.reading, self.writing = ingest, connections.reading, connections.writing
        self._numbers = Counter[str]()

    def take(self, *messages: Message, now_ms: int = NOW_MS) -> None:
        self.ingest.write(*messages, now_ms=now_ms)

    def of(self, box: FakeGateway = OURS, camera: str = "cam-1", **data: str) -> Message:
        self._numbers[box.id] += 1
        number = self._numbers[box.id]
        kind = data.pop("kind", "zone-intrusion")
        said = {"phase": "start", "event_id": f"a{number}", "rule_id": "night", **data}
        return event(box, number, said, kind=kind, camera=camera)


@pytest.fixture
def alarms(ingest: IngestHarness) -> Iterator[Alarms]:
    connections = DatabaseConnections(ingest.database)
    yield Alarms(ingest, connections)
    connections.close()


def pages(
    connection: Connection,
    scope: Scope = EVERYWHERE,
    wanted: QueueFilter = EVERYTHING,
    now_ms: int = NOW_MS,
    size: int = PAGE,
) -> list[QueueItem]:
    """The rows of all pages, as somebody gets them who goes from page to page."""
    found: list[QueueItem] = []
    after = None
    while True:
        page = read_queue(connection, scope, now_ms, wanted, after, size)
        assert page.first == len(found) + 1
        found += page.items
        if page.next is None:
            assert page.counts.total == len(found)
            return found
        after = page.next


def test_repeated_alarms_of_one_camera_and_rule_are_one_row(alarms: Alarms) -> None:
    for minute in range(8):
        alarms.take(alarms.of(), now_ms=NOW_MS + minute * MINUTE_MS)
    covered = alarms.of(kind="camera-view", state="covered", rule_id="")
    alarms.take(alarms.of(rule_id="gate"), alarms.of(camera="cam-2"), covered, now_ms=NOW_MS + MINUTE_MS)
    with alarms.reading() as connection:
        found = pages(connection, now_ms=NOW_MS + 10 * MINUTE_MS)
    first = found[0]
    assert (first.count, first.waiting, first.rule) == (8, 8, "night")
    assert (first.first_ms, first.last_ms) == (NOW_MS, NOW_MS + 7 * MINUTE_MS)
    assert first.event is not None
    assert first.event.event_id == "a8", "its newest alarm"
    assert [(each.camera, each.rule, each.state, each.count) for each in found[1:]] == [
        ("cam-1", "gate", "", 1),
        ("cam-2", "night", "", 1),
        ("cam-1", "", "covered", 1),
    ]


def test_a_row_is_acknowledged_as_far_as_the_officer_has_seen_it(alarms: Alarms) -> None:
    alarms.take(alarms.of(), alarms.of())
    with alarms.reading() as connection:
        (seen,) = pages(connection)
    alarms.take(alarms.of(), now_ms=NOW_MS + MINUTE_MS)
    with alarms.writing() as connection:
        subjects = find_subjects(connection, EVERYWHERE, [seen.name])
        assert acknowledge_all(connection, LAN, subjects) == 2
    with alarms.reading() as connection:
        (row,) = pages(connection)
        bar = read_alarm_bar(connection, EVERYWHERE, NOW_MS)
    assert (row.rings, row.waiting, row.count) == (True, 1, 3), "the third one sounds"
    assert (bar.counts.open, bar.counts.ringing, bar.keys) == (1, 1, (row.key,))
    with alarms.writing() as connection:
        close_all(connection, LAN, subjects, IncidentOutcome.FALSE, "mèo")
        (left,) = pages(connection)
        taken = [each.what for each in steps(connection, "event dt-001 a1")]
        assert taken == ["acknowledged", "outcome", "note"]
    assert (left.key, left.count) == (row.key, 1)


def test_the_longest_waiting_come_first_and_acknowledged_ones_after_them(alarms: Alarms) -> None:
    for number in range(6):
        alarms.take(alarms.of(camera=f"c-{number}"), now_ms=NOW_MS + number)
    with alarms.writing() as connection:
        for number in (1, 2, 4):
            acknowledge_all(connection, LAN, {f"event dt-001 a{number}": "de-tham"})
        # A repetition does not move the row: it waits since its first alarm.
    alarms.take(alarms.of(camera="c-2"), now_ms=NOW_MS + 50)
    with alarms.reading() as connection:
        found = pages(connection, size=2)
    assert [each.camera for each in found] == ["c-2", "c-4", "c-5", "c-3", "c-1", "c-0"]


def test_nobody_gets_rows_of_another_ward(alarms: Alarms) -> None:
    alarms.take(alarms.of(), alarms.of(THEIRS))
    with alarms.writing() as connection:
        own, other = pages(connection)
        assert (own.ward, other.ward) == ("de-tham", "bo-xuyen")
        assert [each.key for each in pages(connection, DE_THAM)] == [own.key]
        assert read_alarm_bar(connection, DE_THAM, NOW_MS).keys == (own.key,)
        assert open_names(connection, DE_THAM, NOW_MS) == (own.name,)
        assert open_wards(connection, DE_THAM, NOW_MS) == ("de-tham",)
        counts = counts_by_ward(connection, DE_THAM, NOW_MS)
        assert {ward: each.open for ward, each in counts.items()} == {"de-tham": 1}
        assert find_subjects(connection, DE_THAM, [other.name]) == {}
        page = read_queue(connection, EVERYWHERE, NOW_MS)
        found = unhandled_subjects(connection, DE_THAM, NOW_MS, QueueFilter(ward="bo-xuyen"), page.seen)
        assert found == {}
        rule = AlarmRule(other.ward, other.gateway, other.camera, other.kind, other.rule)
        assert not set_silence(connection, DE_THAM, LAN, rule, 60, "thử")
        assert set_silence(connection, EVERYWHERE, LAN, rule, 60, "thử")
        (silence,) = active_silences(connection, EVERYWHERE, NOW_MS + 2_000)
        assert active_silences(connection, DE_THAM, NOW_MS + 2_000) == ()
        assert not end_silence(connection, DE_THAM, MINH, silence.id)


def test_filters_of_the_list(alarms: Alarms) -> None:
    alarms.take(alarms.of(), alarms.of(camera="cam-2"), alarms.of(THEIRS, kind="loitering"))
    with alarms.writing() as connection:
        connection.execute(tables.alert.insert(), alert_row(NOW_MS))
        acknowledge_all(connection, LAN, {"event dt-001 a2": "de-tham"})
        assign_all(connection, LAN, {"event dt-001 a2": "de-tham"}, "minh")
        counts = {
            QueueFilter(ward="bo-xuyen"): 1,
            QueueFilter(kind="zone-intrusion"): 2,
            QueueFilter(kind="disk"): 1,
            QueueFilter(severity=17): 3,
            QueueFilter(owner="minh"): 1,
            QueueFilter(owner="lan"): 0,
            QueueFilter(gateway="dt-001"): 3,
        }
        found = {each: len(pages(connection, wanted=each)) for each in counts}
        kinds = open_kinds(connection, EVERYWHERE, NOW_MS)
    assert found == counts
    assert kinds == (("kind", "loitering"), ("kind", "zone-intrusion"), ("rule", "disk"))


def test_a_silence_stops_the_bell_and_loses_nothing(alarms: Alarms) -> None:
    alarms.take(alarms.of(), alarms.of(camera="cam-2"))
    rule = AlarmRule("de-tham", "dt-001", "cam-1", "zone-intrusion", "night")
    with alarms.writing() as connection:
        set_silence(connection, EVERYWHERE, LAN, rule, 60, " cây trước ống kính ")
        set_silence(connection, EVERYWHERE, MINH, rule, 240, "đã gọi thợ")
    alarms.take(alarms.of(), now_ms=NOW_MS + MINUTE_MS)
    later_ms = NOW_MS + 5 * MINUTE_MS
    with alarms.writing() as connection:
        ringing, silenced = pages(connection, now_ms=later_ms)
        counts = read_alarm_bar(connection, EVERYWHERE, later_ms).counts
        assert (ringing.camera, silenced.camera) == ("cam-2", "cam-1")
        assert (silenced.rank, silenced.count, silenced.waiting) == (QueueRank.SILENCED, 2, 2)
        assert (counts.open, counts.ringing, counts.silenced) == (2, 1, 1)
        page = read_queue(connection, EVERYWHERE, later_ms)
        subjects = unhandled_subjects(connection, EVERYWHERE, later_ms, QueueFilter(), page.seen)
        assert list(subjects) == ["event dt-001 a2"], "acknowledge all leaves silenced alarms as they are"
        (active,) = active_silences(connection, EVERYWHERE, later_ms)
        assert (active.set_by, active.why, silenced.silence) == ("minh", "đã gọi thợ", active)
        assert [each.who for each in steps(connection, "silence 1")] == ["lan", "minh"]
        after_ms = NOW_MS + 300 * MINUTE_MS
        assert read_alarm_bar(connection, EVERYWHERE, after_ms).counts.ringing == 2, "its time is over"
        assert end_silence(connection, EVERYWHERE, LogAuthor("hoa", later_ms), active.id)
        assert not end_silence(connection, EVERYWHERE, LogAuthor("hoa", later_ms), active.id)
        assert read_alarm_bar(connection, EVERYWHERE, later_ms).counts.ringing == 2
        past = past_silences(connection, EVERYWHERE, later_ms)
        assert [(each.set_by, each.ended_by) for each in past] == [("minh", "hoa"), ("lan", "minh")]


def test_what_nobody_closed_for_a_week_is_not_counted_with_the_next_alarm(alarms: Alarms) -> None:
    alarms.take(alarms.of())
    late_ms = NOW_MS + OPEN_ALARM_AGE_MS + MINUTE_MS
    with alarms.writing() as connection:
        assert len(pages(connection, now_ms=late_ms)) == 1, "it waits, however old it is"
        acknowledge_all(connection, LAN, {"event dt-001 a1": "de-tham"})
        assert pages(connection, now_ms=late_ms) == []
    alarms.take(alarms.of(), now_ms=late_ms)
    with alarms.reading() as connection:
        (row,) = pages(connection, now_ms=late_ms)
    assert (row.count, row.first_ms) == (1, late_ms)


def test_an_alarm_whose_event_is_deleted_leaves_the_list(alarms: Alarms) -> None:
    alarms.take(alarms.of(), alarms.of(), alarms.of(camera="cam-2"))
    with alarms.writing() as connection:
        connection.execute(delete(tables.event).where(tables.event.c.cursor != 1))
        assert len(pages(connection)) == 2, "a page does not fail until then"
        unlist_deleted(connection, [2, 3])
        (row,) = pages(connection)
    assert (row.camera, row.count) == ("cam-1", 1)


def test_times_of_a_wrong_clock_of_the_centre_are_corrected_in_the_list_too(alarms: Alarms) -> None:
    alarms.take(alarms.of())
    alarms.take(alarms.of(), alarms.of(THEIRS), now_ms=NOW_MS + MINUTE_MS)
    with alarms.writing() as connection:
        rule = AlarmRule("de-tham", "dt-001", "cam-1", "zone-intrusion", "night")
        set_silence(connection, EVERYWHERE, LAN, rule, 15, "thử")
        correction = Correction(-MINUTE_MS, NOW_MS + 500)
        shift_times(connection, correction, ["de-tham"], exclusive_database=False)
        ours, theirs = sorted(pages(connection, now_ms=NOW_MS + 5_000), key=lambda each: each.ward)[::-1]
        (silence,) = active_silences(connection, EVERYWHERE, NOW_MS)
        acknowledge_all(connection, LAN, {"event dt-001 a1": "de-tham"})
        (again,) = pages(connection, DE_THAM, now_ms=NOW_MS + 5_000)
    assert (ours.first_ms, ours.last_ms) == (NOW_MS, NOW_MS)
    assert theirs.first_ms == NOW_MS + MINUTE_MS
    assert (again.first_ms, again.last_ms) == (NOW_MS, NOW_MS), "counted again from corrected times"
    assert silence.until_ms == LAN.now_ms + 14 * MINUTE_MS


def test_an_older_database_lists_the_open_alarms_of_its_last_week(alarms: Alarms) -> None:
    alarms.take(alarms.of(camera="old"))
    now_ms = NOW_MS + OPEN_ALARM_AGE_MS + MINUTE_MS
    alarms.take(alarms.of(), alarms.of(), alarms.of(), now_ms=now_ms)
    with alarms.writing() as connection:
        acknowledge_all(connection, LAN, {"event dt-001 a2": "de-tham"})
        close_all(connection, LAN, {"event dt-001 a3": "de-tham"}, IncidentOutcome.REAL, "")
        connection.execute(delete(tables.open_alarm))
        connection.execute(delete(tables.alarm_row))
        write_meta(connection, "schema", "6")
    alarms.ingest.store.close()
    with alarms.ingest.store.batch() as batch:
        assert read_meta(batch.connection, "schema") == "7"
        (row,) = pages(batch.connection, now_ms=now_ms)
    assert (row.camera, row.rule, row.count, row.waiting) == ("cam-1", "night", 2, 1)


def counted_from_events(connection: Connection) -> dict[tuple[str, str, str], tuple[int, int]]:
    """Open alarms and those that wait, by gateway, camera and rule, without the list."""
    handled = {row.subject: row for row in connection.execute(select(tables.handling))}
    hidden = set(connection.scalars(select(tables.hidden_event.c.subject)))
    found = dict[tuple[str, str, str], tuple[int, int]]()
    for row in connection.execute(select(tables.event)):
        subject = f"event {row.gateway} {row.event_id}"
        handling = handled.get(subject)
        if subject in hidden or (handling is not None and handling.outcome is not None):
            continue
        key = row.gateway, row.camera, rule_of(row.kind, row.payload)
        alarms, waiting = found.get(key, (0, 0))
        is_waiting = handling is None or handling.acknowledged_ms is None
        found[key] = alarms + 1, waiting + is_waiting
    return found


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 6))]
)
def test_whatever_is_done_the_badge_counts_the_rows_that_pages_reach(alarms: Alarms, seed: int) -> None:
    rng, arrived = random.Random(seed), Counter[str]()
    for step in range(40):
        for _ in range(rng.randrange(3)):
            box = rng.choice((OURS, THEIRS))
            arrived[box.id] += 1
            camera, rule_id = rng.choice(("cam-1", "cam-2", "cam-3")), rng.choice(("night", "gate"))
            alarms.take(alarms.of(box, camera=camera, rule_id=rule_id), now_ms=NOW_MS + step)
        with alarms.writing() as connection:
            _do_something(connection, rng, arrived)
            bar = read_alarm_bar(connection, EVERYWHERE, NOW_MS + step)
            found = pages(connection, size=3, now_ms=NOW_MS + step)
            truth = counted_from_events(connection)
            newest = connection.scalar(select(func.max(tables.open_alarm.c.cursor)))
        assert {(each.gateway, each.camera, each.rule): (each.count, each.waiting) for each in found} == truth
        assert bar.counts.open == len(found) == len({each.key for each in found})
        assert set(bar.keys) == {each.key for each in found if each.rings}
        assert bar.counts.open_alarms == sum(alarms for alarms, _ in truth.values())
        assert max((each.cursor or 0 for each in found), default=None) == newest
    assert sum(arrived.values()) > 20


def _do_something(connection: Connection, rng: random.Random, arrived: Counter[str]) -> None:
    box = rng.choice((OURS, THEIRS))
    subject = f"event {box.id} a{rng.randint(1, arrived[box.id] + 1)}"
    if not find_subjects(connection, EVERYWHERE, [subject]):
        return
    by, rows = LogAuthor("lan", NOW_MS), pages(connection)
    match rng.randrange(7):
        case 0 | 1:
            acknowledge_all(connection, by, {subject: box.ward})
        case 2:
            close_all(connection, by, {subject: box.ward}, IncidentOutcome.FALSE, "")
        case 3:
            reopen(connection, by, subject, box.ward)
        case 4 if rows:
            acknowledge_all(connection, by, find_subjects(connection, EVERYWHERE, [rng.choice(rows).name]))
        case 5 if rows:
            subjects = find_subjects(connection, EVERYWHERE, [rng.choice(rows).name])
            close_all(connection, by, subjects, IncidentOutcome.REAL, "x")
        case _:
            columns = tables.event.c
            query = select(columns.cursor).where(columns.event_id == subject.rpartition(" ")[2])
            cursor = connection.scalar(query.where(columns.gateway == box.id)) or 0
            (row,) = rows_of(connection, EVERYWHERE, [cursor])
            rng.choice((hide, unhide_it))(connection, by, row, "")


def unhide_it(connection: Connection, by: LogAuthor, row: EventRow, _: str) -> None:
    unhide(connection, by, row)


@pytest.mark.parametrize("count", [1_000, pytest.param(5_000, marks=pytest.mark.long)])
def test_all_open_alarms_are_reached_and_acknowledged_while_50_a_second_arrive(
    alarms: Alarms, count: int
) -> None:
    boxes = [FakeGateway(f"dt-{number:03d}") for number in range(count // 50)]

    # from each box in turn, and from its ten cameras in turn
    turns = (divmod(number, len(boxes)) for number in itertools.count())
    arriving = (alarms.of(boxes[n], f"cam-{turn % 10}", rule_id=f"r-{turn % 2}") for turn, n in turns)

    for second in range(10):
        alarms.take(*islice(arriving, count // 10), now_ms=NOW_MS + second * 1_000)
    now_ms = NOW_MS + 10_000
    with alarms.reading() as connection:
        began = time.perf_counter()
        page = read_queue(connection, EVERYWHERE, now_ms)
        bar = read_alarm_bar(connection, EVERYWHERE, now_ms)
        took_s = time.perf_counter() - began
        found = pages(connection, now_ms=now_ms)
    print(f"{len(found)} rows of {bar.counts.open_alarms} alarms; page and bar {took_s * 1000:.0f} ms")
    assert took_s < PAGE_S
    assert (bar.counts.open, bar.counts.open_alarms) == (len(found), count)
    assert sum(item.count for item in found) == count, "none is unreachable"
    acknowledged = 0
    for second in range(11, 16):
        alarms.take(*islice(arriving, 50), now_ms=NOW_MS + second * 1_000)
        with alarms.writing() as connection:
            subjects = unhandled_subjects(connection, EVERYWHERE, now_ms, QueueFilter(), page.seen)
            acknowledged += acknowledge_all(connection, LAN, subjects)
    with alarms.reading() as connection:
        bar = read_alarm_bar(connection, EVERYWHERE, now_ms)
        left = pages(connection, now_ms=now_ms)
    assert acknowledged == count, "what the officer saw, once each"
    assert sum(item.waiting for item in left) == 250, "what came since still sounds"
    assert sum(item.count for item in left) == bar.counts.open_alarms == count + 250
