"""Retention deletes expired rows, keeps held ones, and records each deletion; on both databases."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Table

from edge_agent.cli import main as cli
from edge_agent.cli.arguments import parser
from edge_agent.core.clock import SystemClock, rfc3339_of_ms, wall_ms
from edge_agent.wire import ClaimAnswer
from edge_central.claims.records import record_answer, store_claim
from edge_central.cli.retention_commands import run_deletions, run_holds
from edge_central.cli.status import status_lines
from edge_central.console.incident_log import (
    IncidentOutcome,
    LogAuthor,
    acknowledge_all,
    close_all,
    hand_over,
)
from edge_central.console.requests import request_clip
from edge_central.retention import deletion_plans
from edge_central.retention.holds import RetentionHold, place_hold, release_hold
from edge_central.retention.sweep import EVERY_S, MAX_MEDIA, MAX_ROWS, RetentionSweep
from edge_central.settings import Database, Retention
from edge_central.store import tables
from edge_central.store.centres import running_key
from edge_central.store.database import (
    DatabaseUnavailable,
    insert_row,
    read_transaction,
    write_record,
    write_transaction,
)
from edge_central.store.media_folder import MediaFolder
from edge_central.store.open_alarms import list_event
from edge_central.store.scope import Scope
from tests.edge_central.ingest_harness import NOW_MS, IngestHarness, alert_row, ran_last
from tests.edge_central.parts import OURS
from tests.edge_central.prepared import make_sqlite
from tests.testbed.claiming_box import ClaimingBox
from tests.testbed.claims import SERIAL, TIME

DAY_MS = 86_400_000
SETTINGS = Retention(
    info_days=10, warning_days=20, alarm_days=100, media_days=5, alert_days=30, duty_days=300,
    traffic_days=40, kinds={"counts": 200},
)  # fmt: skip
PLACE: dict[str, Any] = {"gateway": "dt-001", "camera": "cam-1"}
ENDS = ("--to", "2026-01-02", "--why", "x")


@dataclass
class Archive:
    """Rows of the last days, and retention runs over them."""

    ingest: IngestHarness
    pictures: Path
    settings: Retention = SETTINGS
    number: int = 0

    def event(self, days: float, kind: str = "object", severity: int = 9, **columns: Any) -> int:
        """Store an event and return its cursor."""
        return self._insert(tables.event, self._row(days, kind=kind, severity=severity, **columns))

    def alert(self, days: float, **columns: Any) -> int:
        """Store an alert and return its id."""
        return self._insert(tables.alert, alert_row(ago_ms(days), **columns))

    def _insert(self, table: Table, row: dict[str, Any]) -> int:
        with self.ingest.store.batch() as batch:
            return insert_row(batch.connection, table, row)

    def events(self, days: Sequence[float], event_id: str | None = None) -> None:
        self.ingest.insert(tables.event, *(self._row(each, event_id=event_id) for each in days))

    def _row(self, days: float, **columns: Any) -> dict[str, Any]:
        self.number += 1
        usual = {"stream": 1, "ward": "de-tham", "kind": "object", "severity": 9, "phase": "start"}
        at = dict.fromkeys(("time_ms", "received_ms"), ago_ms(days))
        return {**PLACE, **usual, **at, "sequence": self.number, "payload": b"{}", **columns}

    def picture(
        self, days: float, media_id: str, sha256: str = "a" * 64, event_id: str = "e-1", camera: str = "cam-1"
    ) -> Path:
        row = {"media_id": media_id, "event_id": event_id, "sha256": sha256, "bytes": 3, "sealed": False}
        row |= {"gateway": "dt-001", "camera": camera, "received_ms": ago_ms(days)}
        self.ingest.insert(tables.media, row)
        path = MediaFolder(self.pictures).path("dt-001", sha256, False)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"jpg")
        return path

    def hold(self, **what: Any) -> int:
        with self.ingest.store.batch() as batch:
            return place_hold(batch.connection, RetentionHold(0, "file 7/2026", "an officer", NOW_MS, **what))

    def release(self, hold: int) -> bool:
        with self.ingest.store.batch() as batch:
            return release_hold(batch.connection, hold, "another one", NOW_MS)

    def run(self, media_of: Sequence[str] | None = None) -> int:
        """Run until the end; return the number of batches."""
        return self.finish(self.sweep(media_of))

    def finish(self, sweep: RetentionSweep) -> int:
        steps = 0
        while sweep.due:
            self.step(sweep)
            steps += 1
        return steps

    def step(self, sweep: RetentionSweep) -> None:
        with self.ingest.store.batch() as batch:
            sweep.run_batch(batch.connection)

    def sweep(self, media_of: Sequence[str] | None = None) -> RetentionSweep:
        media, clock = MediaFolder(self.pictures), SystemClock()
        return RetentionSweep(self.settings, media, clock, first_after_s=0.0, pause_s=0.0, media_of=media_of)

    def command(self, *words: str) -> tuple[int, str]:
        """The exit code of a command about holds, and what it prints."""
        return held(self.ingest.database, *words)

    def rows(self, table: Table) -> list[Any]:
        return self.ingest.rows(table)

    def cursors(self) -> list[int]:
        return sorted(row.cursor for row in self.rows(tables.event))


def held(database: Database, *words: str) -> tuple[int, str]:
    out = io.StringIO()
    return run_holds(parser().parse_args(["central", *words]), database, out, out), out.getvalue()


def ago_ms(days: float) -> int:
    return wall_ms(SystemClock()) - round(days * DAY_MS)


@pytest.fixture
def archive(ingest: IngestHarness, tmp_path: Path) -> Archive:
    ingest.store.load()
    return Archive(ingest, tmp_path / "media")


def test_each_severity_and_kind_has_its_time(archive: Archive) -> None:
    limits = ((10, "object", 9), (20, "object", 13), (100, "tamper", 17), (200, "counts", 9))
    kept = [archive.event(days - 1, kind, severity) for days, kind, severity in limits]
    for days, kind, severity in limits:
        archive.event(days + 1, kind, severity)
    archive.run()
    assert archive.cursors() == kept


def test_each_deletion_is_recorded_with_what_rule_and_range(archive: Archive) -> None:
    first, second = archive.event(30), archive.event(12)
    archive.event(1)
    archive.event(40, event_id="e-9")
    archive.hold(event_id="e-9")
    archive.picture(6, "m-1")
    archive.run()
    media, event = archive.rows(tables.deletion)
    assert (event.what, event.kind, event.rule) == ("event", "object", "info_days: 10")
    assert (event.rows, event.held) == (2, 1)
    assert (event.first_cursor, event.last_cursor) == (first, second)
    assert event.first_ms < event.last_ms <= event.begun_ms - 10 * DAY_MS + 60_000
    assert (media.what, media.rule, media.rows, media.held) == ("media", "media_days: 5", 1, 0)
    archive.run()
    assert len(archive.rows(tables.deletion)) == 2, "a run without a deletion leaves no record"


def test_an_open_alarm_leaves_the_list_of_alarms_with_its_event(archive: Archive) -> None:
    for days in (150, 99):
        archive.event(days, "loitering", 17, event_id=f"e-{days}")
    with archive.ingest.store.batch() as batch:
        for days in (150, 99):
            list_event(batch.connection, "dt-001", f"e-{days}")
    assert [row.alarms for row in archive.rows(tables.alarm_row)] == [2]
    archive.run()
    (row,) = archive.rows(tables.alarm_row)
    assert (row.alarms, row.waiting, row.first_ms) == (1, 1, row.last_ms)


def test_many_rows_are_deleted_in_small_batches_with_one_record(archive: Archive) -> None:
    count = 2 * MAX_ROWS + 100
    archive.events([30 - number / count for number in range(count)])
    archive.run()
    assert archive.command("release", "--deletions")[0] == 0
    assert archive.run() >= 3
    assert archive.cursors() == []
    (record,) = archive.rows(tables.deletion)
    assert record.rows == count
    assert record.last_ms - record.first_ms == pytest.approx(DAY_MS, rel=0.01)


def test_an_interrupted_run_has_recorded_its_deletions_and_the_next_run_continues(
    archive: Archive,
) -> None:
    for _ in range(3):
        archive.event(11)
    sweep = archive.sweep()
    for _ in range(3):  # pictures and papers come first
        archive.step(sweep)
    assert archive.rows(tables.deletion)[0].rows == 3
    archive.event(11)
    archive.run()
    assert [record.rows for record in archive.rows(tables.deletion)] == [3, 1]


def test_a_hold_keeps_all_of_an_event_and_its_pictures_until_it_is_released(archive: Archive) -> None:
    kept = [archive.event(50, event_id="e-1"), archive.event(49, "evidence", event_id="e-1")]
    archive.event(50, event_id="e-2")
    file = archive.picture(50, "m-1")
    other = archive.picture(50, "m-2", sha256="b" * 64, event_id="e-2")
    id_ = archive.hold(event_id="e-1")
    archive.run()
    assert archive.cursors() == kept
    assert file.exists()
    assert not other.exists()
    assert archive.release(id_)
    assert not archive.release(id_)
    archive.run()
    assert archive.cursors() == []
    assert not file.exists()


def test_a_hold_on_a_time_keeps_the_camera_and_later_rows_of_its_events(archive: Archive) -> None:
    kept = [
        archive.event(50),
        archive.event(50, event_id="e-1"),
        archive.event(49, event_id="e-1"),  # its end, a day later
    ]
    archive.event(48)
    file = archive.picture(40, "m-1")
    around = {"from_ms": ago_ms(50.1), "to_ms": ago_ms(49.9)}
    archive.hold(gateway="dt-001", camera="cam-1", **around)
    archive.run()
    assert archive.cursors() == kept
    assert file.exists()
    other = archive.picture(50, "m-2", sha256="b" * 64, camera="cam-2", event_id="e-2")
    archive.hold(gateway="dt-002", **around)
    archive.run()
    assert archive.cursors() == kept
    assert not other.exists()


def test_a_picture_that_another_row_names_stays(archive: Archive) -> None:
    file = archive.picture(50, "m-1")
    archive.picture(1, "m-2")
    archive.run()
    assert [row.media_id for row in archive.rows(tables.media)] == ["m-2"]
    assert file.exists()


def test_a_picture_that_cannot_be_deleted_keeps_its_row_and_delays_nothing_else(archive: Archive) -> None:
    archive.picture(50, "m-1")
    file = archive.picture(50, "m-2")  # names the same file
    file.unlink()
    file.mkdir()  # a folder in its place: unlink fails also for root
    others = [archive.picture(40, f"n-{number}", f"{number:064x}") for number in range(MAX_MEDIA)]
    archive.alert(50, cleared_ms=ago_ms(40))
    sweep = archive.sweep()
    archive.finish(sweep)
    assert [row.media_id for row in archive.rows(tables.media)] == ["m-1", "m-2"]
    assert not any(other.exists() for other in others)
    assert archive.rows(tables.alert) == []
    assert str(sweep.failed).startswith(f"expired files that cannot be deleted: 1, the first is {file} (")
    status = archive.ingest.status()
    assert status.deletions_failed == sweep.failed
    assert f"deletions  {sweep.failed}" in status_lines(status)
    file.rmdir()
    archive.run()
    assert archive.rows(tables.media) == []
    assert archive.ingest.status().deletions_failed is None


@pytest.mark.parametrize("runs", [True, False])
def test_pictures_of_another_centres_wards_are_its_own_to_delete_while_it_runs(
    archive: Archive, runs: bool
) -> None:
    archive.ingest.insert(tables.gateway, {"id": "dt-001", "ward": "de-tham", "first_ms": 0, "last_ms": 0})
    file = archive.picture(50, "m-1")
    other = ran_last("de-tham", at_ms=ago_ms(0 if runs else 8))
    with archive.ingest.store.batch() as batch:
        write_record(batch.connection, running_key("city-b"), other)
    archive.run(media_of=["bo-xuyen"])
    assert file.exists() is runs
    archive.run(media_of=["de-tham"])
    assert not file.exists()
    assert archive.rows(tables.media) == []


class LaterClock(SystemClock):
    """A clock whose monotonic time is ahead by ``later_s``."""

    later_s = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.later_s


def test_old_files_that_no_row_names_are_deleted(archive: Archive) -> None:
    """A restored database does not name the newest files. A run examines one first digit, and the first run
    after a start none."""
    first_ms = ago_ms(400)
    archive.ingest.insert(
        tables.gateway, {"id": "dt-001", "ward": "de-tham", "first_ms": first_ms, "last_ms": 0}
    )
    digit = f"{ago_ms(0) // DAY_MS % 16:x}"
    named = archive.picture(1, "m-1", sha256=f"{digit}1".ljust(64, "a"))
    ages = {
        "old.jpg": 50,
        "new.jpg": 4,
        "paper.gz": 50,
        "sealed.sealed": 50,
        "before.jpg": 401,
        "temp.jpg.new": 50,
    }
    files = {named.parent / name: days for name, days in ages.items()}
    for file in files:
        file.write_bytes(b"")
    for file, days in {**files, named: 50}.items():
        os.utime(file, (0, ago_ms(days) / 1000))
    clock = LaterClock()
    sweep = RetentionSweep(SETTINGS, MediaFolder(archive.pictures), clock, first_after_s=0.0, pause_s=0.0)
    archive.finish(sweep)
    assert set(named.parent.iterdir()) == {named, *files}
    clock.later_s = EVERY_S + 1
    archive.finish(sweep)
    left = {file.name for file in named.parent.iterdir()}
    assert left == {named.name, "new.jpg", "paper.gz", "sealed.sealed", "before.jpg"}


def test_cleared_alerts_are_deleted_and_open_ones_stay(archive: Archive) -> None:
    for number, cleared_ms in enumerate((ago_ms(40), ago_ms(1), None)):
        archive.alert(50, gateway=f"dt-{number}", cleared_ms=cleared_ms)
    archive.run()
    assert sorted(row.gateway for row in archive.rows(tables.alert)) == ["dt-1", "dt-2"]
    assert [record.what for record in archive.rows(tables.deletion)] == ["alert"]


def test_officers_records_are_deleted_with_their_event_and_a_hold_keeps_both(archive: Archive) -> None:
    at = LogAuthor("lan", ago_ms(310))
    archive.event(310, "tamper", 17, event_id="e-held")
    archive.event(310, "tamper", 17, event_id="e-gone")
    held = archive.hold(event_id="e-held")
    with archive.ingest.store.batch() as batch:
        for subject in ("event dt-001 e-held", "event dt-001 e-gone", "alert 7"):
            close_all(batch.connection, at, {subject: "de-tham"}, IncidentOutcome.REAL, "a thief")
        acknowledge_all(batch.connection, LogAuthor("lan", ago_ms(299)), {"alert 8": "de-tham"})
        for event_id in ("e-held", "e-gone"):
            request_clip(batch.connection, at, "dt-001", "de-tham", event_id)
        hand_over(batch.connection, at, Scope(None), "rain", ["alert 7"])
        hand_over(batch.connection, LogAuthor("lan", ago_ms(0)), Scope(None), "dry", [])
    archive.run()
    for table in (tables.handling, tables.handling_step):
        assert {row.subject for row in archive.rows(table)} == {"event dt-001 e-held", "alert 8"}
    assert [row.about for row in archive.rows(tables.request)] == ["e-held"]
    assert [row.note for row in archive.rows(tables.handover)] == ["dry"]
    records = {row.what: row for row in archive.rows(tables.deletion)}
    counts = {what: (row.rows, row.held) for what, row in records.items() if what in ("handling", "request")}
    assert counts == {"handling": (2, 1), "request": (1, 1)}
    assert (records["handover"].rows, records["handover"].rule) == (1, "duty_days: 300")
    assert records["handling"].last_ms == at.now_ms
    archive.release(held)
    archive.run()
    assert [row.subject for row in archive.rows(tables.handling)] == ["alert 8"]
    assert archive.rows(tables.request) == []


def test_counts_of_traffic_are_kept_for_their_own_time(archive: Archive) -> None:
    days = {each: datetime.fromtimestamp(ago_ms(0) / 1000 - each * 86_400, UTC) for each in (10, 39, 42)}
    for number, at in enumerate(days.values()):
        key = PLACE | {"ward": "de-tham", "day": f"{at:%Y-%m-%d}", "total": 1, "document": b"{}"}
        archive.ingest.insert(tables.traffic_camera, key | {"measured": 1})
        for table in (tables.traffic_line, tables.traffic_turn):
            archive.ingest.insert(table, key | {"rule": f"r{number}", "line": "l"})
    archive.run()
    kept = {f"{days[each]:%Y-%m-%d}" for each in (10, 39)}
    for table in (tables.traffic_camera, tables.traffic_line, tables.traffic_turn):
        assert {row.day for row in archive.rows(table)} == kept
    (record,) = (row for row in archive.rows(tables.deletion) if row.what == "traffic")
    assert (record.rows, record.rule, record.held) == (3, "traffic_days: 40", 0)


def test_a_stored_alert_keeps_the_records_about_it(archive: Archive) -> None:
    subject = f"alert {archive.alert(400)}"
    with archive.ingest.store.batch() as batch:
        acknowledge_all(batch.connection, LogAuthor("lan", ago_ms(400)), {subject: "de-tham"})
    archive.run()
    assert len(archive.rows(tables.handling)) == 1


def test_many_officers_records_are_deleted_in_small_batches_and_the_newest_step_stays(
    archive: Archive,
) -> None:
    """A program may have the cursor of the newest step."""
    at = LogAuthor("lan", ago_ms(310))
    with archive.ingest.store.batch() as batch:
        for number in range(2 * MAX_ROWS + 10):
            acknowledge_all(batch.connection, at, {f"alert {number}": "de-tham"})
    archive.run()
    for table in (tables.handling, tables.handling_step):
        assert [row.subject for row in archive.rows(table)] == [f"alert {2 * MAX_ROWS + 9}"]
    assert [record.rows for record in archive.rows(tables.deletion)] == [2 * MAX_ROWS + 9]


def test_deletions_are_listed(archive: Archive) -> None:
    def listed(count: int, as_json: bool = False) -> str:
        out = io.StringIO()
        assert run_deletions(archive.ingest.database, count, as_json, out) == 0
        return out.getvalue()

    assert listed(20) == "nothing has been deleted yet\n"
    archive.event(40, event_id="e-9")
    archive.hold(event_id="e-9")
    archive.event(30)
    archive.picture(6, "m-1")
    archive.run()
    event, picture = listed(20).splitlines()
    assert "1 of media, received " in picture
    assert event.endswith("by info_days: 10; 1 more are held")
    assert [row["what"] for row in json.loads(listed(1, as_json=True))] == ["event"]


def test_a_deleted_event_does_not_come_back_as_a_new_one(archive: Archive) -> None:
    """The stream still knows the number of a deleted event."""
    event = OURS.of_kind("object", 1, "cam-1", rfc3339_of_ms(ago_ms(51)), event_id="e1")
    archive.ingest.write(event, now_ms=ago_ms(50))
    archive.run()
    assert archive.ingest.write(event).duplicates == 1
    assert archive.ingest.status().events == 0


def stored_and_over(archive: Archive, stored: int, over: int, event_id: str | None = None) -> None:
    """Store ``count`` events, ``over`` of them expired."""
    archive.events([11 + number / 1000 for number in range(over)], event_id)
    archive.events([number / 1000 for number in range(stored - over)], event_id)


def test_a_run_that_would_delete_over_a_fifth_waits_for_an_administrator(archive: Archive) -> None:
    stored_and_over(archive, 400, 120)
    archive.picture(50, "m-1")
    archive.run()
    assert len(archive.cursors()) == 400
    assert len(archive.rows(tables.media)) == 1, "a wrong clock is wrong for all"
    waits = str(archive.ingest.status().deletions_held)
    assert waits.startswith("retention would delete 120 of 400 rows of event at once")
    code, text = archive.command("release", "--deletions")
    assert code == 0
    assert "the next run deletes 120 of 400 rows of event, 1 of 1 rows of media" in text
    archive.run()
    assert (len(archive.cursors()), archive.ingest.status().deletions_held) == (280, None)
    assert archive.command("release", "--deletions") == (1, "no run of retention waits for a release\n")


def test_a_release_covers_only_the_counts_that_the_administrator_saw(archive: Archive) -> None:
    stored_and_over(archive, 600, 130)
    archive.run()
    assert archive.command("release", "--deletions")[0] == 0
    archive.events([11] * 200)
    archive.run()
    assert len(archive.cursors()) == 800


def test_a_fifth_of_a_large_database_and_all_of_a_small_one_go_by_themselves(archive: Archive) -> None:
    stored_and_over(archive, 600, 115)
    archive.run()
    assert len(archive.cursors()) == 485
    for number in range(99):
        archive.picture(50, f"m-{number}")
    archive.run()
    assert archive.rows(tables.media) == []


def test_only_so_many_rows_are_counted_as_the_limit_needs(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large centre has a year of events, of which a day has expired."""
    counted: list[int] = []

    def count(*args: Any) -> int:
        counted.append(count_rows(*args))
        return counted[-1]

    count_rows = deletion_plans._count
    monkeypatch.setattr(deletion_plans, "_count", count)
    stored_and_over(archive, 300, 10)
    archive.run()
    assert len(archive.cursors()) == 290
    assert sum(counted) == 10 + 10 / deletion_plans.MAX_SHARE


