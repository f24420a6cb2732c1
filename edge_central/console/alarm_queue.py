"""The officers' queue: alarms of cameras and alerts of gateways in one list.

Only the first few items of each gateway are listed, the others are counted, so that a gateway with many
alarms does not displace the rest. Counts are of the database, not of the list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Text, case, cast, func, literal, select

from edge_agent.wire.received.bounds import with_problem
from edge_central.console.events import ward_of_event
from edge_central.console.incident_log import (
    MAX_LISTED,
    MAX_PER_GATEWAY,
    Alarm,
    AlarmCounts,
    Handling,
    handling_of,
    read_alarms,
    subject_of,
)
from edge_central.store import tables
from edge_central.store.ringing import ALARM
from edge_central.store.scope import Scope


@dataclass(frozen=True, slots=True)
class QueueItem:
    """One alarm or alert; ``cursor`` is the event's, None for an alert."""

    subject: str
    severity: int
    ward: str
    gateway: str  # empty: the ward itself
    camera: str  # empty: the gateway itself
    kind: str  # the event's kind, or the alert's rule
    words: str  # the reason, one line
    state: str  # of the camera's view; empty for other kinds
    time_ms: int  # by the gateway's clock
    came_ms: int  # by the centre's clock; the list is sorted by it
    handling: Handling
    place: int  # rank among the items of its gateway, from 1
    cursor: int | None = None
    quiet: bool = False  # another item rings instead

    @property
    def is_alarm(self) -> bool:
        return self.severity >= ALARM

    @property
    def rings(self) -> bool:
        return self.is_alarm and self.handling.rings and not self.quiet


@dataclass(frozen=True, slots=True)
class UnlistedCount:
    """Open items of a gateway that are not listed; an empty gateway means the ward itself."""

    ward: str
    gateway: str
    count: int


@dataclass(frozen=True, slots=True)
class QueuePart:
    """One of the two lists; ``open`` and ``ringing`` count everything in the database."""

    items: tuple[QueueItem, ...] = ()
    more: tuple[UnlistedCount, ...] = ()
    open: int = 0
    ringing: int = 0

    @property
    def others(self) -> int:
        """Items neither listed nor counted in ``more``, because there are too many gateways."""
        return self.open - len(self.items) - sum(each.count for each in self.more)


@dataclass(frozen=True, slots=True)
class AlarmQueue:
    alarms: QueuePart
    others: QueuePart

    @property
    def items(self) -> tuple[QueueItem, ...]:
        """Ringing items, oldest first; then alarms, then the rest, each newest first."""
        return *self.alarms.items, *self.others.items

    @property
    def ringing(self) -> tuple[QueueItem, ...]:
        return tuple(item for item in self.alarms.items if item.rings)

    @property
    def foremost(self) -> tuple[QueueItem, ...]:
        """Ringing items for the few places on top of every page: one of each gateway before the second of
        any, newest first."""
        return tuple(sorted(self.ringing, key=lambda item: (item.place, -item.came_ms)))


def read_alarm_queue(
    connection: Connection,
    scope: Scope,
    now_ms: int,
    *,
    gateway: str | None = None,
    per_gateway: int = MAX_PER_GATEWAY,
) -> AlarmQueue:
    """Everything open: of one ``gateway``, or the first ``per_gateway`` of each gateway."""
    alarms = read_alarms(connection, scope, now_ms, gateway=gateway, per_gateway=per_gateway)
    events = _part([(_of_event(each), each.of_gateway, each.of_all) for each in alarms])
    alerts = [
        _part(_alerts(connection, scope, gateway, per_gateway, is_alarm=is_alarm))
        for is_alarm in (True, False)
    ]
    return AlarmQueue(_ordered(events, alerts[0]), _ordered(alerts[1]))


def _part(found: Sequence[tuple[QueueItem, AlarmCounts, AlarmCounts]]) -> QueuePart:
    left: dict[tuple[str, str], int] = {}
    for item, own, _ in found:
        key = item.ward if not item.gateway else "", item.gateway
        left[key] = left.get(key, own.open) - 1
    more = tuple(UnlistedCount(ward, gateway, count) for (ward, gateway), count in left.items() if count > 0)
    of_all = found[0][2] if found else AlarmCounts()
    return QueuePart(tuple(item for item, *_ in found), more, of_all.open, of_all.ringing)


