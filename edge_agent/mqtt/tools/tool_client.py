"""The MQTT client of every program that a person runs: it connects at once or says why."""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.config.model.settings import Broker, Mqtt
from edge_agent.core.errors import MqttError
from edge_agent.core.problems import problem_text
from edge_agent.mqtt import connect_errors as causes
from edge_agent.mqtt.session.paho_client import BoundedClient
from edge_agent.mqtt.tls.certificates import make_context

CONNECT_S = ANSWER_S = 15.0
KEEPALIVE_S = 30
REFUSED = 0x80  # reason codes from here on are refusals
LOST = 0x00  # the connection ended without a reason of the broker
MAX_WAITING = 50_000
AT_ONCE = 100  # topics of one SUBSCRIBE


class ConnectRefused(MqttError):
    """The broker refused the connection."""

    def __init__(self, host: str, reason: int) -> None:
        self.connect_error = causes.from_reason_code(reason)
        super().__init__(f"{host} does not let us in: {self.connect_error.text}")


class ConnectionClosed(MqttError):
    """The connection ended and is not made again."""

    def __init__(self, host: str, reason: int) -> None:
        if reason == LOST:
            lost = problem_text("session-lost", host=host)
            self.connect_error = causes.ConnectError(causes.ConnectErrorKind.LOST, lost)
            super().__init__(lost)
            return
        self.connect_error = causes.from_reason_code(reason)
        super().__init__(f"{host} has closed the connection: {self.connect_error.text}")


class NotAnswered(MqttError):
    """The broker did not answer in time."""


def refusal(broker: Broker, what: str, reason: int) -> MqttError:
    return MqttError(f"{broker.host} does not let us {what}: {causes.from_reason_code(reason).text}")


@dataclass(frozen=True, slots=True)
class SubscribedMessage:
    """A received message; ``at_mono`` is the time of its arrival."""

    topic: str
    payload: bytes
    retained: bool
    qos: int = 0
    content_type: str | None = None
    properties: dict[str, str] = field(default_factory=dict)
    at_mono: float = 0.0


