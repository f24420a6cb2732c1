"""The console's queries and its incident log, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, insert, select

from edge_agent.evidence.chain.verify import VerificationVerdict
from edge_agent.mqtt.session.signal_queue import MessageReceived
from edge_central.console.alarms.queue import open_names, read_queue
from edge_central.console.alarms.subjects import find_subject, find_subjects
from edge_central.console.event_list import EventFilter, PagePosition, read_events
from edge_central.console.events import latest_pictures, read_story
from edge_central.console.fleet import CameraVisibility, SiteState, read_fleet
from edge_central.console.history import read_history
from edge_central.console.incident_log import (
    IncidentOutcome,
    LogAuthor,
    acknowledge_all,
    close_all,
    hand_over,
    handlings,
    handovers,
    steps,
    take_over,
)
from edge_central.console.requests import request_clip, requests_about
from edge_central.console.site_names import Names, SiteNames
from edge_central.console.verdict import verify_event
from edge_central.store import tables
from edge_central.store.database import read_transaction, write_transaction
from edge_central.store.presence_reports import GatewayReport, PresenceState
from edge_central.store.scope import EVERYWHERE, Scope
from tests.edge_central.console.city import camera_health
from tests.edge_central.console.city_events import CityEvent, messages_of
from tests.edge_central.console.gateway import Gateway
from tests.edge_central.ingest_harness import NOW_MS, IngestHarness

ELSEWHERE = Scope(frozenset({"bo-xuyen"}))


@pytest.fixture
def gateway(ingest: IngestHarness) -> Gateway:
    """A gateway with one alarm that has ended and one that is still open."""
    made = Gateway("dt-001", "de-tham", "Lý Bôn", 20.4463, 106.3366, ["cam-1", "cam-2"])
    cameras = {camera: camera_health(made, camera, NOW_MS) for camera in made.cameras}
    messages: list[MessageReceived] = [made.birth(NOW_MS)]
    for number, ongoing in enumerate((False, True)):
        time_ms = NOW_MS - 60_000 + number * 20_000
        event = CityEvent(time_ms, made, "cam-1", "zone-intrusion", 17, True, 5_000, open=ongoing)
        messages += [message for _, message in messages_of(event)]
    messages.append(made.heartbeat(NOW_MS, cameras, booted_ms=NOW_MS - 86_400_000))
    ingest.write(*messages)
    ingest.tell(GatewayReport(made.id, made.ward, PresenceState.ONLINE, "", NOW_MS))
    return made


@pytest.fixture
def connection(ingest: IngestHarness, gateway: Gateway) -> Iterator[Connection]:
    with write_transaction(ingest.database) as opened:
        yield opened


def test_queries_answer_the_same_on_both_databases(connection: Connection, gateway: Gateway) -> None:
    (site,) = read_fleet(connection, Names(), EVERYWHERE, NOW_MS).sites
    assert (site.name, site.state, site.since_ms) == ("Lý Bôn", SiteState.ONLINE, NOW_MS)
    assert [camera.visibility for camera in site.cameras] == [CameraVisibility.ONLINE] * 2
    for event_filter in (EventFilter(), EventFilter(from_ms=0)):
        first = read_events(connection, EVERYWHERE, event_filter, size=1)
        assert first.next is not None
        after = PagePosition.parse(str(first.next))
        second = read_events(connection, EVERYWHERE, event_filter, after, size=1)
        rows = [(row.phase, row.goes_on, row.lasted_ms) for row in (*first.rows, *second.rows)]
        assert rows == [("start", True, None), ("start", False, 5_000)]
    found = read_story(connection, EVERYWHERE, second.rows[0].cursor)
    assert found is not None
    assert (len(found.phases), len(found.evidence), len(found.media)) == (2, 1, 1)
    assert found.first.media_id is not None
    verdict = verify_event(connection, EVERYWHERE, found.first.cursor)
    assert verdict is not None
    assert verdict.verdict is VerificationVerdict.GENUINE
    assert set(latest_pictures(connection, EVERYWHERE, gateway.id, gateway.cameras)) == {"cam-1"}
    assert not read_history(connection, EVERYWHERE, gateway.id, 0, NOW_MS + 1).is_empty
    assert read_events(connection, ELSEWHERE, EventFilter()).rows == ()
    assert read_fleet(connection, Names(), ELSEWHERE, NOW_MS).sites == ()


def test_the_incident_log_is_the_same_on_both_databases(connection: Connection, gateway: Gateway) -> None:
    by = LogAuthor("lan", NOW_MS)
    (row,) = read_queue(connection, EVERYWHERE, NOW_MS).items
    assert (row.rings, row.count, read_queue(connection, ELSEWHERE, NOW_MS).items) == (True, 2, ())
    subject, other = find_subjects(connection, EVERYWHERE, [row.name])
    assert len(find_subjects(connection, EVERYWHERE, [subject, other, row.name], most=1)) == 2
    assert find_subject(connection, EVERYWHERE, subject) == "de-tham"
    assert find_subject(connection, ELSEWHERE, subject) is None
    assert acknowledge_all(connection, by, {subject: row.ward})
    assert not acknowledge_all(connection, by, {subject: row.ward})
    (row,) = read_queue(connection, EVERYWHERE, NOW_MS).items
    assert (row.rings, row.waiting, row.count) == (True, 1, 2), "one of two is not acknowledged"
    number = hand_over(connection, by, EVERYWHERE, "mưa", open_names(connection, EVERYWHERE, NOW_MS))
    assert take_over(connection, LogAuthor("minh", NOW_MS + 1), EVERYWHERE, number)
    assert handovers(connection, EVERYWHERE)[0].taken_by == "minh"
    assert handlings(connection, EVERYWHERE, [subject, other]).keys() == {subject}
    assert handlings(connection, EVERYWHERE, [subject])[subject].owner == "minh"
    close_all(connection, by, {subject: row.ward}, IncidentOutcome.FALSE, "mèo")
    assert list(find_subjects(connection, EVERYWHERE, [row.name])) == [other]
    assert [step.what for step in steps(connection, subject)] == ["acknowledged", "owner", "outcome", "note"]
    assert request_clip(connection, by, gateway.id, gateway.ward, "e1")
    assert [each.status for each in requests_about(connection, EVERYWHERE, gateway.id, "e1")] == ["asked"]


def test_a_removed_gateway_is_no_site_unless_the_sheet_has_it(
    ingest: IngestHarness, gateway: Gateway
) -> None:
    """Its heartbeats are still stored; presence, metrics and ``fleet`` know it no more."""
    topic = f"tb/v1/{gateway.ward}/{gateway.id}/up"
    ingest.write((f"{topic}/state", b""), (f"{topic}/birth", b""))
    ingest.tell(GatewayReport(gateway.id, gateway.ward, None, "taken away", NOW_MS))
    sheet = Names(sites={gateway.id: SiteNames(gateway.ward, "Lý Bôn")})
    with read_transaction(ingest.database) as connection:
        assert read_fleet(connection, Names(), EVERYWHERE, NOW_MS).sites == ()
        (site,) = read_fleet(connection, sheet, EVERYWHERE, NOW_MS).sites
        assert site.state is SiteState.NEVER
        assert read_fleet(connection, Names(), EVERYWHERE, NOW_MS, gateway.id).site(gateway.id) is not None


def test_a_handover_is_found_behind_those_of_many_other_wards(connection: Connection) -> None:
    by = LogAuthor("lan", NOW_MS)
    number = hand_over(connection, by, Scope(frozenset({"de-tham"})), "mưa", [])
    for _ in range(250):
        hand_over(connection, by, ELSEWHERE, "", [])
    assert [each.id for each in handovers(connection, Scope(frozenset({"de-tham"})))] == [number]


def test_the_end_and_the_evidence_of_an_event_with_very_many_phases_are_found(connection: Connection) -> None:
    """A lorry that stands in a no-stopping zone for ten hours is reported again once a minute."""
    columns = tables.event.c
    (evidence,) = connection.execute(select(tables.event).where(columns.kind == "evidence")).mappings()
    start = (
        connection.execute(
            select(tables.event).where(columns.event_id == evidence["event_id"], columns.phase == "start")
        )
        .mappings()
        .one()
    )
    rows = [
        {**row, "cursor": None, "sequence": 10_000 + number, "phase": phase}
        for number, (row, phase) in enumerate([*[(start, "update")] * 600, (start, "end"), (evidence, None)])
    ]
    connection.execute(
        insert(tables.event), [{k: v for k, v in row.items() if k != "cursor"} for row in rows]
    )
    story = read_story(connection, EVERYWHERE, start["cursor"])
    assert story is not None
    assert not story.goes_on
    assert story.phases[0].phase == "start"
    assert len(story.evidence) == 2
