"""The presence of gateways is a property."""

from __future__ import annotations

from edge_central.onvif.connections import ConnectionTracker
from edge_central.settings import Database
from edge_central.store.database import write_transaction
from edge_central.store.presence_reports import GatewayReport, PresenceState, write_report
from edge_central.store.scope import Scope


def report(gateway: str, state: PresenceState | None, ward: str = "de-tham") -> GatewayReport:
    return GatewayReport(gateway, ward, state, "why", 1_000)


def test_changes_of_the_own_wards_are_notified_once(database: Database) -> None:
    tracker = ConnectionTracker(Scope(frozenset({"de-tham"})))

    def after(*reports: GatewayReport) -> list[tuple[str, str | None, dict[str, object]]]:
        with write_transaction(database) as connection:
            for each in reports:
                write_report(connection, each)
            found = tracker.changes(connection)
        return [(each.gateway, each.operation, dict(each.data)) for each in found]

    online = {"State": True, "edge:Presence": "online"}
    theirs = report("bx-001", PresenceState.ONLINE, "bo-xuyen")
    assert after(report("dt-001", PresenceState.ONLINE), theirs) == [("dt-001", "Changed", online)]
    assert after() == []
    cut = {"State": False, "edge:Presence": "cut"}
    assert after(report("dt-001", PresenceState.CUT)) == [("dt-001", "Changed", cut)]
    assert [(each.operation, each.time_ms) for each in tracker.alive()] == [("Initialized", 1_000)]
    assert after(report("dt-001", None)) == [("dt-001", "Deleted", {})]
