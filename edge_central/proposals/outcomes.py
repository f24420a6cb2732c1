"""Reads what officers concluded about the reports of one rule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import msgspec
from sqlalchemy import Connection, Row, select

from edge_agent.core.geometry import Point
from edge_agent.wire.base import Unit
from edge_central.console.events import NOT_HIDDEN
from edge_central.console.incident_log import IncidentOutcome
from edge_central.store import tables
from edge_central.store.scope import Scope

MAX_OUTCOMES = 5000
"""The newest outcomes that are read: enough for any rule whose alarms officers still judge."""
CHUNK = 400  # event ids in one query


@dataclass(frozen=True, slots=True)
class JudgedReport:
    """One report of a rule, and whether it was real."""

    event_id: str
    is_real: bool
    time_ms: int
    foot: Point  # where the object stands, in 0..1 of the picture
    label: str | None
    lasted_s: float | None  # in the zone, or standing, when the event ended; None: not measured by the rule
    score: float | None = None  # the highest of its phases, 0..1; None: several objects


class _Data(msgspec.Struct):
    """The fields of all kinds of reports that a proposal uses."""

    rule_id: str
    box: tuple[float, float, float, float]
    label: str | None = None
    score: Unit | None = None
    inside_s: float | None = None
    still_s: float | None = None


class _Event(msgspec.Struct):
    data: _Data


_decode = msgspec.json.Decoder(_Event).decode


def read_judged(
    connection: Connection, scope: Scope, gateway: str, camera: str, rule: str, since_ms: int
) -> list[JudgedReport]:
    """Return the reports of a rule that were closed as real or false, oldest first.

    Reports of wards outside the scope, which a site has left, are left out, as are reports with other
    outcomes, hidden events, and events that cannot be decoded. If an event has several phases, its time and
    place are those of the first phase, its duration that of the last phase. Its score is the highest of all
    phases, because a rule with a minimum score would have reported the object
    at that moment.
    """
    outcomes = read_outcomes(connection, scope, gateway, since_ms)
    found: dict[str, JudgedReport] = {}
    for row in _phases(connection, scope, gateway, camera, outcomes):
        try:
            data = _decode(row.payload).data
        except msgspec.MsgspecError:
            continue
        if data.rule_id != rule:
            continue
        lasted_s = data.inside_s if data.inside_s is not None else data.still_s
        known = found.get(row.event_id)
        if known is not None:
            lasted_s = max(known.lasted_s or 0.0, lasted_s or 0.0)
            scores = [score for score in (known.score, data.score) if score is not None]
            found[row.event_id] = replace(known, lasted_s=lasted_s, score=max(scores, default=None))
            continue
        x1, _, x2, y2 = data.box
        is_real = outcomes[row.event_id] == IncidentOutcome.REAL
        found[row.event_id] = JudgedReport(
            row.event_id, is_real, row.time_ms, ((x1 + x2) / 2, y2), data.label, lasted_s, data.score
        )
    return sorted(found.values(), key=lambda each: each.time_ms)


def read_outcomes(
    connection: Connection,
    scope: Scope,
    gateway: str,
    since_ms: int,
    outcomes: Sequence[IncidentOutcome] = (IncidentOutcome.REAL, IncidentOutcome.FALSE),
) -> dict[str, str]:
    """Return the newest outcomes of the gateway's events, by event id."""
    columns, prefix = tables.handling.c, f"event {gateway} "
    query = (
        select(columns.subject, columns.outcome)
        .where(columns.subject.startswith(prefix, autoescape=True), columns.closed_ms >= since_ms)
        .where(scope.of(columns.ward), columns.outcome.in_([each.value for each in outcomes]))
        .order_by(columns.closed_ms.desc())
        .limit(MAX_OUTCOMES)
    )
    return {row.subject.removeprefix(prefix): row.outcome for row in connection.execute(query)}


def _phases(
    connection: Connection, scope: Scope, gateway: str, camera: str, event_ids: Iterable[str]
) -> Iterator[Row[str, int, bytes]]:
    """Yield the phases of these events; the phases of each event come in the order in which they were
    stored."""
    columns, wanted = tables.event.c, list(event_ids)
    for first in range(0, len(wanted), CHUNK):
        query = (
            select(columns.event_id, columns.time_ms, columns.payload)
            .where(columns.event_id.in_(wanted[first : first + CHUNK]))
            .where(scope.of(columns.ward), columns.gateway == gateway, columns.camera == camera)
            .where(columns.phase.is_not(None), NOT_HIDDEN)
            .order_by(columns.cursor)
        )
        yield from connection.execute(query)
