"""One connection attempt to one broker.

A ``BrokerConnection`` is used once: paho's own reconnecting, queueing and resending are off, and a new
attempt is a new object, so no state of an old session can reach a new one (docs/decisions/0009-mqtt-paho.md).
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
from edge_agent.mqtt.tls.certificates import make_context

CONNECT_TIMEOUT_S = 10  # for each address of the name, and again for the TLS handshake

SESSION_EXPIRY_S = 86_400  # how long the broker keeps commands for a gateway that is offline

MAXIMUM_PACKET_BYTES = 1_048_576  # size of the largest packet that the broker may send

RECEIVE_MAXIMUM = 16
"""Received messages that may be unacknowledged. It bounds what waits in memory; the broker keeps the rest."""


@dataclass(frozen=True, slots=True)
class MqttMessage:
    """A message to publish. ``properties`` are MQTT 5 user properties, in order."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False
    content_type: str | None = None
    properties: tuple[tuple[str, str], ...] = ()
    expiry_s: int | None = None  # the broker drops the message after this; None: never

    @property
    def plain(self) -> bool:
        """Whether the message has no MQTT 5 property."""
        return self.content_type is None and self.expiry_s is None and not self.properties


@dataclass(frozen=True, slots=True)
class ConnectionTerms:
    """Limits that a client asks of the broker when it connects."""

    session_expiry_s: int = SESSION_EXPIRY_S
    maximum_packet_bytes: int = MAXIMUM_PACKET_BYTES  # of one packet from the broker
    receive_maximum: int = RECEIVE_MAXIMUM  # received messages that are not acknowledged yet


GATEWAY_TERMS = ConnectionTerms()


class BrokerConnection:
    """Connects in the background and reports through ``signals`` under the name ``session``.

    ``Connected`` comes at most once, and ``ConnectionEnded`` exactly once unless ``close`` was called first.
    Between those two the thread that reads the signals may call ``publish`` and ``subscribe``.
    """

    def __init__(
        self,
        settings: Mqtt,
        broker: Broker,
        client_id: str,
        session: str,
        will: MqttMessage | None,
        signals: SignalQueue,
        clock_trusted: bool,
        terms: ConnectionTerms = GATEWAY_TERMS,
    ) -> None:
        self.broker = broker
        self._settings = settings
        self._clock_trusted = clock_trusted
        self._terms = terms
        self._callbacks = ConnectionCallbacks(broker, session, signals)
        self._client = _make_client(client_id, settings, will, self._callbacks, terms)
        self._resolved = threading.Event()
        self._opener = threading.Thread(target=self._open, name="mqtt-connect", daemon=True)

    def open(self) -> None:
        """Start connecting on another thread; does not block."""
        self._opener.start()

    @property
    def resolved(self) -> bool:
        """Whether the broker's name has an address yet: ``getaddrinfo`` has no time limit."""
        return self._resolved.is_set()

    def publish(self, message: MqttMessage) -> int:
        """Pass one message to the network thread and return its packet id.

        Raises MqttError when paho refuses it because the connection has just ended: ``ConnectionEnded``
        follows and says why.
        """
        info = self._client.publish(
            message.topic, message.payload, message.qos, message.retain, _publish_properties(message)
        )
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise MqttError(f"{self.broker.host}: cannot publish: {paho.error_string(info.rc)}")
        return info.mid

    def subscribe(self, topics: tuple[str, ...], *, retain_as_published: bool = False) -> None:
        """Subscribe to ``topics`` with QoS 1.

        ``retain_as_published``: a retained message stays marked as retained also when it is new. Raises
        MqttError like ``publish``.
        """
        options = SubscribeOptions(qos=1, retainAsPublished=retain_as_published)
        rc, _ = self._client.subscribe([(topic, options) for topic in topics])
        if rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise MqttError(f"{self.broker.host}: cannot subscribe: {paho.error_string(rc)}")

    def acknowledge(self, packet_id: int) -> None:
        """Send the PUBACK of a received message: the broker then forgets the message."""
        self._client.ack(packet_id, 1)

    def traffic(self) -> Traffic:
        """Return the bytes that TCP has carried on this connection so far, TLS included."""
        self._callbacks.count(self._client.socket())
        return self._callbacks.traffic

    def all_received(self) -> bool:
        """Whether the broker's machine has received every byte that was sent so far."""
        sock = self._client.socket()
        return isinstance(sock, socket.socket) and peer_received_all(sock)

    def close(self, timeout_s: float, say_goodbye: bool) -> None:
        """End the connection and its threads; blocks for ``timeout_s`` at most twice.

        With ``say_goodbye`` the broker gets a DISCONNECT and drops the will. Otherwise, or if that takes
        longer than ``timeout_s``, the broker publishes the will. A connection that is still being opened ends
        by itself when its timeouts are over.
        """
        self._callbacks.closing.set()
        self._client.drop_out_messages()
        if self._opener.is_alive():
            return
        if say_goodbye:
            self._client.disconnect()
            self._callbacks.over.wait(timeout_s)
        self.break_connection()
        self._callbacks.over.wait(timeout_s)

    def _open(self) -> None:
        """Body of the thread ``mqtt-connect``."""
        try:
            # paho resolves the name again, but only this separate call shows whether the resolver is slow.
            # The second call is fast, because resolvers cache the answer.
            socket.getaddrinfo(self.broker.host, self.broker.port, type=socket.SOCK_STREAM)
            self._resolved.set()
            if self._callbacks.closing.is_set():
                self._callbacks.over.set()
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
        except Exception as error:  # noqa: BLE001 - the top of a thread; every error becomes a ConnectError
            self._client.close_socket()
            self._callbacks.end(causes.from_exception(error, self.broker, self._clock_trusted))
            return
        if self._callbacks.closing.is_set():
            self._client.disconnect()
        self._client.loop_start()
        if self._callbacks.closing.is_set():
            self.break_connection()

    def break_connection(self) -> None:
        """Shut the socket down: paho's thread sees the end, closes it, and reports ``ConnectionEnded``."""
        sock = self._client.socket()
        if isinstance(sock, socket.socket):
            try:
                # The plain socket's method: SSLSocket.shutdown would drop the TLS state that
                # the reading thread uses.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
            except OSError:
                pass  # paho's thread has closed it in between


