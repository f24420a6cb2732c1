"""What the ingest counts of the events and heartbeats that it stores; on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import delete, func, select

from edge_agent.mqtt.session.signal_queue import MessageReceived
from edge_central.settings import Database
from edge_central.store import tables
from edge_central.store.batch import Batch, Store
from edge_central.store.database import REBUILD_KEY, read_meta, read_transaction, write_meta
from edge_central.store.scope import Scope
from edge_central.traffic import recorder
from edge_central.traffic.rebuild import TrafficRebuild
from edge_central.traffic.series import CountedPlace, DaySums, TrafficFilter, read_sums
from tests.edge_central.ingest_harness import IngestHarness
from tests.edge_central.parts import FakeGateway
from tests.edge_central.traffic.parts import (
    NOW_MS,
    TIMEZONE,
    at,
    at_ms,
    line_counts,
    line_of,
    moment,
    object_counts,
    period_of,
    picture_of,
    quarter,
    read,
    seeing,
    totals,
)
from tests.edge_central.web.hostile import Message, event

BOX = FakeGateway()


def store(ingest: IngestHarness, *messages: Message) -> None:
    ingest.write(*messages, now_ms=NOW_MS)


def sums(database: Database, scope: Scope | None = None) -> dict[CountedPlace, DaySums]:
    with read_transaction(database) as connection:
        return read_sums(connection, scope or Scope(None), TrafficFilter(), [moment("00:00").date()])


def test_crossings_are_counted_in_the_quarter_of_their_report(ingest: IngestHarness) -> None:
    store(
        ingest,
        line_counts(BOX, 1, "00:00", "10:07", {"motorcycle": 5}, {"car": 1}),
        line_counts(BOX, 2, "10:07", "10:15", {"motorcycle": 7}, {"car": 1}),
        line_counts(BOX, 3, "10:15", "10:22", {"motorcycle": 9}, {"car": 4}),
    )
    line = line_of(ingest.database)
    assert totals(line) == {"10:00": 8, "10:15": 5}, "a report at 10:15 is of the quarter that it ends"
    assert line.by_quarter[quarter("10:15")] == {("a-to-b", "motorcycle"): 2, ("b-to-a", "car"): 3}
    place = CountedPlace(BOX.ward, BOX.id, "cam-1", "gate-count", "gate")
    assert line.place == place
    assert sums(ingest.database)[place].total == 13


def test_an_event_that_arrives_twice_counts_once(ingest: IngestHarness) -> None:
    both = (
        line_counts(BOX, 1, "00:00", "10:07", {"motorcycle": 5}),
        object_counts(BOX, 2, "10:06", "10:07", {"car": 3}),
    )
    store(ingest, *both, *both)
    store(ingest, *both)
    assert totals(line_of(ingest.database)) == {"10:00": 5}
    assert totals(picture_of(ingest.database)) == {"10:00": 3}


def test_a_late_report_lands_in_its_own_quarter(ingest: IngestHarness) -> None:
    store(
        ingest,
        line_counts(BOX, 1, "00:00", "10:07", {"motorcycle": 5}),
        line_counts(BOX, 3, "10:22", "10:37", {"motorcycle": 12}),
        object_counts(BOX, 4, "10:36", "10:37", {"car": 1}),
        seeing(BOX, "11:01", "00:00"),
    )
    before = line_of(ingest.database)
    assert (totals(before), before.undated.total()) == ({"10:00": 5}, 7), "no peak in the next quarter"
    assert period_of(before, "10:15").counts is None, "the camera had a picture, but a report is missing"
    store(
        ingest,
        line_counts(BOX, 2, "10:07", "10:22", {"motorcycle": 9}),
        object_counts(BOX, 5, "10:21", "10:22", {"car": 2}),
    )
    after = line_of(ingest.database)
    assert totals(after) == {"10:00": 5, "10:15": 4, "10:30": 3}
    assert period_of(after, "10:15").measured == 1
    assert totals(picture_of(ingest.database)) == {"10:15": 2, "10:30": 1}


def test_what_a_wrong_clock_counted_is_in_no_quarter(ingest: IngestHarness) -> None:
    store(
        ingest,
        line_counts(BOX, 1, "00:00", "10:07", {"motorcycle": 5}),
        line_counts(BOX, 2, "03:00", "03:01", {"motorcycle": 9}, clock="unsynced"),
        line_counts(BOX, 3, "10:07", "10:22", {"motorcycle": 10}),
        object_counts(BOX, 4, "03:00", "03:01", {"car": 4}, clock="unsynced"),
        object_counts(BOX, 5, "10:21", "10:22", {"car": 1}),
    )
    line, picture = line_of(ingest.database), picture_of(ingest.database)
    assert (totals(line), line.undated.total()) == ({"10:00": 5, "10:15": 1}, 4)
    assert (totals(picture), picture.undated.total()) == ({"10:15": 1}, 4)


def test_a_day_that_is_reported_after_its_end_keeps_its_sum_and_invents_no_time(
    ingest: IngestHarness,
) -> None:
    """The power was off at midnight: the agent reports the old day when it starts."""
    late = {"to_at": at("07:00", "2026-11-25")}
    store(
        ingest,
        line_counts(BOX, 1, "00:00", "10:07", {"motorcycle": 5}),
        line_counts(BOX, 2, "10:07", "10:08", {"motorcycle": 6}, data=late),
    )
    line = line_of(ingest.database)
    assert (totals(line), line.undated.total()) == ({"10:00": 5}, 1)


def test_an_interval_longer_than_a_quarter_has_no_quarter(ingest: IngestHarness) -> None:
    store(ingest, object_counts(BOX, 1, "09:00", "10:00", {"car": 40}))
    picture = picture_of(ingest.database)
    assert (totals(picture), picture.undated.total()) == ({}, 40)


def test_the_first_minutes_of_a_day_belong_to_it_although_utc_has_the_day_before(
    ingest: IngestHarness,
) -> None:
    store(ingest, object_counts(BOX, 1, "00:04", "00:05", {"car": 2}), seeing(BOX, "12:01", "06:00"))
    found = sums(ingest.database)
    assert found == {CountedPlace(BOX.ward, BOX.id, "cam-1"): DaySums(2, 24)}


# --- measured time ---


def test_zero_is_said_only_of_time_with_a_picture(ingest: IngestHarness) -> None:
    store(ingest, object_counts(BOX, 1, "10:06", "10:07", {"car": 3}), seeing(BOX, "11:20", "10:20"))
    picture = picture_of(ingest.database)
    ten = period_of(picture, "10:00")
    assert (ten.total, ten.is_partial) == (3, True), "the camera was lost in it"
    assert period_of(picture, "09:45").counts is None, "a gap"
    assert period_of(picture, "10:15").counts is None, "it had a picture in a part of it only"
    assert [period_of(picture, clock).total for clock in ("10:30", "11:00")] == [0, 0]
    assert period_of(picture, "11:15").counts is None, "it was not over"


@pytest.mark.parametrize(
    "more",
    [
        {"state": "offline"},
        {"clock": {"synced": False}},
        {"uptime_s": None},
        {"outbox": {"oldest_s": 400.0}},  # the counts may be on their way
        {"view": ["covered"]},
    ],
)
def test_these_heartbeats_measure_nothing(ingest: IngestHarness, more: dict[str, Any]) -> None:
    store(ingest, seeing(BOX, "11:20", "10:20", **more))
    assert read(ingest.database) == []


def test_since_is_never_believed_beyond_the_start_of_the_agent(ingest: IngestHarness) -> None:
    """Before its clock was set the agent took another time for that of the camera's connection."""
    store(ingest, seeing(BOX, "12:01", "00:00", uptime_s=3_600.0))
    assert picture_of(ingest.database).measured.spans == ((quarter("11:15"), quarter("12:00")),)


