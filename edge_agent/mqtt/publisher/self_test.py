"""Tests that the running agent makes over its own session with the broker, for ``edge-agent doctor``.

A second connection under the gateway's client id would end the agent's session (MQTT 5.0, section 3.1.4), and
no other id has the gateway's rights in an access list. So the agent itself sends two empty messages: one to
its own topics, which the broker has to accept, and one to those of a gateway that does not exist, which the
broker has to refuse. It also sends one event through the outbox and follows it as far as the centre's
confirmation.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from edge_agent import wire
from edge_agent.core.delivery import EventProgress, SelfTestReport
from edge_agent.mqtt.publisher.window import NO_SUBSCRIBER, SUCCESS, AccessProbe

REFUSED = 0x80


class SelfTest:
    """Runs one test at a time. Any thread may call ``begin``, ``follow`` and ``report``; the publisher's
    thread calls the rest."""

    def __init__(self, own_topic: str, foreign_topic: str, wake: Callable[[], None]) -> None:
        """``wake`` is called when there is something to send."""
        self._own = AccessProbe(own_topic, foreign=False)
        self._foreign = AccessProbe(foreign_topic, foreign=True)
        self._wake = wake
        self._lock = threading.Lock()  # protects the rest
        self._report = SelfTestReport()
        self._next: AccessProbe | None = None
        self._event: tuple[int, str] | None = None

    def begin(self) -> None:
        """Forget the results of the last test, and test which topics the gateway may write."""
        with self._lock:
            self._report, self._next, self._event = SelfTestReport(), self._own, None
        self._wake()

    def follow(self, sequence: int, epoch: str) -> None:
        """Note the number of this test's event. Called before the event is stored and can be sent."""
        with self._lock:
            self._event = sequence, epoch
            self._report = replace(self._report, event=f"{epoch}/{sequence}")

    def report(self) -> SelfTestReport:
        with self._lock:
            return self._report

    def take_probe(self) -> AccessProbe | None:
        """Return the probe to send now, if any, and forget it."""
        with self._lock:
            probe, self._next = self._next, None
            return probe

    def answered(self, probe: AccessProbe, reason: int) -> None:
        allowed = reason < REFUSED
        with self._lock:
            if probe.foreign:
                self._report = replace(self._report, foreign=allowed)
                return
            self._report = replace(self._report, own=allowed)
            self._next = self._foreign if allowed else None

    def lost(self, unanswered: AccessProbe) -> None:
        """Note that the connection ended before the PUBACK.

        Some brokers disconnect a client that writes to a foreign topic, so for a foreign topic this counts
        as a refusal. For the gateway's own topic it proves nothing.
        """
        if unanswered.foreign:
            self.answered(unanswered, REFUSED)

    def event_acked(self, key: tuple[int, str], reason: int) -> None:
        """Note the broker's PUBACK of an event."""
        progress: EventProgress = "at-broker" if reason == SUCCESS else "refused"
        if reason == NO_SUBSCRIBER:
            progress = "no-subscriber"
        self._note(key, progress)

    def confirmed(self, ack: wire.Ack) -> None:
        with self._lock:
            key = self._event
        if key is not None and ack.epoch == key[1] and (key[0] <= ack.upto or key[0] in ack.also):
            self._note(key, "confirmed")

    def _note(self, key: tuple[int, str], progress: EventProgress) -> None:
        with self._lock:
            # A confirmation may come before the PUBACK, and it is further along.
            if key == self._event and self._report.progress != "confirmed":
                self._report = replace(self._report, progress=progress)
