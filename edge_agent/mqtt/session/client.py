"""One connection attempt to one broker; with ``paho_client.py`` the only place of the agent that knows paho.

A ``Connection`` is used once: paho's own reconnecting, queueing and resending are off, and a new attempt
is a new object, so nothing of an old session can surface in a new one (docs/decisions/0009-mqtt-paho.md).
"""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass
from functools import lru_cache

from paho.mqtt import client as paho
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge_agent.config.model.settings import Broker, Mqtt
from edge_agent.core.errors import MqttError
from edge_agent.mqtt import connect_errors as causes
from edge_agent.mqtt.session.paho_client import KEEPALIVE_S, ConnectionCallbacks, ReportingClient
from edge_agent.mqtt.session.signal_queue import SignalQueue
from edge_agent.mqtt.session.tcp_traffic import Traffic, peer_received_all
from edge_agent.mqtt.tls.tls import make_context

CONNECT_TIMEOUT_S = 10
"""For each address of the name, and again for the TLS handshake."""

SESSION_EXPIRY_S = 86_400
"""How long the broker keeps commands for a gateway that is away."""

MAXIMUM_PACKET_BYTES = 1_048_576
"""The broker must not send us more in one message."""

RECEIVE_MAXIMUM = 16
"""Of messages to us that we have not acknowledged: what waits in memory is bounded, and the broker keeps the
rest."""


@dataclass(frozen=True, slots=True)
class MqttMessage:
    """Something to publish. ``properties`` are MQTT 5 user properties, in order."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False
    content_type: str | None = None
    properties: tuple[tuple[str, str], ...] = ()
    expiry_s: int | None = None  # the broker forgets it after this; None: never

    @property
    def plain(self) -> bool:
        """Without any MQTT 5 property."""
        return self.content_type is None and self.expiry_s is None and not self.properties


@dataclass(frozen=True, slots=True)
class ConnectionTerms:
    """What a client and the broker agree on when they connect."""

    session_expiry_s: int = SESSION_EXPIRY_S
    maximum_packet_bytes: int = MAXIMUM_PACKET_BYTES  # of one message to us
    receive_maximum: int = RECEIVE_MAXIMUM  # messages to us that are not acknowledged yet


GATEWAY_TERMS = ConnectionTerms()


class BrokerConnection:
    """Connects in the background and reports through ``inbox`` under the name ``session``.

    ``Connected`` comes at most once, ``Ended`` exactly once unless ``close`` was called first. ``publish``
    and ``subscribe`` are for the publisher's thread and only between those two.
    """

    def __init__(
        self,
        settings: Mqtt,
        broker: Broker,
        client_id: str,
        session: str,
        will: MqttMessage | None,
        inbox: SignalQueue,
        clock_trusted: bool,
        terms: ConnectionTerms = GATEWAY_TERMS,
    ) -> None:
        self.broker = broker
        self.session = session
        self._settings = settings
        self._clock_trusted = clock_trusted
        self._terms = terms
        self._listener = ConnectionCallbacks(broker, session, inbox)
        self._client = _make_client(client_id, settings, will, self._listener, terms)
        self._resolved = threading.Event()
        self._opener = threading.Thread(target=self._open, name="mqtt-connect", daemon=True)

    def open(self) -> None:
        """Start connecting; does not block. Name resolution, TCP and TLS have a thread of their own."""
        self._opener.start()

    @property
    def resolved(self) -> bool:
        """Whether the broker's name has an address yet: ``getaddrinfo`` has no time limit."""
        return self._resolved.is_set()

    def publish(self, message: MqttMessage) -> int:
        """Hand one message to the network thread; its packet id. Raises MqttError when paho does not
        take it because the connection has just ended: ``Ended`` follows and says why."""
        info = self._client.publish(
            message.topic, message.payload, message.qos, message.retain, _publish_properties(message)
        )
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise MqttError(f"{self.broker.host}: cannot publish: {paho.error_string(info.rc)}")
        return info.mid

    def subscribe(self, topics: tuple[str, ...], *, retain_as_published: bool = False) -> None:
        """``retain_as_published``: what is retained is marked so also when it is new. Raises MqttError like
        ``publish``."""
        options = SubscribeOptions(qos=1, retainAsPublished=retain_as_published)
        rc, _ = self._client.subscribe([(topic, options) for topic in topics])
        if rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise MqttError(f"{self.broker.host}: cannot subscribe: {paho.error_string(rc)}")

    def acknowledge(self, packet_id: int) -> None:
        """A message that arrived is safe with us: the broker forgets it."""
        self._client.ack(packet_id, 1)

    def traffic(self) -> Traffic:
        """Bytes of this connection so far as TCP carried them, TLS included."""
        self._listener.count(self._client.socket())
        return self._listener.traffic

    def all_received(self) -> bool:
        """Whether the broker's machine has every byte that was sent so far."""
        sock = self._client.socket()
        return isinstance(sock, socket.socket) and peer_received_all(sock)

    def close(self, timeout_s: float, say_goodbye: bool) -> None:
        """End the connection and its threads; blocks for ``timeout_s`` at most twice.

        With ``say_goodbye`` the broker gets a DISCONNECT and drops the will; otherwise, and when
        ``timeout_s`` passes first, it will publish the will. A connection that is still being opened
        ends by itself when its timeouts are over.
        """
        self._listener.closing.set()
        self._client.drop_out_messages()
        if self._opener.is_alive():
            return
        if say_goodbye:
            self._client.disconnect()
            self._listener.over.wait(timeout_s)
        self.break_connection()
        self._listener.over.wait(timeout_s)

    def _open(self) -> None:
        """Body of the thread ``mqtt-connect``."""
        try:
            # Once more by paho: only so can be told what takes so long. Resolvers remember the answer.
            socket.getaddrinfo(self.broker.host, self.broker.port, type=socket.SOCK_STREAM)
            self._resolved.set()
            if self._listener.closing.is_set():
                self._listener.over.set()
                return
            if self.broker.tls:
                self._client.tls_set_context(make_context(self._settings))
            self._client.connect(
                self.broker.host,
                self.broker.port,
                keepalive=KEEPALIVE_S,
                clean_start=False,
                properties=_connect_properties(self._terms),
            )
        except Exception as error:  # noqa: BLE001 - the top of a thread; every error becomes a Trouble
            self._client.close_socket()
            self._listener.end(causes.from_exception(error, self.broker, self._clock_trusted))
            return
        if self._listener.closing.is_set():
            self._client.disconnect()
        self._client.loop_start()
        if self._listener.closing.is_set():
            self.break_connection()

    def break_connection(self) -> None:
        """Make paho's thread see the end of the stream; it closes the socket, and ``Ended`` follows."""
        sock = self._client.socket()
        if isinstance(sock, socket.socket):
            try:
                # Of the plain socket: SSLSocket.shutdown would take the TLS state from the reading thread.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
            except OSError:
                pass  # closed by the other thread in between: what was wanted


