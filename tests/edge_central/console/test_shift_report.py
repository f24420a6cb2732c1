"""What rang, who acknowledged it and when; on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, insert
from sqlalchemy.event import listen

from edge_central.console import shift_report
from edge_central.console.alarms.silences import end_silence, set_silence
from edge_central.console.events import rows_of
from edge_central.console.incident_log import IncidentOutcome, LogAuthor, acknowledge_all, close_all, hide
from edge_central.console.shift_report import AlarmSource, ShiftReport, read_shift_report
from edge_central.settings import Database
from edge_central.store import tables
from edge_central.store.database import read_transaction
from edge_central.store.open_alarms import AlarmRule
from edge_central.store.scope import EVERYWHERE, Scope
from tests.edge_central.ingest_harness import NOW_MS, IngestHarness, alert_row
from tests.edge_central.parts import OURS, THEIRS, FakeGateway
from tests.edge_central.web.hostile import Message, event

FROM_MS, TO_MS = NOW_MS - 1_000, NOW_MS + 3_600_000


def alarm(box: FakeGateway, number: int, **more: object) -> Message:
    data = {"phase": "start", "event_id": f"a{number}", "rule_id": "yard", **more}
    return event(box, number, data)


def report(database: Database, scope: Scope = EVERYWHERE, from_ms: int = FROM_MS) -> ShiftReport:
    with read_transaction(database) as connection:
        return read_shift_report(connection, scope, from_ms, TO_MS)


@contextmanager
def writing(ingest: IngestHarness) -> Iterator[Connection]:
    with ingest.store.batch() as batch:
        yield batch.connection


def test_times_to_acknowledge_are_ranked(ingest: IngestHarness) -> None:
    ingest.write(*(alarm(OURS, number) for number in range(1, 13)))
    with writing(ingest) as connection:
        for number in range(1, 11):
            by = LogAuthor("lan" if number % 2 else "minh", NOW_MS + number * 10_000)
            acknowledge_all(connection, by, {f"event dt-001 a{number}": OURS.ward})
        by = LogAuthor("lan", NOW_MS + 600_000)
        close_all(connection, by, {"event dt-001 a1": OURS.ward}, IncidentOutcome.FALSE, "a cat")
    found = report(ingest.database)
    times, closed = found.acknowledged, found.closed
    assert times is not None
    assert (times.count, times.median_s, times.p90_s) == (10, 50.0, 90.0)
    assert closed is not None
    assert (closed.count, closed.median_s) == (1, 600.0)
    assert (found.rang, found.complete) == (12, True)
    assert found.outcomes == {"false": 1, "open": 11}
    assert found.by_officer == (("lan", 5), ("minh", 5))
    (each,) = found.sources
    assert each.source == AlarmSource(OURS.ward, OURS.id, "cam-1", "zone-intrusion", "yard", False)
    assert (each.count, each.acknowledged, each.outcomes["false"]) == (12, 10, 1)


def test_only_what_rang_in_that_time_and_these_wards_counts(ingest: IngestHarness) -> None:
    warning = event(OURS, 2, {"phase": "start", "event_id": "w"}, severity=13)
    end = event(OURS, 3, {"phase": "end", "event_id": "a1"})
    evidence = event(OURS, 4, {"event_id": "a1", "phase": "start"}, kind="evidence")
    ingest.write(alarm(OURS, 1), warning, end, evidence, alarm(THEIRS, 1))
    ingest.write(alarm(OURS, 5), now_ms=FROM_MS - 1)
    ingest.write(alarm(OURS, 6), now_ms=TO_MS)
    assert report(ingest.database).by_ward == (("bo-xuyen", 1), ("de-tham", 1))
    ours = report(ingest.database, Scope(frozenset({OURS.ward})))
    assert (ours.rang, ours.by_ward) == (1, (("de-tham", 1),))


def test_hidden_and_quiet_alarms_are_named_as_such(ingest: IngestHarness) -> None:
    ingest.write(alarm(OURS, 1), alarm(OURS, 2))
    ingest.write(alarm(THEIRS, 1))
    with writing(ingest) as connection:
        hide(connection, LogAuthor("minh", NOW_MS), rows_of(connection, EVERYWHERE, [1])[0], "")
        quiet = alert_row(NOW_MS, rule="alarm-flood", gateway=THEIRS.id, ward=THEIRS.ward, severity=17)
        connection.execute(insert(tables.alert), quiet)
    found = report(ingest.database)
    assert (found.rang, found.hidden, found.quiet) == (3, 1, 1), "the alert rang for the quiet one"


def test_an_alarm_of_a_silenced_rule_is_quiet(ingest: IngestHarness) -> None:
    rule = AlarmRule(OURS.ward, OURS.id, "cam-1", "zone-intrusion", "yard")
    ingest.store.load()
    with writing(ingest) as connection:
        set_silence(connection, EVERYWHERE, LogAuthor("lan", NOW_MS), rule, 15, "broken")
        set_silence(connection, EVERYWHERE, LogAuthor("lan", NOW_MS + 60_000), rule, 60, "still broken")
        end_silence(connection, EVERYWHERE, LogAuthor("lan", NOW_MS + 120_000), 2)
    ingest.write(alarm(OURS, 1), alarm(OURS, 2, rule_id="gate"), alarm(THEIRS, 1), now_ms=NOW_MS + 90_000)
    ingest.write(alarm(OURS, 3), now_ms=NOW_MS + 120_000)
    found = report(ingest.database)
    assert (found.rang, found.quiet) == (4, 1)


def test_alerts_that_rang_count_and_folded_ones_do_not(ingest: IngestHarness) -> None:
    ingest.store.load()
    rang = alert_row(NOW_MS, since_ms=NOW_MS - 100, rule="tamper", severity=17)
    ingest.insert(tables.alert, rang, rang | {"rule": "disk", "severity": 13})
    ingest.insert(tables.alert, rang | {"rule": "camera-down", "folded": True})
    with writing(ingest) as connection:
        acknowledge_all(connection, LogAuthor("lan", NOW_MS + 7_000), {"alert 1": OURS.ward})
    found = report(ingest.database)
    (source,) = found.sources
    assert (source.source.kind, source.source.is_alert, source.acknowledged) == ("tamper", True, 1)
    assert found.acknowledged is not None
    assert found.acknowledged.median_s == 7.0


def test_an_empty_shift_has_no_figures(ingest: IngestHarness) -> None:
    ingest.store.load()
    found = report(ingest.database)
    assert (found.rang, found.acknowledged, found.closed, found.sources) == (0, None, None, ())


def test_a_report_of_too_many_says_so(ingest: IngestHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shift_report, "MAX_ALARMS", 3)
    ingest.write(*(alarm(OURS, number) for number in range(1, 4)))
    assert report(ingest.database).complete
    ingest.write(alarm(OURS, 4), alarm(OURS, 5))
    assert not report(ingest.database).complete


def test_odd_rules_are_left_out(ingest: IngestHarness) -> None:
    ingest.write(*(alarm(OURS, n, rule_id=odd) for n, odd in enumerate(("<script>", ["x"], None), 1)))
    assert {each.source.rule for each in report(ingest.database).sources} == {""}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_report_finds_its_alarms_in_the_index_of_kinds(ingest: IngestHarness) -> None:
    ingest.write(alarm(OURS, 1))
    with read_transaction(ingest.database) as connection:
        asked: list[tuple[str, tuple[object, ...]]] = []
        listen(connection, "before_cursor_execute", lambda *values: asked.append(values[2:4]))
        read_shift_report(connection, Scope(frozenset({OURS.ward})), FROM_MS, TO_MS)
        query, values = next(each for each in asked if "event.payload" in each[0])
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", values)
        plan = " ".join(row.detail for row in rows)
    assert "event USING INDEX event_by_kind (kind=? AND severity=? AND received_ms>?" in plan
