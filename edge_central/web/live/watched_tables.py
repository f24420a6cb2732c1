"""The tables that the follower polls: events by cursor, and small tables whose rows are compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, select

from edge_central.console.documents import parse_event
from edge_central.store import tables
from edge_central.store.presence_reports import read_outages
from edge_central.web.live.hub import LiveMessage

Document = dict[str, Any]
NEWEST = 100


@dataclass(frozen=True, slots=True)
class WatchedRow:
    ward: str
    document: Document


@dataclass(frozen=True, slots=True)
class WatchedTable:
    """A table of things that hold now, a few hundred of them at most or one for each gateway."""

    kind: str
    read: Callable[[Connection], Mapping[object, WatchedRow]]

    def changes(
        self, before: Mapping[object, WatchedRow], now: Mapping[object, WatchedRow]
    ) -> list[LiveMessage]:
        """New and changed rows; a removed row in its last form, with ``gone``."""
        new = [shown for key, shown in now.items() if before.get(key) != shown]
        gone = [
            WatchedRow(shown.ward, shown.document | {"gone": True})
            for key, shown in before.items()
            if key not in now or now[key].ward != shown.ward
        ]
        return [
            LiveMessage(self.kind, each.ward, msgspec.json.encode(each.document)) for each in (*gone, *new)
        ]


def _presence(connection: Connection) -> Mapping[object, WatchedRow]:
    columns = tables.presence.c
    rows = connection.execute(
        select(columns.gateway, columns.ward, columns.standing, columns.why, columns.since_ms)
    )
    return {row.gateway: WatchedRow(row.ward, dict(row._mapping)) for row in rows}


def _outages(connection: Connection) -> Mapping[object, WatchedRow]:
    return {each.ward: WatchedRow(each.ward, asdict(each)) for each in read_outages(connection)}


def _alerts(connection: Connection) -> Mapping[object, WatchedRow]:
    """Open alerts."""
    columns = tables.alert.c
    wanted = (
        *(columns.id, columns.ward, columns.gateway, columns.camera, columns.rule, columns.severity),
        *(columns.text, columns.since_ms, columns.opened_ms, columns.folded),
    )
    rows = connection.execute(select(*wanted).where(columns.cleared_ms.is_(None)))
    return {row.id: WatchedRow(row.ward, dict(row._mapping)) for row in rows}


def _handled(connection: Connection) -> Mapping[object, WatchedRow]:
    """The newest acknowledgements: one acknowledgement silences the bell in all browsers."""
    columns = tables.handling.c
    seen = select(tables.handling).where(columns.acknowledged_ms.is_not(None))
    rows = connection.execute(seen.order_by(columns.acknowledged_ms.desc()).limit(NEWEST))
    return {row.subject: WatchedRow(row.ward, dict(row._mapping)) for row in rows}


def _requests(connection: Connection) -> Mapping[object, WatchedRow]:
    """Requests to gateways, with their status."""
    columns = tables.request.c
    wanted = (columns.id, columns.ward, columns.gateway, columns.about, columns.status)
    rows = connection.execute(select(*wanted).order_by(columns.asked_ms.desc()).limit(NEWEST))
    return {row.id: WatchedRow(row.ward, dict(row._mapping)) for row in rows}


WATCHED_TABLES: tuple[WatchedTable, ...] = (
    WatchedTable("presence", _presence),
    WatchedTable("outage", _outages),
    WatchedTable("alert", _alerts),
    WatchedTable("handling", _handled),
    WatchedTable("request", _requests),
)
"""Add another table here."""


EVENT_COLUMNS = tuple(
    tables.event.c[name]
    for name in (
        *("cursor", "gateway", "ward", "camera", "kind", "severity", "time_ms", "received_ms"),
        *("event_id", "phase", "payload"),
    )
)


def event_message(row: Row[Any]) -> LiveMessage:
    """The fields of an event that a list shows."""
    document = dict(row._mapping)
    data = parse_event(document.pop("payload")).data
    document |= {
        "label": data.label,
        "zone": data.zone,
        "rule_id": data.rule_id,
        "media_id": data.snapshot.media_id if data.snapshot is not None else None,
    }
    return LiveMessage("event", row.ward, msgspec.json.encode(document))
