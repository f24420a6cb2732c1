"""Tests how far a connection to a broker gets, and what the gateway may write there.

Used while no agent runs. The gateway's id is its client id, and a second client with that id would end the
running agent's session (MQTT 5.0, section 3.1.4). Another id does not help, because a broker may name a
client after its certificate whatever the client says (mosquitto's use_username_as_clientid). The gateway's
session is kept, and its waiting messages are not acknowledged, so that they are sent again. Nothing is
retained, and there is no will.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import time
from dataclasses import dataclass

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.config.model.settings import Broker, Mqtt
from edge_agent.core.errors import MqttError
from edge_agent.mqtt import connect_errors as causes
from edge_agent.mqtt.connect_errors import ConnectError
from edge_agent.mqtt.session.client import SESSION_EXPIRY_S
from edge_agent.mqtt.session.paho_client import BoundedClient
from edge_agent.mqtt.tls.tls import make_context

CONNECT_S = 4.0
"""For each address of the name, and again for the TLS handshake."""
ANSWER_S = 3.0
"""For CONNACK and each PUBACK."""
KEEPALIVE_S = 30
REFUSED = 0x80


@dataclass(frozen=True, slots=True)
class PublishRights:
    """What the broker answered to a message on each topic; None: no answer."""

    own: bool | None = None
    foreign: bool | None = None


class ConnectRefused(MqttError):
    """The broker refused the connection; ``reason`` is its code."""

    def __init__(self, reason: int) -> None:
        self.connect_error = causes.from_reason_code(reason)
        self.reason = reason
        super().__init__(self.connect_error.text)


def try_connection(broker: Broker, settings: Mqtt, clock_trusted: bool) -> ConnectError | None:
    """Test name, TCP and TLS with our certificate, and no more.

    Blocks up to twice ``CONNECT_S`` and as long as the resolver takes.
    """
    try:
        with socket.create_connection((broker.host, broker.port), CONNECT_S) as plain:
            if broker.tls:
                make_context(settings).wrap_socket(plain, server_hostname=broker.host).close()
    except (OSError, MqttError, ValueError) as error:
        return causes.from_exception(error, broker, clock_trusted)
    return None


def try_publish_rights(
    broker: Broker, settings: Mqtt, client_id: str, own: str, foreign: str
) -> PublishRights:
    """Send an empty message to each of the two topics, as the gateway.

    Blocks up to twice ``CONNECT_S`` and three times ``ANSWER_S``. Raises ConnectRefused, and MqttError for a
    connection that breaks.
    """
    answers: queue.SimpleQueue[_Answer] = queue.SimpleQueue()
    client = _client(settings, broker, client_id, answers)
    try:
        client.connect(
            broker.host,
            broker.port,
            keepalive=KEEPALIVE_S,
            clean_start=False,
            properties=_session(),
        )
    except (OSError, ValueError) as error:
        raise MqttError(causes.from_exception(error, broker, clock_trusted=True).text) from error
    client.loop_start()
    try:
        connected = _wait(answers, None)
        if connected is None:
            raise MqttError(f"{broker.host} does not answer the sign-on")
        if connected >= REFUSED:
            raise ConnectRefused(connected)
        allowed = _may_write(client, answers, own)
        return PublishRights(allowed, _may_write(client, answers, foreign) if allowed else None)
    finally:
        client.disconnect()
        client.loop_stop()
        _close(client)


@dataclass(frozen=True, slots=True)
class _Answer:
    packet_id: int | None  # None: of the connection
    reason: int


def _may_write(client: paho.Client, answers: queue.SimpleQueue[_Answer], topic: str) -> bool | None:
    packet_id = client.publish(topic, b"", qos=1).mid
    reason = _wait(answers, packet_id)
    return None if reason is None else reason < REFUSED


def _wait(answers: queue.SimpleQueue[_Answer], packet_id: int | None) -> int | None:
    """The reason code of that answer; None when none comes. A broker may disconnect a client that writes to a
    foreign topic: that counts as a refusal."""
    deadline = time.monotonic() + ANSWER_S
    with contextlib.suppress(queue.Empty):
        while True:
            answer = answers.get(timeout=max(0.0, deadline - time.monotonic()))
            if answer.packet_id == packet_id:
                return answer.reason
            if answer.packet_id is None:
                return max(answer.reason, REFUSED)
    return None


def _client(
    settings: Mqtt, broker: Broker, client_id: str, answers: queue.SimpleQueue[_Answer]
) -> paho.Client:
    client = BoundedClient(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        protocol=paho.MQTTv5,
        reconnect_on_failure=False,
        manual_ack=True,
    )
    client.connect_timeout = CONNECT_S

    def answered(client: paho.Client, _: object, __: object, reason: ReasonCode, ___: object) -> None:
        answers.put(_Answer(None, reason.value))

    def acked(client: paho.Client, _: object, packet_id: int, reason: ReasonCode, __: object) -> None:
        answers.put(_Answer(packet_id, reason.value))

    client.on_connect = answered
    client.on_disconnect = answered
    client.on_publish = acked
    if broker.tls:
        client.tls_set_context(make_context(settings))
    if settings.credentials is not None:
        client.username_pw_set(settings.credentials.username, settings.credentials.password.reveal())
    return client


def _session() -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = SESSION_EXPIRY_S
    return properties


def _close(client: paho.Client) -> None:
    """Close the socket: paho leaves it open after an exception."""
    sock = client.socket()
    if isinstance(sock, socket.socket):
        sock.close()
