"""Counts how often each rule of a camera has reported and what officers concluded, and reads the changes that
this suggests."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from edge_agent.config.model.rules import RuleKind
from edge_agent.core.geometry import Point, Polygon, contains
from edge_central.console.events import NOT_HIDDEN
from edge_central.console.incident_log import IncidentOutcome
from edge_central.proposals.draft import RuleInForce, drafted
from edge_central.proposals.outcomes import read_judged, read_outcomes
from edge_central.proposals.reasoning import MAX_PROPOSALS, ChangeKind, ProposedChange, propose
from edge_central.rehearsals.model import RehearsalDraft
from edge_central.rehearsals.rules import CameraRuleSet, ConfiguredRule
from edge_central.store import tables
from edge_central.store.scope import Scope

DAY_MS = 86_400_000
SHORT_DAYS, LONG_DAYS = 7, 30
PROPOSALS_OF_DAYS = 365
MAX_JUDGED = 1_000
"""A page examines this many outcomes of a rule for proposals: the newest."""
MAX_EXAMINED = 20_000
"""A page examines this many events of the gateway: the newest, because it must not read those of years."""
STARTS = ("start", "moment")
"""Phases that count as a report."""


class _Data(msgspec.Struct):
    rule_id: str = ""
    masked: bool = False
    box: Any = None


class _Event(msgspec.Struct):
    data: _Data


_decode = msgspec.json.Decoder(_Event).decode


@dataclass(frozen=True, slots=True)
class ReportCounts:
    """The number of reports of a rule, and how many of them have each outcome. ``open``: reports without an
    outcome."""

    reports: int = 0
    real: int = 0
    false: int = 0
    handled: int = 0

    @property
    def open(self) -> int:
        return self.reports - self.real - self.false - self.handled

    def plus(self, outcome: str | None) -> ReportCounts:
        more = {"reports": self.reports + 1}
        if outcome in tuple(IncidentOutcome):
            more[str(outcome)] = getattr(self, str(outcome)) + 1
        return replace(self, **more)


@dataclass(frozen=True, slots=True)
class RuleReports:
    """The reports of one rule in the last 7 and 30 days."""

    short: ReportCounts = ReportCounts()
    long: ReportCounts = ReportCounts()


@dataclass(frozen=True, slots=True)
class CameraReports:
    """The reports of a camera by rule. ``since_ms`` is later than 30 days ago if the gateway has sent very
    many events."""

    of_rule: Mapping[str, RuleReports] = field(default_factory=dict)
    since_ms: int = 0
    is_cut: bool = False

    def of(self, rule: str) -> RuleReports:
        return self.of_rule.get(rule, RuleReports())


def read_reports(
    connection: Connection, scope: Scope, gateway: str, camera: str, now_ms: int
) -> CameraReports:
    """Count the reports of all rules of a camera in the last 30 days, without those of muted rules."""
    cut = _cut(connection, scope, gateway, now_ms)
    outcomes = read_outcomes(connection, scope, gateway, cut.since_ms, list(IncidentOutcome))
    found: dict[str, RuleReports] = {}
    for event_id, time_ms, data in _reports(connection, scope, gateway, camera, cut):
        rule = data.rule_id
        counts, outcome = found.get(rule, RuleReports()), outcomes.get(event_id)
        is_recent = time_ms >= now_ms - SHORT_DAYS * DAY_MS
        short = counts.short.plus(outcome) if is_recent else counts.short
        found[rule] = RuleReports(short, counts.long.plus(outcome))
    return CameraReports(found, cut.since_ms, cut.is_cut)


def count_masked_reports(
    connection: Connection,
    scope: Scope,
    gateway: str,
    camera: str,
    masks: Collection[Polygon],
    now_ms: int,
) -> ReportCounts:
    """Count the reports of the last 30 days about an object that stood in one of the masks when it was
    reported."""
    cut = _cut(connection, scope, gateway, now_ms)
    outcomes = read_outcomes(connection, scope, gateway, cut.since_ms, list(IncidentOutcome))
    found = ReportCounts()
    for event_id, _, data in _reports(connection, scope, gateway, camera, cut):
        foot = _foot(data.box)
        if foot is not None and any(contains(mask, foot) for mask in masks):
            found = found.plus(outcomes.get(event_id))
    return found


def _foot(box: Any) -> Point | None:
    """Return the middle of the lower edge of a box, which decides whether the object is in a mask. None:
    ``box`` is not a box in 0..1."""
    if not isinstance(box, list) or len(box) != 4:
        return None
    if not all(isinstance(each, int | float) and 0 <= each <= 1 for each in box):
        return None
    return (box[0] + box[2]) / 2, box[3]


@dataclass(frozen=True, slots=True)
class _Cut:
    """Which events are examined. ``is_cut``: they do not go back the full 30 days."""

    after: int  # cursor
    since_ms: int
    is_cut: bool


def _cut(connection: Connection, scope: Scope, gateway: str, now_ms: int) -> _Cut:
    event, since_ms = tables.event.c, now_ms - LONG_DAYS * DAY_MS
    newest = select(event.cursor).where(event.gateway == gateway, scope.of(event.ward))
    newest = newest.order_by(event.cursor.desc())
    oldest = connection.scalar(newest.offset(MAX_EXAMINED).limit(1))
    cut_ms = None
    if oldest is not None:
        cut_ms = connection.scalar(select(event.time_ms).where(event.cursor == oldest))
        since_ms = max(since_ms, cut_ms or 0)
    return _Cut(oldest or 0, since_ms, cut_ms is not None and since_ms == cut_ms)


def _reports(
    connection: Connection, scope: Scope, gateway: str, camera: str, cut: _Cut
) -> Iterator[tuple[str, int, _Data]]:
    """Yield id, time and data of each report of a camera, without those of muted rules."""
    event = tables.event.c
    query = select(event.event_id, event.time_ms, event.payload).where(
        event.gateway == gateway,
        event.cursor > cut.after,
        scope.of(event.ward),
        event.camera == camera,
        event.kind.in_([each.value for each in RuleKind]),
        event.phase.in_(STARTS),
        event.time_ms >= cut.since_ms,
        NOT_HIDDEN,
    )
    for row in connection.execute(query):
        try:
            data = _decode(row.payload).data
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            continue
        if not data.masked:
            yield row.event_id, row.time_ms, data


@dataclass(frozen=True, slots=True)
class RuleProposal:
    """A change that outcomes suggest, and the draft that makes it."""

    change: ProposedChange
    draft: RehearsalDraft


@dataclass(frozen=True, slots=True)
class RuleProposals:
    """The changes that the outcomes of a rule suggest; none if there are too few outcomes."""

    real: int
    false: int
    proposals: tuple[RuleProposal, ...]

    def of(self, kind: str) -> RuleProposal | None:
        return next((each for each in self.proposals if each.change.kind == kind), None)


def read_proposals(
    connection: Connection,
    scope: Scope,
    gateway: str,
    camera: str,
    rules: CameraRuleSet,
    rule: ConfiguredRule,
    now_ms: int,
    zone: tzinfo,
) -> RuleProposals:
    """Read what the outcomes of a rule suggest. ``zone``: time zone of the site."""
    since_ms = now_ms - PROPOSALS_OF_DAYS * DAY_MS
    judged = read_judged(connection, scope, gateway, camera, rule.id, since_ms)[-MAX_JUDGED:]
    real = sum(each.is_real for each in judged)
    present = RuleInForce.of(rule.written, rules.places)
    found = []
    for change in propose(judged, zone, len(ChangeKind)) if present is not None else ():
        assert present is not None
        written = drafted(present, change)
        if written is not None:
            draft = RehearsalDraft(
                rule=written["rules"][0], zones=written.get("zones", {}), lines=written.get("lines", {})
            )
            found.append(RuleProposal(change, draft))
    return RuleProposals(real, len(judged) - real, tuple(found[:MAX_PROPOSALS]))
