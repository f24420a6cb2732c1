"""The alarms that rang in a period, who acknowledged them and when, and their outcomes: for reports of a
shift and a month. An alarm belongs to the period in which it reached the centre, because it rang then.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, Text, and_, cast, func, literal, or_, select

from edge_central.console.events import SUBJECT
from edge_central.retention.deletion_plans import stored_kinds
from edge_central.store import tables
from edge_central.store.open_alarms import AlarmRule, rule_of
from edge_central.store.ringing import ALARM, RINGING_KINDS, RINGING_PHASES
from edge_central.store.scope import Scope

MAX_ALARMS = 50_000
"""One report reads at most this many alarms; if there are more, it says that it is incomplete."""
_RULE_ID = re.compile(r"[a-z0-9-]{1,63}")
_E, _A, _H, _S = tables.event.c, tables.alert.c, tables.handling.c, tables.silence.c


@dataclass(frozen=True, slots=True)
class ReportedAlarm:
    ward: str
    gateway: str  # empty: the ward itself
    camera: str  # empty: the gateway itself
    kind: str  # of the event, or the alert's rule
    rule: str  # id of the camera's rule; empty: none
    is_alert: bool
    rang_ms: int
    quiet: bool  # it did not ring when it came: see _QuietTimes
    hidden: bool
    acknowledged_ms: int | None
    acknowledged_by: str | None
    outcome: str | None  # None: open
    closed_ms: int | None


@dataclass(frozen=True, slots=True)
class AlarmSource:
    """The camera or gateway, and the rule, from which alarms come."""

    ward: str
    gateway: str
    camera: str
    kind: str
    rule: str
    is_alert: bool


@dataclass(frozen=True, slots=True)
class SourceFigures:
    source: AlarmSource
    count: int
    acknowledged: int
    outcomes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class TimeFigures:
    """Seconds until alarms were acknowledged, or until they were closed; without alarms that were not."""

    count: int
    median_s: float
    p90_s: float


@dataclass(frozen=True, slots=True)
class ShiftReport:
    """The alarms of a period. Alarms that an administrator has hidden are only counted."""

    from_ms: int
    to_ms: int
    rang: int
    quiet: int
    hidden: int
    complete: bool  # False: there were more than MAX_ALARMS, the newest are missing
    by_ward: tuple[tuple[str, int], ...]
    sources: tuple[SourceFigures, ...]  # most alarms first
    by_officer: tuple[tuple[str, int], ...]
    outcomes: Mapping[str, int]  # real, false, handled, open
    acknowledged: TimeFigures | None  # None: no alarm was acknowledged
    closed: TimeFigures | None


def read_shift_report(connection: Connection, scope: Scope, from_ms: int, to_ms: int) -> ShiftReport:
    """Return the report on the alarms from ``from_ms`` to ``to_ms`` (exclusive)."""
    found = list(_alarms(connection, scope, from_ms, to_ms))
    complete = len(found) <= MAX_ALARMS
    found += _alerts(connection, scope, from_ms, to_ms)
    shown = [alarm for alarm in found if not alarm.hidden]
    by_officer = Counter(alarm.acknowledged_by for alarm in shown if alarm.acknowledged_by)
    return ShiftReport(
        from_ms,
        to_ms,
        len(shown),
        sum(alarm.quiet for alarm in shown),
        len(found) - len(shown),
        complete,
        _most_first(Counter(alarm.ward for alarm in shown)),
        _sources(shown),
        _most_first(by_officer),
        Counter(alarm.outcome or "open" for alarm in shown),
        _times([(alarm.rang_ms, alarm.acknowledged_ms) for alarm in shown]),
        _times([(alarm.rang_ms, alarm.closed_ms) for alarm in shown]),
    )


def _most_first(counts: Counter[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.items(), key=lambda each: (-each[1], each[0])))


def _sources(alarms: Sequence[ReportedAlarm]) -> tuple[SourceFigures, ...]:
    by_source: defaultdict[AlarmSource, list[ReportedAlarm]] = defaultdict(list)
    for alarm in alarms:
        source = AlarmSource(
            *(alarm.ward, alarm.gateway, alarm.camera, alarm.kind, alarm.rule, alarm.is_alert)
        )
        by_source[source].append(alarm)
    figures = [
        SourceFigures(
            source,
            len(those),
            sum(alarm.acknowledged_ms is not None for alarm in those),
            Counter(alarm.outcome or "open" for alarm in those),
        )
        for source, those in by_source.items()
    ]
    return tuple(sorted(figures, key=lambda each: (-each.count, each.source.ward, each.source.gateway)))


def _times(pairs: Sequence[tuple[int, int | None]]) -> TimeFigures | None:
    """Return percentiles by nearest rank; a correction of the centre's clock may make times negative."""
    seconds = sorted(max(0, end - begin) / 1000 for begin, end in pairs if end is not None)
    if not seconds:
        return None
    median, p90 = (seconds[math.ceil(len(seconds) * share) - 1] for share in (0.5, 0.9))
    return TimeFigures(len(seconds), median, p90)


# --- reading ---


class _RuleData(msgspec.Struct):
    rule_id: object = None


class _RuleEvent(msgspec.Struct):
    data: _RuleData


_RULE_EVENT = msgspec.json.Decoder(_RuleEvent)
_Periods = Sequence[tuple[int, float]]
_NEVER: _Periods = ()


