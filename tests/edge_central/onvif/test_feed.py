"""The feed reads events by cursor, on both databases, and uses the index of the cursor only."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest
from sqlalchemy import Connection, event

from edge_central.onvif import feed as feed_module
from edge_central.onvif.connections import ConnectionTracker
from edge_central.onvif.feed import NotificationFeed
from edge_central.store.database import newest_cursor, read_transaction, write_transaction
from edge_central.store.presence_reports import GatewayReport, PresenceState, write_report
from edge_central.store.scope import EVERYWHERE, Scope
from tests.edge_central.ingest_harness import IngestHarness
from tests.edge_central.onvif.parts import entered
from tests.edge_central.parts import OURS, THEIRS, FakeGateway

DE_THAM = Scope(frozenset({"de-tham"}))


def read_all(feed: NotificationFeed, connection: Connection) -> list[tuple[str, Any]]:
    """Gateway and first item of each notification."""
    found, more = feed.read(connection)
    while more:
        further, more = feed.read(connection)
        found += further
    return [(each.gateway, dict(each.data).get("IsInside")) for each in found]


def test_each_event_of_the_wards_is_read_once(ingest: IngestHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "WINDOW", 2)
    ingest.write(entered(OURS, 1), entered(THEIRS, 1))
    ingest.write(OURS.event(2, camera="cam-2"), THEIRS.loss(2, (9, 9)), entered(OURS, 3, "end"))
    feed = NotificationFeed(DE_THAM)
    with read_transaction(ingest.database) as connection:
        assert read_all(feed, connection) == [
            ("dt-001", True),
            ("dt-001", None),  # an object was seen, and is gone
            ("dt-001", None),
            ("dt-001", False),
        ]
        assert read_all(feed, connection) == []
        assert feed.cursor == newest_cursor(connection)


def test_a_start_in_the_middle_knows_the_states_before(ingest: IngestHarness) -> None:
    ingest.write(entered(OURS, 1), entered(THEIRS, 1))
    feed = NotificationFeed(EVERYWHERE)
    with read_transaction(ingest.database) as connection:
        feed.start(connection, newest_cursor(connection))
        assert read_all(feed, connection) == []
        assert [(each.gateway, each.operation) for each in feed.alive()] == [
            ("dt-001", "Initialized"),
            ("bx-001", "Initialized"),
        ]
    ingest.write(entered(OURS, 2, "end"))
    with read_transaction(ingest.database) as connection:
        assert read_all(feed, connection) == [("dt-001", False)]


def test_after_a_restored_backup_it_goes_on_from_there(ingest: IngestHarness) -> None:
    ingest.write(entered(OURS, 1))
    feed = NotificationFeed(EVERYWHERE)
    feed.cursor = 4_000
    with read_transaction(ingest.database) as connection:
        assert read_all(feed, connection) == []
        assert feed.cursor == newest_cursor(connection)
        assert [each.gateway for each in feed.alive()] == ["dt-001"]


def test_the_properties_of_a_moved_gateway_leave_its_former_ward(ingest: IngestHarness) -> None:
    """The broker and subscribers of the former ward would have its last state for ever."""

    def moved_to(ward: str) -> list[tuple[str, str, str | None]]:
        ingest.write(entered(FakeGateway("dt-001", ward, f"{len(ward):08x}"), 1))
        with write_transaction(ingest.database) as connection:
            write_report(connection, GatewayReport("dt-001", ward, PresenceState.ONLINE, "why", 1_000))
            found, _ = feed.read(connection)
        return [(each.ward, each.topic.path.rpartition("/")[2], each.operation) for each in found]

    feed = NotificationFeed(EVERYWHERE)
    inside, connected = ("ObjectsInside", "Changed"), ("edge:Connected", "Changed")
    assert moved_to("de-tham") == [("de-tham", *inside), ("de-tham", *connected)]
    assert moved_to("bo-xuyen") == [
        ("bo-xuyen", *inside),
        ("de-tham", "ObjectsInside", "Deleted"),
        ("de-tham", "edge:Connected", "Deleted"),
        ("bo-xuyen", *connected),
    ]
    assert {each.ward for each in feed.alive()} == {"bo-xuyen"}


def test_events_that_were_read_before_the_database_failed_are_read_again(
    ingest: IngestHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest.write(entered(OURS, 1))
    feed = NotificationFeed(EVERYWHERE)
    with read_transaction(ingest.database) as connection:
        with monkeypatch.context() as failing:
            failing.setattr(ConnectionTracker, "changes", Mock(side_effect=OSError("the disk")))
            with pytest.raises(OSError, match="the disk"):
                feed.read(connection)
        assert read_all(feed, connection) == [("dt-001", True)]


@pytest.mark.parametrize(
    "database", ["sqlite"], indirect=True
)  # plans of PostgreSQL depend on its statistics
def test_a_window_is_found_by_the_cursor(ingest: IngestHarness) -> None:
    ingest.write(entered(OURS, 1))
    statements: list[tuple[str, Any]] = []
    with read_transaction(ingest.database) as connection:
        event.listen(
            connection,
            "before_cursor_execute",
            lambda _c, _u, text, args, *_: statements.append((text, args)),
        )
        read_all(NotificationFeed(DE_THAM), connection)
        text, args = next(each for each in statements if "payload" in each[0])
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", args).all()
    assert [row[3] for row in plan] == ["SEARCH event USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"]
