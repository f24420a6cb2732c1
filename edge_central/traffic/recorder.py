"""Adds the counts of one batch of messages to the stored days, in the transaction of the batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta, tzinfo
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, Table, func, select, tuple_

from edge_agent.wire.received.health import ReceivedCameraHealth, ReceivedHealth, read_health
from edge_agent.wire.received.messages import MalformedMessage, milliseconds
from edge_central.store import tables
from edge_central.store.database import conflict_insert
from edge_central.store.fleet_state import GatewayRecord
from edge_central.traffic.calendar import day_span, days_of, local_day, quarter_of
from edge_central.traffic.days import CameraDay, LineDay, LineReading, QuarterFlow
from edge_central.traffic.increases import Quarter, Span
from edge_central.traffic.reports import (
    A_TO_B,
    APPEARED,
    B_TO_A,
    KINDS,
    QUARTER_MS,
    Counts,
    FlowReport,
    LineCountsReport,
    parse_line_counts,
    parse_object_counts,
)
from edge_central.traffic.turns import TurnDay, turn_day

LATEST, EARLIEST = timedelta(days=2), timedelta(days=400)
"""A report is dropped if its day is later or earlier than the day of arrival by more than this: it cannot be
true."""
MAX_DAYS_OF_GATEWAY = 200
"""Maximum rows of one gateway in one table and on one day; further cameras and lines are left out."""
MAX_NAMES = 256
"""Maximum number of cameras remembered for one gateway; a heartbeat names 64 at most."""
MAX_BACK = 192
"""Number of quarters that one heartbeat may mark as measured: two days."""
MAX_CLOCK_MS = 86_400_000
"""A heartbeat marks no quarters if its time differs from the centre's by more than this."""
MAX_BACKLOG_S = 300.0
"""If events have waited on the gateway for longer than this, a heartbeat marks no quarters: counts of these
quarters may be among the waiting events."""
SEEING = ("online", "degraded")
NOT_COUNTING = frozenset(("covered", "defocused", "moved", "frozen"))
_QUERY_ROWS = 100

Key = tuple[str, ...]
"""Values of a primary key, in the order of the table's columns."""
Day = TypeVar("Day", LineDay, TurnDay, CameraDay)


