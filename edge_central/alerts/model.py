"""An alert, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from edge_agent.core.model import Severity
from edge_central.trusted_time.clock import Correction


@dataclass(frozen=True, slots=True, order=True)
class AlertKey:
    """What an alert is about: at most one is open for each. ``gateway`` is empty for the ward itself,
    ``camera`` for the box."""

    ward: str
    gateway: str
    rule: str
    camera: str = ""


@dataclass(frozen=True, slots=True)
class Alert:
    key: AlertKey
    severity: Severity
    text: str  # why, one line for humans
    value: float | None  # as measured when it was opened
    since_ms: int  # so long it is as the rule says
    opened_ms: int
    cleared_ms: int | None = None  # None: open
    cleared_text: str | None = None
    folded: bool = False  # told by another one: its box or ward is away

    def corrected(self, correction: Correction) -> Alert:
        """With right times, where the centre's clock was wrong."""
        cleared_ms = None if self.cleared_ms is None else correction.of(self.cleared_ms)
        since_ms, opened_ms = correction.of(self.since_ms), correction.of(self.opened_ms)
        return replace(self, since_ms=since_ms, opened_ms=opened_ms, cleared_ms=cleared_ms)


class AlertChangeKind(StrEnum):
    OPENED = "opened"
    CHANGED = "changed"  # still open: folded, told by itself again, or with other words
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True)
class AlertChange:
    kind: AlertChangeKind
    alert: Alert
