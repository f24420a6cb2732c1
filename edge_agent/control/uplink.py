"""Keeps the uplink within its budget: reads the usage, applies the budget ladder, reports its steps."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from edge_agent.config.model.settings import Uplink
from edge_agent.control.step_event import StepEvent
from edge_agent.core.clock import Clock, rfc3339, wall_time_of
from edge_agent.core.delivery import EventAppender
from edge_agent.core.facts import StepChange
from edge_agent.core.state_file import read_record, write_record
from edge_agent.events import EventFactory
from edge_agent.uplink.budget import SLOW_HEARTBEAT_S, TOP_STEP, BudgetLadder, PeriodUse
from edge_agent.uplink.send_limiter import SendLimiter
from edge_agent.uplink.usage import DataUsage
from edge_agent.wire import HeldBack, UplinkData, UplinkHealth

FILE = "uplink.json"
HELD_BACK: tuple[HeldBack, ...] = ("media", "info", "heartbeat")
"""Kinds of messages that are held back: on step 1 the first, on step 2 the first two, on step 3 all three."""


class _InForce(msgspec.Struct, frozen=True):
    """The content of the state file: the step, and the billing period to which it belongs."""

    step: int
    first_day: date | None


class UplinkControl:
    """Applies the data budget. ``tick``: main thread, about once a second; ``health``: any thread.

    The publisher uses ``pace``. A restart keeps the step, because a gateway that boots without a clock does
    not know how much of the period is left.
    """

    def __init__(
        self,
        uplink: Uplink,
        state_dir: Path,
        clock: Clock,
        usage: DataUsage,
        events: EventFactory,
        outbox: EventAppender,
    ) -> None:
        self.pace = SendLimiter(clock, uplink.backlog_bytes_s)
        self._uplink = uplink
        self._path = state_dir / FILE
        self._clock = clock
        self._usage = usage
        self._event = StepEvent(UplinkData, "uplink", clock, events, outbox)
        self._ladder: BudgetLadder | None = None
        self._since_mono: float | None = None  # start of the current step
        self._health = UplinkHealth(kind=uplink.kind.value)  # replaced, never changed
        if uplink.monthly_bytes is not None:
            saved = read_record(self._path, _InForce) or _InForce(0, None)
            self._ladder = BudgetLadder(uplink.monthly_bytes, saved.step, saved.first_day)
            self.pace.step = self._ladder.step
            self._health = msgspec.structs.replace(self._health, step=self._ladder.step)

    def tick(self) -> None:
        ladder = self._ladder
        if ladder is None:
            return
        use, now_mono = self._usage.period(), self._clock.monotonic()
        resumed = ladder.step > 0 and not self._event.is_open
        change = ladder.update(now_mono, use)
        if change is not None:
            self.pace.step = ladder.step
            write_record(self._path, _InForce(ladder.step, ladder.first_day))
        if ladder.step == 0:
            self._since_mono = None
        elif change is not None or self._since_mono is None:
            self._since_mono = now_mono
        self._health = self._state(ladder.step, use)
        if change is None and resumed and use.left_s is not None:
            change = StepChange(0, ladder.step, "as before the restart of the agent")
        if change is not None:
            self._event.report(change, self._facts(change.to_step, use))

    def heartbeat_s(self, usual_s: float) -> float:
        """Return the interval of heartbeats on the current step."""
        return max(usual_s, SLOW_HEARTBEAT_S) if self.pace.step >= TOP_STEP else usual_s

    def end(self) -> None:
        """End the open event, because the agent stops. What was held back remains in the outbox."""
        if self._event.is_open:
            change = StepChange(self.pace.step, 0, "the agent is stopped")
            self._event.report(change, self._facts(0, self._usage.period()), "restart")

    def health(self) -> UplinkHealth:
        return self._health

    def _state(self, step: int, use: PeriodUse) -> UplinkHealth:
        since = None if self._since_mono is None else wall_time_of(self._clock, self._since_mono)
        return UplinkHealth(
            kind=self._uplink.kind.value,
            monthly_bytes=self._uplink.monthly_bytes,
            period_from=None if use.first_day is None else use.first_day.isoformat(),
            resets_on=None if use.next_first_day is None else use.next_first_day.isoformat(),
            used_bytes=use.used_bytes,
            used=use.used,
            forecast_bytes=use.forecast_bytes,
            step=step,
            since=None if since is None else rfc3339(since.replace(microsecond=0)),
            held=list(HELD_BACK[:step]),
            heartbeat_s=SLOW_HEARTBEAT_S if step >= TOP_STEP else None,
        )

    def _facts(self, step: int, use: PeriodUse) -> dict[str, Any]:
        """Return the fields of an uplink event. ``step``: the step from now on."""
        assert use.first_day is not None  # the ladder decides nothing without a period
        assert use.next_first_day is not None
        return {
            "held": list(HELD_BACK[:step]),
            "heartbeat_s": SLOW_HEARTBEAT_S if step >= TOP_STEP else None,
            "monthly_bytes": self._uplink.monthly_bytes or 0,
            "used_bytes": use.used_bytes,
            "forecast_bytes": use.forecast_bytes,
            "period_from": use.first_day.isoformat(),
            "resets_on": use.next_first_day.isoformat(),
        }