def test_a_setting_of_one_day_deletes_half_of_the_rows_each_day(archive: Archive) -> None:
    archive.settings = replace(SETTINGS, info_days=1)
    stored_and_over(archive, 300, 150)
    archive.run()
    assert len(archive.cursors()) == 150


def test_rows_on_hold_need_no_release(archive: Archive) -> None:
    stored_and_over(archive, 250, 120, event_id="e-1")
    id_ = archive.hold(event_id="e-1")
    archive.event(40)
    archive.run()
    assert len(archive.cursors()) == 250
    archive.release(id_)
    archive.hold(**PLACE, from_ms=ago_ms(12), to_ms=ago_ms(10))
    archive.event(40)
    archive.run()
    assert len(archive.cursors()) == 250
    assert archive.ingest.status().deletions_held is None


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("whole", ["event", "periods"])
def test_a_run_waits_whatever_the_number_of_holds(archive: Archive, whole: str) -> None:
    """SQLite refuses an expression of over 1,000 levels."""
    stored_and_over(archive, 900, 800)
    if whole == "event":  # every message of it is proven by a head of its own
        rows = [{"event_id": "e-1"}, {"kind": "chain-head"}] * 1_100
        archive.ingest.insert(tables.event, *({"event_id": None} | archive._row(1, **each) for each in rows))
        archive.hold(event_id="e-1")
    else:
        hold = {"why": "w", "placed_by": "lan", "placed_ms": 0, "gateway": "dt-001", "camera": "cam-2"}
        times = [{"from_ms": at_ms, "to_ms": at_ms} for at_ms in range(400)]
        archive.ingest.insert(tables.hold, *(hold | each for each in times))
    archive.run()
    waits = str(archive.ingest.status().deletions_held)
    assert waits.startswith("retention would delete 800 of ")


