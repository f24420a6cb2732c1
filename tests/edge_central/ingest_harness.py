"""A store and a batch writer without a broker, for tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Table, insert, select

from edge_agent.mqtt.session.signal_queue import MessageReceived
from edge_agent.wire.topics import CentralTopics
from edge_central.cli.status import CentralStatus, read_status
from edge_central.ingest.batch_result import BatchResult
from edge_central.ingest.batch_writer import BatchWriter
from edge_central.ingest.ingest_status import IngestStatus
from edge_central.searches.answers import record_answers
from edge_central.settings import Database, HeartbeatHistory
from edge_central.store import tables
from edge_central.store.batch import Store
from edge_central.store.database import read_transaction
from edge_central.store.media_folder import MediaFolder
from edge_central.store.presence_reports import PresenceReport, write_report

NOW_MS = 1_700_000_000_000


def alert_row(at_ms: int, **columns: Any) -> dict[str, Any]:
    """A row of an alert that opened then and is open; by default one of dt-001."""
    usual = {"ward": "de-tham", "gateway": "dt-001", "camera": "", "rule": "disk", "severity": 13}
    times = dict.fromkeys(("since_ms", "opened_ms"), at_ms)
    return {**usual, **times, "text": "", "folded": False, **columns}


def ran_last(*wards: str, at_ms: int) -> IngestStatus:
    """The status of a centre of these wards that ran until then."""
    return IngestStatus(
        time_ms=at_ms, since_ms=0, pid=1, version="", session="", connected=True, events=0, duplicates=0,
        rejected=0, events_s=0.0, wards=list(wards),
    )  # fmt: skip


def writer_in(folder: Path, *wards: str) -> BatchWriter:
    """Pictures go into ``folder``, one heartbeat of ten minutes into the history."""
    topics = CentralTopics("tb/v1", "central")
    return BatchWriter(topics, wards or ("de-tham",), MediaFolder(folder), HeartbeatHistory(600, 30))


@dataclass
class IngestHarness:
    """Writes batches of messages to a database, as the ingest thread does."""

    database: Database
    store: Store
    writer: BatchWriter

    def write(self, *messages: tuple[str, bytes] | MessageReceived, now_ms: int = NOW_MS) -> BatchResult:
        """Write one batch after loading the state from the database, as after a restart."""
        fleet = self.store.load()
        received = [
            each if isinstance(each, MessageReceived) else MessageReceived(*each, 1) for each in messages
        ]
        with self.store.batch() as batch:
            result = self.writer.write(received, fleet, batch, now_ms)
            record_answers(batch.connection, result.answers, now_ms)
        return result

    def tell(self, *reports: PresenceReport) -> None:
        """Store the presence of gateways and wards."""
        with self.store.batch() as batch:
            for report in reports:
                write_report(batch.connection, report)

    def insert(self, table: Table, *rows: dict[str, Any]) -> None:
        with self.store.batch() as batch:
            batch.connection.execute(insert(table), rows)

    def rows(self, table: Table) -> list[Any]:
        return self.store.query(lambda connection: list(connection.execute(select(table))))

    def status(self) -> CentralStatus:
        return read_status(self.database, NOW_MS)

    def cursors(self) -> list[int]:
        with read_transaction(self.database) as connection:
            return list(connection.scalars(select(tables.event.c.cursor).order_by(tables.event.c.cursor)))
