"""Roll-outs as the playbook reports them, and their stop, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from edge_central.console.fleet import Fleet, SiteState, read_fleet
from edge_central.console.site_names import Names
from edge_central.fleet.progress import MemberState, own_models, own_releases, progress_of
from edge_central.fleet.rollouts import (
    ReleaseRollout,
    RolloutOutcome,
    RolloutRefused,
    begin_batch,
    begin_rollout,
    end_rollout,
    read_rollouts,
    record_failure,
    stop_rollout,
)
from edge_central.store.database import DatabaseConnections
from edge_central.store.presence_reports import GatewayReport, PresenceState, write_report
from edge_central.store.scope import EVERYWHERE, Scope
from tests.edge_central.ingest_harness import NOW_MS, IngestHarness
from tests.edge_central.parts import FakeGateway


@pytest.fixture
def connections(ingest: IngestHarness) -> Iterator[DatabaseConnections]:
    """To a database with four gateways, one of them of another ward."""
    opened = DatabaseConnections(ingest.database)
    gateways = [FakeGateway(f"dt-00{number}") for number in (1, 2, 3)] + [FakeGateway("bx-001", "bo-xuyen")]
    reported: dict[str, dict[str, Any]] = {
        "dt-001": {"version": "0.2.0"},
        "dt-002": {"version": "0.1.0", "update": {"reverted": "0.2.0", "why": "no broker for 300 s"}},
        "dt-003": {"version": "0.1.0", "update": {"version": "0.2.0", "phase": "trial"}},
        "bx-001": {"version": "0.1.0", "model": {"name": "street", "phase": "shadow"}},
    }
    ingest.write(*(each.heartbeat("s", **reported[each.id]) for each in gateways))
    with opened.writing() as connection:
        for each in gateways:
            state = PresenceState.OFFLINE if each.id == "bx-001" else PresenceState.ONLINE
            write_report(connection, GatewayReport(each.id, each.ward, state, "will", NOW_MS))
    yield opened
    opened.close()


def newest(connections: DatabaseConnections, scope: Scope = EVERYWHERE) -> ReleaseRollout:
    with connections.reading() as connection:
        return read_rollouts(connection, scope)[0]


def fleet_of(connections: DatabaseConnections) -> Fleet:
    with connections.reading() as connection:
        return read_fleet(connection, Names(), EVERYWHERE, NOW_MS)


def test_each_gateway_of_a_batch_is_judged_by_its_own_heartbeat(connections: DatabaseConnections) -> None:
    with connections.writing() as connection:
        begin_rollout(connection, "0.2.0", 5, "an", NOW_MS)
        assert begin_batch(connection, "0.2.0", ["dt-001"], NOW_MS) == 1
        assert begin_batch(connection, "0.2.0", ["dt-002", "dt-003", "bx-001", "gone"], NOW_MS + 1) == 2
    fleet = fleet_of(connections)
    progress = progress_of(newest(connections), fleet)
    first, second = progress.batches
    assert first.unfinished == ()
    assert {each.gateway: (each.state, each.why) for each in second.members} == {
        "dt-002": (MemberState.REVERTED, "no broker for 300 s"),
        "dt-003": (MemberState.TRIAL, ""),
        "bx-001": (MemberState.AWAY, "will"),
        "gone": (MemberState.AWAY, ""),
    }
    assert progress.counts[MemberState.RUNS] == 1
    assert [(each.gateway, each.state) for each in own_releases(fleet.sites)] == [
        ("dt-002", MemberState.REVERTED),
        ("dt-003", MemberState.TRIAL),
    ]
    assert [(each.gateway, each.subject, each.phase) for each in own_models(fleet.sites)] == [
        ("bx-001", "street", "shadow")
    ]
    ours = newest(connections, Scope(frozenset({"de-tham"})))
    assert [each.gateway for batch in ours.batches for each in batch.members] == [
        "dt-001",
        "dt-002",
        "dt-003",
    ]
    assert fleet.sites[0].state is SiteState.OFFLINE


def test_no_batch_begins_after_a_stop(connections: DatabaseConnections) -> None:
    with connections.writing() as connection:
        id = begin_rollout(connection, "0.2.0", 3, "an", NOW_MS)
        begin_batch(connection, "0.2.0", ["dt-001"], NOW_MS)
        assert stop_rollout(connection, id, "minh", "dark pictures", NOW_MS + 1) == "0.2.0"
        assert stop_rollout(connection, id, "lan", "again", NOW_MS + 2) is None
        with pytest.raises(RolloutRefused, match="was stopped by minh: dark pictures"):
            begin_batch(connection, "0.2.0", ["dt-002"], NOW_MS + 3)
        record_failure(connection, "0.2.0", "dt-001", "no heartbeat", NOW_MS + 4)
        end_rollout(connection, "0.2.0", NOW_MS + 5)
    found = newest(connections)
    assert (found.outcome, found.stopped_by, found.ended_ms) == (RolloutOutcome.STOPPED, "minh", NOW_MS + 1)
    assert [[each.gateway for each in batch.members] for batch in found.batches] == [["dt-001"]]
    with connections.writing() as connection:
        begin_rollout(connection, "0.2.0", 2, "an", NOW_MS + 6)
        assert begin_batch(connection, "0.2.0", ["dt-002"], NOW_MS + 7) == 1


def test_a_stopped_run_is_refused_after_the_same_version_was_begun_again(
    connections: DatabaseConnections,
) -> None:
    with connections.writing() as connection:
        first = begin_rollout(connection, "0.2.0", 3, "an", NOW_MS)
        begin_batch(connection, "0.2.0", ["dt-001"], NOW_MS, first)
        stop_rollout(connection, first, "minh", "dark pictures", NOW_MS + 1)
        second = begin_rollout(connection, "0.2.0", 2, "binh", NOW_MS + 2)
        with pytest.raises(RolloutRefused, match="was stopped by minh"):
            begin_batch(connection, "0.2.0", ["dt-002"], NOW_MS + 3, first)
        record_failure(connection, "0.2.0", "dt-001", "no heartbeat", NOW_MS + 3, first)
        assert begin_batch(connection, "0.2.0", ["dt-003"], NOW_MS + 4, second) == 1
        third = begin_rollout(connection, "0.2.0", 1, "an", NOW_MS + 5)
        for lost in (second, third + 1):
            with pytest.raises(RolloutRefused):
                begin_batch(connection, "0.2.0", ["bx-001"], NOW_MS + 6, lost)
        with pytest.raises(RolloutRefused, match=r"no roll-out of 0\.3\.0"):
            begin_batch(connection, "0.3.0", ["bx-001"], NOW_MS + 6, third)
    with connections.reading() as connection:
        last, interrupted, stopped = read_rollouts(connection, EVERYWHERE)
    assert (last.batches, interrupted.outcome) == ((), RolloutOutcome.INTERRUPTED)
    assert [each.why for batch in stopped.batches for each in batch.members] == ["no heartbeat"]


def test_a_roll_out_ends_at_a_failure_or_when_it_is_complete(connections: DatabaseConnections) -> None:
    with connections.writing() as connection:
        with pytest.raises(RolloutRefused, match=r"no roll-out of 0\.3\.0 is running"):
            begin_batch(connection, "0.3.0", ["dt-001"], NOW_MS)
        begin_rollout(connection, "0.3.0", 2, "an", NOW_MS)
        begin_batch(connection, "0.3.0", ["dt-001", "dt-002"], NOW_MS)
        record_failure(connection, "0.3.0", "dt-001", "x" * 10_000, NOW_MS)
        record_failure(connection, "0.3.0", "dt-002", "no heartbeat", NOW_MS)
        with pytest.raises(RolloutRefused):
            begin_batch(connection, "0.3.0", ["dt-003"], NOW_MS)
        begin_rollout(connection, "0.4.0", 2, "an", NOW_MS)
        begin_rollout(connection, "0.5.0", 2, "an", NOW_MS)
        end_rollout(connection, "0.5.0", NOW_MS)
    with connections.reading() as connection:
        found = read_rollouts(connection, EVERYWHERE)
    assert [(each.version, each.outcome) for each in found] == [
        ("0.5.0", RolloutOutcome.DONE),
        ("0.4.0", RolloutOutcome.INTERRUPTED),
        ("0.3.0", RolloutOutcome.FAILED),
    ]
    (batch,) = progress_of(found[2], fleet_of(connections)).batches
    assert {each.state for each in batch.members} == {MemberState.FAILED}
    assert max(len(each.why) for each in batch.members) == 500