def test_holds_are_placed_listed_and_released_by_command(archive: Archive) -> None:
    archive.event(50, event_id="e-1")
    done = archive.command("hold", "--event", "e-1", "--why", "file 7/2026")
    assert done == (0, "hold 1: event e-1 is kept until the hold is released: 1 event now\n")
    span = ("--from", "2026-11-24T20:15+07:00", "--to", "2026-11-24T21:00+07:00")
    code, text = archive.command("hold", "--gateway", "dt-001", "--camera", "cam-1", *span, "--why", "theft")
    assert code == 0
    assert "hold 2: dt-001/cam-1 from 2026-11-24 " in text
    assert text.endswith("released: 0 events now\n")
    assert archive.command("holds")[1].count("hold ") == 2
    archive.run()
    assert len(archive.cursors()) == 1
    released = (0, "hold 1 is released: what it kept is deleted when its time is over\n")
    assert archive.command("release", "1") == released
    assert archive.command("release", "1") == (1, "hold 1 is not in force\n")
    many = "99999999999999999999999"
    assert archive.command("release", many) == (1, f"hold {many} is not in force\n")
    assert archive.command("holds")[1].count("hold ") == 1
    assert "released" in archive.command("holds", "--all")[1]
    archive.run()
    assert archive.cursors() == []


