"""Plans what a retention run deletes, and limits how much it deletes without a release.

There is one plan for each setting and kind of row. A run that would delete more than a share of the stored
rows waits for an administrator. The clock decides what has expired, so this limit protects against a wrong
clock, and against a setting that was changed by mistake.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, and_, func, literal, not_, or_, select, true

from edge_agent.core.model import Severity
from edge_agent.core.problems import ProblemText
from edge_central.retention.holds import active_holds, read_holds
from edge_central.sentences import problem_text
from edge_central.settings import CASE_DAYS, SEARCH_DAYS, Retention
from edge_central.store import tables
from edge_central.store.papers import is_listed

DAY_MS = 86_400_000


class DeletionTarget(StrEnum):
    EVENT = "event"
    MEDIA = "media"  # media that are not papers
    PAPER = "paper"  # media that store/papers.py lists
    ALERT = "alert"  # cleared alerts
    HANDLING = "handling"  # the officers' steps about an alarm or alert
    REQUEST = "request"
    HANDOVER = "handover"
    TRAFFIC = "traffic"  # counts by quarter of an hour
    SEARCH = "search"  # with its answers, matches and pictures
    JOURNEY = "journey"  # with its steps; not while its case is open
    CLAIM = "claim"  # claims of boxes that are not in force
    CASE = "case"  # closed cases, with their items and pictures


@dataclass(frozen=True, slots=True)
class DeletionPlan:
    what: DeletionTarget
    rule: str  # the setting, such as info_days: 90
    days: float
    before_ms: int  # rows that arrived earlier have expired
    kind: str = ""
    severity: int = 0


def make_plans(
    settings: Retention,
    kinds: list[tuple[str, int]],
    now_ms: int,
    search_days: float = SEARCH_DAYS,
    case_days: float = CASE_DAYS,
) -> Iterator[DeletionPlan]:
    """Yield the plans of one run. ``kinds``: the kinds and severities of the stored events."""
    for kind, severity in kinds:
        rule, days = _days(settings, kind, severity)
        before_ms = now_ms - round(days * DAY_MS)
        yield DeletionPlan(DeletionTarget.EVENT, f"{rule}: {days:g}", days, before_ms, kind, severity)
    for what, rule, days in (
        (DeletionTarget.MEDIA, "media_days", settings.media_days),
        (DeletionTarget.PAPER, "paper_days", settings.paper_days),
        (DeletionTarget.ALERT, "alert_days", settings.alert_days),
        (DeletionTarget.HANDLING, "duty_days", settings.duty_days),
        (DeletionTarget.REQUEST, "duty_days", settings.duty_days),
        (DeletionTarget.HANDOVER, "duty_days", settings.duty_days),
        (DeletionTarget.TRAFFIC, "traffic_days", settings.traffic_days),
        (DeletionTarget.CLAIM, "claim_days", settings.claim_days),
        (DeletionTarget.SEARCH, "search.days", search_days),
        (DeletionTarget.JOURNEY, "search.days", search_days),
        (DeletionTarget.CASE, "cases.days", case_days),
    ):
        yield DeletionPlan(what, f"{rule}: {days:g}", days, now_ms - round(days * DAY_MS))


def stored_kinds(connection: Connection) -> list[tuple[str, int]]:
    """Return the kinds and severities of the stored events. Each query finds the next pair in the index,
    without a scan of the events."""
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


MAX_SHARE = 0.2
"""Largest share of the stored events, media or alerts that one run may delete. A setting of fewer than ten
days deletes more than this on an ordinary day, so twice its daily share is always allowed."""
ALWAYS_ALLOWED_ROWS = 100
"""So many rows may always be deleted: in a small database one day may be a third of all rows."""
GRANTED_SHARE = 1.2
"""A released count is multiplied by this, because more rows expire while the administrator decides."""
LIMITED = (DeletionTarget.EVENT, DeletionTarget.MEDIA, DeletionTarget.PAPER, DeletionTarget.ALERT)

RELEASE_COMMAND = "edge-agent central release --deletions"


class BlockedDeletions(msgspec.Struct, frozen=True, kw_only=True):
    """The rows that a blocked run would delete."""

    over: dict[str, int]  # number of rows, by DeletionTarget
    stored: dict[str, int]

    @property
    def text(self) -> ProblemText:
        worst = max(self.over, key=lambda what: self.over[what])
        counts = {"rows": self.over[worst], "stored": self.stored[worst], "table": str(worst)}
        return problem_text("deletion-waits", **counts, command=RELEASE_COMMAND)


class DeletionRelease(msgspec.Struct, frozen=True, kw_only=True):
    """An administrator's permission to delete this many rows."""

    who: str
    over: dict[str, int]


