"""Lists of events: one row for each event, wherever its messages are, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, event

from edge_agent.core.clock import rfc3339_of_ms
from edge_agent.mqtt.session.signal_queue import MessageReceived
from edge_central.console import event_list
from edge_central.console.event_list import EventFilter, EventRowPage, PagePosition, read_events
from edge_central.console.events import whole_picture
from edge_central.store import tables
from edge_central.store.database import read_transaction
from edge_central.store.scope import EVERYWHERE, Scope
from tests.edge_central.ingest_harness import NOW_MS, IngestHarness
from tests.edge_central.parts import JPEG, FakeGateway
from tests.edge_central.web import hostile

HERE, THERE = FakeGateway("dt-001"), FakeGateway("bx-001", "bo-xuyen")
Report = Callable[..., None]
Read = Callable[..., EventRowPage]


@pytest.fixture
def read(ingest: IngestHarness) -> Read:
    """``read_events`` in a transaction of its own."""

    def page(*asked: Any, **more: Any) -> EventRowPage:
        with read_transaction(ingest.database) as connection:
            return read_events(connection, *asked, **more)

    return page


@pytest.fixture
def report(ingest: IngestHarness) -> Report:
    """Store one message of an event: ``report(sequence, event_id, phase, at_s)``."""

    def write(
        sequence: int, event_id: str, phase: str, at_s: float, *, by: FakeGateway = HERE,
        severity: int = 13, **data: Any,
    ) -> None:  # fmt: skip
        time = rfc3339_of_ms(NOW_MS + round(1000 * at_s))
        said = {"event_id": event_id, "phase": phase, **data}
        ingest.write(hostile.event(by, sequence, said, severity=severity, time=time))

    return write


def shown(page: EventRowPage) -> list[tuple[str | None, bool, int | None]]:
    return [(row.event_id, row.goes_on, row.lasted_ms) for row in page.rows]


def test_an_event_is_one_row_with_its_length_and_its_end(report: Report, read: Read) -> None:
    report(1, "a", "start", 0, label="person")
    report(2, "a", "update", 40)
    report(3, "a", "end", 65, end_reason="left")
    report(4, "b", "moment", 70)
    report(5, "c", "start", 80)
    page = read(EVERYWHERE, EventFilter())
    assert shown(page) == [("c", True, None), ("b", False, None), ("a", False, 65_000)]
    assert (page.rows[2].end_reason, page.rows[2].data.label) == ("left", "person")


@pytest.mark.parametrize("by_time", [False, True])
def test_an_end_on_another_page_than_its_start_is_in_the_row_of_the_start(
    report: Report, read: Read, by_time: bool
) -> None:
    report(1, "a", "start", 0)
    report(2, "b", "start", 10)
    report(3, "a", "end", 20)
    asked = EventFilter(from_ms=0 if by_time else None)
    first = read(EVERYWHERE, asked, size=1)
    assert shown(first) == [("b", True, None)]
    assert first.next is not None
    second = read(EVERYWHERE, asked, PagePosition.parse(str(first.next)), size=1)
    assert shown(second) == [("a", False, 20_000)]
    assert second.next is None


def test_a_row_stays_where_it_is_when_its_end_arrives(report: Report, read: Read) -> None:
    report(1, "a", "start", 0)
    report(2, "b", "start", 10)
    before = read(EVERYWHERE, EventFilter())
    report(3, "a", "end", 20)
    after = read(EVERYWHERE, EventFilter())
    assert [row.cursor for row in after.rows] == [row.cursor for row in before.rows]
    assert after.rows[1].ended_ms == NOW_MS + 20_000


def test_after_an_outage_the_end_may_arrive_before_the_start(report: Report, read: Read) -> None:
    report(2, "a", "end", 30)
    report(1, "a", "start", 0)
    page = read(EVERYWHERE, EventFilter())
    assert shown(page) == [("a", False, 30_000)]
    assert page.rows[0].phase == "start"


def test_in_a_period_a_row_stands_where_its_event_begins_also_if_its_end_came_first(
    report: Report, read: Read
) -> None:
    report(2, "a", "end", 30)
    report(3, "b", "moment", 10)
    report(1, "a", "start", 0)
    page = read(EVERYWHERE, EventFilter(from_ms=0))
    assert shown(page) == [("b", False, None), ("a", False, 30_000)]
    first = read(EVERYWHERE, EventFilter(from_ms=0), size=1)
    assert shown(read(EVERYWHERE, EventFilter(from_ms=0), first.next, size=1)) == [("a", False, 30_000)]


def test_an_end_without_a_start_is_a_row(report: Report, read: Read) -> None:
    report(2, "a", "end", 30)
    page = read(EVERYWHERE, EventFilter())
    assert [(row.phase, row.lasted_ms, row.ended_ms) for row in page.rows] == [("end", None, NOW_MS + 30_000)]


def test_a_filter_that_only_a_later_message_matches_shows_the_event(report: Report, read: Read) -> None:
    report(1, "a", "start", 0, severity=9)
    report(2, "a", "update", 10, severity=17)
    assert [row.severity for row in read(EVERYWHERE, EventFilter(severity=17)).rows] == [17]
    period = EventFilter(from_ms=NOW_MS + 5_000, to_ms=NOW_MS + 60_000)
    assert shown(read(EVERYWHERE, period)) == [("a", True, None)]


def test_two_gateways_may_use_the_same_id(report: Report, read: Read) -> None:
    report(1, "a", "start", 0)
    report(1, "a", "start", 5, by=THERE)
    report(2, "a", "end", 10)
    rows = read(EVERYWHERE, EventFilter()).rows
    assert [(row.gateway, row.lasted_ms) for row in rows] == [("bx-001", None), ("dt-001", 10_000)]
    assert [row.gateway for row in read(Scope(frozenset({"de-tham"})), EventFilter()).rows] == ["dt-001"]


def test_messages_of_evidence_stay_rows_of_their_own(ingest: IngestHarness, read: Read) -> None:
    for sequence in (2, 3):
        ingest.write(HERE.evidence(sequence, event_id="a", clip=None))
    ingest.write(hostile.event(HERE, 1, {"event_id": "a", "phase": "start"}))
    asked = EventFilter(kinds=frozenset({"evidence", "zone-intrusion"}))
    assert [row.kind for row in read(EVERYWHERE, asked).rows] == ["zone-intrusion", "evidence", "evidence"]


def test_a_hidden_event_is_in_no_list(report: Report, ingest: IngestHarness, read: Read) -> None:
    report(1, "a", "start", 0)
    report(2, "a", "end", 10)
    row = {"subject": "event dt-001 a", "cursor": 1, "ward": "de-tham", "hidden_ms": 1, "hidden_by": "minh"}
    ingest.insert(tables.hidden_event, row)
    assert read(EVERYWHERE, EventFilter()).rows == ()


def test_an_event_of_many_updates_costs_one_page_and_hides_nothing(
    report: Report, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    report(1, "before", "moment", 0)
    for number in range(2, 70):
        report(number, "long", "start" if number == 2 else "update", number)
    monkeypatch.setattr(event_list, "MAX_EXAMINED", 44)
    first = read(EVERYWHERE, EventFilter(), size=1)
    assert first.rows == ()
    assert first.next is not None
    found: list[str | None] = []
    position: PagePosition | None = first.next
    while position is not None:
        page = read(EVERYWHERE, EventFilter(), position, size=1)
        found += [row.event_id for row in page.rows]
        position = page.next
    assert found == ["long", "before"]


def plans_of(ingest: IngestHarness, ask: Callable[[Connection], object]) -> list[list[str]]:
    """The plan of SQLite for each statement that ``ask`` executes."""
    statements: list[tuple[str, Any]] = []

    def note(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        statements.append((statement, parameters))

    with read_transaction(ingest.database) as connection:
        event.listen(connection, "before_cursor_execute", note)
        ask(connection)
        event.remove(connection, "before_cursor_execute", note)
        return [
            [str(row[3]) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            for statement, parameters in statements
        ]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("scope", [EVERYWHERE, Scope(frozenset({"de-tham"}))])
@pytest.mark.parametrize(
    "asked",
    [
        EventFilter(),
        EventFilter(severity=17),
        EventFilter(gateway="dt-001"),
        EventFilter(ward="de-tham"),
        EventFilter(from_ms=5),
    ],
)
def test_messages_of_an_event_are_found_by_its_id(
    report: Report, ingest: IngestHarness, asked: EventFilter, scope: Scope
) -> None:
    for number in range(1, 16):  # with a few ids SQLite finds the index by itself
        report(number, f"e{number}", "start", number, severity=17)
    plans = plans_of(ingest, lambda connection: read_events(connection, scope, asked))
    lines = [line for plan in plans for line in plan]
    assert any(re.search("SEARCH earlier USING .*INDEX event_by_event_id", line) for line in lines), lines
    assert any(re.search("SEARCH event USING .*INDEX event_by_event_id", line) for line in lines), lines
    unsuited = "SCAN earlier|TEMP B-TREE FOR ORDER BY"
    assert not any(re.search(unsuited, line) for line in plans[0]), plans[0]


PERIOD: dict[str, Any] = {"from_ms": 5, "to_ms": NOW_MS}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_no_plan_depends_on_the_order_in_which_indexes_were_created(
    report: Report, ingest: IngestHarness
) -> None:
    for number in range(1, 16):
        report(number, f"e{number}", "start", number, severity=17)
    filters: list[dict[str, Any]] = [
        *({}, {"severity": 17}, {"kinds": frozenset({"loitering"})}, {"gateway": "dt-001"}),
        {"gateway": "dt-001", "kinds": frozenset({"loitering"})},
        {"gateway": "dt-001", "severity": 17},
    ]
    asked = [
        (Scope(frozenset({"de-tham"})), EventFilter(**each, **period))
        for each, period in itertools.product(filters, ({}, PERIOD))
    ]

    def plans(scope: Scope, event_filter: EventFilter) -> list[list[str]]:
        return plans_of(ingest, lambda connection: read_events(connection, scope, event_filter))

    found = []
    for reverse in (False, True):
        with ingest.store.batch() as batch:
            for index in sorted(tables.event.indexes, key=lambda each: str(each.name), reverse=reverse):
                index.drop(batch.connection)
                index.create(batch.connection)
        found.append([plans(*each) for each in asked])
    differing = {
        str(each): (one, other) for each, one, other in zip(asked, *found, strict=True) if one != other
    }
    assert differing == {}
    in_period = dict(zip(asked, found[0], strict=True))[asked[1]][0]
    assert any("event_by_time" in line for line in in_period), in_period


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_evidence_of_pictures_is_found_by_event_ids(ingest: IngestHarness) -> None:
    ingest.write(HERE.heartbeat("s"))
    for number in range(15):
        digest = hashlib.sha256(JPEG).hexdigest()
        named = (("event_id", f"e{number}"), ("camera", "cam-1"), ("sha256", digest))
        ingest.write(MessageReceived(f"{HERE.up}/media/m-{number}", JPEG, 1, None, properties=named))
    place = (Scope(frozenset({"de-tham"})), "dt-001", "cam-1")
    plans = plans_of(ingest, lambda connection: whole_picture(connection, *place, lambda _: False))
    lines = [line for plan in plans for line in plan]
    assert any(re.search("SEARCH event USING .*INDEX event_by_event_id", line) for line in lines), plans
    assert not any(re.match("SCAN (event|media|request)", line) for line in lines), plans
