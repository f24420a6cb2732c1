"""When to try which broker next: 465 gateways must not come back in the same second."""

from __future__ import annotations

import random
from collections.abc import Callable

from edge_agent.config.model.settings import Broker
from edge_agent.core.backoff import Backoff
from edge_agent.mqtt.connect_errors import ConnectError

FIRST_S, CAP_S, GOOD_AFTER_S = 1.0, 120.0, 60.0


class ReconnectSchedule:
    """The delay before each attempt, and its broker. One thread uses it.

    - The first attempt after a boot or after a lost connection waits a random time up to ``spread_s``.
    - Failed attempts go through ``brokers`` in turn, up to 1 s apart; after each round comes a full-jitter
      delay, from 1 s doubling to ``cap_s``. A refused sign-on is a failed attempt.
    - Only a connection that lasted 60 s resets the delays; the next attempt is then with the first broker.
    """

    def __init__(
        self,
        brokers: tuple[Broker, ...],
        spread_s: float,
        uniform: Callable[[float, float], float] = random.uniform,
        cap_s: float = CAP_S,
    ) -> None:
        self._brokers = brokers
        self._spread_s = spread_s
        self._uniform = uniform
        self._backoff = Backoff(FIRST_S, cap_s, GOOD_AFTER_S, uniform=uniform)
        self._next = 0
        self.failures = 0  # attempts and short sessions in a row, over all brokers

    @property
    def broker(self) -> Broker:
        """The broker to try next."""
        return self._brokers[self._next]

    @property
    def broker_count(self) -> int:
        return len(self._brokers)

    def first_delay_s(self) -> float:
        """The delay after the agent's start."""
        return self._uniform(0.0, self._spread_s)

    def start_over(self) -> None:
        """Continue with the next broker and short delays, because the present attempts take too long."""
        self._next = (self._next + 1) % len(self._brokers)
        self._backoff.succeeded(GOOD_AFTER_S)

    def after_failure_s(self, error: ConnectError) -> float:
        """The delay after an attempt that never became a session."""
        self.failures += 1
        self._next = (self._next + 1) % len(self._brokers)
        if error.retry_slowly:
            return self._backoff.slowest()
        if self._next != 0:
            return self._uniform(0.0, FIRST_S)
        return self._backoff.failed()

    def after_loss_s(self, error: ConnectError, lasted_s: float) -> float:
        """The delay after a session that lasted ``lasted_s``."""
        spread_s = self._uniform(0.0, self._spread_s)
        self.failures = 1 if lasted_s >= GOOD_AFTER_S else self.failures + 1
        if error.retry_slowly:
            return max(spread_s, self._backoff.slowest())
        self._backoff.succeeded(lasted_s)
        if lasted_s >= GOOD_AFTER_S:
            self._next = 0
            return spread_s
        self._next = (self._next + 1) % len(self._brokers)
        return max(spread_s, self._backoff.failed())
