"""The MQTT session of a program that serves: the agent's publisher and the centre's ingest have one each.

``ReconnectSchedule`` says when to try which broker next: 465 gateways must not come back in the same second.
"""

from __future__ import annotations

import logging
import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edge_agent.config.model.settings import Broker, Mqtt
from edge_agent.core.clock import Backoff, Clock
from edge_agent.core.errors import MqttError
from edge_agent.core.problems import problem_text
from edge_agent.mqtt import connect_errors as causes
from edge_agent.mqtt.connect_errors import ConnectError, ConnectErrorKind
from edge_agent.mqtt.session.client import GATEWAY_TERMS, BrokerConnection, ConnectionTerms, MqttMessage
from edge_agent.mqtt.session.signal_queue import (
    Connected,
    ConnectionEnded,
    MessageReceived,
    PublishAcked,
    SignalQueue,
    Subscribed,
)

log = logging.getLogger(__name__)

FIRST_S, CAP_S, GOOD_AFTER_S = 1.0, 120.0, 60.0


class ReconnectSchedule:
    """Determines the delay before each attempt, and its broker. One thread uses it.

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
        """Return the delay before the first attempt after the program's start."""
        return self._uniform(0.0, self._spread_s)

    def start_over(self) -> None:
        """Continue with the next broker and short delays, because the present attempts take too long."""
        self._next = (self._next + 1) % len(self._brokers)
        self._backoff.succeeded(GOOD_AFTER_S)

    def after_failure_s(self, error: ConnectError) -> float:
        """Return the delay after an attempt that never became a session."""
        self.failures += 1
        self._next = (self._next + 1) % len(self._brokers)
        if error.retry_slowly:
            return self._backoff.slowest()
        if self._next != 0:
            return self._uniform(0.0, FIRST_S)
        return self._backoff.failed()

    def after_loss_s(self, error: ConnectError, lasted_s: float) -> float:
        """Return the delay after a session that lasted ``lasted_s``."""
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


SIGN_ON_TIMEOUT_S = 45.0
"""Limit for name resolution, TCP, TLS and CONNACK together."""

RESOLVE_TIMEOUT_S = 15.0
"""Limit for the name resolution alone. glibc asks three servers in 15 s, and then starts over."""

BROKEN_S = 5.0
"""After a failed send the network thread has this long to report why."""

CUT_S = 0.3


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """Reports that an attempt failed or a session was lost, and when the next attempt is made."""

    connection: BrokerConnection  # closed
    error: ConnectError
    reason: int | None  # of the broker's DISCONNECT, if any
    delay_s: float  # until the next attempt
    failures: int  # in a row
    log_level: int  # the first failures in a row are warnings; more of them would only fill the log

    def text(self, meanwhile: str) -> str:
        return (
            f"{self.error.text}; {meanwhile}, next attempt in {self.delay_s:.0f} s "
            f"(failure {self.failures} in a row)"
        )


SessionSignal = Connected | PublishAcked | Subscribed | MessageReceived | SessionEnded


@dataclass(frozen=True, slots=True)
class ConnectionAttempt:
    """The identity and the will that a connection attempt presents to the broker."""

    settings: Mqtt  # with the certificate to use
    will: MqttMessage | None


