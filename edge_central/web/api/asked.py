"""What a program asks for in the query of its address; every mistake is told."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from edge_agent.core.model import Severity
from edge_central.store.scope import Scope
from edge_central.web.api.history import HistoryFilter
from edge_central.web.refusals import BadRequest, NotFound

MOST_EVENTS = 1_000
DEFAULT_EVENTS = 100
MOST_WAIT_S = 30.0
NOW = "now"
SEVERITIES = {"info": Severity.INFO, "warning": Severity.WARNING, "alarm": Severity.ALARM}
_KIND = re.compile(r"[a-z0-9-]{1,63}")
KEYS = ("after", "limit", "ward", "kind", "severity", "wait")


@dataclass(frozen=True, slots=True)
class EventQuery:
    after: str | None
    limit: int
    event_filter: HistoryFilter
    wait_s: float


def parse_event_query(query: Mapping[str, str], scope: Scope) -> EventQuery:
    """Raises BadRequest, NotFound."""
    for key in query:
        if key not in KEYS:
            raise BadRequest(f"there is no parameter {key[:40]!r}; there are {', '.join(KEYS)}")
    return EventQuery(
        query.get("after") or None,
        _parse_limit(query.get("limit")),
        HistoryFilter(
            _parse_scope(query.get("ward"), scope),
            _parse_kinds(query.get("kind")),
            _parse_severity(query.get("severity")),
        ),
        _parse_wait(query.get("wait")),
    )


def _parse_scope(ward: str | None, scope: Scope) -> Scope:
    if ward and not scope.admits(ward):
        raise NotFound("there is no such ward, or it is not yours")
    return scope.narrowed(ward or None)


def _parse_limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_EVENTS
    if not re.fullmatch(r"\d{1,6}", text) or not 1 <= int(text) <= MOST_EVENTS:
        raise BadRequest(f"limit is a whole number from 1 to {MOST_EVENTS}")
    return int(text)


def _parse_kinds(text: str | None) -> frozenset[str]:
    kinds = frozenset(filter(None, (text or "").split(",")))
    if len(kinds) > 32 or not all(map(_KIND.fullmatch, kinds)):
        raise BadRequest("kind is a kind of event, or several with commas between them")
    return kinds


def _parse_severity(text: str | None) -> int:
    if text is None:
        return 0
    if text not in SEVERITIES:
        raise BadRequest(f"severity is {', '.join(SEVERITIES)}: that one and worse")
    return SEVERITIES[text].number


def _parse_wait(text: str | None) -> float:
    try:
        seconds = float(text or 0)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= MOST_WAIT_S:
        raise BadRequest(f"wait is a number of seconds from 0 to {MOST_WAIT_S:.0f}")
    return seconds
