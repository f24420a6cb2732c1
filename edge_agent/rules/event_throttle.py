"""Event ids, cooldown and rate of updates of a rule. Shared by the rules' files."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.config.model.settings import Rule
from edge_agent.core.facts import RuleRef

UPDATE_EVERY_S = 60.0


@dataclass(slots=True)
class OpenRuleEvent:
    """The last event about an ongoing situation."""

    event_id: str
    label: str | None
    mono: float

    def is_update_due(self, label: str | None, now: float) -> bool:
        """Whether an update is due: at once for another label, otherwise once a minute."""
        return label != self.label or now - self.mono >= UPDATE_EVERY_S

    def updated(self, label: str | None, now: float) -> None:
        self.label, self.mono = label, now


class EventThrottle:
    """The throttle of one rule. Call ``started`` after yielding a start: only then the sink has stored it."""

    def __init__(self, rule: Rule) -> None:
        self.ref = RuleRef(rule.id, rule.kind.value, rule.severity)
        self._cooldown_s = rule.cooldown_s
        self._last_start_mono: float | None = None

    def event_id(self, track_id: str, since_mono: float) -> str:
        """An id that is unique over restarts, as track ids are, and also when the rule is replaced while the
        track continues: the new rule does not know earlier events."""
        return f"{self.ref.id}-{track_id}-{round(since_mono * 1000)}"

    def may_start(self, now: float) -> bool:
        """Whether the cooldown since the last start is over."""
        return self._last_start_mono is None or now - self._last_start_mono >= self._cooldown_s

    def started(self, event_id: str, label: str | None, now: float) -> OpenRuleEvent:
        """Record a start that the sink has stored."""
        self._last_start_mono = now
        return OpenRuleEvent(event_id, label, now)
