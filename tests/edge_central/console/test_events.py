"""Event lists by filter, page by page, and one event with everything that belongs to it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Connection, Text, cast, func, select, text, update

from edge_agent.evidence.chain.verify import VerificationVerdict
from edge_central.console.event_list import EventFilter, PagePosition, read_events
from edge_central.console.events import (
    KINDS,
    QUIET,
    EventRow,
    EventStory,
    latest_pictures,
    media,
    read_story,
    ward_of_event,
)
from edge_central.console.history import read_history
from edge_central.console.verdict import verify_event
from edge_central.store import tables
from edge_central.store.ringing import ALARM, WARNING
from edge_central.store.scope import EVERYWHERE, Scope
from tests.edge_central.console.city import COVERED, HOT, City

ELSEWHERE = Scope(frozenset({"ky-ba"}))
HOUR_MS = 3_600_000


def all_pages(connection: Connection, event_filter: EventFilter, scope: Scope = EVERYWHERE) -> list[EventRow]:
    rows: list[EventRow] = []
    after = None
    while True:
        page = read_events(connection, scope, event_filter, after)
        rows += page.rows
        if page.next is None:
            return rows
        after = PagePosition.parse(str(page.next))
        assert after is not None


@pytest.mark.parametrize("by_time", [False, True])
def test_pages_give_every_event_once_the_newest_first(city: City, reading: Connection, by_time: bool) -> None:
    event_filter = EventFilter(from_ms=0 if by_time else None)
    rows = all_pages(reading, event_filter)
    key = [(row.time_ms, row.cursor) if by_time else (row.cursor, 0) for row in rows]
    assert key == sorted(key, reverse=True)
    columns = tables.event.c
    subject = func.coalesce(columns.gateway + " " + columns.event_id, cast(columns.cursor, Text))
    first = select(func.min(columns.cursor)).where(columns.kind.not_in(QUIET)).group_by(subject)
    assert sorted(row.cursor for row in rows) == sorted(reading.scalars(first))
    assert any(row.lasted_ms for row in rows)


@pytest.mark.parametrize(
    "event_filter",
    [
        EventFilter(ward="tran-lam"),
        EventFilter(kinds=frozenset({"loitering", "chain-head"})),
        EventFilter(severity=WARNING),
        EventFilter(severity=ALARM),
        EventFilter(gateway="dt-003"),
        EventFilter(gateway="dt-003", camera="cam-1"),
    ],
)
def test_a_filter_leaves_out_what_it_should_and_nothing_else(
    reading: Connection, event_filter: EventFilter
) -> None:
    def fits(row: EventRow) -> bool:
        kinds = event_filter.kinds or {row.kind} - set(QUIET)
        return (
            row.ward == (event_filter.ward or row.ward)
            and row.kind in kinds
            and row.severity >= event_filter.severity
            and row.gateway == (event_filter.gateway or row.gateway)
            and row.camera == (event_filter.camera or row.camera)
        )

    expected = [row for row in all_pages(reading, EventFilter(kinds=frozenset(KINDS))) if fits(row)]
    assert [row.cursor for row in all_pages(reading, event_filter)] == [row.cursor for row in expected]


def test_a_time_range_selects_by_the_events_own_times(city: City, reading: Connection) -> None:
    event_filter = EventFilter(from_ms=city.now_ms - 2 * HOUR_MS, to_ms=city.now_ms - HOUR_MS)
    rows = all_pages(reading, event_filter)
    assert rows
    assert all(-2 * HOUR_MS <= row.time_ms - city.now_ms < -HOUR_MS for row in rows)


def test_a_ward_never_gets_events_of_another(reading: Connection) -> None:
    assert {row.ward for row in all_pages(reading, EventFilter(), ELSEWHERE)} == {"ky-ba"}
    assert all_pages(reading, EventFilter(ward="tran-lam"), ELSEWHERE) == []
    foreign = read_events(reading, EVERYWHERE, EventFilter(ward="quang-trung", severity=ALARM)).rows[0]
    assert read_story(reading, ELSEWHERE, foreign.cursor) is None
    assert verify_event(reading, ELSEWHERE, foreign.cursor) is None
    assert foreign.media_id is not None
    assert media(reading, ELSEWHERE, foreign.gateway, foreign.media_id) is None
    assert ward_of_event(reading, ELSEWHERE, foreign.gateway, foreign.event_id or "") is None
    assert latest_pictures(reading, ELSEWHERE, foreign.gateway, [foreign.camera]) == {}
    assert read_history(reading, ELSEWHERE, HOT, 0, 2**62).is_empty


@pytest.mark.parametrize("text", ["", "5", "5-", "-5", "a-b", "5-5-5", "9" * 50 + "-1"])
def test_an_invalid_position_is_refused(text: str) -> None:
    assert PagePosition.parse(text) is None


def test_a_story_has_all_phases_its_picture_and_its_clip(reading: Connection) -> None:
    event_filter = EventFilter(gateway="pk-003", severity=ALARM)
    newest = read_events(reading, EVERYWHERE, event_filter).rows[0]
    found = story_of(reading, newest.cursor)
    assert [row.phase for row in found.phases] == ["start", "end"]
    assert not found.goes_on
    assert found.first.media_id == found.media[0].media_id
    clip = found.evidence[0].data.clip
    assert clip is not None
    assert clip.pre_roll_s == 5.2
    assert ward_of_event(reading, EVERYWHERE, "pk-003", newest.event_id or "") == found.first.ward


def test_the_newest_picture_of_a_camera(reading: Connection) -> None:
    found = latest_pictures(reading, EVERYWHERE, COVERED[0], [COVERED[1], "cam-2"])
    assert found[COVERED[1]].event_id.startswith("camera-view-cam-1")


def alarm_of(connection: Connection) -> EventRow:
    newest = read_events(connection, EVERYWHERE, EventFilter(severity=ALARM)).rows[0]
    return story_of(connection, newest.cursor).first


def story_of(connection: Connection, cursor: int) -> EventStory:
    found = read_story(connection, EVERYWHERE, cursor)
    assert found is not None
    return found


def verdict_of(connection: Connection, cursor: int) -> tuple[VerificationVerdict, int]:
    """The verdict, and the length of the key."""
    found = verify_event(connection, EVERYWHERE, cursor)
    assert found is not None
    return found.verdict, len(found.key)


def test_a_signed_event_is_genuine(reading: Connection) -> None:
    assert verdict_of(reading, alarm_of(reading).cursor) == (VerificationVerdict.GENUINE, 64)


def test_a_changed_event_is_not_genuine(writing: Connection) -> None:
    columns, alarm = tables.event.c, alarm_of(writing)
    payload = writing.execute(select(columns.payload).where(columns.cursor == alarm.cursor)).scalar_one()
    changed = payload.replace(b'"person in yard', b'"nobody in yard')
    assert changed != payload
    writing.execute(update(tables.event).where(columns.cursor == alarm.cursor).values(payload=changed))
    assert verdict_of(writing, alarm.cursor)[0] is VerificationVerdict.ALTERED


def test_without_the_gateways_key_no_event_is_genuine(writing: Connection) -> None:
    alarm = alarm_of(writing)
    writing.execute(update(tables.gateway).where(tables.gateway.c.id == alarm.gateway).values(birth=None))
    assert verdict_of(writing, alarm.cursor) == (VerificationVerdict.UNSIGNED, 0)


def test_an_event_that_no_signed_one_follows_is_not_covered_yet(reading: Connection) -> None:
    event_filter = EventFilter(ward="ky-ba", kinds=frozenset({"camera-view"}))
    newest = read_events(reading, EVERYWHERE, event_filter).rows[0]
    assert verdict_of(reading, newest.cursor)[0] is VerificationVerdict.UNSIGNED


def test_an_event_of_another_version_is_shown_with_what_can_be_read(writing: Connection) -> None:
    alarm = alarm_of(writing)
    newer = update(tables.event).where(tables.event.c.cursor == alarm.cursor)
    writing.execute(newer.values(payload=b'{"data": 7}'))
    found = story_of(writing, alarm.cursor)
    assert found.requested.data.why == ""
    assert replace(found.requested, data=alarm.data, media_id=alarm.media_id) == alarm


def test_history_is_ascending_and_knows_the_cameras(city: City, reading: Connection) -> None:
    found = read_history(reading, EVERYWHERE, "bx-010", city.now_ms - 12 * HOUR_MS, city.now_ms)
    times = [time for time, _ in found.temperature.points]
    assert times == sorted(times)
    assert len(times) in (71, 72)
    assert [series.name for series in found.cameras] == city.gateways["bx-010"].cameras
    assert found.disk.newest is not None
    assert 30 < found.disk.newest < 40


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("kind NOT IN ('x') AND severity >= 13 AND severity >= 17 ORDER BY cursor", "event_of_note"),
        ("gateway = 'dt-001' AND kind NOT IN ('x') ORDER BY cursor", "event_by_gateway"),
        ("ward IN ('ky-ba') AND kind NOT IN ('x') ORDER BY cursor", "event_by_ward"),
        ("time_ms >= 5 AND time_ms < 9 ORDER BY time_ms DESC, cursor", "event_by_time"),
    ],
)
def test_no_question_reads_the_whole_table(reading: Connection, query: str, index: str) -> None:
    newest = f"SELECT payload FROM event WHERE {query} DESC LIMIT 51"
    rows = reading.execute(text(f"EXPLAIN QUERY PLAN {newest}")).all()
    plan = " ".join(row[3] for row in rows)
    assert index in plan
    assert "TEMP B-TREE" not in plan
