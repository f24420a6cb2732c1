"""Alerts in the database: open alerts, pending conditions, the webhook's queue, and the list for
``edge-agent central status``."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select, tuple_, update

from edge_agent.core.model import Severity
from edge_agent.wire.received.bounds import with_problem
from edge_central.alerts.model import Alert, AlertChange, AlertChangeKind, AlertKey
from edge_central.store import tables
from edge_central.store.database import insert_row
from edge_central.store.problems import problem_column

MAX_NOTIFICATIONS = 10_000
"""Notifications that wait for the webhook; beyond this the oldest are dropped."""
CONFLICT_MS = 86_400_000  # a sequence conflict ends this long after its last event
RECENT_MS = 7 * 86_400_000
"""In a new session the topics of alerts that were cleared within this time are cleared again: a broker that
was away may still retain them."""

_BY_NUMBER = {each.number: each for each in Severity}


@dataclass(frozen=True, slots=True)
class SequenceConflict:
    """Two event histories under one gateway id."""

    events: int  # how many events have the sequence number of another event
    last_ms: int


@dataclass(frozen=True, slots=True)
class StoredAlerts:
    """What AlertService reads at its start."""

    alerts: list[Alert] = field(default_factory=list)
    without_centre: list[Alert] = field(default_factory=list)  # of wards that no centre has any more
    cleared: list[AlertKey] = field(default_factory=list)  # cleared lately and not open again
    pending: dict[AlertKey, int] = field(default_factory=dict)
    notifications: list[tuple[int, bytes]] = field(default_factory=list)  # (id, body)
    heartbeats: list[tuple[str, str, bytes]] = field(default_factory=list)  # (gateway, ward, heartbeat)
    conflicts: dict[str, SequenceConflict] = field(default_factory=dict)  # gateway -> conflict


def read(
    connection: Connection, wards: Collection[str], now_ms: int, others: Collection[str] | None = None
) -> StoredAlerts:
    """Read the alerts of these wards; other centres may use the same database. ``others``: the wards of other
    centres; None: not known."""
    rows, pending = tables.alert.c, tables.alert_pending.c
    in_wards = rows.ward.in_(wards)
    alerts = _open_alerts(connection, in_wards)
    without_centre = [] if others is None else _open_alerts(connection, rows.ward.not_in({*wards, *others}))
    recent = select(rows.ward, rows.gateway, rows.rule, rows.camera).where(
        in_wards, rows.cleared_ms > now_ms - RECENT_MS
    )
    over = {_key(row) for row in connection.execute(recent)} - {alert.key for alert in alerts}
    notifications = tables.notification.c
    waiting = select(tables.notification).where(notifications.ward.in_(wards)).order_by(notifications.id)
    newest = (
        select(tables.gateway.c.id, tables.gateway.c.ward, tables.gateway.c.heartbeat)
        .join(tables.presence, tables.presence.c.gateway == tables.gateway.c.id)
        .where(tables.gateway.c.ward.in_(wards), tables.gateway.c.heartbeat.is_not(None))
    )
    return StoredAlerts(
        alerts,
        without_centre,
        sorted(over),
        {
            _key(row): row.since_ms
            for row in connection.execute(select(tables.alert_pending).where(pending.ward.in_(wards)))
        },
        [(row.id, row.body) for row in connection.execute(waiting)],
        [(row.id, row.ward, row.heartbeat) for row in connection.execute(newest)],
        _conflicts(connection, wards, now_ms),
    )


def _open_alerts(connection: Connection, which: ColumnElement[bool]) -> list[Alert]:
    query = select(tables.alert).where(which, tables.alert.c.cleared_ms.is_(None))
    return [_alert(row) for row in connection.execute(query)]


def _conflicts(connection: Connection, wards: Collection[str], now_ms: int) -> dict[str, SequenceConflict]:
    """Return the recent conflicts; the table also keeps the old ones."""
    gateway_columns, columns = tables.gateway.c, tables.conflict.c
    query = (
        select(columns.gateway, func.sum(columns.events), func.max(columns.last_ms))
        .join(tables.gateway, gateway_columns.id == columns.gateway)
        .where(gateway_columns.ward.in_(wards), columns.last_ms > now_ms - CONFLICT_MS)
        .group_by(columns.gateway)
    )
    return {
        gateway: SequenceConflict(int(events), last) for gateway, events, last in connection.execute(query)
    }


def write(connection: Connection, change: AlertChange) -> None:
    """Write a change. Writing the same opening twice makes one row."""
    alert, found = change.alert, _open(change.alert.key)
    if change.kind is AlertChangeKind.OPENED:
        connection.execute(delete(tables.alert).where(found))
        connection.execute(insert(tables.alert), _row(alert))
    else:
        connection.execute(update(tables.alert).where(found).values(_row(alert)))


def write_pending(
    connection: Connection, pending: Mapping[AlertKey, int], stored: Mapping[AlertKey, int]
) -> None:
    """Update the table of pending conditions; ``stored``: what it holds now."""
    columns = tables.alert_pending.c
    gone = [key for key, since_ms in stored.items() if pending.get(key) != since_ms]
    if gone:
        key = tuple_(columns.ward, columns.gateway, columns.rule, columns.camera)
        wanted = [(each.ward, each.gateway, each.rule, each.camera) for each in gone]
        for start in range(0, len(wanted), 500):
            connection.execute(delete(tables.alert_pending).where(key.in_(wanted[start : start + 500])))
    new = [
        {**_names(key), "since_ms": since_ms}
        for key, since_ms in pending.items()
        if stored.get(key) != since_ms
    ]
    if new:
        connection.execute(insert(tables.alert_pending), new)


def queue(
    connection: Connection, bodies: Iterable[tuple[str, bytes]], now_ms: int
) -> list[tuple[int, bytes]]:
    """Queue (ward, body) pairs for the webhook. Return (id, body) pairs."""
    return [
        (insert_row(connection, tables.notification, {"ward": ward, "made_ms": now_ms, "body": body}), body)
        for ward, body in bodies
    ]


def unqueue(connection: Connection, ids: Collection[int]) -> int:
    """Delete the delivered notifications, and the oldest beyond MAX_NOTIFICATIONS. Return how many were
    deleted without a delivery."""
    column = tables.notification.c.id
    if ids:
        connection.execute(delete(tables.notification).where(column.in_(ids)))
    count = connection.scalar(select(func.count()).select_from(tables.notification)) or 0
    if count <= MAX_NOTIFICATIONS:
        return 0
    oldest = select(column).order_by(column).limit(count - MAX_NOTIFICATIONS)
    connection.execute(delete(tables.notification).where(column.in_(oldest)))
    return count - MAX_NOTIFICATIONS


def _open(key: AlertKey) -> ColumnElement[bool]:
    columns = tables.alert.c
    same = [columns[name] == value for name, value in _names(key).items()]
    return and_(columns.cleared_ms.is_(None), *same)


def _names(key: AlertKey) -> dict[str, Any]:
    return {"ward": key.ward, "gateway": key.gateway, "rule": key.rule, "camera": key.camera}


def _key(row: Any) -> AlertKey:
    return AlertKey(row.ward, row.gateway, row.rule, row.camera)


def _row(alert: Alert) -> dict[str, Any]:
    return {
        **_names(alert.key),
        "severity": alert.severity.number,
        "text": str(alert.text),
        "problem": problem_column(alert.text),
        "value": alert.value,
        "since_ms": alert.since_ms,
        "opened_ms": alert.opened_ms,
        "cleared_ms": alert.cleared_ms,
        "cleared_text": None if alert.cleared_text is None else str(alert.cleared_text),
        "folded": alert.folded,
    }


def _alert(row: Any) -> Alert:
    return Alert(
        _key(row),
        _BY_NUMBER[row.severity],
        with_problem(row.text, row.problem),
        row.value,
        row.since_ms,
        row.opened_ms,
        row.cleared_ms,
        row.cleared_text,
        row.folded,
    )


class AlertStatus(msgspec.Struct, kw_only=True):
    ward: str
    gateway: str  # empty: the ward itself
    camera: str  # empty: the gateway itself
    rule: str
    severity: int
    text: str
    age_s: float
    folded: bool

    @property
    def about(self) -> str:
        names = [name for name in (self.gateway or f"ward {self.ward}", self.camera) if name]
        return "/".join(names)


def open_alerts(connection: Connection, now_ms: int) -> list[AlertStatus]:
    """Return all open alerts, sorted by severity, then newest first."""
    columns = tables.alert.c
    names = ("ward", "gateway", "camera", "rule", "severity", "text", "opened_ms", "folded")
    query = select(*(columns[name] for name in names)).where(columns.cleared_ms.is_(None))
    return [
        AlertStatus(
            ward=row.ward,
            gateway=row.gateway,
            camera=row.camera,
            rule=row.rule,
            severity=row.severity,
            text=row.text,
            age_s=(now_ms - row.opened_ms) / 1000,
            folded=row.folded,
        )
        for row in connection.execute(query.order_by(columns.severity.desc(), columns.opened_ms.desc()))
    ]