class ToolClient:
    """A client that is connected inside its ``with`` block. Raises MqttError for what the broker refuses.

    ``reconnects``: the client connects and subscribes again by itself after a loss; only the first connection
    has to succeed. ``session_expiry_s``: the client resumes the session of its client id, kept by the broker
    for this time after the end, and acknowledges nothing, so that the messages in the session stay there.

    ``dropped`` counts messages that came faster than the caller received them; the newest is dropped.
    """

    def __init__(
        self,
        broker: Broker,
        settings: Mqtt,
        client_id: str,
        *,
        connect_s: float = CONNECT_S,
        answer_s: float = ANSWER_S,
        reconnects: bool = False,
        session_expiry_s: int | None = None,
    ) -> None:
        self.dropped = 0
        self.connection_error: str | None = None  # why there is no connection now
        self.connected_mono: float | None = None
        self._broker = broker
        self._settings = settings
        self._answer_s = answer_s
        self._reconnects = reconnects
        self._session_expiry_s = session_expiry_s
        self._changed = threading.Condition()  # protects what is below
        self._messages: deque[SubscribedMessage] = deque()
        self._topics: dict[str, None] = {}
        self._unanswered: set[int] = set()  # SUBSCRIBEs without their SUBACK
        self._refused: int | None = None  # the reason of a refused subscription
        self._pubacks: dict[int, int] = {}  # packet id -> reason; cleared by the next ``publish``
        self._connack: int | None = None  # reason of the latest CONNACK
        self._closed: int | None = None  # reason of the end of a connection that is not made again
        self._client = self._make_client(client_id, connect_s)

    def __enter__(self) -> ToolClient:
        try:
            self._connect()
            reason = self._wait_for(lambda: self._connack)
            if reason is None:
                raise NotAnswered(f"{self._broker.host} does not answer the sign-on")
            if reason >= REFUSED:
                raise ConnectRefused(self._broker.host, reason)
        except MqttError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        sock = self._client.socket()
        if isinstance(sock, socket.socket):
            sock.close()  # paho leaves it open after an exception

    def subscribe(self, *topics: str) -> None:
        """Subscribe to those ``topics`` that are not subscribed yet. Any thread may call it."""
        with self._changed:
            new = [topic for topic in topics if topic not in self._topics]
            self._topics.update(dict.fromkeys(new))
        self._send_subscribe(new)

    def wait_subscribed(self, timeout_s: float) -> bool:
        """Wait until the broker has answered all subscriptions."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._unanswered, timeout_s)

    def require_subscribed(self) -> None:
        """Wait for the broker's answers. Raises MqttError unless it accepted all subscriptions."""
        if not self.wait_subscribed(self._answer_s):
            raise self._not_answered("subscribed")
        with self._changed:
            self._raise_if_closed()
            refused = self._refused
        if refused is not None:
            raise refusal(self._broker, "subscribe", refused)

    @property
    def refused(self) -> bool:
        """Whether the broker refused a subscription."""
        with self._changed:
            return self._refused is not None

    def send(
        self, topic: str, payload: bytes, expires_in_s: int | None = None, *, retain: bool = False
    ) -> int:
        """Publish with QoS 1 and return the packet id. Without a connection the message waits for one."""
        properties = None
        if expires_in_s is not None:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.MessageExpiryInterval = expires_in_s
        return self._client.publish(topic, payload, qos=1, retain=retain, properties=properties).mid

    def publish(
        self, topic: str, payload: bytes, expires_in_s: int | None = None, *, retain: bool = False
    ) -> int:
        """Publish with QoS 1 and return the reason code of the PUBACK; 0x80 and above: a refusal.

        Raises ConnectionClosed and NotAnswered.
        """
        with self._changed:
            self._pubacks.clear()
        # Without the lock: while paho calls ``on_publish`` it holds a lock that its ``publish`` needs.
        packet_id = self.send(topic, payload, expires_in_s, retain=retain)
        reason = self._wait_for(lambda: self._pubacks.get(packet_id))
        if reason is None:
            raise self._not_answered("published")
        return reason

    def receive(self, timeout_s: float) -> SubscribedMessage | None:
        """Return the next message; None when none came within ``timeout_s``. Raises ConnectionClosed."""
        with self._changed:
            self._changed.wait_for(lambda: self._messages or self._closed is not None, max(0.0, timeout_s))
            if self._messages:
                return self._messages.popleft()
            self._raise_if_closed()
            return None

    def receive_all(self) -> list[SubscribedMessage]:
        """Return all messages that have arrived; does not wait."""
        with self._changed:
            found = list(self._messages)
            self._messages.clear()
            return found

    def _connect(self) -> None:
        properties = None
        if self._session_expiry_s is not None:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = self._session_expiry_s
        try:
            if self._broker.tls:
                self._client.tls_set_context(make_context(self._settings))
            self._client.connect(
                self._broker.host,
                self._broker.port,
                keepalive=KEEPALIVE_S,
                clean_start=self._session_expiry_s is None,
                properties=properties,
            )
        except (OSError, ValueError, MqttError) as error:
            raise MqttError(causes.from_exception(error, self._broker, clock_trusted=True).text) from error
        self._client.loop_start()

    def _wait_for(self, answer: Callable[[], int | None]) -> int | None:
        """Return the broker's answer, or None without an answer in time. Raises ConnectionClosed."""
        with self._changed:
            self._changed.wait_for(lambda: answer() is not None or self._closed is not None, self._answer_s)
            reason = answer()
            if reason is None:
                self._raise_if_closed()
            return reason

    def _not_answered(self, what: str) -> NotAnswered:
        return NotAnswered(f"{self._broker.host} does not answer: not {what} within {self._answer_s:.0f} s")

    def _raise_if_closed(self) -> None:
        if self._closed is not None:
            raise ConnectionClosed(self._broker.host, self._closed)

    def _send_subscribe(self, topics: list[str]) -> None:
        if self.connected_mono is None:
            return  # the next connection subscribes
        for first in range(0, len(topics), AT_ONCE):
            with self._changed:  # the SUBACK comes on paho's thread, maybe before ``subscribe`` returns
                some = topics[first : first + AT_ONCE]
                _, packet_id = self._client.subscribe([(topic, 1) for topic in some])
                if packet_id is not None:
                    self._unanswered.add(packet_id)

    def _make_client(self, client_id: str, connect_s: float) -> paho.Client:
        client = BoundedClient(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=paho.MQTTv5,
            reconnect_on_failure=self._reconnects,
            manual_ack=self._session_expiry_s is not None,
        )
        client.connect_timeout = connect_s
        client.reconnect_delay_set(1, 15)
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_subscribe, client.on_publish = self._on_subscribe, self._on_publish
        client.on_message = self._on_message
        if (credentials := self._settings.credentials) is not None:
            client.username_pw_set(credentials.username, credentials.password.reveal())
        return client

    # --- paho's network thread ---

    def _on_connect(self, _: object, __: object, ___: object, reason: ReasonCode, ____: object) -> None:
        with self._changed:
            self._connack = reason.value
            self._unanswered.clear()
            if reason.value < REFUSED:
                self.connected_mono, self.connection_error = time.monotonic(), None
            else:
                self.connection_error = causes.from_reason_code(reason.value).text
            topics = list(self._topics)
            self._changed.notify_all()
        self._send_subscribe(topics)

    def _on_disconnect(
        self, _: object, __: object, flags: paho.DisconnectFlags, reason: ReasonCode, ___: object
    ) -> None:
        # Without a DISCONNECT of the broker paho makes up the reason 0x80.
        end = reason.value if flags.is_disconnect_packet_from_server else LOST
        with self._changed:
            why = causes.from_reason_code(end).text if end >= REFUSED else ""
            if self.connected_mono is not None or why:  # else keep the error of the refused connection
                self.connection_error = why or f"the connection to {self._broker.host} was lost"
            self.connected_mono = None
            self._closed = None if self._reconnects else end
            self._unanswered.clear()
            self._changed.notify_all()

    def _on_subscribe(
        self, _: object, __: object, packet_id: int, reasons: list[ReasonCode], ___: object
    ) -> None:
        with self._changed:
            self._unanswered.discard(packet_id)
            refusals = [reason.value for reason in reasons if reason.value >= REFUSED]
            self._refused = refusals[0] if refusals else self._refused
            self._changed.notify_all()

    def _on_publish(self, _: object, __: object, packet_id: int, reason: ReasonCode, ___: object) -> None:
        with self._changed:
            self._pubacks[packet_id] = reason.value
            self._changed.notify_all()

    def _on_message(self, _: object, __: object, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return  # not UTF-8, so not a subscribed topic
        properties = message.properties
        received = SubscribedMessage(
            topic,
            bytes(message.payload),
            bool(message.retain),
            message.qos,
            getattr(properties, "ContentType", None),
            dict(getattr(properties, "UserProperty", ())),
            time.monotonic(),
        )
        with self._changed:
            if len(self._messages) >= MAX_WAITING:
                self.dropped += 1
                return
            self._messages.append(received)
            self._changed.notify_all()
