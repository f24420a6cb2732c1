"""paho's callbacks and its network thread: what happens on a connection becomes a signal.

See ``client.py``, which is all that uses it.

paho's client with a limit on the packets that it reads; every MQTT client of the agent derives from it.
"""

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

MAXIMUM_READ_BYTES = 16_777_216
"""Of one packet, where nothing smaller is agreed: far more than any message of a gateway or a centre."""


class BoundedClient(paho.Client):
    """Ends the connection before it reads a packet that is too large.

    The Maximum Packet Size of MQTT 5 only asks the broker to comply. A hostile one may announce 256 MB, and
    paho allocates as much as a packet announces.
    """

    maximum_read_bytes = MAXIMUM_READ_BYTES

    def _sock_recv(self, bufsize: int) -> bytes:
        # paho asks for one byte at a time, but for the body of a packet: then for all that was announced.
        if bufsize > self.maximum_read_bytes:
            self.on_oversized(bufsize)
            raise ConnectionAbortedError(f"a packet of {bufsize} bytes is not read")
        received: bytes = super()._sock_recv(bufsize)
        return received

    def on_oversized(self, announced_bytes: int) -> None:
        """A packet was announced that is too large; the connection ends now. On paho's thread."""


log = logging.getLogger(__name__)

KEEPALIVE_S = 60
"""A silent link is given up after twice this, and the broker sends our will after 1.5 times this. Mobile
networks forget an idle mapping after a few minutes at the earliest; the heartbeat is more frequent anyway."""

NETWORK_TICK_S = 5.0
"""paho's thread looks at the keepalive this often; its default of 1 s costs five times the idle CPU."""


class ConnectionCallbacks:
    """paho's callbacks: they run on its network thread, only enqueue and, but for one, never raise.

    Knows neither the client nor the connection: without a reference cycle paho's sockets are closed
    when the last user lets go, not when the garbage collector comes round.
    """

    def __init__(self, broker: Broker, session: str, inbox: SignalQueue) -> None:
        self.closing = threading.Event()  # our side does not want to hear of it any more
        self.over = threading.Event()  # no more I/O on this connection
        self.traffic = Traffic(0, 0)
        self._broker = broker
        self._session = session
        self._signals = inbox
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

    def end(self, trouble: ConnectError) -> None:
        try:
            if not self.closing.is_set():
                self._signals.put(self._session, ConnectionEnded(trouble, self._reason))
        finally:
            self.over.set()

    def network_ended(self, rc: MQTTErrorCode) -> None:
        """The network thread is about to end in the usual way."""
        if rc == MQTTErrorCode.MQTT_ERR_PROTOCOL:
            self._malformed = True
        self.end(self._connect_error())

    def oversized(self, announced_bytes: int, most_bytes: int) -> None:
        self._oversized = f"a packet of {announced_bytes} bytes, where at most {most_bytes} are allowed"

    def network_died(self, error: Exception) -> None:
        """The network thread is about to end of an exception."""
        kind = type(error).__name__
        log.error("mqtt: the network thread died of %s: %s; reconnecting", kind, error)
        self.end(ConnectError(ConnectErrorKind.LOST, f"the network thread died of {kind}: {error}"))

    def _connect_error(self) -> ConnectError:
        host = self._broker.host
        if self._reason is not None:
            return causes.from_reason_code(self._reason)
        if self._oversized:
            return ConnectError(ConnectErrorKind.PROTOCOL, f"{host} sent {self._oversized}: it is not read")
        if self._malformed:
            return ConnectError(ConnectErrorKind.PROTOCOL, f"{host} sent what is not MQTT 5")
        if self._silent:
            return ConnectError(ConnectErrorKind.TIMEOUT, f"{host} has been silent for {2 * KEEPALIVE_S} s")
        if told := causes.from_tls_text(self._socket_error):
            return told
        if self._connected:
            return ConnectError(ConnectErrorKind.LOST, f"the connection to {host} was lost")
        if self._broker.tls:
            # A broker that resets right after its TLS alert can make the alert itself unreadable.
            return ConnectError(
                ConnectErrorKind.OWN_REJECTED,
                f"{host} closed the connection right after the TLS handshake: it may not accept our "
                "certificate (mqtt.cert_file)",
            )
        return ConnectError(
            ConnectErrorKind.LOST,
            f"{host} closed the connection during sign-on: does that port speak MQTT without TLS?",
        )

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
            # To be acknowledged all the same, or it comes again and again.
            topic = ""
        known = message.properties
        self._signals.put(
            self._session,
            MessageReceived(
                topic,
                bytes(message.payload),
                message.mid if message.qos else None,
                getattr(known, "MessageExpiryInterval", None),
                tuple(getattr(known, "UserProperty", ())),
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
        # The one callback that raises, on the thread ``mqtt-connect``: it keeps paho from sending CONNECT.
        # A later attempt may have a session by now, and the broker would end it for the same client id.
        if self.closing.is_set():
            raise MqttError(f"{self._broker.host}: too late, given up before it was connected")

    def _on_socket_close(self, client: paho.Client, _: object, sock: object) -> None:
        self.count(sock)


class _ErrorsOnly(logging.Logger):
    """paho tells why a read failed, TLS alerts included, nowhere but in its log. For ``on_log`` it would make
    a line of every packet, properties and all; a logger is asked first."""

    def __init__(self, keep: Callable[[str], None]) -> None:
        super().__init__("paho")
        self._keep = keep

    def log(self, level: int, msg: object, *args: object, **more: object) -> None:
        if level >= logging.ERROR:
            self._keep(str(msg) % args)


class ReportingClient(BoundedClient):
    """paho's client with a network thread that cannot die unnoticed."""

    def __init__(self, client_id: str, listener: ConnectionCallbacks, maximum_packet_bytes: int) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=paho.MQTTv5,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        self.maximum_read_bytes = maximum_packet_bytes
        self._listener = listener
        listener.attach(self)

    def loop_forever(self, timeout: float = 1.0, retry_first_connection: bool = False) -> MQTTErrorCode:
        """Body of the thread that ``loop_start`` starts: whatever ends it is reported."""
        try:
            rc = super().loop_forever(NETWORK_TICK_S, retry_first_connection)
        except Exception as error:  # noqa: BLE001 - the top of a thread; reported as the connection's end
            self.close_socket()
            self._listener.network_died(error)
            return MQTTErrorCode.MQTT_ERR_UNKNOWN
        self.close_socket()
        self._listener.network_ended(rc)
        return rc

    def on_oversized(self, announced_bytes: int) -> None:
        self._listener.oversized(announced_bytes, self.maximum_read_bytes)

    def close_socket(self) -> None:
        """paho leaves it open after an exception."""
        sock = self.socket()
        if isinstance(sock, socket.socket):
            self._listener.count(sock)
            sock.close()