def test_an_event_that_is_not_stored_is_not_held(archive: Archive) -> None:
    archive.event(50, event_id="e-1")
    result = archive.command("hold", "--event", "e-l", "--why", "file 7/2026")
    assert result == (1, "no event e-l is stored here; nothing is held\n")
    assert archive.command("holds")[1] == "nothing is held\n"


def test_a_hold_of_an_unknown_gateway_or_camera_is_refused(archive: Archive) -> None:
    archive.event(50)
    birth = b'{"cameras": [{"id": "cam-7"}]}'
    heard = {"ward": "de-tham", "first_ms": 0, "last_ms": 0}
    archive.ingest.insert(tables.gateway, {"id": "dt-002", "birth": birth, **heard})
    period = ("--from", "2026-11-24T20:15+07:00", "--to", "2026-11-24T21:00+07:00", "--why", "theft")

    def result(gateway: str, *camera: str) -> tuple[int, str]:
        return archive.command("hold", "--gateway", gateway, *camera, *period)

    assert result("dt-404") == (1, "no gateway dt-404 is known here; nothing is held\n")
    unknown = (1, "no camera cam-9 of dt-001 is known here; nothing is held\n")
    assert result("dt-001", "--camera", "cam-9") == unknown
    assert archive.command("holds")[1] == "nothing is held\n"
    known = ("dt-001",), ("dt-001", "--camera", "cam-1"), ("dt-002",), ("dt-002", "--camera", "cam-7")
    assert [result(*each)[0] for each in known] == [0, 0, 0, 0]