@dataclass(frozen=True, slots=True)
class _QuietTimes:
    """When alarms did not ring: during a flood its alert rings instead, and officers silence rules."""

    floods: Mapping[str, _Periods]  # by gateway
    silences: Mapping[AlarmRule, _Periods]

    def has(self, row: Any, kind: str) -> bool:
        """Whether the bell did not sound for this event when it came."""
        at_ms, silenced = row.received_ms, _NEVER
        if self.silences:
            rule = AlarmRule(row.ward, row.gateway, row.camera, kind, rule_of(kind, row.payload))
            silenced = self.silences.get(rule, _NEVER)
        flooded = any(since <= at_ms <= until for since, until in self.floods.get(row.gateway, _NEVER))
        return flooded or any(since <= at_ms < until for since, until in silenced)


_HANDLED = (_H.acknowledged_ms, _H.acknowledged_by, _H.outcome, _H.closed_ms)


def _alarms(connection: Connection, scope: Scope, from_ms: int, to_ms: int) -> Iterator[ReportedAlarm]:
    """Read the alarms of events, at most MAX_ALARMS + 1. There is one query for each kind and severity: the
    index holds the events of one kind and severity in the order of their arrival."""
    quiet = _QuietTimes(
        _floods(connection, scope, from_ms, to_ms), _silences(connection, scope, from_ms, to_ms)
    )
    hidden = tables.hidden_event.c
    left = MAX_ALARMS + 1
    for kind, severity in stored_kinds(connection):
        if severity < ALARM or kind not in RINGING_KINDS:
            continue
        query = (
            select(
                *(_E.ward, _E.gateway, _E.camera, _E.received_ms, _E.payload),
                *(*_HANDLED, hidden.hidden_ms),
            )
            .join_from(tables.event, tables.handling, _H.subject == SUBJECT, isouter=True)
            .join(tables.hidden_event, hidden.subject == SUBJECT, isouter=True)
            .where(_E.kind == kind, _E.severity == severity)
            .where(_E.received_ms >= from_ms, _E.received_ms < to_ms)
            .where(_E.phase.in_(RINGING_PHASES), func.coalesce(_E.event_id, "") != "", scope.of(_E.ward))
            .order_by(_E.received_ms)
            .limit(left)
        )
        for row in connection.execute(query):
            left -= 1
            yield _of_event(row, kind, quiet)


def _of_event(row: Any, kind: str, quiet: _QuietTimes) -> ReportedAlarm:
    return ReportedAlarm(
        *(row.ward, row.gateway, "" if row.camera == "gateway" else row.camera, kind, _rule(row.payload)),
        *(False, row.received_ms, quiet.has(row, kind), row.hidden_ms is not None),
        *(row.acknowledged_ms, row.acknowledged_by, row.outcome, row.closed_ms),
    )


def _rule(payload: bytes) -> str:
    try:
        rule = _RULE_EVENT.decode(payload).data.rule_id
    except (msgspec.DecodeError, RecursionError):
        return ""
    return rule if isinstance(rule, str) and _RULE_ID.fullmatch(rule) else ""


def _floods(connection: Connection, scope: Scope, from_ms: int, to_ms: int) -> Mapping[str, _Periods]:
    """Return by gateway from when to when the alert about too many alarms rang instead of its alarms."""
    query = select(_A.gateway, _A.since_ms, _A.cleared_ms).where(
        tables.IS_FLOOD,
        _A.since_ms < to_ms,
        or_(_A.cleared_ms.is_(None), _A.cleared_ms >= from_ms),
        scope.of(_A.ward),
    )
    floods: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
    for gateway, since_ms, cleared_ms in connection.execute(query):
        floods[gateway].append((since_ms, math.inf if cleared_ms is None else cleared_ms))
    return floods


def _silences(connection: Connection, scope: Scope, from_ms: int, to_ms: int) -> Mapping[AlarmRule, _Periods]:
    """Return by rule from when to when the bell was silenced for its alarms."""
    query = select(tables.silence).where(_S.until_ms > from_ms, _S.from_ms < to_ms, scope.of(_S.ward))
    silences: defaultdict[AlarmRule, list[tuple[int, float]]] = defaultdict(list)
    for row in connection.execute(query):
        end_ms = row.until_ms if row.ended_ms is None else row.ended_ms
        silences[AlarmRule.of_row(row)].append((row.from_ms, end_ms))
    return silences


def _alerts(connection: Connection, scope: Scope, from_ms: int, to_ms: int) -> list[ReportedAlarm]:
    """Return the alerts of the centre that rang; an alert that another alert explains does not ring."""
    subject = literal("alert ") + cast(_A.id, Text)
    query = (
        select(*(_A.ward, _A.gateway, _A.camera, _A.rule, _A.opened_ms), *_HANDLED)
        .join_from(tables.alert, tables.handling, _H.subject == subject, isouter=True)
        .where(and_(_A.opened_ms >= from_ms, _A.opened_ms < to_ms))
        .where(_A.severity >= ALARM, _A.folded.is_(False), scope.of(_A.ward))
        .order_by(_A.opened_ms)
        .limit(MAX_ALARMS)
    )
    return [
        ReportedAlarm(
            *(row.ward, row.gateway, row.camera, row.rule, "", True, row.opened_ms, False, False),
            *(row.acknowledged_ms, row.acknowledged_by, row.outcome, row.closed_ms),
        )
        for row in connection.execute(query)
    ]
