"""``edge-agent doctor`` has a running agent test its delivery to the centre with a test event."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable

from edge_agent.core.delivery import EventAppender, SelfTestReport, Stamp
from edge_agent.events import EventFactory
from edge_agent.mqtt.publisher.self_test import SelfTest

REMEMBERED = 16


class SelfTests:
    """Runs on the thread of the control socket. ``ask`` does not wait: the caller calls it again.

    Of two tests at a time the newer one counts, and both callers get its result.
    """

    def __init__(self, test: Callable[[], SelfTest], events: EventFactory, outbox: EventAppender) -> None:
        self._test = test
        self._events = events
        self._outbox = outbox
        self._begun: deque[str] = deque(maxlen=REMEMBERED)

    def ask(self, test_id: str) -> SelfTestReport:
        """Return what the newest test has found so far. A new id starts a test. Raises OutboxError."""
        test = self._test()
        if test_id not in self._begun:
            self._begun.append(test_id)
            test.begin()
            self._store_event(test)
        return test.report()

    def _store_event(self, test: SelfTest) -> None:
        draft = self._events.self_test("doctor")

        def encode(stamp: Stamp) -> bytes:
            test.follow(stamp.sequence, stamp.epoch)
            return draft.encode(stamp)

        self._outbox.append(dataclasses.replace(draft, encode=encode))