def test_commands_about_stored_events_need_no_secret_of_the_service(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """systemd passes the files of the credentials folder to the service; its user cannot read them."""
    config = tmp_path / "central.yaml"
    secret = "webhook: {url: 'https://h/x', secret_file: credentials/webhook}\n"
    config.write_text(
        f"wards: [de-tham]\nmqtt: {{brokers: ['mqtt://127.0.0.1']}}\nstate_dir: {tmp_path}\n{secret}"
    )
    heard = "INSERT INTO gateway (id, ward, first_ms, last_ms) VALUES ('dt-001', 'de-tham', 0, 0)"
    with write_transaction(make_sqlite(tmp_path / "central.db")) as connection:
        connection.exec_driver_sql(heard)
    given = ("--config", str(config))
    period = ("--from", "2026-11-24T20:15+07:00", "--to", "2026-11-24T21:00+07:00", "--why", "theft")
    assert cli.main(["central", "hold", "--gateway", "dt-001", *period, *given]) == 0
    capsys.readouterr()
    assert cli.main(["central", "holds", *given]) == 0
    assert "hold 1: all of dt-001 from 2026-11-24" in capsys.readouterr().out
    assert cli.main(["central", "user", "list", *given]) == 0


@pytest.mark.parametrize("word", ["--deletions", "--clock"])
def test_a_release_accepts_another_configuration_path(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], word: str
) -> None:
    config = tmp_path / "lab.yaml"
    config.write_text("wards: [de-tham]\nmqtt: {brokers: ['mqtt://127.0.0.1']}\nstate_dir: state\n")
    assert cli.main(["central", "release", word, str(config)]) == 1
    assert f"{tmp_path}/state/central.db" in capsys.readouterr().err
    assert cli.main(["central", "release", str(config)]) == 2, "no hold is named"
    assert cli.main(["central", "release", word, "7", str(config)]) == 2, "a hold is named as well"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--event", "e", "--camera", "cam-1", "--why", "x"], "belong to --gateway"),
        (["--gateway", "dt-001", "--why", "x"], "needs --from and --to"),
        (["--gateway", "DT 1", "--from", "2026-01-01", *ENDS], "must be an id"),
        (["--gateway", "dt-1", "--from", "tonight", *ENDS], "--from must be a time"),
        (["--gateway", "dt-1", "--from", "2026-01-03", *ENDS], "before --from"),
        (["--event", "e", "--why", " "], "--why"),
    ],
)
def test_a_hold_that_makes_no_sense_is_refused(tmp_path: Path, words: list[str], says: str) -> None:
    code, text = held(Database(f"sqlite:///{tmp_path}/central.db"), "hold", *words)
    assert code == 2
    assert says in text
    assert "nothing is held" in text
    assert not list(tmp_path.iterdir())


