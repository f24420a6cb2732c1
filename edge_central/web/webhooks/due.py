"""Decides which event or alert a webhook posts next; stores how far it has posted, and the log of its posts.

Events are read by cursor and alerts by id, so that nothing is lost while a receiver is away. An event is
posted when it begins. Events and alerts that were acknowledged before they became due are skipped. Alarms
that do not ring are skipped too: those of a rule that a user has silenced, and those of a gateway while its
flood alert is open, because the flood alert is posted for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Text,
    cast,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from edge_agent.core.model import Severity
from edge_agent.wire.received.bounds import bounded_text, with_problem
from edge_central.console.alarms.silences import is_silenced
from edge_central.console.events import NOT_HIDDEN, OF_NOTE, EventRow, rows_of
from edge_central.console.reported_names import ReportedNames
from edge_central.rehearsals.rule_names import RuleNames
from edge_central.store import tables
from edge_central.store.database import conflict_insert, newest_cursor
from edge_central.store.ringing import RINGING_KINDS, RINGING_PHASES, WARNING
from edge_central.store.scope import Scope

READ_AT_ONCE = 50
MAX_DELIVERIES = 500
"""Rows of the delivery log that are stored for each webhook."""
_E, _A, _H = tables.event.c, tables.alert.c, tables.handling.c
_O, _R = tables.open_alarm.c, tables.alarm_row.c
_P, _D = tables.webhook_place.c, tables.webhook_delivery.c
_QUIET = (
    select(_A.id)
    .where(tables.IS_FLOOD, _A.gateway == _E.gateway, _A.since_ms <= _E.received_ms)
    .where(or_(_A.cleared_ms.is_(None), _A.cleared_ms >= _E.received_ms))
    .exists()
)


class NoticeFilter(Protocol):
    """Which events and alerts are due: for one webhook, or for all devices of Web Push together."""

    @property
    def kinds(self) -> Sequence[str] | None:
        """Return the kinds of events; None: those that ring."""

    @property
    def severity(self) -> Severity:
        """The lowest severity."""

    @property
    def alerts(self) -> bool: ...

    @property
    def unacknowledged_s(self) -> float:
        """Post only what no person has acknowledged for this long; 0: post at once."""


@dataclass(frozen=True, slots=True)
class WebhookPlace:
    """How far a webhook has posted: events to ``cursor``, alerts to ``alert`` are posted or need no post."""

    cursor: int
    alert: int
    failing_ms: int | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class DueNotice:
    """An event or an alert that is posted next. ``place``: how far the webhook has posted after it."""

    subject: str
    ward: str
    gateway: str  # empty: the ward itself
    camera: str  # empty: the gateway itself
    kind: str  # kind of the event, or rule of the alert
    severity: int
    words: str
    time_ms: int
    came_ms: int
    place: WebhookPlace
    event: EventRow | None = None  # None: an alert
    rule: str = ""  # id of the camera's rule; empty: none
    rule_name: str = ""  # its name for people, or its id
    reported_name: str = ""  # the site's name as the gateway reports it; empty: none


@dataclass(frozen=True, slots=True)
class NextStep:
    """The next notice to post. ``notice`` None: nothing is due. ``place``: everything up to there is posted
    or needs no post. ``more``: none of the events that were read needs a post, and events after ``place``
    were not read yet."""

    notice: DueNotice | None
    place: WebhookPlace
    more: bool = False


def read_place(connection: Connection, webhook: str) -> WebhookPlace | None:
    query = select(_P.cursor, _P.alert, _P.failing_ms, _P.problem).where(_P.webhook == webhook)
    row = connection.execute(query).first()
    return None if row is None else WebhookPlace(*row)


def newest_place(connection: Connection) -> WebhookPlace:
    """Return where a new webhook begins: it posts nothing from before its first start."""
    return WebhookPlace(newest_cursor(connection), connection.scalar(select(func.max(_A.id))) or 0)


def next_step(
    connection: Connection, wanted: NoticeFilter, scope: Scope, place: WebhookPlace, now_ms: int
) -> NextStep:
    """Read what is due after ``place``. Events come before alerts."""
    due_ms = now_ms - round(wanted.unacknowledged_s * 1000)
    newest = newest_cursor(connection)
    rows = connection.execute(_events(wanted, scope, place.cursor, newest, now_ms)).all()
    more = len(rows) == READ_AT_ONCE
    if more:
        newest = rows[-1].cursor
    for row in rows:
        if row.received_ms > due_ms:
            newest, more = row.cursor - 1, False
            break
        found = rows_of(connection, scope, [row.cursor]) if _is_wanted(row, wanted) else ()
        if found:
            passed = WebhookPlace(row.cursor, place.alert)
            notice = _of_event(found[0], passed, RuleNames(connection, scope))
            return NextStep(_with_name(notice, connection, scope), place)
    passed = WebhookPlace(max(place.cursor, newest), place.alert)
    if more:
        return NextStep(None, passed, more=True)
    return _next_alert(connection, wanted, scope, passed, due_ms)


def _events(wanted: NoticeFilter, scope: Scope, after: int, newest: int, now_ms: int) -> Select[Any]:
    subject = literal("event ") + _E.gateway + " " + _E.event_id
    of_silenced_rule = (
        select(_O.cursor)
        .join_from(tables.open_alarm, tables.alarm_row, _R.id == _O.alarm_row)
        .where(_O.cursor == _E.cursor, is_silenced(now_ms, _R))
        .exists()
    )
    quiet = or_(_QUIET, of_silenced_rule).label("quiet")
    kinds = RINGING_KINDS if wanted.kinds is None else wanted.kinds
    query = (
        select(_E.cursor, _E.received_ms, _H.acknowledged_ms, _H.outcome, quiet)
        .select_from(tables.event)
        .join(tables.handling, _H.subject == subject, isouter=True)
        .where(_E.cursor > after, _E.cursor <= newest, scope.of(_E.ward), NOT_HIDDEN)
        .where(or_(_E.phase.in_(RINGING_PHASES), _E.phase.is_(None)), _E.kind.in_(kinds))
        .where(*_severe(_E.severity, wanted))
    )
    return query.order_by(_E.cursor).limit(READ_AT_ONCE)


def _severe(column: ColumnElement[int], wanted: NoticeFilter) -> list[ColumnElement[bool]]:
    severe = column >= wanted.severity.number
    return [severe, OF_NOTE] if wanted.severity.number >= WARNING else [severe]


def _is_wanted(row: Any, wanted: NoticeFilter) -> bool:
    handled = row.acknowledged_ms is not None or row.outcome is not None
    return not row.quiet and not (handled and wanted.unacknowledged_s > 0)


def _of_event(event: EventRow, place: WebhookPlace, names: RuleNames) -> DueNotice:
    rule = bounded_text(event.data.rule_id or "")
    subject = f"event {event.gateway} {event.event_id}" if event.event_id else f"cursor {event.cursor}"
    return DueNotice(
        *(subject, event.ward, event.gateway, event.camera, event.kind, event.severity),
        *(event.data.why, event.time_ms, event.received_ms, place, event),
        *(rule, names.rule(event.gateway, event.camera, rule) if rule else ""),
    )


def _next_alert(
    connection: Connection, wanted: NoticeFilter, scope: Scope, place: WebhookPlace, due_ms: int
) -> NextStep:
    if not wanted.alerts:
        return NextStep(None, place)
    subject = literal("alert ") + cast(_A.id, Text)
    query = (
        select(tables.alert, _H.acknowledged_ms, _H.outcome)
        .join_from(tables.alert, tables.handling, _H.subject == subject, isouter=True)
        .where(_A.id > place.alert, scope.of(_A.ward), _A.severity >= wanted.severity.number)
        .order_by(_A.id)
        .limit(READ_AT_ONCE)
    )
    for row in connection.execute(query):
        if row.opened_ms > due_ms:
            break
        passed = WebhookPlace(place.cursor, row.id)
        handled = row.acknowledged_ms is not None or row.outcome is not None or row.cleared_ms is not None
        if not row.folded and not (handled and wanted.unacknowledged_s > 0):
            return NextStep(_with_name(_of_alert(row, passed), connection, scope), place)
        place = passed
    return NextStep(None, place)


def _of_alert(row: Any, place: WebhookPlace) -> DueNotice:
    return DueNotice(
        *(f"alert {row.id}", row.ward, row.gateway, row.camera, row.rule, row.severity),
        *(with_problem(row.text, row.problem), row.since_ms, row.opened_ms, place),
    )


def _with_name(notice: DueNotice, connection: Connection, scope: Scope) -> DueNotice:
    return replace(notice, reported_name=ReportedNames(connection, scope).name(notice.gateway))


# --- writing ---


def write_place(connection: Connection, webhook: str, place: WebhookPlace) -> None:
    values = {
        "cursor": place.cursor,
        "alert": place.alert,
        "failing_ms": place.failing_ms,
        "problem": place.problem,
    }
    row = conflict_insert(connection, tables.webhook_place).values(webhook=webhook, **values)
    connection.execute(row.on_conflict_do_update(index_elements=["webhook"], set_=values))


def write_failure(connection: Connection, webhook: str, problem: str, now_ms: int) -> None:
    """Record why posts fail, and when they began to fail."""
    values = {"problem": problem, "failing_ms": func.coalesce(_P.failing_ms, now_ms)}
    connection.execute(update(tables.webhook_place).where(_P.webhook == webhook).values(values))


def write_delivery(
    connection: Connection,
    webhook: str,
    notice: DueNotice,
    status: int,
    attempts: int,
    now_ms: int,
    problem: str | None = None,
) -> None:
    """Record an answered post, and move the webhook's place past it. ``problem``: why the receiver ignores
    the post."""
    write_place(connection, webhook, replace(notice.place, problem=problem))
    record_delivery(
        connection, WebhookDelivery(webhook, now_ms, notice.subject, notice.ward, status, attempts)
    )


@dataclass(frozen=True, slots=True)
class WebhookDelivery:
    """A post that was answered, or given up (``status`` 0). ``device``: for Web Push, the device."""

    webhook: str
    at_ms: int
    subject: str
    ward: str
    status: int
    attempts: int
    device: str | None = None


def record_delivery(connection: Connection, delivery: WebhookDelivery, most: int = MAX_DELIVERIES) -> None:
    """Add a row to the delivery log, and delete the webhook's oldest rows if it has more than ``most``."""
    connection.execute(insert(tables.webhook_delivery), asdict(delivery))
    of_webhook = _D.webhook == delivery.webhook
    last = connection.scalar(select(_D.id).where(of_webhook).order_by(_D.id.desc()).limit(1).offset(most))
    if last is not None:
        connection.execute(delete(tables.webhook_delivery).where(of_webhook, _D.id <= last))


def newest_deliveries(
    connection: Connection, most: int = 100, webhook: str | None = None
) -> tuple[WebhookDelivery, ...]:
    """Return the newest answered posts of all webhooks, or of one webhook, newest first."""
    query = select(_D.webhook, _D.at_ms, _D.subject, _D.ward, _D.status, _D.attempts, _D.device)
    if webhook is not None:
        query = query.where(_D.webhook == webhook)
    return tuple(
        WebhookDelivery(*row) for row in connection.execute(query.order_by(_D.id.desc()).limit(most))
    )