def _make_client(
    client_id: str,
    settings: Mqtt,
    will: MqttMessage | None,
    callbacks: ConnectionCallbacks,
    terms: ConnectionTerms,
) -> ReportingClient:
    client = ReportingClient(client_id, callbacks, terms.maximum_packet_bytes)
    client.connect_timeout = CONNECT_TIMEOUT_S
    # The caller's window bounds what is in flight; paho must never hold a message back.
    client.max_inflight_messages_set(0)
    if will is not None:
        client.will_set(will.topic, will.payload, will.qos, will.retain)
    if settings.credentials is not None:
        client.username_pw_set(settings.credentials.username, settings.credentials.password.reveal())
    return client


def packet_bytes(message: MqttMessage) -> int:
    """Return the size of the PUBLISH packet on the wire, without TLS and TCP (MQTT 5.0, section 3.3)."""
    properties = _publish_properties(message)
    packed = 1 if properties is None else len(properties.pack())  # type: ignore[no-untyped-call]
    rest = 2 + len(message.topic.encode()) + (2 if message.qos else 0) + packed + len(message.payload)
    length_bytes = 1 + (rest > 127) + (rest > 16_383) + (rest > 2_097_151)
    return 1 + length_bytes + rest


def _publish_properties(message: MqttMessage) -> Properties | None:
    if message.plain:
        return None
    return _properties(message.expiry_s, message.content_type, message.properties)


class _PackedProperties(Properties):
    """Properties that do not change once they were packed: their size is needed before paho packs them."""

    def pack(self) -> bytes:
        # paho's own ``__setattr__`` refuses names that are not of MQTT.
        if "packed" not in self.__dict__:
            self.__dict__["packed"] = super().pack()  # type: ignore[no-untyped-call]
        packed: bytes = self.__dict__["packed"]
        return packed


@lru_cache(maxsize=32)
def _properties(
    expiry_s: int | None, content_type: str | None, user: tuple[tuple[str, str], ...]
) -> Properties:
    """Return packed properties, shared by all messages with equal arguments, as nothing modifies them.
    Building them for each message took a tenth of the centre's time for a confirmation."""
    properties = _PackedProperties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
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
