"""The database for the ingest thread: loads the state of the fleet, then runs one transaction after another.

A batch is all or nothing. After an error the caller drops its FleetState and loads it again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.exc import DBAPIError

from edge_agent.wire.received.messages import ReplyMessage
from edge_central.settings import Database
from edge_central.store import tables
from edge_central.store.database import (
    conflict_insert,
    insert_row,
    lock_writers,
    open_engine,
    prepare_schema,
    translate_errors,
)
from edge_central.store.fleet_state import EventStream, FleetState, GapReason, GatewayRecord, SequenceGap
from edge_central.store.open_alarms import list_stored_alarms
from edge_central.store.presence_reports import PresenceReport, read_reports
from edge_central.store.problems import problem_column

Row = dict[str, Any]
QueryResult = TypeVar("QueryResult")

MAX_REJECTED = 10_000  # the newest rows of ``rejected`` that are kept
_QUERY_ROWS = 500  # values in one IN list: SQLite accepts 32,766 parameters

_UPDATE_STREAM = (
    update(tables.stream)
    .where(tables.stream.c.id == bindparam("of"))
    .values(highest=bindparam("to"), late=bindparam("late"))
)
UNFINISHED = ("asked", "sent", "accepted", "running")
"""The states of a request that still waits for the gateway's final reply."""
_UPDATE_REQUEST = (
    update(tables.request)
    .where(
        tables.request.c.id == bindparam("of"),
        tables.request.c.gateway == bindparam("by"),
        # Not ``in_``: SQLAlchemy expands it at execution, and refuses that in an executemany.
        or_(*(tables.request.c.status == each for each in UNFINISHED)),
    )
    .values(
        status=bindparam("now"),
        words=bindparam("why"),
        problem=bindparam("coded", type_=tables.request.c.problem.type),
        answered_ms=bindparam("at"),
    )
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
        """Return the stored presence reports of these wards; the table may also have reports of other
        centres. Raises DatabaseUnavailable."""
        return [report for report in self.query(read_reports) if report.ward in wards]

    def query(self, question: Callable[[Connection], QueryResult]) -> QueryResult:
        """Run ``question`` in a separate transaction. Raises DatabaseUnavailable."""
        with translate_errors("the database cannot be read"):
            connection = self._connected()
            with connection.begin():
                return question(connection)

    @contextmanager
    def batch(self) -> Iterator[Batch]:
        """Run one transaction, and commit it at its end. Raises DatabaseUnavailable or DatabaseRejected; in
        both cases nothing is stored."""
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
        self.connection = connection  # for rows that are written at once, not by ``flush``
        self.events: list[Row] = []
        self.ringing: list[tuple[int, int]] = []  # stream and sequence of the events that ring
        self.losses: list[Row] = []
        self.media: dict[tuple[str, str], Row] = {}
        self.health: list[Row] = []
        self.rejected: list[Row] = []
        self.streams: dict[int, EventStream] = {}  # changed streams by id
        self.gateways: dict[str, GatewayRecord] = {}

    def add_gateway(self, gateway: GatewayRecord) -> None:
        row = {
            "id": gateway.id,
            "ward": gateway.ward,
            "first_ms": gateway.last_ms,
            "last_ms": gateway.last_ms,
        }
        self.connection.execute(insert(tables.gateway), row)

    def add_stream(self, gateway: str, epoch: str, now_ms: int) -> EventStream:
        row = {"gateway": gateway, "epoch": epoch, "highest": 0, "late": 0, "first_ms": now_ms}
        return EventStream(insert_row(self.connection, tables.stream, row), gateway, epoch)

    def record_conflicts(self, conflicts: Mapping[tuple[str, str], int], now_ms: int) -> None:
        """Add these counts of events, by gateway and epoch, to ``conflict``."""
        columns = tables.conflict.c
        for (gateway, epoch), events in conflicts.items():
            matching = (columns.gateway == gateway) & (columns.epoch == epoch)
            values = {"events": columns.events + events, "last_ms": now_ms}
            if not self.connection.execute(update(tables.conflict).where(matching).values(values)).rowcount:
                row = {"gateway": gateway, "epoch": epoch, "events": events, "last_ms": now_ms}
                self.connection.execute(insert(tables.conflict), row)

    def record_replies(self, replies: Sequence[ReplyMessage], now_ms: int) -> None:
        """Record replies to the console's requests; others are ignored. A late reply does not replace the
        final one."""
        if replies:
            rows = [
                {
                    "of": each.command,
                    "by": each.gateway,
                    "now": each.status,
                    "why": str(each.text),
                    "coded": problem_column(each.text),
                    "at": now_ms,
                }
                for each in replies
            ]
            self.connection.execute(_UPDATE_REQUEST, rows)

    def media_row(self, gateway: str, media_id: str) -> Row | None:
        """Return the row of a media file that is stored or waits for ``flush``. None: there is none."""
        row = self.media.get((gateway, media_id))
        if row is not None:
            return row
        columns = tables.media.c
        found = self.connection.execute(
            select(columns.sha256).where(columns.gateway == gateway, columns.media_id == media_id)
        ).first()
        return None if found is None else {"sha256": found.sha256}

    def stored_payloads(self, wanted: Iterable[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
        """Return the payloads by (stream, sequence); deleted events are left out."""
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
                for row in self.connection.execute(query):
                    found[stream, row.sequence] = row.payload
        return found

    def deleted_until_ms(self, kind: str) -> int:
        """Return when the last event of this kind arrived that retention has deleted; 0: it has deleted
        none."""
        columns = tables.deletion.c
        of_kind = (columns.what == "event") & (columns.kind == kind)
        return self.connection.scalar(select(func.max(columns.last_ms)).where(of_kind)) or 0

    def flush(self) -> None:
        """Write all waiting rows."""
        for table, rows in (
            (tables.event, self.events),
            (tables.loss, self.losses),
            (tables.media, list(self.media.values())),
            (tables.rejected, self.rejected),
        ):
            if rows:
                self.connection.execute(insert(table), rows)
        list_stored_alarms(self.connection, self.ringing)
        if self.health:
            statement = conflict_insert(self.connection, tables.health).on_conflict_do_nothing()
            self.connection.execute(statement, self.health)
        self._write_streams()
        self._write_gateways()
        if self.rejected:
            newest = self.connection.scalar(select(func.max(tables.rejected.c.id))) or 0
            self.connection.execute(
                delete(tables.rejected).where(tables.rejected.c.id <= newest - MAX_REJECTED)
            )

    def delete_health(self, before_ms: int) -> None:
        self.connection.execute(delete(tables.health).where(tables.health.c.slot_ms < before_ms))

    def _write_streams(self) -> None:
        streams = list(self.streams.values())
        if not streams:
            return
        self.connection.execute(
            _UPDATE_STREAM, [{"of": each.id, "to": each.highest, "late": each.late} for each in streams]
        )
        removed = [
            {"of": each.id, "at": first} for each in streams for first in each.removed | each.changed.keys()
        ]
        if removed:
            self.connection.execute(_DELETE_GAP, removed)
        rows = [
            {
                "stream": each.id,
                "first": gap.first,
                "last": gap.last,
                "why": gap.why.value,
                "found_ms": gap.found_ms,
            }
            for each in streams
            for gap in each.changed.values()
        ]
        if rows:
            self.connection.execute(insert(tables.gap), rows)

    def _write_gateways(self) -> None:
        """Write gateways with the same changed columns in one statement."""
        by_columns: defaultdict[tuple[str, ...], list[Row]] = defaultdict(list)
        for gateway in self.gateways.values():
            if gateway.changes:
                row = {f"new_{key}": value for key, value in gateway.changes.items()}
                by_columns[tuple(sorted(gateway.changes))].append(row | {"of": gateway.id})
        for columns, rows in by_columns.items():
            statement = update(tables.gateway).where(tables.gateway.c.id == bindparam("of"))
            self.connection.execute(
                statement.values({column: bindparam(f"new_{column}") for column in columns}), rows
            )


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
