"""``edge-agent commission --serve``: the page and the delivery of the claim, until it is confirmed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial

from edge_agent.commissioning.commissioning import Commissioning
from edge_agent.commissioning.delivery import ClaimDelivery
from edge_agent.commissioning.messages import CommissioningError
from edge_agent.commissioning.page.aiming import AimingRun
from edge_agent.commissioning.page.gate import LabelGate
from edge_agent.commissioning.page.listeners import BoxListeners
from edge_agent.commissioning.page.pages import CommissionPages
from edge_agent.commissioning.record import CommissioningState
from edge_agent.core.clock import Backoff
from edge_agent.core.languages import Bilingual
from edge_agent.host.system.addresses import InterfaceAddress
from edge_agent.tools.local_page.server import HTTPS_PORT

log = logging.getLogger(__name__)

TICK_S = 2.0
IDLE_S = 900.0
"""Time for which the page remains open after the confirmation if the technician does nothing."""
SEEN_S = 60.0
"""While a phone shows the page, the box asks for the answer at least this often."""
GONE_S = 30.0
"""After confirmation and signature the page ends when no phone has shown it for this time."""


def new_backoff() -> Backoff:
    """Return a random wait between sessions, because all boxes of a batch share one session at the broker."""
    return Backoff(first_s=15.0, cap_s=900.0, floor_s=5.0)


class CommissionService:
    """Runs the listeners, the names on the local network and the thread that delivers the claim."""

    def __init__(
        self,
        steps: Commissioning,
        addresses: Callable[[], Iterable[InterfaceAddress]],
        port: int = HTTPS_PORT,
        idle_s: float = IDLE_S,
    ) -> None:
        self._steps, self._idle_s = steps, idle_s
        clock = steps.box.clock
        self.gate = LabelGate(clock, steps.box.identity.code)
        self._aiming = AimingRun(steps.box.paths.config, clock, self.gate)
        self._uplink: Bilingual | None = None
        self._pages = CommissionPages(steps, self._aiming, lambda: self._uplink)
        self._listeners = BoxListeners(steps.box.identity, addresses, port, self._pages, self.gate)
        self._confirmed_mono: float | None = None

    @property
    def urls(self) -> tuple[str, ...]:
        return self._listeners.urls

    def run(self, stop: threading.Event, ready: Callable[[], None]) -> None:
        """Serve until ``stop``, or until the claim is confirmed and the technician has left."""
        delivery = threading.Thread(target=self._deliver, args=(stop,), name="claim-delivery", daemon=True)
        delivery.start()
        try:
            self._listeners.follow_addresses()
            ready()
            while not stop.wait(TICK_S) and not self._is_over():
                self._listeners.follow_addresses()
                self._aiming.tick()
        finally:
            stop.set()
            self._listeners.stop()
            self._aiming.stop()

    def _is_over(self) -> bool:
        if self._steps.box.paths.is_set_up_by_playbook:
            log.info("a playbook has configured this box: the page ends")
            return True
        record = self._steps.record
        if record.state is not CommissioningState.CONFIRMED:
            self._confirmed_mono = None
            return False
        now = time.monotonic()
        if self._confirmed_mono is None:
            self._confirmed_mono = now
        unseen_s = now - max(self._confirmed_mono, self._pages.asked_mono)
        if record.finished:  # the page remains open for a while, because the technician may examine again
            idle_s = now - max(self._confirmed_mono, self._pages.acted_mono)
            return unseen_s > GONE_S or idle_s > self._idle_s
        if unseen_s > self._idle_s:
            self._steps.leave()
        return unseen_s > self._idle_s

    def _deliver(self, stop: threading.Event) -> None:
        delivery = ClaimDelivery(self._steps.bundle, self._steps.box.paths, self._steps.box.identity.serial)
        backoff, claim_id = new_backoff(), ""
        while not stop.is_set():
            record = self._steps.record
            if record.claim is not None and record.claim.claim_id != claim_id:
                claim_id = record.claim.claim_id
                backoff = new_backoff()
            if record.state is CommissioningState.CLAIMED or not record.settled:
                self._deliver_once(delivery)
                waits = self._steps.record.state is CommissioningState.CLAIMED
                self._pause(stop, backoff.failed() if waits else TICK_S)
            else:
                self._uplink = None
                stop.wait(TICK_S)

    def _pause(self, stop: threading.Event, pause_s: float) -> None:
        began_mono = time.monotonic()
        while not stop.is_set():
            now = time.monotonic()
            is_seen = now - self._pages.asked_mono < GONE_S
            left_s = (min(pause_s, SEEN_S) if is_seen else pause_s) - (now - began_mono)
            if left_s <= 0:
                return
            stop.wait(min(left_s, TICK_S))

    def _deliver_once(self, delivery: ClaimDelivery) -> None:
        steps = self._steps
        try:
            if not steps.record.settled:
                steps.settle()
                return
            record = steps.record
            answer, self._uplink = delivery.session(
                record, partial(steps.delivered, record), steps.box.trusted()
            )
            if answer is not None:
                log.info("the centre has answered the claim: %s", answer.decision)
                steps.accept(answer)
        except CommissioningError as error:
            log.warning("%s; tried again", error)
            self._uplink = error.text
