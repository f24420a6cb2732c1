"""How often a rule tells: names of its events, cooldown, pace of updates. Shared by the rules' files."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.config.model.settings import Rule
from edge_agent.core.facts import RuleRef

UPDATE_EVERY_S = 60.0


@dataclass(slots=True)
class OpenRuleEvent:
    """The last event about something that is going on."""

    event_id: str
    label: str | None
    mono: float

    def is_update_due(self, label: str | None, now: float) -> bool:
        """Whether an update is: for another label at once, otherwise once a minute."""
        return label != self.label or now - self.mono >= UPDATE_EVERY_S

    def updated(self, label: str | None, now: float) -> None:
        self.label, self.mono = label, now


class EventThrottle:
    """Of one rule. A start is noted after its yield: only then it has been taken."""

    def __init__(self, rule: Rule) -> None:
        self.ref = RuleRef(rule.id, rule.kind.value, rule.severity)
        self._cooldown_s = rule.cooldown_s
        self._last_start_mono: float | None = None

    def event_id(self, track_id: str, since_mono: float) -> str:
        """Unique over restarts, as track ids are, and also when the rule is built anew while the track lives
        on: it then knows nothing that was before."""
        return f"{self.ref.id}-{track_id}-{round(since_mono * 1000)}"

    def may_start(self, now: float) -> bool:
        """Whether the cooldown since the last start is over."""
        return self._last_start_mono is None or now - self._last_start_mono >= self._cooldown_s

    def started(self, event_id: str, label: str | None, now: float) -> OpenRuleEvent:
        """Note a start that has been taken."""
        self._last_start_mono = now
        return OpenRuleEvent(event_id, label, now)
