"""``edge-agent central status``: reads the database, whether or not the ingest runs."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TextIO

import msgspec
from sqlalchemy import Connection, Table, func, select

from edge_agent.core.clock import rfc3339_of_ms
from edge_agent.core.command_line.exit_codes import EX_NOT_RUNNING, EX_OK
from edge_agent.core.errors import CentralError
from edge_agent.core.printable import printable
from edge_agent.core.problems.problem import encode_json
from edge_agent.wire.topics import DEFAULT_ID
from edge_central.alerts.rows import AlertStatus, open_alerts
from edge_central.ingest.ingest_status import IngestStatus
from edge_central.retention.deletion_plans import BlockedDeletions, blocked_key
from edge_central.retention.undeleted_files import UndeletedFiles, undeleted_key
from edge_central.settings import Database
from edge_central.store import tables
from edge_central.store.centres import running_key
from edge_central.store.database import (
    DatabaseMissing,
    newest_cursor,
    read_meta,
    read_record,
    read_transaction,
    size_bytes,
)
from edge_central.store.fleet_state import GapReason
from edge_central.store.presence_reports import (
    GatewayReport,
    OutageReport,
    PresenceReport,
    PresenceState,
    read_reports,
)
from edge_central.trusted_time.clock_store import now_ms_of, read_clock_record

FRESH_MS = 60_000  # a running ingest updates its status row every ten seconds
NOT_KNOWN = "not known"
"""The text for gateways without a published state: the centre knows nothing of them yet, or they were
removed."""
LINES = 20  # lines per list in the text output; ``--json`` has all


class GatewayStatus(msgspec.Struct, kw_only=True):
    gateway: str
    ward: str
    state: str | None  # its newest state message
    presence: str | None  # as published: online, booting, unstable, offline, cut, stopped
    presence_s: float | None  # how long it has been in this state
    presence_since: str | None  # since when it has been in this state
    why: str | None
    last_s: float  # how long ago its newest message came
    heartbeat_s: float | None
    behind: int  # numbered by the gateway but not stored: on their way, or lost


class OutageStatus(msgspec.Struct, kw_only=True):
    ward: str
    gateways: list[str]
    of: int
    age_s: float


class GapStatus(msgspec.Struct, kw_only=True):
    gateway: str
    epoch: str
    first: int
    last: int
    why: str
    age_s: float


class LossStatus(msgspec.Struct, kw_only=True):
    gateway: str
    count: int
    reason: str
    age_s: float


class RejectedStatus(msgspec.Struct, kw_only=True):
    topic: str
    reason: str
    age_s: float


class ClockStatus(msgspec.Struct, kw_only=True):
    """The centre's clock, from its newest record."""

    doubt: str | None  # what is wrong with the system's clock
    confirmed: bool  # synchronised gateways have agreed with it since the boot
    unproven_s: float  # retention waits this much longer: the centre may have been off so long


class CentralStatus(msgspec.Struct, kw_only=True):
    """The ``--json`` document. ``missing``: events in unexplained gaps; ``before``: events older than the
    first event of their gateway."""

    schema: str = "central-status/1"
    running: IngestStatus | None
    note_age_s: float | None
    events: int
    newest_cursor: int
    late: int
    missing: int
    before: int
    announced: int
    media: int
    rejected: int
    database_bytes: int
    gateways: list[GatewayStatus]
    outages: list[OutageStatus]
    alerts: list[AlertStatus]
    gaps: list[GapStatus]
    losses: list[LossStatus]
    newest_rejected: list[RejectedStatus]
    clock: ClockStatus | None = None
    deletions_held: str | None = None  # why a retention run waits for an administrator
    deletions_failed: str | None = None  # which expired files could not be deleted


def run_status(database: Database, as_json: bool, stdout: TextIO, central_id: str = DEFAULT_ID) -> int:
    """Print the status. Return 0, or 3 when no ingest runs or has ever run. Raises CentralError when the
    database cannot be read."""
    try:
        status = read_status(database, None, central_id)
    except DatabaseMissing as error:
        print(f"edge-agent central: {error}", file=sys.stderr)
        return EX_NOT_RUNNING
    if as_json:
        print(msgspec.json.format(encode_json(status), indent=2).decode(), file=stdout)
    else:
        print("\n".join(map(printable, status_lines(status))), file=stdout)
    return EX_OK if _runs(status) else EX_NOT_RUNNING


