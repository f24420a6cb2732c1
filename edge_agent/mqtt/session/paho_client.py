"""paho's client, and the callbacks that turn what happens on a connection into signals."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.config.model.settings import Broker
from edge_agent.core.errors import MqttError
from edge_agent.core.problems import problem_text
from edge_agent.mqtt import connect_errors as causes
from edge_agent.mqtt.connect_errors import ConnectError, ConnectErrorKind
from edge_agent.mqtt.session.signal_queue import (
    Connected,
    ConnectionEnded,
    MessageReceived,
    PublishAcked,
    SignalQueue,
    Subscribed,
)
from edge_agent.mqtt.session.tcp_traffic import Traffic, tcp_traffic

log = logging.getLogger(__name__)

MAXIMUM_READ_BYTES = 16_777_216
"""Largest packet that is read without a smaller agreed limit: far more than gateway or centre send."""


class BoundedClient(paho.Client):
    """Ends the connection before it reads a packet that is too large.

    The Maximum Packet Size of MQTT 5 only asks the broker to comply. A hostile broker may announce 256 MB,
    and paho allocates as much as a packet announces.
    """

    maximum_read_bytes = MAXIMUM_READ_BYTES

    def _sock_recv(self, bufsize: int) -> bytes:
        # paho reads byte by byte, except for the body of a packet: there it requests all announced bytes.
        if bufsize > self.maximum_read_bytes:
            self.on_oversized(bufsize)
            raise ConnectionAbortedError(f"a packet of {bufsize} bytes is not read")
        return paho.Client._sock_recv(self, bufsize)

    def on_oversized(self, announced_bytes: int) -> None:
        """Called on paho's thread when a packet was announced that is too large; the connection ends now."""


KEEPALIVE_S = 60
"""paho ends a silent link after twice this time; the broker publishes the gateway's will after 1.5 times it.
Mobile networks drop an idle mapping after a few minutes at the earliest; heartbeats are more frequent."""

NETWORK_TICK_S = 5.0
"""How often paho's thread checks the keepalive; its default of 1 s costs five times the idle CPU."""