class BrokerSession:
    """Keeps one session after another, each with a new id; reconnects with back-off and failover.

    One thread owns it: it calls ``advance``, reads ``signals``, and waits for ``wake`` at most ``wait_s``.
    Only ``drop`` blocks. Any thread may read ``id``, ``online`` and ``retains``.
    """

    def __init__(
        self,
        client_id: str,
        prepare: Callable[[str, Broker], ConnectionAttempt],
        reconnect: ReconnectSchedule,
        clock: Clock,
        wake: Callable[[], None],
        *,
        retry_at_once: Callable[[ConnectError], bool] = lambda _: False,
        clock_trusted: Callable[[], bool] = lambda: True,
        terms: ConnectionTerms = GATEWAY_TERMS,
        max_qos_0: int = 64,
    ) -> None:
        """``prepare(id, broker)`` is called for each attempt. ``retry_at_once(error)`` says whether a failed
        attempt is repeated without a delay. ``max_qos_0``: received messages of QoS 0 that may wait."""
        self.id = str(uuid.uuid4())  # of the present or latest attempt
        self.online = False
        self.retains = True  # whether the broker keeps retained messages
        self.since_mono = 0.0  # when the attempt or, once online, the session began
        self.connection: BrokerConnection | None = None
        self._client_id = client_id
        self._prepare = prepare
        self._reconnect = reconnect
        self._clock = clock
        self._retry_at_once = retry_at_once
        self._clock_trusted = clock_trusted
        self._terms = terms
        self._queue = SignalQueue(wake, max_qos_0)
        self._next_attempt_mono = 0.0
        self._broken_mono: float | None = None  # since when sends fail and the end is not reported

    @property
    def dropped(self) -> int:
        """Received messages of QoS 0 that were dropped."""
        return self._queue.dropped

    @property
    def broken(self) -> bool:
        """Whether a send has failed: the session then sends nothing more and ends soon."""
        return self._broken_mono is not None

    def start(self) -> None:
        """Schedule the first attempt."""
        self._next_attempt_mono = self._clock.monotonic() + self._reconnect.first_delay_s()

    def advance(self) -> None:
        """Connect if an attempt is due, and give up what takes too long."""
        now, connection = self._clock.monotonic(), self.connection
        if connection is None:
            if now >= self._next_attempt_mono:
                self._attempt(now)
            return
        host = connection.broker.host
        if self._broken_mono is not None:
            if now - self._broken_mono > BROKEN_S:
                self.give_up(problem_text("session-stuck", host=host))
        elif not self.online and now - self.since_mono > RESOLVE_TIMEOUT_S and not connection.resolved:
            text = problem_text("connect-no-dns", host=host, seconds=round(RESOLVE_TIMEOUT_S))
            self.give_up(text, ConnectErrorKind.DNS)
        elif not self.online and now - self.since_mono > SIGN_ON_TIMEOUT_S:
            self.give_up(problem_text("connect-too-slow", host=host))

    def signals(self) -> Iterator[tuple[str, SessionSignal]]:
        """Yield the signals since the last call, each with the id of its session.

        Received messages of an earlier session are included; its other signals are not. ``online`` becomes
        true when the owner has handled ``Connected`` and asks for the next signal.
        """
        for session, signal in self._queue.take():
            if isinstance(signal, MessageReceived):
                yield session, signal
            elif (connection := self.connection) is not None and session == self.id:
                match signal:
                    case ConnectionEnded():
                        yield session, self._ended(connection, signal)
                    case Connected() if signal.maximum_qos < 1:
                        error = causes.qos_1_unsupported(connection.broker)
                        yield session, self._ended(connection, ConnectionEnded(error))
                    case Connected():
                        self._connected(connection, signal)
                        yield session, signal
                        self.online = True
                    case _:
                        yield session, signal

    def wait_s(self, max_s: float) -> float:
        """Return the seconds for which the owner may wait for ``wake`` before it calls ``advance``."""
        if self.connection is None:
            return max(0.0, min(max_s, self._next_attempt_mono - self._clock.monotonic()))
        return min(max_s, BROKEN_S) if self.broken else max_s

    def send_failed(self, error: MqttError) -> None:
        """Note that the connection has just ended. The network thread is about to report why.

        A guess here could take a stolen client id for a lost link, and reconnect far too soon.
        """
        log.debug("mqtt: %s", error)
        if self._broken_mono is None:
            self._broken_mono = self._clock.monotonic()

    def give_up(self, text: str, kind: ConnectErrorKind = ConnectErrorKind.TIMEOUT) -> None:
        """End the attempt or session for this reason; ``signals`` reports it."""
        self._queue.put(self.id, ConnectionEnded(ConnectError(kind, text)))

    def start_over(self) -> None:
        """Try the next broker at once, with short delays."""
        self._reconnect.start_over()
        self.retry_now()

    def retry_now(self) -> None:
        """Schedule the next attempt for now."""
        self._next_attempt_mono = self._clock.monotonic()

    def drop(self, say_goodbye: bool, timeout_s: float = CUT_S) -> BrokerConnection | None:
        """Close the connection, if any, and return it. Blocks for ``timeout_s`` at most twice."""
        connection, self.connection = self.connection, None
        self.online, self._broken_mono = False, None
        if connection is not None:
            connection.close(timeout_s, say_goodbye)
        return connection

    def _attempt(self, now: float) -> None:
        # CONNECT carries the will, and the will carries the session id: each attempt has its own id.
        self.id = str(uuid.uuid4())
        self.since_mono = now
        broker = self._reconnect.broker
        log.debug("mqtt: connecting to %s:%d", broker.host, broker.port)
        attempt = self._prepare(self.id, broker)
        self.connection = BrokerConnection(
            attempt.settings,
            broker,
            self._client_id,
            self.id,
            attempt.will,
            self._queue,
            self._clock_trusted(),
            self._terms,
        )
        self.connection.open()

    def _connected(self, connection: BrokerConnection, limits: Connected) -> None:
        self.since_mono = self._clock.monotonic()
        self._broken_mono = None
        self.retains = limits.retains
        broker = connection.broker
        log.info("mqtt: connected to %s:%d as %s", broker.host, broker.port, self._client_id)

    def _ended(self, connection: BrokerConnection, signal: ConnectionEnded) -> SessionEnded:
        error = signal.error
        if self.online:
            delay_s = self._reconnect.after_loss_s(error, self._clock.monotonic() - self.since_mono)
        elif self._retry_at_once(error):
            delay_s = 0.0
        else:
            delay_s = self._reconnect.after_failure_s(error)
        self.drop(say_goodbye=False)
        self._next_attempt_mono = self._clock.monotonic() + delay_s
        failures = self._reconnect.failures
        quiet = failures > self._reconnect.broker_count and not error.retry_slowly
        level = logging.DEBUG if quiet else logging.WARNING
        return SessionEnded(connection, error, signal.reason, delay_s, failures, level)