def _make_client(
    client_id: str,
    settings: Mqtt,
    will: MqttMessage | None,
    listener: ConnectionCallbacks,
    terms: ConnectionTerms,
) -> ReportingClient:
    client = ReportingClient(client_id, listener, terms.maximum_packet_bytes)
    client.connect_timeout = CONNECT_TIMEOUT_S
    # The publisher's window bounds what is in flight; paho must never hold a message back.
    client.max_inflight_messages_set(0)
    if will is not None:
        client.will_set(will.topic, will.payload, will.qos, will.retain)
    if settings.credentials is not None:
        client.username_pw_set(settings.credentials.username, settings.credentials.password.reveal())
    return client


def packet_bytes(message: MqttMessage) -> int:
    """Size of the PUBLISH packet on the wire, TLS and TCP left out (MQTT 5.0, section 3.3)."""
    properties = _publish_properties(message)
    packed = 1 if properties is None else len(properties.pack())  # type: ignore[no-untyped-call]
    rest = 2 + len(message.topic.encode()) + (2 if message.qos else 0) + packed + len(message.payload)
    length_bytes = 1 + (rest > 127) + (rest > 16_383) + (rest > 2_097_151)
    return 1 + length_bytes + rest


def _publish_properties(message: MqttMessage) -> Properties | None:
    if message.plain:
        return None
    return _properties(message.expiry_s, message.content_type, message.properties)


@lru_cache(maxsize=32)
def _properties(
    expiry_s: int | None, content_type: str | None, user: tuple[tuple[str, str], ...]
) -> Properties:
    """Nobody changes them. They are the same for all events, and for all confirmations: to make them anew was
    a tenth of what a confirmation cost the centre."""
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    if expiry_s is not None:
        properties.MessageExpiryInterval = expiry_s
    if content_type is not None:
        properties.ContentType = content_type
    if user:
        properties.UserProperty = list(user)
    return properties


def _connect_properties(terms: ConnectionTerms) -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = terms.session_expiry_s
    properties.MaximumPacketSize = terms.maximum_packet_bytes
    properties.ReceiveMaximum = terms.receive_maximum
    return properties
