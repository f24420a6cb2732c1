"""What is to be deleted in a run: one plan for each setting and kind of row. Pure but for one question."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, and_, or_, select

from edge_agent.core.model import Severity
from edge_central.settings import Retention
from edge_central.store import tables

DAY_MS = 86_400_000


class DeletionTarget(StrEnum):
    EVENT = "event"
    MEDIA = "media"
    ALERT = "alert"  # that is over
    HANDLING = "handling"  # what the duty desk wrote about an alarm or alert
    REQUEST = "request"
    HANDOVER = "handover"


@dataclass(frozen=True, slots=True)
class DeletionPlan:
    what: DeletionTarget
    rule: str  # the setting: info_days: 90
    days: float
    before_ms: int  # what arrived earlier is over
    kind: str = ""
    severity: int = 0


def make_plans(settings: Retention, kinds: list[tuple[str, int]], now_ms: int) -> Iterator[DeletionPlan]:
    """``kinds`` are those of the events that there are, with their severity."""
    for kind, severity in kinds:
        rule, days = _days(settings, kind, severity)
        yield DeletionPlan(
            DeletionTarget.EVENT, f"{rule}: {days:g}", days, _before(days, now_ms), kind, severity
        )
    for what, name, days in (
        (DeletionTarget.MEDIA, "media_days", settings.media_days),
        (DeletionTarget.ALERT, "alert_days", settings.alert_days),
        *(
            (what, "duty_days", settings.duty_days)
            for what in (DeletionTarget.HANDLING, DeletionTarget.REQUEST, DeletionTarget.HANDOVER)
        ),
    ):
        yield DeletionPlan(what, f"{name}: {days:g}", days, _before(days, now_ms))


def stored_kinds(connection: Connection) -> list[tuple[str, int]]:
    """Each look finds the next one in the index: the events themselves are not counted through."""
    kind, severity = tables.event.c.kind, tables.event.c.severity
    found: list[tuple[str, int]] = []
    query = select(kind, severity).order_by(kind, severity).limit(1)
    row = connection.execute(query).first()
    while row is not None:
        found.append((row.kind, row.severity))
        further = or_(kind > row.kind, and_(kind == row.kind, severity > row.severity))
        row = connection.execute(query.where(kind >= row.kind, further)).first()
    return found


def _days(settings: Retention, kind: str, severity: int) -> tuple[str, float]:
    if kind in settings.kinds:
        return f"kinds.{kind}", settings.kinds[kind]
    if severity >= Severity.ALARM.number:
        return "alarm_days", settings.alarm_days
    if severity >= Severity.WARNING.number:
        return "warning_days", settings.warning_days
    return "info_days", settings.info_days


def _before(days: float, now_ms: int) -> int:
    return now_ms - round(days * DAY_MS)