class TrafficRecorder:
    """Adds up the traffic counts of gateways by camera, day and quarter of an hour. Not thread-safe.

    ``timezone``: time zone of the cameras' days.
    """

    def __init__(self, timezone: tzinfo) -> None:
        self._timezone = timezone
        self._lines: dict[Key, LineDay] = {}
        self._turns: dict[Key, TurnDay] = {}
        self._cameras: dict[Key, CameraDay] = {}

    def add_event(
        self, ward: str, gateway: str, camera: str, kind: str, payload: bytes, received_ms: int
    ) -> None:
        """Add the counts of an event that is stored with this batch; other kinds are ignored."""
        if kind not in KINDS:
            return
        if kind == "counts":
            self._add_objects(ward, gateway, camera, payload, received_ms)
            return
        report = parse_line_counts(payload)
        if report is not None and self._is_possible(report.day, received_ms):
            key = ward, report.day.isoformat(), gateway, camera, report.rule, report.line
            quarter, is_dated = _end_of(report, self._timezone)
            self._lines.setdefault(key, LineDay()).merge(_line_day(report, quarter, is_dated=is_dated))
            if report.turns is not None:
                turns = turn_day(quarter, report.from_ms, report.to_ms, report.turns, is_dated=is_dated)
                self._turns.setdefault(key, TurnDay()).merge(turns)

    def resume(self, gateway: GatewayRecord, last: bytes | None) -> None:
        """Continue after a restart of the centre. ``last``: the newest stored heartbeat of the gateway.

        Quarters that an earlier process did not mark, such as those of a covered camera, must stay unmarked.
        """
        gateway.measured_before = 0 if gateway.heartbeat_ms is None else quarter_of(gateway.heartbeat_ms)
        if last is None:
            return
        try:
            cameras = read_health(last).cameras
        except (msgspec.DecodeError, RecursionError, UnicodeError):  # stored by another version
            return
        for camera, of_camera in cameras.items():
            if _counts_nothing(of_camera):
                gateway.measured[camera] = gateway.measured_before + 1

    def add_heartbeat(self, gateway: GatewayRecord, health: ReceivedHealth, now_ms: int) -> None:
        """Mark the complete quarters in which the cameras of the gateway had a picture, by the gateway's
        clock. After a restart of the centre ``resume`` is called before."""
        try:
            at_ms = milliseconds(health.time)
        except MalformedMessage:
            return
        synced = health.clock.synced and abs(at_ms - now_ms) <= MAX_CLOCK_MS
        if not synced or health.uptime_s is None or health.outbox.oldest_s > MAX_BACKLOG_S:
            return
        now = quarter_of(at_ms)
        if len(gateway.measured) > MAX_NAMES:
            # From here on mark no earlier quarter: the camera may have been covered.
            gateway.measured.clear()
            gateway.measured_before = now
        started_ms = at_ms - max(0.0, health.uptime_s) * 1000
        for camera, of_camera in health.cameras.items():
            if of_camera.state not in SEEING:
                continue
            if _counts_nothing(of_camera):
                gateway.measured[camera] = now + 1
                continue
            first = -(-round(max(started_ms, _since_ms(of_camera.since, at_ms))) // QUARTER_MS)
            first = max(first, now - MAX_BACK, gateway.measured.get(camera, gateway.measured_before or 0))
            if first < now:
                self._mark(gateway, camera, (first, now))
                gateway.measured[camera] = now

    def write(self, connection: Connection) -> None:
        """Add all collected counts to the stored rows, and clear them here."""
        _write(connection, tables.traffic_line, self._lines, LineDay)
        _write(connection, tables.traffic_turn, self._turns, TurnDay)
        _write(connection, tables.traffic_camera, self._cameras, CameraDay)
        self._lines, self._turns, self._cameras = {}, {}, {}

    def _add_objects(self, ward: str, gateway: str, camera: str, payload: bytes, received_ms: int) -> None:
        report = parse_object_counts(payload)
        if report is None or not (report.counts or report.flow):
            return
        day = local_day(report.to_ms - 1, self._timezone)
        if not self._is_possible(day, received_ms):
            return
        of_day = self._cameras.setdefault((ward, day.isoformat(), gateway, camera), CameraDay())
        counts = _by_label(report.counts, APPEARED)
        if report.synced and report.to_ms - report.from_ms <= QUARTER_MS:
            quarter = quarter_of(report.to_ms - 1)
            flow = {} if report.flow is None else {quarter: _quarter_flow(report.flow)}
            of_day.merge(CameraDay({quarter: counts} if counts else {}, flow=flow))
        else:
            of_day.merge(CameraDay(undated=counts))

    def _is_possible(self, day: date, received_ms: int) -> bool:
        received = local_day(received_ms, self._timezone)
        return -EARLIEST <= day - received <= LATEST

    def _mark(self, gateway: GatewayRecord, camera: str, span: Span) -> None:
        for day in days_of(span, self._timezone):
            first, last = day_span(day, self._timezone)
            part = max(first, span[0]), min(last, span[1])
            key = gateway.ward, day.isoformat(), gateway.id, camera
            self._cameras.setdefault(key, CameraDay()).merge(CameraDay(measured=[part]))


def _counts_nothing(camera: ReceivedCameraHealth) -> bool:
    """Whether the camera had a picture in which nothing can be counted."""
    return camera.state in SEEING and not NOT_COUNTING.isdisjoint(camera.view)


def _end_of(report: LineCountsReport, timezone: tzinfo) -> tuple[Quarter, bool]:
    """Return the quarter in which the report ended, and whether its time is known. For a report that ended
    after its day the time is unknown; its quarter is then the first one after the day."""
    first, last = day_span(report.day, timezone)
    end = quarter_of(report.to_ms - 1)
    return min(max(end, first), last), report.synced and first <= end < last


def _line_day(report: LineCountsReport, quarter: Quarter, *, is_dated: bool) -> LineDay:
    """Return a day of a line with this one reading."""
    reading = LineReading(
        report.from_ms, report.to_ms, _by_label(report.counts, A_TO_B), _by_label(report.counts, B_TO_A)
    )
    return LineDay({quarter: reading}) if is_dated else LineDay(undated={quarter: reading})


def _quarter_flow(report: FlowReport) -> QuarterFlow:
    moving_s = report.moving * report.watched_s
    rated_s = 0.0 if report.speed is None else moving_s
    on_road_s = 0.0 if report.speed_m_s is None else moving_s
    seconds = moving_s, report.standing * report.watched_s, report.standing_long * report.watched_s
    speeds = rated_s, rated_s * (report.speed or 0.0), on_road_s, on_road_s * (report.speed_m_s or 0.0)
    return QuarterFlow(*(round(each, 2) for each in (*seconds, *speeds)))


def _by_label(counts: Counts, direction: str) -> dict[str, int]:
    return {label: count for (of, label), count in counts.items() if of == direction}


def _since_ms(since: object, otherwise_ms: int) -> int:
    try:
        return milliseconds(since) if isinstance(since, str) else otherwise_ms
    except MalformedMessage:
        return otherwise_ms


def _write(connection: Connection, table: Table, changed: Mapping[Key, Day], kind: type[Day]) -> None:
    stored = _stored(connection, table, list(changed), kind)
    free = _free_rows(connection, table, [key for key in changed if key not in stored])
    rows = []
    for key, change in changed.items():
        if key in stored:
            stored[key].merge(change)
        elif not free[key[:3]]:
            continue
        else:
            free[key[:3]] -= 1
        rows.append(_row(table, key, stored.get(key, change)))
    if rows:
        statement = conflict_insert(connection, table)
        columns = [column.name for column in table.columns if not column.primary_key]
        update = {name: statement.excluded[name] for name in columns}
        connection.execute(
            statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=update), rows
        )


def _stored(connection: Connection, table: Table, keys: Sequence[Key], kind: type[Day]) -> dict[Key, Day]:
    columns = list(table.primary_key)
    found: dict[Key, Day] = {}
    for start in range(0, len(keys), _QUERY_ROWS):
        query = select(*columns, table.c.document).where(
            tuple_(*columns).in_(keys[start : start + _QUERY_ROWS])
        )
        for *key, document in connection.execute(query):
            found[tuple(key)] = msgspec.json.decode(document, type=kind)
    return found


def _free_rows(connection: Connection, table: Table, missing: Iterable[Key]) -> Counter[Key]:
    """Return by ward, day and gateway how many rows may still be created."""
    free = Counter[Key]()
    for key in {each[:3] for each in missing}:
        ward, day, gateway = key
        of_gateway = table.c.ward == ward, table.c.day == day, table.c.gateway == gateway
        query = select(func.count()).select_from(table).where(*of_gateway)
        free[key] = max(0, MAX_DAYS_OF_GATEWAY - (connection.scalar(query) or 0))
    return free


def _row(table: Table, key: Key, day: LineDay | TurnDay | CameraDay) -> dict[str, Any]:
    row: dict[str, Any] = dict(zip((column.name for column in table.primary_key), key, strict=True))
    row |= {"total": day.total, "document": msgspec.json.encode(day)}
    if isinstance(day, CameraDay):
        row["measured"] = day.measured_quarters
    return row
