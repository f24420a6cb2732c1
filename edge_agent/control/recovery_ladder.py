"""The recovery ladder: decides which step is due after how many hours without a broker. No clock, no I/O.

reconnect  with a new connection, to the next broker
reset      the modem or interface, by root
reboot     the gateway, by root

Each step repeats at its own interval. The caller says whether there is a broker session, and the time. The
record survives a restart of the agent and a reboot; after a reboot the due times are drawn again.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from enum import StrEnum

import msgspec

from edge_agent.wire import HealingStep
from edge_agent.wire.base import Time

HOUR_S = 3600.0
JITTER = 1.25
"""Largest random factor of a step's time, so that gateways without a broker act at different times."""
GOOD_AFTER_S = 60.0  # a session that lasts this long ends an outage
GRACE_S = 600.0
"""No step is due this soon after the agent's start: the agent may have been stopped for days on purpose."""
MAX_ATTEMPTS = 32


class RecoveryStep(StrEnum):
    RECONNECT = "reconnect"
    RESET = "reset"
    REBOOT = "reboot"


class RecoveryOutcome(StrEnum):
    ASKED = "asked"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"  # root's program refused it
    HELD = "held"  # not done: the network works
    NO_ANSWER = "no-answer"  # root's program does not run


class BrokerOutage(msgspec.Struct):
    """The content of the state file. The monotonic times are of the boot ``boot_id``."""

    known: bool = False  # there has been a session at some time
    boot_id: str = ""
    since: Time | None = None  # start of the outage; None: there is a session
    since_mono: float = 0.0
    until_mono: float = 0.0  # when the outage was last seen
    before_s: float = 0.0  # length of the outage in earlier boots
    due_mono: dict[RecoveryStep, float] = msgspec.field(default_factory=dict)
    tried: list[HealingStep] = msgspec.field(default_factory=list)
    left_out: int = 0  # number of the oldest attempts that were dropped from ``tried``


class RecoveryLadder:
    """Decides which recovery step is due while the broker is not reached.

    ``every_s``: interval of each step; a step without an interval is never due. Not thread-safe.
    """

    def __init__(
        self,
        every_s: dict[RecoveryStep, float],
        outage: BrokerOutage,
        boot_id: str,
        now_mono: float,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.outage = outage
        self._every_s = every_s
        self._uniform = uniform
        self._started_mono = now_mono
        self._online_mono: float | None = None
        if outage.since is not None and outage.boot_id != boot_id:
            self._over_a_boot(now_mono)
        elif self.is_out:
            self._adopt_steps(now_mono)
        outage.boot_id = boot_id
        for step in (RecoveryStep.RESET, RecoveryStep.REBOOT):
            self._settle(step, RecoveryOutcome.NO_ANSWER)  # the agent that asked root has ended

    def _over_a_boot(self, now_mono: float) -> None:
        outage = self.outage
        outage.before_s += max(0.0, outage.until_mono - outage.since_mono)
        outage.since_mono = outage.until_mono = now_mono
        self._settle(RecoveryStep.REBOOT, RecoveryOutcome.DONE)
        self._draw_all(now_mono)

    def _adopt_steps(self, now_mono: float) -> None:
        """Adopt the configured steps: they may have changed since the due times were stored."""
        due_mono = self.outage.due_mono
        self.outage.due_mono = {step: at_mono for step, at_mono in due_mono.items() if step in self._every_s}
        for step in self._every_s.keys() - due_mono:
            self._draw(step, now_mono)

    @property
    def is_out(self) -> bool:
        return self.outage.since is not None

    def outage_s(self, now_mono: float) -> float:
        """Return the length of the outage; 0 without one. After a reboot it is a lower bound."""
        outage = self.outage
        return outage.before_s + max(0.0, now_mono - outage.since_mono) if self.is_out else 0.0

    def update(self, now_mono: float, label: str, online: bool) -> BrokerOutage | None:
        """Follow the session. Return the outage that has just ended; None: none has."""
        if not online:
            self._online_mono = None
            if self.outage.known and not self.is_out:
                self.outage.since, self.outage.since_mono, self.outage.before_s = label, now_mono, 0.0
                self._draw_all(now_mono)
            self.outage.until_mono = now_mono
            return None
        if self._online_mono is None:
            self._online_mono = now_mono
        if now_mono - self._online_mono < GOOD_AFTER_S:
            return None
        ended = self.outage if self.is_out else None
        if ended is not None or not self.outage.known:
            self.outage = BrokerOutage(known=True, boot_id=self.outage.boot_id)
        return ended

    def due(self, now_mono: float) -> RecoveryStep | None:
        """Return the most drastic step that is due, and schedule it again."""
        if not self.is_out or self._online_mono is not None or now_mono - self._started_mono < GRACE_S:
            return None
        for step in reversed(RecoveryStep):
            at_mono = self.outage.due_mono.get(step)
            if at_mono is not None and now_mono >= at_mono:
                self._draw(step, now_mono)
                return step
        return None

    def note(
        self, step: RecoveryStep, outcome: RecoveryOutcome, detail: str, now_mono: float, label: str
    ) -> None:
        """Record the outcome of a step. If the step waited for root's answer, this replaces its entry."""
        tried = self.outage.tried
        after_s = round(self.outage_s(now_mono), 1)
        entry = HealingStep(step=step.value, at=label, after_s=after_s, outcome=outcome.value, detail=detail)
        last = tried[-1] if tried else None
        if last is not None and last.step == step:
            if last.outcome == "asked":
                entry = msgspec.structs.replace(entry, at=last.at, after_s=last.after_s)
                tried.pop()
            elif last.outcome == outcome.value == "held":
                tried.pop()  # of several holds in a row only the newest is recorded
        tried.append(entry)
        if len(tried) > MAX_ATTEMPTS:
            self.outage.left_out += 1
            del tried[0]

    def _settle(self, step: RecoveryStep, outcome: RecoveryOutcome) -> None:
        """Set the outcome of the step whose answer was pending when the agent ended."""
        tried = self.outage.tried
        if tried and tried[-1].step == step and tried[-1].outcome == "asked":
            tried[-1] = msgspec.structs.replace(tried[-1], outcome=outcome.value)

    def _draw_all(self, now_mono: float) -> None:
        self.outage.due_mono = {}
        for step in self._every_s:
            self._draw(step, now_mono)

    def _draw(self, step: RecoveryStep, now_mono: float) -> None:
        self.outage.due_mono[step] = now_mono + self._every_s[step] * self._uniform(1.0, JITTER)