def read_status(database: Database, now_ms: int | None, central_id: str = DEFAULT_ID) -> CentralStatus:
    """Read the status; ``now_ms`` None: use the centre's own time."""
    with read_transaction(database) as connection:
        if now_ms is None:
            now_ms = now_ms_of(connection, central_id)
        status = _read(connection, now_ms, central_id)
        record = read_clock_record(connection, central_id)
        blocked = read_record(connection, blocked_key(central_id), BlockedDeletions)
        undeleted = read_record(connection, undeleted_key(central_id), UndeletedFiles)
    if record is not None:
        unproven_s = record.unproven_ms / 1000
        status.clock = ClockStatus(doubt=record.doubt, confirmed=record.confirmed, unproven_s=unproven_s)
    status.deletions_held = None if blocked is None else str(blocked.text)
    status.deletions_failed = None if undeleted is None else str(undeleted.text)
    return status


def status_lines(status: CentralStatus) -> list[str]:
    """Return the lines of the text output: a summary, then the problems and gateways."""
    lines = [
        _running_line(status),
        f"gateways   {_counts(status)}",
        f"events     {status.events} stored, cursor {status.newest_cursor}, {status.late} came late",
        f"missing    {status.missing} unexplained, {status.announced} announced as lost, "
        f"{status.before} from before the centre knew their gateway",
        f"pictures   {status.media}",
        f"rejected   {status.rejected}",
        f"database   {status.database_bytes / 1e6:.1f} MB",
    ]
    if status.clock is not None and status.clock.doubt is not None:
        lines.append(f"clock      {status.clock.doubt}; the centre goes by its own count")
    for deletions in (status.deletions_held, status.deletions_failed):
        if deletions is not None:
            lines.append(f"deletions  {deletions}")
    for word, found in _lists(status).items():
        lines += [f"{word:10} {line}" for line in found[:LINES]]
        if len(found) > LINES:
            lines.append(f"{word:10} … and {len(found) - LINES} more, see --json")
    return lines


def _counts(status: CentralStatus) -> str:
    """Return the number of gateways, in total and by state, such as ``466: 442 online, 24 cut``."""
    states = Counter(each.presence or NOT_KNOWN for each in status.gateways)
    parts = ", ".join(f"{states[word]} {word}" for word in (*PresenceState, NOT_KNOWN) if states[word])
    return f"{len(status.gateways)}: {parts}" if parts else "none seen yet"


def _lists(status: CentralStatus) -> dict[str, list[str]]:
    """Return the lines of each list of the text output. The key is the first word of its lines."""
    return {
        "outage": [
            f"{each.ward}: {len(each.gateways)} of {each.of} gateways, for {_age(each.age_s)}"
            for each in status.outages
        ],
        "alert": [
            f"{each.about}: {each.rule} for {_age(each.age_s)}: {each.text}"
            for each in status.alerts
            if not each.folded
        ],
        "gap": [
            f"{each.gateway}: {each.last - each.first + 1} missing, {each.first} to {each.last} of epoch "
            f"{each.epoch}, noticed {_age(each.age_s)} ago"
            for each in status.gaps
            if each.why == GapReason.MISSING
        ],
        "loss": [
            f"{each.gateway}: {each.count} given up ({each.reason}), {_age(each.age_s)} ago"
            for each in status.losses
        ],
        "rejected": [
            f"{each.topic}: {each.reason}, {_age(each.age_s)} ago" for each in status.newest_rejected
        ],
        "gateway": [_gateway_line(each) for each in status.gateways],
    }


def _running_line(status: CentralStatus) -> str:
    if status.running is None or status.note_age_s is None:
        return "ingest     has never run with this database and this id"
    if not _runs(status):
        return f"ingest     does not run or cannot write; it last wrote {_age(status.note_age_s)} ago"
    broker = "connected" if status.running.connected else "not connected to the broker"
    return f"ingest     runs (pid {status.running.pid}), {broker}, {status.running.events_s:g} events/s"


def _runs(status: CentralStatus) -> bool:
    return status.note_age_s is not None and status.note_age_s * 1000 < FRESH_MS


def _gateway_line(gateway: GatewayStatus) -> str:
    seconds = gateway.heartbeat_s
    heartbeat = "no heartbeat yet" if seconds is None else f"heartbeat {_age(seconds)} ago"
    behind = f", {gateway.behind} events behind" if gateway.behind else ""
    if gateway.presence is None or gateway.presence_s is None:
        return f"{gateway.gateway} ({gateway.ward}): not known whether it is there, {heartbeat}{behind}"
    why = "" if gateway.presence == PresenceState.ONLINE else f" ({gateway.why})"
    since = f"{gateway.presence} for {_age(gateway.presence_s)}{why}"
    return f"{gateway.gateway} ({gateway.ward}): {since}, {heartbeat}{behind}"


