"""Acts while the gateway cannot reach a broker: reconnects, resets the modem, reboots the gateway."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from edge_agent.config.model.settings import Healing, Settings
from edge_agent.control.reachability import ReachabilityProbe
from edge_agent.control.recovery_ladder import (
    HOUR_S,
    BrokerOutage,
    RecoveryLadder,
    RecoveryOutcome,
    RecoveryStep,
)
from edge_agent.core.clock import Clock, rfc3339
from edge_agent.core.delivery import EventAppender
from edge_agent.core.model import Severity
from edge_agent.core.state_file import read_record, write_record
from edge_agent.events import EventFactory
from edge_agent.host.system.root_requests import RootAnswer, RootRequest
from edge_agent.wire import HealingData, HealingHealth

log = logging.getLogger(__name__)

FILE = "healing.json"
SAVE_EVERY_S = 600.0
TAKEN_WITHIN_S = 60.0
"""If the request is still there after this time, systemd's path unit for root's program does not run."""
DONE_WITHIN_S = 3600.0
PROBE_WITHIN_S = 180.0
SHOWN = 5
REQUESTS = {RecoveryStep.RESET: "heal", RecoveryStep.REBOOT: "heal-reboot"}
ANSWERS = Path("run/edge-agent-heal")


class RecoverableSession(Protocol):
    @property
    def online(self) -> bool: ...

    def reconnect(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _PendingRequest:
    """A request to root that has no answer yet."""

    step: RecoveryStep
    at_mono: float
    before: RootAnswer | None  # the answer to an earlier request


class RecoveryControl:
    """Takes the steps of the recovery ladder, and reports them once the broker is back.

    The main thread calls ``tick`` about once a second; any thread may call ``health``. ``tick`` never blocks:
    probes run on a separate thread, and root answers in a file.
    """

    def __init__(
        self,
        settings: Settings,
        session: RecoverableSession,
        clock: Clock,
        boot_id: str,
        events: EventFactory,
        outbox: EventAppender,
        sysroot: Path = Path("/"),
        witnesses: ReachabilityProbe | None = None,
    ) -> None:
        self._path = settings.state_dir / FILE
        self._session = session
        self._clock = clock
        self._events = events
        self._outbox = outbox
        self._probe = witnesses or ReachabilityProbe(settings.mqtt.brokers, settings.healing.witnesses)
        self._requests = {
            step: RootRequest(name, ANSWERS / f"{step}.json", sysroot) for step, name in REQUESTS.items()
        }
        outage = read_record(self._path, BrokerOutage) or BrokerOutage()
        now_mono = clock.monotonic()
        self._ladder = RecoveryLadder(_every_s(settings.healing), outage, boot_id, now_mono)
        self._had_session = outage.known
        self._saved_mono = now_mono
        # The step that waits for the probes, and since when.
        self._probing: tuple[RecoveryStep, float] | None = None
        self._pending: _PendingRequest | None = None
        self._health = HealingHealth()  # replaced, never changed

    def tick(self) -> None:
        now_mono = self._clock.monotonic()
        ended = self._ladder.update(now_mono, self._label(), self._session.online)
        if ended is not None:
            self._is_back(ended, now_mono)
        elif self._ladder.outage.known != self._had_session:
            self._save(now_mono)
        if self._pending is not None:
            self._follow_root(self._pending, now_mono)
        elif self._probing is not None:
            self._follow_probe(*self._probing, now_mono)
        elif (step := self._ladder.due(now_mono)) is not None:
            self._begin(step, now_mono)
        if self._ladder.is_out and now_mono - self._saved_mono >= SAVE_EVERY_S:
            self._save(now_mono)
        self._health = self._state(now_mono)

    def end(self) -> None:
        """Withdraw the requests to root, because the agent stops."""
        for request in self._requests.values():
            request.withdraw()
        if self._ladder.is_out:
            self._save(self._clock.monotonic())

    def health(self) -> HealingHealth:
        return self._health

    def _begin(self, step: RecoveryStep, now_mono: float) -> None:
        if step is RecoveryStep.RECONNECT:
            self._session.reconnect()
            self._note(step, RecoveryOutcome.DONE, "from scratch, with the next broker", now_mono)
            return
        self._probe.start()
        self._probing = step, now_mono

    def _follow_probe(self, step: RecoveryStep, since_mono: float, now_mono: float) -> None:
        answered = self._probe.result()
        if answered is None and now_mono - since_mono < PROBE_WITHIN_S:
            return
        self._probing = None
        if self._session.online:
            return  # it came back while the probes ran
        if answered:
            reason = f"the network is well: {', '.join(answered)} answers"
            self._note(step, RecoveryOutcome.HELD, reason, now_mono)
        elif step is RecoveryStep.REBOOT and not self._probe.is_conclusive:
            reason = (
                "there is no witness to test whether the network or the broker is away: set healing.witnesses"
            )
            self._note(step, RecoveryOutcome.HELD, reason, now_mono)
        else:
            self._ask_root(step, now_mono)

    def _ask_root(self, step: RecoveryStep, now_mono: float) -> None:
        request = self._requests[step]
        before = request.answer()
        # Stored before the request is made, because a reboot leaves no time to write.
        self._note(step, RecoveryOutcome.ASKED, "", now_mono)
        try:
            request.ask()
        except OSError as error:
            self._note(step, RecoveryOutcome.NO_ANSWER, f"cannot ask root: {error.strerror}", now_mono)
            return
        self._pending = _PendingRequest(step, now_mono, before)

    def _follow_root(self, pending: _PendingRequest, now_mono: float) -> None:
        request, waited_s = self._requests[pending.step], now_mono - pending.at_mono
        answer = request.answer()
        if answer is not None and answer != pending.before:
            self._pending = None
            known = answer.outcome in (RecoveryOutcome.DONE, RecoveryOutcome.FAILED, RecoveryOutcome.REFUSED)
            outcome = RecoveryOutcome(answer.outcome) if known else RecoveryOutcome.FAILED
            self._note(pending.step, outcome, answer.detail, now_mono)
        elif waited_s >= DONE_WITHIN_S or (waited_s >= TAKEN_WITHIN_S and request.is_pending):
            self._pending = None
            request.withdraw()
            reason = "root's part does not answer: is edge-agent-heal.path enabled?"
            self._note(pending.step, RecoveryOutcome.NO_ANSWER, reason, now_mono)

    def _note(self, step: RecoveryStep, outcome: RecoveryOutcome, detail: str, now_mono: float) -> None:
        away_h = self._ladder.outage_s(now_mono) / HOUR_S
        log.warning("healing: %.1f h without a broker, tried %s: %s %s", away_h, step, outcome, detail)
        self._ladder.note(step, outcome, detail, now_mono, self._label())
        self._save(now_mono)

    # --- event, health and state file ---

    def _is_back(self, outage: BrokerOutage, now_mono: float) -> None:
        self._pending = self._probing = None
        for request in self._requests.values():
            request.withdraw()
        if outage.tried and outage.since is not None:
            without_s = outage.before_s + outage.until_mono - outage.since_mono
            data = HealingData(
                since_at=outage.since,
                back_at=self._label(ago_s=now_mono - outage.until_mono),
                without_s=round(without_s, 1),
                tried=outage.tried,
                left_out=outage.left_out,
            )
            hard = any(tried.step != "reconnect" for tried in outage.tried)
            severity = Severity.WARNING if hard else Severity.INFO
            log.info("healing: the broker is back after %.1f h", without_s / HOUR_S)
            self._outbox.append(self._events.of_gateway(data, severity))
        self._save(now_mono)

    def _state(self, now_mono: float) -> HealingHealth:
        outage = self._ladder.outage
        if outage.since is None:
            return HealingHealth()
        without_s = round(self._ladder.outage_s(now_mono))
        return HealingHealth(since=outage.since, without_s=without_s, tried=outage.tried[-SHOWN:])

    def _save(self, now_mono: float) -> None:
        self._saved_mono = now_mono
        self._had_session = self._ladder.outage.known
        write_record(self._path, self._ladder.outage)

    def _label(self, ago_s: float = 0.0) -> str:
        return rfc3339(self._clock.now() - timedelta(seconds=ago_s))


def _every_s(healing: Healing) -> dict[RecoveryStep, float]:
    hours = {
        RecoveryStep.RECONNECT: healing.reconnect_h,
        RecoveryStep.RESET: healing.reset_h,
        RecoveryStep.REBOOT: healing.reboot_h,
    }
    return {step: after_h * HOUR_S for step, after_h in hours.items() if after_h > 0}