def test_when_the_backlog_has_arrived_its_quarters_count_as_measured(ingest: IngestHarness) -> None:
    waiting, arrived = {"oldest_s": 3_000.0}, {"oldest_s": 0.0}
    store(
        ingest,
        seeing(BOX, "11:20", "10:00", outbox=waiting),
        seeing(BOX, "11:35", "10:00", outbox=arrived),
    )
    assert picture_of(ingest.database).measured.spans == ((quarter("10:00"), quarter("11:30")),)


def test_a_covered_hour_is_not_measured_after_a_restart(ingest: IngestHarness) -> None:
    """Each ``write`` loads the state again, as after a restart."""
    for until, view in (("10:01", []), ("10:31", ["covered"]), ("11:01", ["covered"]), ("11:31", [])):
        ingest.write(seeing(BOX, until, "09:00", view=view), now_ms=at_ms(until))
    assert picture_of(ingest.database).measured.spans == (
        (quarter("09:00"), quarter("10:00")),
        (quarter("11:15"), quarter("11:30")),
    ), "it was covered in a part of the first quarter"


def test_the_quarter_of_a_restart_is_measured(ingest: IngestHarness) -> None:
    for until in ("10:01", "10:05", "10:31"):
        ingest.write(seeing(BOX, until, "09:00"), now_ms=at_ms(until))
    assert picture_of(ingest.database).measured.spans == ((quarter("09:00"), quarter("10:30")),)


def test_too_many_cameras_measure_no_covered_hour(
    ingest: IngestHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "MAX_NAMES", 0)
    covered = seeing(BOX, "11:01", "09:00", view=["covered"])
    store(ingest, seeing(BOX, "10:01", "09:00"), covered, seeing(BOX, "11:31", "09:00"))
    assert picture_of(ingest.database).measured.spans == ((quarter("09:00"), quarter("10:00")),)


# --- whatever a gateway sends ---

ODD_LINES: tuple[dict[str, Any], ...] = (
    {"a_to_b": {"car": -1}},
    {"a_to_b": {"car": 2**70}},
    {"a_to_b": {"car": 10_000_001}},
    {"a_to_b": {"car": 1.5}},
    {"a_to_b": ["car"]},
    {"day": "9999-12-31"},
    {"day": "0001-01-01"},
    {"day": "2026-11-27"},  # in three days
    {"day": "20261124"},
    {"day": 7},
    {"to_at": "1e308"},
    {"to_at": at("09:00"), "from_at": at("10:00")},
    {"line": "<script>alert(1)</script>"},
    {"line": "=cmd"},
    {"line": "-1"},
    {"rule_id": "x" * 64},
    {"rule_id": None},
)


