"""Reports a limit, of heat or of the data budget, that gets stricter or looser in steps."""

from __future__ import annotations

import logging
import secrets
from typing import Any

from edge_agent.core.clock import Clock
from edge_agent.core.delivery import EventAppender
from edge_agent.core.facts import Phase, StepChange, StepReport
from edge_agent.events import EventFactory
from edge_agent.wire import ThermalData, UplinkData

log = logging.getLogger(__name__)


class StepEvent:
    """Reports one event that lasts from the first step up to the last step down. For one thread."""

    def __init__(
        self,
        kind: type[ThermalData | UplinkData],
        name: str,
        clock: Clock,
        events: EventFactory,
        outbox: EventAppender,
    ) -> None:
        """``name``: name of the limit, for ids and for the log."""
        self._kind = kind
        self._name = name
        self._clock = clock
        self._events = events
        self._outbox = outbox
        self._open: tuple[str, float] | None = None  # id of the event, and time of the first step up

    @property
    def is_open(self) -> bool:
        return self._open is not None

    def report(self, change: StepChange, facts: dict[str, Any], end_reason: str = "over") -> None:
        """Log a change and append it to the outbox. ``facts``: the fields of this kind of event."""
        worse = change.to_step > change.from_step
        level = logging.WARNING if worse else logging.INFO
        log.log(level, "%s: step %d: %s", self._name, change.to_step, change.why)
        phase, now_mono = Phase.UPDATE if change.to_step else Phase.END, self._clock.monotonic()
        if self._open is None:
            if phase is Phase.END:
                return  # the event ended with the previous run of the agent
            self._open, phase = (f"{self._name}-{secrets.token_hex(6)}", now_mono), Phase.START
        event_id, started_mono = self._open
        report = StepReport(phase, event_id, change, started_mono, now_mono, end_reason)
        self._outbox.append(self._events.step(self._kind, report, facts))
        if phase is Phase.END:
            self._open = None