def _age(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def _read(connection: Connection, now_ms: int, central_id: str) -> CentralStatus:
    def age_s(since_ms: int) -> float:
        return (now_ms - since_ms) / 1000

    running = _running(connection, central_id)
    gaps = [
        GapStatus(
            gateway=row.gateway,
            epoch=row.epoch,
            first=row.first,
            last=row.last,
            why=row.why,
            age_s=age_s(row.found_ms),
        )
        for row in connection.execute(
            select(tables.gap, tables.stream.c.gateway, tables.stream.c.epoch)
            .join(tables.stream, tables.stream.c.id == tables.gap.c.stream)
            .order_by(tables.gap.c.found_ms.desc())
        )
    ]
    missing = {why: sum(gap.last - gap.first + 1 for gap in gaps if gap.why == why) for why in GapReason}
    losses = select(tables.loss).order_by(tables.loss.c.received_ms.desc()).limit(1000)
    rejected = select(tables.rejected).order_by(tables.rejected.c.id.desc()).limit(100)
    newest = connection.execute(rejected).all()
    reports = read_reports(connection)
    return CentralStatus(
        running=running,
        note_age_s=None if running is None else age_s(running.time_ms),
        events=_count(connection, tables.event),
        newest_cursor=newest_cursor(connection),
        late=int(connection.scalar(select(func.sum(tables.stream.c.late))) or 0),
        missing=missing[GapReason.MISSING],
        before=missing[GapReason.BEFORE],
        announced=missing[GapReason.ANNOUNCED],
        media=_count(connection, tables.media),
        rejected=newest[0].id if newest else 0,
        database_bytes=size_bytes(connection),
        gateways=_gateways(connection, reports, now_ms),
        outages=[
            OutageStatus(ward=each.ward, gateways=list(each.gateways), of=each.of, age_s=age_s(each.since_ms))
            for each in reports
            if isinstance(each, OutageReport)
        ],
        alerts=open_alerts(connection, now_ms),
        gaps=gaps,
        losses=[
            LossStatus(gateway=row.gateway, count=row.events, reason=row.reason, age_s=age_s(row.received_ms))
            for row in connection.execute(losses)
        ],
        newest_rejected=[
            RejectedStatus(topic=row.topic, reason=row.reason, age_s=age_s(row.received_ms)) for row in newest
        ],
    )


def _gateways(connection: Connection, reports: list[PresenceReport], now_ms: int) -> list[GatewayStatus]:
    presence = {each.gateway: each for each in reports if isinstance(each, GatewayReport)}
    streams = connection.execute(select(tables.stream)).all()
    highest = {(row.gateway, row.epoch): row.highest for row in streams}
    columns = tables.gateway.c
    wanted = (
        *(columns.id, columns.ward, columns.state, columns.last_ms),
        *(columns.heartbeat_ms, columns.epoch, columns.sequence),
    )
    return [
        GatewayStatus(
            gateway=row.id,
            ward=row.ward,
            state=row.state,
            presence=presence[row.id].state if row.id in presence else None,
            presence_s=(now_ms - presence[row.id].since_ms) / 1000 if row.id in presence else None,
            presence_since=rfc3339_of_ms(presence[row.id].since_ms) if row.id in presence else None,
            why=presence[row.id].why if row.id in presence else None,
            last_s=(now_ms - row.last_ms) / 1000,
            heartbeat_s=None if row.heartbeat_ms is None else (now_ms - row.heartbeat_ms) / 1000,
            behind=max(0, (row.sequence or 0) - highest.get((row.id, row.epoch), 0)),
        )
        for row in connection.execute(select(*wanted).order_by(columns.ward, columns.id))
    ]


def _running(connection: Connection, central_id: str) -> IngestStatus | None:
    text = read_meta(connection, running_key(central_id))
    try:
        return None if text is None else msgspec.json.decode(text, type=IngestStatus)
    except msgspec.DecodeError as error:
        raise CentralError(
            f"the ingest that runs is of another version than this command: {error}"
        ) from error


def _count(connection: Connection, table: Table) -> int:
    return int(connection.scalar(select(func.count()).select_from(table)) or 0)
