"""The healing ladder: what is due after how many hours without a broker, and what has been tried.

reconnect  from scratch, with the next broker
reset      of the modem or interface, by root
reboot     by root

Each comes again after as long a time. No thread, no broker: it is told whether there is a session, and when.
What it knows is one record that survives a restart and, but for the times that are due, a reboot.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from enum import StrEnum

import msgspec

HOUR_S = 3600.0
JITTER = 1.25
"""Each is due up to a quarter later: boxes that lost their broker together do not act together."""
GOOD_AFTER_S = 60.0
"""A session that lasts so long ends an outage."""
GRACE_S = 600.0
"""So long after its start the agent only looks: it may have been stopped for days on purpose."""
MOST_TRIED = 32


class RecoveryStep(StrEnum):
    RECONNECT = "reconnect"
    RESET = "reset"
    REBOOT = "reboot"


class RecoveryOutcome(StrEnum):
    ASKED = "asked"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"  # by root
    HELD = "held"  # not done, since the network is well
    NO_ANSWER = "no-answer"  # root's part is not there


class RecoveryAttempt(msgspec.Struct, frozen=True):
    step: RecoveryStep
    at: str  # RFC 3339; by a clock that may be wrong
    after_s: float  # since when without a broker
    outcome: RecoveryOutcome
    detail: str = ""


class BrokerOutage(msgspec.Struct):
    """The record. ``since_mono`` and ``due_mono`` are of the boot ``boot_id``."""

    known: bool = False  # there has been a session once
    boot_id: str = ""
    since: str | None = None  # label of the beginning; None: there is a broker
    since_mono: float = 0.0
    until_mono: float = 0.0  # when it was still so
    before_s: float = 0.0  # without a broker in earlier boots
    due_mono: dict[RecoveryStep, float] = msgspec.field(default_factory=dict)
    tried: list[RecoveryAttempt] = msgspec.field(default_factory=list)
    left_out: int = 0  # of what was tried, the oldest


class RecoveryLadder:
    """One thread uses it. ``every_s``: after how long each step is due; what is not in it never is."""

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
        outage.boot_id = boot_id
        for step in (RecoveryStep.RESET, RecoveryStep.REBOOT):
            self._settle(step, RecoveryOutcome.NO_ANSWER)  # who asked is gone

    def _over_a_boot(self, now_mono: float) -> None:
        outage = self.outage
        outage.before_s += max(0.0, outage.until_mono - outage.since_mono)
        outage.since_mono = outage.until_mono = now_mono
        self._settle(RecoveryStep.REBOOT, RecoveryOutcome.DONE)
        self._draw_all(now_mono)

    @property
    def is_out(self) -> bool:
        return self.outage.since is not None

    def outage_s(self, now_mono: float) -> float:
        """How long there has been no broker; at least so long, over a reboot."""
        outage = self.outage
        return outage.before_s + max(0.0, now_mono - outage.since_mono) if self.is_out else 0.0

    def update(self, now_mono: float, label: str, online: bool) -> BrokerOutage | None:
        """The outage that has just ended, if one has."""
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
        """The gravest step whose time has come; it is due again later."""
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
        """What has become of a step: of the last one, while it is asked for and nobody has answered."""
        tried = self.outage.tried
        entry = RecoveryAttempt(step, label, round(self.outage_s(now_mono), 1), outcome, detail)
        last = tried[-1] if tried else None
        if last is not None and last.step is step:
            if last.outcome is RecoveryOutcome.ASKED:
                entry = msgspec.structs.replace(entry, at=last.at, after_s=last.after_s)
                tried.pop()
            elif last.outcome is outcome is RecoveryOutcome.HELD:
                tried.pop()  # told once; the newest says enough
        tried.append(entry)
        if len(tried) > MOST_TRIED:
            self.outage.left_out += 1
            del tried[0]

    def _settle(self, step: RecoveryStep, outcome: RecoveryOutcome) -> None:
        """What was asked for when the agent ended."""
        tried = self.outage.tried
        if tried and tried[-1].step is step and tried[-1].outcome is RecoveryOutcome.ASKED:
            tried[-1] = msgspec.structs.replace(tried[-1], outcome=outcome)

    def _draw_all(self, now_mono: float) -> None:
        self.outage.due_mono = {}
        for step in self._every_s:
            self._draw(step, now_mono)

    def _draw(self, step: RecoveryStep, now_mono: float) -> None:
        self.outage.due_mono[step] = now_mono + self._every_s[step] * self._uniform(1.0, JITTER)