def test_a_hold_makes_no_database_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match="never run"):
        held(Database(f"sqlite:///{tmp_path}/central.db"), "hold", "--event", "e", "--why", "x")
    assert not list(tmp_path.iterdir())


# PostgreSQL chooses by the size of the table.
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_expired_rows_are_found_by_the_index(archive: Archive) -> None:
    """Retention must not read all stored events every day."""
    where = "kind='object' AND severity=9 AND received_ms<5"
    query = f"SELECT cursor FROM event WHERE {where} ORDER BY received_ms, cursor"
    with read_transaction(archive.ingest.database) as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}").all()
    (line,) = plan
    assert "event_by_kind" in line[3]


def test_claims_of_boxes_are_forgotten_but_not_those_in_force(archive: Archive) -> None:
    """They name a technician, and the place of a phone."""
    box, at = ClaimingBox(), {"waits": 366, "waits-new": 364, "in-force": 400, "over": 400, "over-new": 400}
    at |= {"silent": 400, "withdrawing": 400}
    with archive.ingest.store.batch() as batch:
        for number, (claim_id, days) in enumerate(at.items()):
            serial = f"{SERIAL}{number}"
            claim = box.claim(claim_id=claim_id, serial=serial, site=f"dt-00{number}")
            store_claim(batch.connection, claim, b"jws", ago_ms(days))
        decided = {2: ("confirmed", 390), 3: ("withdrawn", 366), 4: ("refused", 1)}
        decided |= dict.fromkeys((5, 6), ("confirmed", 366))
        for number, (decision, days) in decided.items():
            values = {"claim_id": list(at)[number], "serial": f"{SERIAL}{number}", "decision": decision}
            answer = msgspec.convert(values | {"time": TIME}, ClaimAnswer)
            record_answer(batch.connection, answer, ago_ms(days))
        withdrawn = tables.claim.update().where(tables.claim.c.claim_id == "withdrawing")
        batch.connection.execute(withdrawn.values(withdrawal=b"jws"))
    for number, days in ((2, 364), (5, 366)):
        heard = {"ward": "de-tham", "first_ms": 0, "last_ms": ago_ms(days)}
        archive.ingest.insert(tables.gateway, {"id": f"dt-00{number}", **heard})
    archive.run()
    left = [row.claim_id for row in archive.rows(tables.claim)]
    assert sorted(left) == ["in-force", "over-new", "waits-new", "withdrawing"]