class ConnectionCallbacks:
    """paho's callbacks. They run on its network thread, only enqueue signals and, with one exception, never
    raise.

    They hold no reference to the client or the connection. Without a reference cycle, paho's sockets are
    closed when the last user drops them, not at the next garbage collection.
    """

    def __init__(self, broker: Broker, session: str, signals: SignalQueue) -> None:
        self.closing = threading.Event()  # ``close`` was called: no more signals
        self.over = threading.Event()  # no more I/O on this connection
        self.traffic = Traffic(0, 0)
        self._broker = broker
        self._session = session
        self._signals = signals
        self._connected = False
        self._silent = False
        self._malformed = False
        self._oversized = ""
        self._reason: int | None = None
        self._socket_error = ""

    def attach(self, client: paho.Client) -> None:
        client.on_connect = self._on_connect
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        client.enable_logger(_ErrorsOnly(self._store_error))
        client.on_socket_open = self._on_socket_open
        client.on_socket_close = self._on_socket_close

    def count(self, sock: object) -> None:
        if isinstance(sock, socket.socket):
            self.traffic = tcp_traffic(sock) or self.traffic

    def end(self, error: ConnectError) -> None:
        try:
            if not self.closing.is_set():
                self._signals.put(self._session, ConnectionEnded(error, self._reason))
        finally:
            self.over.set()

    def network_ended(self, rc: MQTTErrorCode) -> None:
        """Report how the connection ended; the network thread calls this last."""
        if rc == MQTTErrorCode.MQTT_ERR_PROTOCOL:
            self._malformed = True
        self.end(self._connect_error())

    def oversized(self, announced_bytes: int, max_bytes: int) -> None:
        self._oversized = problem_text(
            "session-oversized", host=self._broker.host, bytes=announced_bytes, limit=max_bytes
        )

    def network_died(self, error: Exception) -> None:
        """Report an exception that ends the network thread."""
        kind = type(error).__name__
        log.error("mqtt: the network thread died of %s: %s; reconnecting", kind, error)
        reason = problem_text("session-thread-died", error=f"{kind}: {error}")
        self.end(ConnectError(ConnectErrorKind.LOST, reason))

    def _connect_error(self) -> ConnectError:
        host = self._broker.host
        if self._reason is not None:
            return causes.from_reason_code(self._reason)
        if self._oversized:
            return ConnectError(ConnectErrorKind.PROTOCOL, self._oversized)
        if self._malformed:
            return ConnectError(ConnectErrorKind.PROTOCOL, problem_text("session-malformed", host=host))
        if self._silent:
            reason = problem_text("session-silent", host=host, seconds=2 * KEEPALIVE_S)
            return ConnectError(ConnectErrorKind.TIMEOUT, reason)
        if tls_error := causes.from_tls_text(self._socket_error):
            return tls_error
        if self._connected:
            return ConnectError(ConnectErrorKind.LOST, problem_text("session-lost", host=host))
        if self._broker.tls:
            # A broker that resets right after its TLS alert can make the alert itself unreadable.
            return ConnectError(ConnectErrorKind.OWN_REJECTED, problem_text("tls-closed-after", host=host))
        return ConnectError(ConnectErrorKind.LOST, problem_text("connect-closed-plain", host=host))

    def _on_connect(
        self, client: paho.Client, _: object, flags: object, reason: ReasonCode, limits: Properties | None
    ) -> None:
        if reason.value != 0:
            self._reason = reason.value
            return
        self._connected = True
        self._signals.put(
            self._session,
            Connected(
                receive_maximum=getattr(limits, "ReceiveMaximum", 65_535),
                maximum_packet_size=getattr(limits, "MaximumPacketSize", None),
                maximum_qos=getattr(limits, "MaximumQoS", 2),
                retains=bool(getattr(limits, "RetainAvailable", 1)),
            ),
        )

    def _on_publish(
        self, client: paho.Client, _: object, packet_id: int, reason: ReasonCode, props: object
    ) -> None:
        self._signals.put(self._session, PublishAcked(packet_id, reason.value))

    def _on_subscribe(
        self, client: paho.Client, _: object, packet_id: int, reasons: list[ReasonCode], props: object
    ) -> None:
        self._signals.put(self._session, Subscribed(tuple(reason.value for reason in reasons)))

    def _on_message(self, client: paho.Client, _: object, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            # Still reported, so that it is acknowledged: otherwise the broker sends it again and again.
            topic = ""
        properties = message.properties
        self._signals.put(
            self._session,
            MessageReceived(
                topic,
                bytes(message.payload),
                message.mid if message.qos else None,
                getattr(properties, "MessageExpiryInterval", None),
                tuple(getattr(properties, "UserProperty", ())),
                message.retain,
            ),
        )

    def _on_disconnect(
        self, client: paho.Client, _: object, flags: paho.DisconnectFlags, reason: ReasonCode, props: object
    ) -> None:
        if flags.is_disconnect_packet_from_server:
            self._reason = reason.value
        elif reason.getName() == "Keep alive timeout":
            self._silent = True

    def _store_error(self, line: str) -> None:
        self._socket_error = line

    def _on_socket_open(self, client: paho.Client, _: object, sock: object) -> None:
        # The one callback that raises, on the thread ``mqtt-connect``: the exception stops paho from sending
        # CONNECT. A later attempt may have a session by now, and the broker would end that session, because
        # both have the same client id.
        if self.closing.is_set():
            raise MqttError(f"{self._broker.host}: connected too late; the attempt was given up")

    def _on_socket_close(self, client: paho.Client, _: object, sock: object) -> None:
        self.count(sock)


class _ErrorsOnly(logging.Logger):
    """Receives paho's log. Only there paho says why a read failed, TLS alerts included.

    With ``on_log`` paho would format a line for every packet, properties included; a logger gets the
    arguments unformatted.
    """

    def __init__(self, store: Callable[[str], None]) -> None:
        super().__init__("paho")
        self._store = store

    def log(self, level: int, msg: object, *args: object, **more: object) -> None:
        if level >= logging.ERROR:
            self._store(str(msg) % args)


class ReportingClient(BoundedClient):
    """paho's client with a network thread whose end is always reported."""

    def __init__(self, client_id: str, callbacks: ConnectionCallbacks, maximum_packet_bytes: int) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=paho.MQTTv5,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        self.maximum_read_bytes = maximum_packet_bytes
        self._callbacks = callbacks
        callbacks.attach(self)

    def loop_forever(self, timeout: float = 1.0, retry_first_connection: bool = False) -> MQTTErrorCode:
        """Body of the thread that ``loop_start`` starts: report whatever ends it."""
        try:
            rc = super().loop_forever(NETWORK_TICK_S, retry_first_connection)
        except Exception as error:  # noqa: BLE001 - the top of a thread; reported as the connection's end
            self.close_socket()
            self._callbacks.network_died(error)
            return MQTTErrorCode.MQTT_ERR_UNKNOWN
        self.close_socket()
        self._callbacks.network_ended(rc)
        return rc

    def on_oversized(self, announced_bytes: int) -> None:
        self._callbacks.oversized(announced_bytes, self.maximum_read_bytes)

    def close_socket(self) -> None:
        """Close the socket: paho leaves it open after an exception."""
        sock = self.socket()
        if isinstance(sock, socket.socket):
            self._callbacks.count(sock)
            sock.close()