def _ordered(*parts: QueuePart) -> QueuePart:
    """Merge parts, sorted by arrival at the centre, so that a gateway with a wrong clock cannot put items
    on top."""
    items = sorted(
        (item for part in parts for item in part.items),
        key=lambda item: (not item.rings, item.came_ms if item.rings else -item.came_ms),
    )
    more = tuple(each for part in parts for each in part.more)
    return QueuePart(
        tuple(items), more, sum(part.open for part in parts), sum(part.ringing for part in parts)
    )


def find_subject(connection: Connection, scope: Scope, subject: str) -> str | None:
    """The ward of a subject of the incident log; None if there is no such subject in this scope."""
    what, _, rest = subject.partition(" ")
    ward: str | None = None
    if what == "event":
        gateway, _, event_id = rest.partition(" ")
        ward = ward_of_event(connection, scope, gateway, event_id)
    elif what == "alert" and rest.isdecimal() and len(rest) <= 18:
        columns = tables.alert.c
        ward = connection.scalar(select(columns.ward).where(columns.id == int(rest), scope.of(columns.ward)))
    return ward


_A, _H = tables.alert.c, tables.handling.c
_SUBJECT = literal("alert ") + cast(_A.id, Text)


def _alerts(
    connection: Connection, scope: Scope, gateway: str | None, per_gateway: int, *, is_alarm: bool
) -> list[tuple[QueueItem, AlarmCounts, AlarmCounts]]:
    """Open alerts that are not folded into another one."""
    is_ringing = case((_H.acknowledged_ms.is_(None), int(is_alarm)), else_=0)
    of_own = (_A.gateway, case((_A.gateway == "", _A.ward), else_=""))
    place = func.row_number().over(
        order_by=(_H.acknowledged_ms.is_not(None), _A.opened_ms, _A.id), partition_by=of_own
    )
    handled = [_H[name] for name in ("acknowledged_ms", "acknowledged_by", "owner", "outcome", "closed_ms")]
    query = (
        select(
            *(_A.id, _A.severity, _A.ward, _A.gateway, _A.camera, _A.rule, _A.text, _A.problem),
            *(_A.since_ms, _A.opened_ms, *handled, place.label("place")),
            *(
                func.count().over(partition_by=of_own).label("own_open"),
                func.sum(is_ringing).over(partition_by=of_own).label("own_ringing"),
            ),
            *(func.count().over().label("all_open"), func.sum(is_ringing).over().label("all_ringing")),
        )
        .join_from(tables.alert, tables.handling, _H.subject == _SUBJECT, isouter=True)
        .where(_A.cleared_ms.is_(None), _A.folded.is_(False), scope.of(_A.ward), _H.outcome.is_(None))
        .where(_A.severity >= ALARM if is_alarm else _A.severity < ALARM)
    )
    if gateway is not None:
        query = query.where(_A.gateway == gateway)
    numbered = query.subquery()
    listed = select(numbered).where(numbered.c.place <= per_gateway)
    rows = connection.execute(listed.order_by(numbered.c.place, numbered.c.opened_ms).limit(MAX_LISTED))
    return [
        (
            _of_alert(row),
            AlarmCounts(row.own_open, row.own_ringing),
            AlarmCounts(row.all_open, row.all_ringing),
        )
        for row in rows
    ]


def _of_alert(row: Any) -> QueueItem:
    subject = f"alert {row.id}"
    return QueueItem(
        *(subject, row.severity, row.ward, row.gateway, row.camera, row.rule),
        *(with_problem(row.text, row.problem), "", row.since_ms, row.opened_ms),
        *(handling_of(row, subject), row.place),
    )


def _of_event(alarm: Alarm) -> QueueItem:
    event = alarm.event
    return QueueItem(
        *(subject_of(event), event.severity, event.ward, event.gateway, event.camera, event.kind),
        *(event.data.why, event.data.state or "", event.time_ms, event.received_ms, alarm.handling),
        *(alarm.place, event.cursor, alarm.quiet),
    )
