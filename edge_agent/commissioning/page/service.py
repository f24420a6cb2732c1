"""``edge-agent commission --serve``: the page and the delivery of the claim, until it is confirmed."""

from __future__ import annotations

import logging
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Sequence

from edge_agent.commissioning.commissioning import Commissioning
from edge_agent.commissioning.delivery import ClaimDelivery
from edge_agent.commissioning.identity import BOX_NAME, BoxIdentity
from edge_agent.commissioning.messages import CommissioningError
from edge_agent.commissioning.page.aiming import AimingRun
from edge_agent.commissioning.page.gate import LabelGate
from edge_agent.commissioning.page.pages import CommissionPages
from edge_agent.commissioning.record import CommissioningState
from edge_agent.core.clock import Backoff
from edge_agent.core.languages import Bilingual
from edge_agent.host.system.addresses import InterfaceAddress
from edge_agent.tools.local_page.access import PageAddress, page_addresses
from edge_agent.tools.local_page.server import HTTPS_PORT, PageServer

log = logging.getLogger(__name__)

TICK_S = 2.0
IDLE_S = 900.0
"""After the confirmation the page stays open for a technician who has not signed yet."""
AVAHI = "avahi-publish-address"


def new_backoff() -> Backoff:
    """Return a random wait, because all boxes of a batch share one session at the broker."""
    return Backoff(first_s=15.0, cap_s=900.0, floor_s=5.0)


class CommissionService:
    """Owns the listeners, the names on the local network and the delivery's thread."""

    def __init__(
        self,
        steps: Commissioning,
        addresses: Callable[[], Iterable[InterfaceAddress]],
        port: int = HTTPS_PORT,
        idle_s: float = IDLE_S,
    ) -> None:
        self._steps, self._addresses, self._port = steps, addresses, port
        self._idle_s = idle_s
        clock = steps.box.clock
        self.gate = LabelGate(clock, steps.box.identity.code)
        self._aiming = AimingRun(steps.box.paths.config, clock, self.gate)
        self._uplink: Bilingual | None = None
        self._pages = CommissionPages(steps, self._aiming, lambda: self._uplink)
        self._places: Sequence[PageAddress] = ()
        self._server: PageServer | None = None
        self._names = LocalNames(steps.box.identity)
        self._confirmed_mono: float | None = None

    @property
    def urls(self) -> tuple[str, ...]:
        return () if self._server is None else self._server.urls

    def run(self, stop: threading.Event, ready: Callable[[], None]) -> None:
        """Serve until ``stop``, or until the claim is confirmed and the technician has signed or left."""
        delivery = threading.Thread(target=self._deliver, args=(stop,), name="claim-delivery", daemon=True)
        delivery.start()
        try:
            self._follow_addresses()
            ready()
            while not stop.wait(TICK_S) and not self._is_over():
                self._follow_addresses()
                self._aiming.tick()
        finally:
            stop.set()
            if self._server is not None:
                self._server.stop()
            self._names.stop()
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
        idle_s = now - max(self._confirmed_mono, self._pages.asked_mono)
        if idle_s > self._idle_s:
            self._steps.leave()
        return record.finished or idle_s > self._idle_s

    def _follow_addresses(self) -> None:
        """Listen at the addresses that the box has now: the network may come later than the service."""
        places = page_addresses(self._addresses())
        if places == self._places and self._server is not None:
            return
        if self._server is not None:
            self._server.stop()
        identity = self._steps.box.identity
        names = (identity.name, BOX_NAME)
        self._server = PageServer(
            places, self._port, self._pages, self.gate, tls=identity.tls_context(), names=names
        )
        self._server.start()
        self._places = places
        self._names.publish(places)

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
                stop.wait(
                    backoff.failed() if self._steps.record.state is CommissioningState.CLAIMED else TICK_S
                )
            else:
                self._uplink = None
                stop.wait(TICK_S)

    def _deliver_once(self, delivery: ClaimDelivery) -> None:
        steps = self._steps
        try:
            if not steps.record.settled:
                steps.settle()
                return
            answer, self._uplink = delivery.session(steps.record, steps.delivered, steps.box.trusted())
            if answer is not None:
                log.info("the centre has answered the claim: %s", answer.decision)
                steps.accept(answer)
        except CommissioningError as error:
            log.warning("%s; tried again", error)
            self._uplink = error.text


class LocalNames:
    """Publishes the box's names with the avahi daemon while the page is served. Without it the page is
    reached by its address."""

    def __init__(self, identity: BoxIdentity) -> None:
        self._identity = identity
        self._running: list[subprocess.Popen[bytes]] = []

    def publish(self, places: Sequence[PageAddress]) -> None:
        """Publish each name with the first address that is not loopback: avahi accepts one address for a
        name."""
        self.stop()
        near = [str(each.address) for each in places if not each.address.is_loopback]
        if not near or (program := shutil.which(AVAHI)) is None:
            return
        for name in (self._identity.name, BOX_NAME):
            # -R: no reverse entry, which both names would claim.
            command = [program, "-R", name, near[0]]
            silent = subprocess.DEVNULL
            self._running.append(subprocess.Popen(command, stdin=silent, stdout=silent, stderr=silent))

    def stop(self) -> None:
        for process in self._running:
            process.terminate()
        for process in self._running:
            process.wait(5)
        self._running = []