def blocked_key(central_id: str) -> str:
    """Return the key in ``meta``, one per centre, because several centres may use one database."""
    return f"deletions-held {central_id}"


def release_key(central_id: str) -> str:
    return f"deletions-released {central_id}"


def find_excess(
    connection: Connection, plans: Sequence[DeletionPlan], release: DeletionRelease | None
) -> BlockedDeletions | None:
    """Return what these plans would delete if it is too much for one run; None: the run may begin."""
    over, stored, limits = Counter[str](), Counter[str](), Counter[str]()
    limited = [plan for plan in plans if plan.what in LIMITED]
    for plan in limited:
        over[plan.what] += _count(connection, plan, is_expired(plan))
    for plan in limited:
        share = max(MAX_SHARE, 2 / plan.days)
        # No more rows than the limit needs: to count 78 million events would take 16 s each day.
        enough = math.ceil((over[plan.what] - limits[plan.what]) / share)
        if enough > 0:
            limits[plan.what] += round(_count(connection, plan, true(), enough) * share)
    for what in [what for what in over if over[what] > max(ALWAYS_ALLOWED_ROWS, limits[what])]:
        over[what] -= _count_on_hold(connection, [plan for plan in plans if plan.what == what])
    granted = {} if release is None else release.over
    if all(
        count <= max(ALWAYS_ALLOWED_ROWS, limits[what], granted.get(what, 0) * GRANTED_SHARE)
        for what, count in over.items()
    ):
        return None
    named = {what: count for what, count in over.items() if count}
    for plan in limited:
        if plan.what in named:
            stored[plan.what] += _count(connection, plan, true())
    return BlockedDeletions(over=named, stored=dict(stored))


def _count_on_hold(connection: Connection, plans: Sequence[DeletionPlan]) -> int:
    """Count expired rows that a hold keeps."""
    holds = read_holds(connection)
    if not (holds and plans):
        return 0
    active, found = active_holds(connection, holds), 0
    for plan in plans:
        if plan.what is not DeletionTarget.ALERT:
            kept = active.condition(_table(plan).c)
            found += _count(connection, plan, and_(is_expired(plan), kept))
    return found


def _count(
    connection: Connection, plan: DeletionPlan, which: ColumnElement[bool], most: int | None = None
) -> int:
    """Count the rows of a plan, but not more than ``most``."""
    rows = select(literal(1)).select_from(_table(plan)).where(of_plan(plan), which).limit(most)
    return connection.scalar(select(func.count()).select_from(rows.subquery())) or 0


def of_plan(plan: DeletionPlan) -> ColumnElement[bool]:
    """Return the SQL condition for the rows that a plan concerns in its table, expired or not."""
    event = tables.event.c
    match plan.what:
        case DeletionTarget.EVENT:
            return and_(event.kind == plan.kind, event.severity == plan.severity)
        case DeletionTarget.MEDIA | DeletionTarget.PAPER:
            return is_listed() if plan.what is DeletionTarget.PAPER else not_(is_listed())
        case _:
            return true()


def is_expired(plan: DeletionPlan) -> ColumnElement[bool]:
    """Return the SQL condition for the expired rows of events, media or alerts."""
    columns = _table(plan).c
    if plan.what is DeletionTarget.ALERT:
        return and_(columns.opened_ms < plan.before_ms, columns.cleared_ms < plan.before_ms)
    over: ColumnElement[bool] = columns.received_ms < plan.before_ms
    return over


def _table(plan: DeletionPlan) -> Table:
    return tables.media if plan.what is DeletionTarget.PAPER else tables.metadata.tables[plan.what]