@pytest.mark.parametrize("more", ODD_LINES)
def test_a_report_that_makes_no_sense_is_stored_and_counts_nothing(
    ingest: IngestHarness, more: dict[str, Any]
) -> None:
    store(ingest, line_counts(BOX, 1, "10:00", "10:07", {"car": 1}, data=more))
    assert len(ingest.cursors()) == 1
    assert read(ingest.database) == []


@pytest.mark.parametrize("new", [{"car": -1}, {"car": 2**63}, {"car": "4"}, [], None])
def test_counts_that_make_no_sense_count_nothing(ingest: IngestHarness, new: Any) -> None:
    data = {"from_at": at("10:06"), "to_at": at("10:07"), "interval_s": 60, "new": new}
    store(ingest, event(BOX, 1, data, kind="counts", severity=9, clock="synced"))
    assert read(ingest.database) == []


def test_labels_that_nobody_knows_are_one_class(ingest: IngestHarness) -> None:
    store(ingest, object_counts(BOX, 1, "10:06", "10:07", {"car": 1, "<b>": 2, "x" * 5_000: 3}))
    assert picture_of(ingest.database).by_quarter[quarter("10:00")] == {("", "car"): 1, ("", "other"): 5}


def test_one_gateway_fills_a_bounded_number_of_rows(
    ingest: IngestHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "MAX_DAYS_OF_GATEWAY", 3)
    other = FakeGateway("dt-002")
    many = [line_counts(BOX, n, "10:00", "10:07", {"car": 1}, data={"line": f"l{n}"}) for n in range(1, 6)]
    store(ingest, *many[:2])
    store(ingest, *many[2:], line_counts(other, 1, "10:00", "10:07", {"car": 1}))
    found = read(ingest.database)
    assert [series.place.gateway for series in found] == [BOX.id] * 3 + [other.id]


def test_a_scope_hides_other_wards(ingest: IngestHarness) -> None:
    store(
        ingest,
        line_counts(BOX, 1, "00:00", "10:07", {"car": 1}),
        object_counts(BOX, 2, "10:06", "10:07", {"car": 1}),
    )
    theirs = Scope(frozenset({"bo-xuyen"}))
    assert read(ingest.database, scope=theirs) == []
    assert read(ingest.database, scope=theirs, asked=TrafficFilter(BOX.ward)) == []
    assert sums(ingest.database, theirs) == {}


# --- events of before ---


def test_events_that_were_stored_before_are_counted_once(
    ingest: IngestHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_central.traffic.rebuild.MAX_EVENTS", 4)
    messages = [object_counts(BOX, n, f"10:{n:02d}", f"10:{n + 1:02d}", {"car": 1}) for n in range(1, 10)]
    store(ingest, *messages, line_counts(BOX, 10, "00:00", "10:30", {"car": 7}))
    before = [totals(each) for each in read(ingest.database)]
    assert before == [{"10:00": 9}, {"10:15": 7}]
    _forget(ingest)
    fresh = Store(ingest.database)
    fresh.load()  # as the first start of this version
    store(ingest, object_counts(BOX, 11, "10:58", "10:59", {"car": 5}))  # counted by itself
    rebuild = TrafficRebuild(TIMEZONE)
    while fresh.query(rebuild.has_work):
        with fresh.batch() as batch:
            rebuild.work(batch.connection)
    fresh.close()
    assert [totals(each) for each in read(ingest.database)] == [{"10:00": 9, "10:45": 5}, {"10:15": 7}]


def _forget(ingest: IngestHarness) -> None:
    with ingest.store.batch() as batch:
        for table in (tables.traffic_line, tables.traffic_camera):
            batch.connection.execute(delete(table))
        write_meta(batch.connection, REBUILD_KEY, None)


def test_a_new_database_has_nothing_to_rebuild(ingest: IngestHarness) -> None:
    ingest.store.load()
    assert ingest.store.query(lambda each: read_meta(each, REBUILD_KEY)) == "0"


def test_events_are_counted_in_the_transaction_that_stores_them(ingest: IngestHarness) -> None:
    fleet = ingest.store.load()
    received = [MessageReceived(*object_counts(BOX, 1, "10:06", "10:07", {"car": 1}), 1)]

    def fails(batch: Batch) -> None:
        ingest.writer.write(received, fleet, batch, NOW_MS)
        raise RuntimeError

    with pytest.raises(RuntimeError), ingest.store.batch() as batch:
        fails(batch)
    assert _rows(ingest) == 0
    store(ingest, object_counts(BOX, 1, "10:06", "10:07", {"car": 1}))
    assert _rows(ingest) == 1


def _rows(ingest: IngestHarness) -> int:
    with read_transaction(ingest.database) as connection:
        return connection.scalar(select(func.count()).select_from(tables.traffic_camera)) or 0
