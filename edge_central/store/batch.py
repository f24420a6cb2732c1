"""The database for the ingest thread: loads the state of the fleet, then runs one transaction after another.

A batch is all or nothing. After an error the caller drops its FleetState and loads it again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Table, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import DBAPIError

from edge_central.settings import Database
from edge_central.store import tables
from edge_central.store.database import lock_writers, open_engine, prepare_schema, translate_errors
from edge_central.store.fleet_state import EventStream, FleetState, GapReason, GatewayRecord, SequenceGap
from edge_central.store.presence_reports import GatewayReport, OutageReport, PresenceReport, PresenceState

Row = dict[str, Any]
QueryResult = TypeVar("QueryResult")

MAX_REJECTED = 10_000
"""Rows of ``rejected`` that are kept, the newest."""
_QUERY_ROWS = 500
"""Values in one IN list: SQLite accepts 32,766 parameters."""

_UPDATE_STREAM = (
    update(tables.stream)
    .where(tables.stream.c.id == bindparam("of"))
    .values(highest=bindparam("to"), late=bindparam("late"))
)
_DELETE_GAP = delete(tables.gap).where(
    tables.gap.c.stream == bindparam("of"), tables.gap.c.first == bindparam("at")
)


class Store:
    def __init__(self, database: Database) -> None:
        self._engine = open_engine(database)
        self._postgresql = not database.embedded
        self._connection: Connection | None = None

    def load(self) -> FleetState:
        """Connect if necessary, and read the state of all gateways. Raises DatabaseUnavailable."""
        with translate_errors("the database cannot be read"):
            try:
                connection = self._connected()
                with connection.begin():
                    return _read_fleet_state(connection)
            except BaseException:
                self.close()
                raise

    def stored_reports(self, wards: Collection[str]) -> list[PresenceReport]:
        """The stored presence reports of these wards; other centres may store theirs here too. Raises
        DatabaseUnavailable."""
        return [report for report in self.query(read_reports) if report.ward in wards]

    def query(self, question: Callable[[Connection], QueryResult]) -> QueryResult:
        """Run ``question`` in a transaction of its own. Raises DatabaseUnavailable."""
        with translate_errors("the database cannot be read"):
            connection = self._connected()
            with connection.begin():
                return question(connection)

    @contextmanager
    def batch(self) -> Iterator[Batch]:
        """One transaction, committed at its end. Raises DatabaseUnavailable or DatabaseRejected; then
        nothing is stored."""
        with translate_errors("nothing is stored"):
            connection = self._connected()
            try:
                with connection.begin():
                    if self._postgresql:
                        lock_writers(connection)
                    batch = Batch(connection)
                    yield batch
                    batch.flush()
            except DBAPIError as error:
                if error.connection_invalidated or self._postgresql:
                    self.close()
                raise

    def close(self) -> None:
        """Close the connection; the next use opens a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except DBAPIError:
                connection.invalidate()
        self._engine.dispose()

    def _connected(self) -> Connection:
        if self._connection is None:
            connection = self._engine.connect()
            try:
                prepare_schema(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection


class Batch:
    """One open transaction. Rows wait in memory until ``flush``, so that each table is written once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.events: list[Row] = []
        self.losses: list[Row] = []
        self.media: dict[tuple[str, str], Row] = {}
        self.health: list[Row] = []
        self.rejected: list[Row] = []
        self.streams: dict[int, EventStream] = {}  # changed streams by id
        self.gateways: dict[str, GatewayRecord] = {}

    @property
    def connection(self) -> Connection:
        """For rows that are written at once and not with ``flush``."""
        return self._connection

    def add_gateway(self, gateway: GatewayRecord) -> None:
        row = {
            "id": gateway.id,
            "ward": gateway.ward,
            "first_ms": gateway.last_ms,
            "last_ms": gateway.last_ms,
        }
        self._connection.execute(insert(tables.gateway), row)

    def add_stream(self, gateway: str, epoch: str, now_ms: int) -> EventStream:
        row = {"gateway": gateway, "epoch": epoch, "highest": 0, "late": 0, "first_ms": now_ms}
        key = self._connection.execute(insert(tables.stream), row).inserted_primary_key
        assert key is not None
        return EventStream(int(key[0]), gateway, epoch)

    def record_conflicts(self, conflicts: Mapping[tuple[str, str], int], now_ms: int) -> None:
        """Add these event counts, by gateway and epoch, to ``conflict``."""
        columns = tables.conflict.c
        for (gateway, epoch), events in conflicts.items():
            matching = (columns.gateway == gateway) & (columns.epoch == epoch)
            values = {"events": columns.events + events, "last_ms": now_ms}
            if not self._connection.execute(update(tables.conflict).where(matching).values(values)).rowcount:
                row = {"gateway": gateway, "epoch": epoch, "events": events, "last_ms": now_ms}
                self._connection.execute(insert(tables.conflict), row)

    def media_row(self, gateway: str, media_id: str) -> Row | None:
        """The row of a media file that is stored or waits for ``flush``; None if there is none."""
        row = self.media.get((gateway, media_id))
        if row is not None:
            return row
        columns = tables.media.c
        found = self._connection.execute(
            select(columns.sha256).where(columns.gateway == gateway, columns.media_id == media_id)
        ).first()
        return None if found is None else {"sha256": found.sha256}

    def stored_payloads(self, wanted: Iterable[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
        """The payloads by (stream, sequence); deleted events are left out."""
        by_stream: defaultdict[int, list[int]] = defaultdict(list)
        for stream, sequence in wanted:
            by_stream[stream].append(sequence)
        found = {(row["stream"], row["sequence"]): row["payload"] for row in self.events}
        columns = tables.event.c
        for stream, sequences in by_stream.items():
            for start in range(0, len(sequences), _QUERY_ROWS):
                query = select(columns.sequence, columns.payload).where(
                    columns.stream == stream, columns.sequence.in_(sequences[start : start + _QUERY_ROWS])
                )
                for row in self._connection.execute(query):
                    found[stream, row.sequence] = row.payload
        return found

    def flush(self) -> None:
        """Write all waiting rows."""
        for table, rows in (
            (tables.event, self.events),
            (tables.loss, self.losses),
            (tables.media, list(self.media.values())),
            (tables.rejected, self.rejected),
        ):
            if rows:
                self._connection.execute(insert(table), rows)
        if self.health:
            insert_into = pg_insert if self._connection.dialect.name == "postgresql" else sqlite_insert
            self._connection.execute(insert_into(tables.health).on_conflict_do_nothing(), self.health)
        self._write_streams()
        self._write_gateways()
        if self.rejected:
            newest = self._connection.scalar(select(func.max(tables.rejected.c.id))) or 0
            self._connection.execute(
                delete(tables.rejected).where(tables.rejected.c.id <= newest - MAX_REJECTED)
            )

    def delete_health(self, before_ms: int) -> None:
        """Delete the heartbeat history before ``before_ms``."""
        self._connection.execute(delete(tables.health).where(tables.health.c.slot_ms < before_ms))

    def write_presence(self, report: PresenceReport) -> None:
        """Store a report of a gateway or a ward, for the next start."""
        match report:
            case GatewayReport():
                self._replace(
                    tables.presence, tables.presence.c.gateway == report.gateway, _presence_row(report)
                )
            case OutageReport():
                self._replace(tables.outage, tables.outage.c.ward == report.ward, _outage_row(report))

    def _replace(self, table: Table, which: ColumnElement[bool], row: Row | None) -> None:
        self._connection.execute(delete(table).where(which))
        if row is not None:
            self._connection.execute(insert(table), row)

    def write_meta(self, key: str, value: str) -> None:
        insert_into = pg_insert if self._connection.dialect.name == "postgresql" else sqlite_insert
        self._connection.execute(
            insert_into(tables.meta)
            .values(key=key, value=value)
            .on_conflict_do_update(index_elements=["key"], set_={"value": value})
        )

    def _write_streams(self) -> None:
        streams = list(self.streams.values())
        if not streams:
            return
        self._connection.execute(
            _UPDATE_STREAM, [{"of": each.id, "to": each.highest, "late": each.late} for each in streams]
        )
        removed = [
            {"of": each.id, "at": first} for each in streams for first in each.removed | each.changed.keys()
        ]
        if removed:
            self._connection.execute(_DELETE_GAP, removed)
        rows = [_gap_row(each.id, found) for each in streams for found in each.changed.values()]
        if rows:
            self._connection.execute(insert(tables.gap), rows)

    def _write_gateways(self) -> None:
        """Write gateways with the same changed columns in one statement."""
        by_columns: defaultdict[tuple[str, ...], list[Row]] = defaultdict(list)
        for gateway in self.gateways.values():
            if gateway.changes:
                row = {f"new_{key}": value for key, value in gateway.changes.items()}
                by_columns[tuple(sorted(gateway.changes))].append(row | {"of": gateway.id})
        for columns, rows in by_columns.items():
            statement = update(tables.gateway).where(tables.gateway.c.id == bindparam("of"))
            self._connection.execute(
                statement.values({column: bindparam(f"new_{column}") for column in columns}), rows
            )


def read_reports(connection: Connection) -> list[PresenceReport]:
    """All stored presence reports: gateways by ward, then outages."""
    reports: list[PresenceReport] = [
        GatewayReport(
            row.gateway, row.ward, PresenceState(row.standing), row.why, row.since_ms, row.interval_s
        )
        for row in connection.execute(
            select(tables.presence).order_by(tables.presence.c.ward, tables.presence.c.gateway)
        )
    ]
    outages = connection.execute(select(tables.outage).order_by(tables.outage.c.ward))
    return reports + [
        OutageReport(row.ward, tuple(row.gateways.split()), row.of, row.since_ms) for row in outages
    ]


def _presence_row(report: GatewayReport) -> Row | None:
    if report.state is None:
        return None
    return {
        "gateway": report.gateway,
        "ward": report.ward,
        "standing": report.state.value,
        "why": report.why,
        "since_ms": report.since_ms,
        "interval_s": report.interval_s,
    }


def _outage_row(report: OutageReport) -> Row | None:
    if not report.gateways:
        return None
    names = " ".join(report.gateways)
    return {"ward": report.ward, "gateways": names, "of": report.of, "since_ms": report.since_ms}


def _gap_row(stream: int, gap: SequenceGap) -> Row:
    return {
        "stream": stream,
        "first": gap.first,
        "last": gap.last,
        "why": gap.why.value,
        "found_ms": gap.found_ms,
    }


def _read_fleet_state(connection: Connection) -> FleetState:
    fleet, by_id = FleetState(), {}
    columns = tables.gateway.c
    wanted = (
        *(columns.id, columns.ward, columns.last_ms, columns.state, columns.state_session),
        *(columns.birth_session, columns.heartbeat_session, columns.heartbeat_ms),
        *(columns.epoch, columns.sequence),
    )
    for row in connection.execute(select(*wanted)):
        fleet.gateways[row.id] = GatewayRecord(**row._mapping)
    for each in connection.execute(select(tables.stream)):
        stream = EventStream(each.id, each.gateway, each.epoch, each.highest, each.late)
        fleet.add_stream(stream)
        by_id[each.id] = stream
    for gap in connection.execute(select(tables.gap).order_by(tables.gap.c.stream, tables.gap.c.first)):
        by_id[gap.stream].load_gap(SequenceGap(gap.first, gap.last, GapReason(gap.why), gap.found_ms))
    slots = select(tables.health.c.gateway, func.max(tables.health.c.slot_ms))
    for gateway, slot_ms in connection.execute(slots.group_by(tables.health.c.gateway)):
        if gateway in fleet.gateways:
            fleet.gateways[gateway].slot_ms = slot_ms
    return fleet
