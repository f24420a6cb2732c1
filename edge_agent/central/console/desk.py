"""What lies on the desk of whoever is on duty: alarms of cameras and alerts of boxes, in one list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from edge_agent.central import tables
from edge_agent.central.console.book import (
    Alarm,
    Handling,
    alarms,
    handlings,
    subject_of_alert,
    subject_of_event,
)
from edge_agent.central.console.events import ALARM, event_of
from edge_agent.central.scope import Scope

MOST_ALERTS = 300


@dataclass(frozen=True, slots=True)
class Item:
    """``cursor`` is the event's, None for an alert."""

    subject: str
    severity: int
    ward: str
    gateway: str  # empty: the ward itself
    camera: str  # empty: the box itself
    kind: str  # of an event, or the rule of an alert
    words: str  # why, one line
    state: str  # of a camera's view; else empty
    time_ms: int
    handling: Handling
    cursor: int | None = None
    cleared_ms: int | None = None  # of an alert that is over

    @property
    def rings(self) -> bool:
        return self.severity >= ALARM and self.handling.rings and self.cleared_ms is None


@dataclass(frozen=True, slots=True)
class Desk:
    items: tuple[Item, ...]  # what rings, then alarms, then the rest; each the newest first

    @property
    def ringing(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.rings)

    @property
    def alarms(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.severity >= ALARM)

    @property
    def others(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.severity < ALARM)


def desk(connection: Connection, scope: Scope, now_ms: int) -> Desk:
    """All that is open."""
    items = [_of_event(each) for each in alarms(connection, scope, now_ms)]
    items += [item for item in _alerts(connection, scope) if item.handling.is_open]
    items.sort(key=lambda item: (not item.rings, item.severity < ALARM, -item.time_ms))
    return Desk(tuple(items))


@dataclass(frozen=True, slots=True)
class Subject:
    """What a step in the duty book is about: whose it is, and the event, if it is one."""

    ward: str
    cursor: int | None


def find_subject(connection: Connection, scope: Scope, subject: str) -> Subject | None:
    """None: there is no such thing, or it is not in scope."""
    what, _, rest = subject.partition(" ")
    if what == "event":
        gateway, _, event_id = rest.partition(" ")
        cursor = event_of(connection, scope, gateway, event_id)
        if cursor is None:
            return None
        ward = connection.scalar(select(tables.event.c.ward).where(tables.event.c.cursor == cursor))
        return None if ward is None else Subject(ward, cursor)
    if what == "alert" and rest.isdecimal() and len(rest) <= 18:
        columns = tables.alert.c
        ward = connection.scalar(select(columns.ward).where(columns.id == int(rest), scope.of(columns.ward)))
        return None if ward is None else Subject(ward, None)
    return None


def _alerts(connection: Connection, scope: Scope) -> list[Item]:
    """Those that are open and that no other one tells already."""
    columns = tables.alert.c
    query = (
        select(tables.alert)
        .where(columns.cleared_ms.is_(None), columns.folded.is_(False), scope.of(columns.ward))
        .order_by(columns.opened_ms.desc())
        .limit(MOST_ALERTS)
    )
    rows = connection.execute(query).all()
    touched = handlings(connection, scope, (subject_of_alert(row.id) for row in rows))
    return [_of_alert(row, touched) for row in rows]


def _of_alert(row: Any, touched: dict[str, Handling]) -> Item:
    subject = subject_of_alert(row.id)
    return Item(
        *(subject, row.severity, row.ward, row.gateway, row.camera, row.rule, row.text, "", row.since_ms),
        touched.get(subject, Handling(subject)),
        cleared_ms=row.cleared_ms,
    )


def _of_event(alarm: Alarm) -> Item:
    event = alarm.event
    return Item(
        subject_of_event(event.gateway, event.event_id or ""),
        *(event.severity, event.ward, event.gateway, event.camera, event.kind, event.data.why),
        *(event.data.state or "", event.time_ms, alarm.handling, event.cursor),
    )
