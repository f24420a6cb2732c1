"""The centre's broker sessions: connect and reconnect, receive, publish, confirm.

The thread that owns a CentralBrokerSession calls ``poll`` and waits on ``wake``. Only ``close`` blocks.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from edge_agent.config.model.settings import Broker, Mqtt
from edge_agent.core.clock import Clock
from edge_agent.core.errors import MqttError
from edge_agent.mqtt.session.broker_session import (
    BrokerSession,
    ConnectionAttempt,
    ReconnectSchedule,
    SessionEnded,
    SessionSignal,
)
from edge_agent.mqtt.session.client import ConnectionTerms, MqttMessage
from edge_agent.mqtt.session.signal_queue import Connected, MessageReceived, PublishAcked, Subscribed

log = logging.getLogger(__name__)

SESSION_EXPIRY_S = 7 * 86_400
"""How long the broker keeps events for an offline centre, up to its own limits (max_queued_messages)."""
RECEIVE_MAXIMUM = 1_000
"""Unconfirmed messages at a time, at most one batch. Brokers apply a lower limit of their own."""
MAXIMUM_PACKET_BYTES = 4_194_304
"""Larger than any valid message, so that a message that is too large still arrives and is recorded as
rejected. With a lower limit the broker would drop it silently."""
MAX_UNCONFIRMED = 65_536  # received messages not read yet; beyond this heartbeats are dropped
RECONNECT_CAP_S = 15.0
"""Short: unlike 465 gateways, one centre cannot overload the broker by reconnecting."""
WINDOW = 500
"""Messages that the centre has sent and that wait for their PUBACK; fewer if the broker allows fewer. When
the centre falls behind, a PUBACK is queued behind up to ``RECEIVE_MAXIMUM`` events, which take a second. With
a window of 50 the centre sent only 100 confirmations per second; ten cities need 1,400."""
MAX_WAITING = 20_000
"""Limit of queued messages; beyond it the oldest are dropped: gateways resend unconfirmed events."""


CentralStateKind = Literal["online", "degraded", "stopped", "offline"]


class CentralState(msgspec.Struct, frozen=True, kw_only=True):
    """The state that is retained at ``tb/v1/central/state``. ``degraded``: connected, but unable to store."""

    schema: Literal["central-state/1"] = "central-state/1"
    state: CentralStateKind
    session: str
    time: str
    reason: str
    version: str


class UnconfirmedMessage(msgspec.Struct, frozen=True, gc=False):
    """A message and the session in which it must be confirmed."""

    session: str
    message: MessageReceived


class CentralBrokerSession:
    """Connects to the broker again and again; each session has a new id.

    ``state_message(session, kind)`` makes the retained state: ``online`` after the connect, ``offline`` for
    the will. None: these sessions publish no state.
    """

    def __init__(
        self,
        settings: Mqtt,
        client_id: str,
        subscriptions: Sequence[str],
        state_message: Callable[[str, CentralStateKind], MqttMessage] | None,
        clock: Clock,
        wake: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._client_id = client_id
        self._subscriptions = tuple(subscriptions)
        self._state_message = state_message
        self._session = BrokerSession(
            client_id,
            self._prepare,
            ReconnectSchedule(settings.brokers, settings.spread_s, cap_s=RECONNECT_CAP_S),
            clock,
            wake,
            terms=ConnectionTerms(SESSION_EXPIRY_S, MAXIMUM_PACKET_BYTES, RECEIVE_MAXIMUM),
            max_qos_0=MAX_UNCONFIRMED,
        )
        self._session.start()
        self._waiting: deque[MqttMessage] = deque(maxlen=MAX_WAITING)
        self._confirmations: deque[MqttMessage] = deque(maxlen=MAX_WAITING)
        self._in_flight = 0
        self._window = WINDOW
        self._confirmed_last = False
        self._dropped_logged = 0
        self._refusal_logged = False  # whether a refusal was logged in the present session

    @property
    def session(self) -> str:
        """The id of the present session, or of the latest one."""
        return self._session.id

    @property
    def online(self) -> bool:
        return self._session.online

    @property
    def since_mono(self) -> float:
        """When the session began; before it is online, when the attempt to connect began."""
        return self._session.since_mono

    @property
    def has_unsent_confirmations(self) -> bool:
        return bool(self._confirmations)

    @property
    def has_unacknowledged(self) -> bool:
        """Return whether a message of the centre waits to be sent, or for its PUBACK."""
        return self._in_flight > 0 or bool(self._waiting)

    def poll(self) -> list[UnconfirmedMessage]:
        """Handle signals, connect or send what is due; return messages received since the last call."""
        received: list[UnconfirmedMessage] = []
        for session, signal in self._session.signals():
            if isinstance(signal, MessageReceived):
                received.append(UnconfirmedMessage(session, signal))
            else:
                self._handle(signal)
        self._send()
        self._session.advance()
        if self._session.dropped > self._dropped_logged:
            self._dropped_logged = self._session.dropped
            log.warning("mqtt: heartbeats arrive faster than they are read; %d dropped", self._dropped_logged)
        return received

    def wait_s(self, max_s: float) -> float:
        """Return the seconds, at most ``max_s``, to wait on ``wake`` before the next ``poll``."""
        return self._session.wait_s(min(max_s, 1.0))

    def confirm(self, delivered: Sequence[UnconfirmedMessage]) -> None:
        """Send PUBACKs. Messages of an earlier session are skipped: the broker sends them again."""
        connection = self._session.connection
        if connection is None or not self.online:
            return
        for each in delivered:
            if each.session == self.session and each.message.packet_id is not None:
                connection.acknowledge(each.message.packet_id)

    def publish(self, message: MqttMessage) -> None:
        """Queue a message to be sent in order, at the broker's pace, or dropped if the session ends first."""
        self._waiting.append(message)
        self._send()

    def publish_confirmation(self, message: MqttMessage) -> None:
        """Queue a confirmation before other messages: gateways resend what is unconfirmed after a minute."""
        self._confirmations.append(message)
        self._send()

    def publish_state(self) -> None:
        """Publish the state again after it has changed."""
        if self.online and self._state_message is not None:
            self.publish(self._state_message(self.session, "online"))

    def close(self, final_state: MqttMessage | None, timeout_s: float) -> None:
        """End the session. If ``final_state`` is given, it is published first, and the broker drops the will.
        Blocks for at most twice ``timeout_s``."""
        published = False
        connection = self._session.connection
        if final_state is not None and connection is not None and self.online:
            try:
                connection.publish(final_state)
                published = True
            except MqttError as error:
                log.warning("mqtt: the final state was not published: %s", error)
        self._session.drop(published, timeout_s)

    def _prepare(self, session: str, _: Broker) -> ConnectionAttempt:
        will = None if self._state_message is None else self._state_message(session, "offline")
        return ConnectionAttempt(self._settings, will)

    def _handle(self, signal: SessionSignal) -> None:
        match signal:
            case Connected():
                self._connected(signal)
            case PublishAcked(_, reason):
                self._in_flight -= 1
                if reason >= 0x80 and not self._refusal_logged:
                    self._refusal_logged = True
                    log.error("mqtt: the broker refuses a message; check its ACL for %s", self._client_id)
                self._send()
            case Subscribed(reasons):
                refused = [t for t, r in zip(self._subscriptions, reasons, strict=False) if r >= 0x80]
                if refused:
                    log.error(
                        "mqtt: the broker refuses %d subscriptions, the first is %s: messages there are not "
                        "received; check its ACL for %s", len(refused), refused[0], self._client_id,
                    )  # fmt: skip
            case SessionEnded():
                self._in_flight = 0
                self._clear_queues()
                log.log(signal.log_level, "mqtt: %s", signal.text("the broker keeps what gateways send"))

    def _connected(self, limits: Connected) -> None:
        self._in_flight = 0
        self._refusal_logged = False
        self._window = min(WINDOW, limits.receive_maximum)
        self._clear_queues()
        try:
            if self._subscriptions and self._session.connection is not None:
                self._session.connection.subscribe(self._subscriptions, retain_as_published=True)
        except MqttError as error:
            self._session.send_failed(error)
        if self._state_message is not None:
            self._waiting.append(self._state_message(self.session, "online"))

    def _send(self) -> None:
        while self.online and self._session.connection and self._in_flight < self._window:
            message = self._next()
            if message is None:
                return
            try:
                self._session.connection.publish(message)
                self._in_flight += 1
            except MqttError as error:
                self._session.send_failed(error)
                return

    def _next(self) -> MqttMessage | None:
        """Return the next message to send: confirmations and others in turn, so that neither is delayed."""
        first, second = self._confirmations, self._waiting
        if self._confirmed_last:
            first, second = second, first
        queue = first or second
        self._confirmed_last = queue is self._confirmations
        return queue.popleft() if queue else None

    def _clear_queues(self) -> None:
        """Drop the messages of an earlier session."""
        self._waiting.clear()
        self._confirmations.clear()
