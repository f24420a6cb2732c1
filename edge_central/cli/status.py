"""``edge-agent central status``: reads the database, whether or not the ingest runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

import msgspec
from sqlalchemy import Connection, func, select

from edge_agent.core.command_line.exit_codes import EX_NOT_RUNNING, EX_OK
from edge_agent.core.errors import CentralError
from edge_agent.core.printable import printable
from edge_agent.wire.topics import DEFAULT_ID
from edge_central.alerts.rows import AlertStatus, open_alerts
from edge_central.ingest.ingest_status import IngestStatus
from edge_central.retention.deletion_plans import read_blocked
from edge_central.settings import Database
from edge_central.store import tables
from edge_central.store.batch import read_reports
from edge_central.store.database import open_engine, size_bytes, translate_errors
from edge_central.store.fleet_state import GapReason
from edge_central.store.presence_reports import GatewayReport, OutageReport, PresenceReport, PresenceState
from edge_central.trusted_time.clock_store import now_ms_of, read_clock_record

FRESH_MS = 60_000
"""A running ingest updates its status row every ten seconds."""
LINES = 20
"""Lines per list in the text output; ``--json`` has all."""


class GatewayStatus(msgspec.Struct, kw_only=True):
    gateway: str
    ward: str
    state: str | None  # its newest state message
    presence: str | None  # as published: online, offline, stopped, unstable
    presence_s: float | None  # in this state
    why: str | None
    last_s: float  # since its newest message
    heartbeat_s: float | None
    behind: int  # events numbered by the gateway but not stored: on their way, or lost


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
    confirmed: bool  # synchronised gateways have agreed since the boot
    unproven_s: float  # retention waits this much longer: the centre may have been off for that long


class CentralStatus(msgspec.Struct, kw_only=True):
    """The ``--json`` document. ``missing``: events in unexplained gaps; ``before``: older than the first
    event of their gateway."""

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
    deletions_held: str | None = None  # why a run of retention waits for an administrator


def run_status(database: Database, as_json: bool, stdout: TextIO, central_id: str = DEFAULT_ID) -> int:
    """Print the status. Return 0, or 3 when no ingest runs. Raises CentralError when the database cannot
    be read."""
    status = read_status(database, None, central_id)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(status), indent=2).decode(), file=stdout)
    else:
        print("\n".join(map(printable, status_lines(status))), file=stdout)
    return EX_OK if _runs(status) else EX_NOT_RUNNING


def read_status(database: Database, now_ms: int | None, central_id: str = DEFAULT_ID) -> CentralStatus:
    """Read the status; ``now_ms`` None: use the centre's own time."""
    with translate_errors("the database cannot be read"):
        engine = open_engine(database, read_only=True)
        try:
            with engine.connect() as connection, connection.begin():
                now_ms = now_ms_of(connection, central_id) if now_ms is None else now_ms
                status = _read(connection, now_ms)
                status.clock = _clock(connection, central_id)
                blocked = read_blocked(connection, central_id)
                status.deletions_held = None if blocked is None else blocked.text
                return status
        finally:
            engine.dispose()


def status_lines(status: CentralStatus) -> list[str]:
    """The text output: a summary, then the problems and gateways."""
    online = sum(each.presence == "online" for each in status.gateways)
    lines = [
        _running_line(status),
        f"gateways   {len(status.gateways)} seen, {online} online",
        f"events     {status.events} stored, cursor {status.newest_cursor}, {status.late} came late",
        f"missing    {status.missing} unexplained, {status.announced} announced as lost, "
        f"{status.before} from before the centre knew their gateway",
        f"pictures   {status.media}",
        f"rejected   {status.rejected}",
        f"database   {status.database_bytes / 1e6:.1f} MB",
    ]
    if status.clock is not None and status.clock.doubt is not None:
        lines.append(f"clock      {status.clock.doubt}; the centre goes by its own count")
    if status.deletions_held is not None:
        lines.append(f"deletions  {status.deletions_held}")
    lines += _listed("outage", map(_outage_line, status.outages))
    lines += _listed("alert", (_alert_line(alert) for alert in status.alerts if not alert.folded))
    lines += _listed("gap", (_gap_line(gap) for gap in status.gaps if gap.why == GapReason.MISSING))
    lines += _listed("loss", map(_loss_line, status.losses))
    lines += _listed("rejected", map(_rejected_line, status.newest_rejected))
    lines += _listed("gateway", map(_gateway_line, status.gateways))
    return lines


def _listed(word: str, all_lines: Iterable[str]) -> list[str]:
    lines = list(all_lines)
    shown = [f"{word:10} {line}" for line in lines[:LINES]]
    more = [f"{word:10} … and {len(lines) - LINES} more, see --json"]
    return shown + (more if len(lines) > LINES else [])


def _outage_line(outage: OutageStatus) -> str:
    return f"{outage.ward}: {len(outage.gateways)} of {outage.of} gateways, for {_age(outage.age_s)}"


def _alert_line(alert: AlertStatus) -> str:
    return f"{alert.about}: {alert.rule} for {_age(alert.age_s)}: {alert.text}"


def _loss_line(loss: LossStatus) -> str:
    return f"{loss.gateway}: {loss.count} given up ({loss.reason}), {_age(loss.age_s)} ago"


def _rejected_line(rejected: RejectedStatus) -> str:
    return f"{rejected.topic}: {rejected.reason}, {_age(rejected.age_s)} ago"


def _running_line(status: CentralStatus) -> str:
    if status.running is None or status.note_age_s is None:
        return "ingest     has never run with this database"
    if not _runs(status):
        return f"ingest     does not run or cannot write; it last wrote {_age(status.note_age_s)} ago"
    broker = "connected" if status.running.connected else "not connected to the broker"
    return f"ingest     runs (pid {status.running.pid}), {broker}, {status.running.events_s:g} events/s"


def _runs(status: CentralStatus) -> bool:
    return status.note_age_s is not None and status.note_age_s * 1000 < FRESH_MS


def _gap_line(gap: GapStatus) -> str:
    return (
        f"{gap.gateway}: {gap.last - gap.first + 1} missing, {gap.first} to {gap.last} of epoch {gap.epoch}, "
        f"noticed {_age(gap.age_s)} ago"
    )


def _gateway_line(gateway: GatewayStatus) -> str:
    heartbeat = (
        "no heartbeat yet" if gateway.heartbeat_s is None else f"heartbeat {_age(gateway.heartbeat_s)} ago"
    )
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


def _read(connection: Connection, now_ms: int) -> CentralStatus:
    note = connection.scalar(select(tables.meta.c.value).where(tables.meta.c.key == "running"))
    running = None if note is None else _note(note)
    gaps = [_gap(row, now_ms) for row in connection.execute(
        select(tables.gap, tables.stream.c.gateway, tables.stream.c.epoch)
        .join(tables.stream, tables.stream.c.id == tables.gap.c.stream)
        .order_by(tables.gap.c.found_ms.desc())
    )]  # fmt: skip
    missing = {why: sum(gap.last - gap.first + 1 for gap in gaps if gap.why == why) for why in GapReason}
    losses = select(tables.loss).order_by(tables.loss.c.received_ms.desc()).limit(1000)
    rejected = select(tables.rejected).order_by(tables.rejected.c.id.desc()).limit(100)
    newest = connection.execute(rejected).all()
    reports = read_reports(connection)
    return CentralStatus(
        running=running,
        note_age_s=None if running is None else (now_ms - running.time_ms) / 1000,
        events=_count(connection, tables.event),
        newest_cursor=connection.scalar(select(func.max(tables.event.c.cursor))) or 0,
        late=int(connection.scalar(select(func.sum(tables.stream.c.late))) or 0),
        missing=missing[GapReason.MISSING],
        before=missing[GapReason.BEFORE],
        announced=missing[GapReason.ANNOUNCED],
        media=_count(connection, tables.media),
        rejected=newest[0].id if newest else 0,
        database_bytes=size_bytes(connection),
        gateways=_gateways(connection, reports, now_ms),
        outages=[
            OutageStatus(
                ward=each.ward,
                gateways=list(each.gateways),
                of=each.of,
                age_s=(now_ms - each.since_ms) / 1000,
            )
            for each in reports
            if isinstance(each, OutageReport)
        ],
        alerts=open_alerts(connection, now_ms),
        gaps=gaps,
        losses=[
            LossStatus(
                gateway=row.gateway,
                count=row.events,
                reason=row.reason,
                age_s=(now_ms - row.received_ms) / 1000,
            )
            for row in connection.execute(losses)
        ],
        newest_rejected=[
            RejectedStatus(topic=row.topic, reason=row.reason, age_s=(now_ms - row.received_ms) / 1000)
            for row in newest
        ],
    )


def _clock(connection: Connection, central_id: str) -> ClockStatus | None:
    record = read_clock_record(connection, central_id)
    if record is None:
        return None
    return ClockStatus(doubt=record.doubt, confirmed=record.confirmed, unproven_s=record.unproven_ms / 1000)


def _gateways(connection: Connection, reports: list[PresenceReport], now_ms: int) -> list[GatewayStatus]:
    presence = {each.gateway: each for each in reports if isinstance(each, GatewayReport)}
    highest = {
        (row.gateway, row.epoch): row.highest
        for row in connection.execute(
            select(tables.stream.c.gateway, tables.stream.c.epoch, tables.stream.c.highest)
        )
    }
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
            why=presence[row.id].why if row.id in presence else None,
            last_s=(now_ms - row.last_ms) / 1000,
            heartbeat_s=None if row.heartbeat_ms is None else (now_ms - row.heartbeat_ms) / 1000,
            behind=max(0, (row.sequence or 0) - highest.get((row.id, row.epoch), 0)),
        )
        for row in connection.execute(select(*wanted).order_by(columns.ward, columns.id))
    ]


def _gap(row: object, now_ms: int) -> GapStatus:
    return GapStatus(
        gateway=row.gateway,  # type: ignore[attr-defined]
        epoch=row.epoch,  # type: ignore[attr-defined]
        first=row.first,  # type: ignore[attr-defined]
        last=row.last,  # type: ignore[attr-defined]
        why=row.why,  # type: ignore[attr-defined]
        age_s=(now_ms - row.found_ms) / 1000,  # type: ignore[attr-defined]
    )


def _note(text: str) -> IngestStatus:
    try:
        return msgspec.json.decode(text, type=IngestStatus)
    except msgspec.DecodeError as error:
        raise CentralError(f"the note of the running ingest is of another version: {error}") from error


def _count(connection: Connection, table: object) -> int:
    return int(connection.scalar(select(func.count()).select_from(table)) or 0)  # type: ignore[arg-type]
