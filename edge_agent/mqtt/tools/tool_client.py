"""The MQTT client of a program that a person runs: it connects at once or says why.

``CommandClient`` sends one command and reads what the gateway answers: the other end of
``mqtt/publisher/publisher.py``.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from dataclasses import dataclass

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.config.model.settings import Broker, Mqtt
from edge_agent.core.errors import MqttError
from edge_agent.mqtt import connect_errors as causes
from edge_agent.mqtt.publisher.window import NO_SUBSCRIBER
from edge_agent.mqtt.session.paho_client import BoundedClient
from edge_agent.mqtt.tls.tls import make_context
from edge_agent.wire.topics import GatewayTopics

KEEPALIVE_S = 30
REFUSED = 0x80
"""Reason codes from here on are refusals."""


def make_client(settings: Mqtt, client_id: str, *, connect_s: float, comes_back: bool) -> paho.Client:
    """``comes_back``: paho reconnects by itself after a loss."""
    client = BoundedClient(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        protocol=paho.MQTTv5,
        reconnect_on_failure=comes_back,
    )
    client.connect_timeout = connect_s
    if (credentials := settings.credentials) is not None:
        client.username_pw_set(credentials.username, credentials.password.reveal())
    return client


def connect(client: paho.Client, broker: Broker, settings: Mqtt) -> None:
    """Connect and start paho's thread; the broker's answer arrives at ``on_connect``. Raises MqttError."""
    try:
        if broker.tls:
            client.tls_set_context(make_context(settings))
        client.connect(broker.host, broker.port, keepalive=KEEPALIVE_S)
    except (OSError, ValueError, MqttError) as error:
        raise MqttError(causes.from_exception(error, broker, clock_trusted=True).text) from error
    client.loop_start()


CONNECT_S = 10.0


@dataclass(frozen=True, slots=True)
class _BrokerAnswer:
    """``what``: connected, subscribed, published, reply or gone."""

    what: str
    reason: int = 0
    payload: bytes = b""


class CommandClient:
    """Connected while the ``with`` lasts. Raises MqttError for everything that the broker does not allow."""

    def __init__(self, broker: Broker, settings: Mqtt, topics: GatewayTopics, client_id: str) -> None:
        self._broker = broker
        self._settings = settings
        self._topics = topics
        self._answers: queue.SimpleQueue[_BrokerAnswer] = queue.SimpleQueue()
        self._client = self._make_client(client_id)

    def __enter__(self) -> CommandClient:
        connect(self._client, self._broker, self._settings)
        self._wait_for("connected")
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def send(self, type_: str, id_: str, payload: bytes, expires_in_s: int) -> bool:
        """Subscribe to the replies, then publish the command. False: no gateway at this broker receives
        it."""
        self._client.subscribe(self._topics.reply(id_), 1)
        self._wait_for("subscribed")
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.MessageExpiryInterval = expires_in_s
        self._client.publish(self._topics.command(type_), payload, qos=1, properties=properties)
        return self._wait_for("published") != NO_SUBSCRIBER

    def replies(self, within_s: float) -> Iterator[bytes]:
        """The replies as they arrive; ends when none has arrived for ``within_s``."""
        while True:
            try:
                answer = self._answers.get(timeout=within_s)
            except queue.Empty:
                return
            if answer.what == "gone":
                reason = causes.from_reason_code(answer.reason).text
                raise MqttError(f"{self._broker.host} has closed the connection: {reason}")
            if answer.what == "reply":
                yield answer.payload

    def _wait_for(self, what: str) -> int:
        """Wait for the broker's answer and return its reason code."""
        others: list[_BrokerAnswer] = []
        deadline = time.monotonic() + CONNECT_S
        try:
            while True:
                answer = self._answers.get(timeout=max(0.0, deadline - time.monotonic()))
                if answer.what == "gone" or (answer.what == what and answer.reason >= REFUSED):
                    text = causes.from_reason_code(answer.reason).text
                    raise MqttError(
                        f"{self._broker.host} does not let us: {text} (reason 0x{answer.reason:02x})"
                    )
                if answer.what == what:
                    return answer.reason
                others.append(answer)
        except queue.Empty:
            raise MqttError(
                f"{self._broker.host} does not answer: not {what} within {CONNECT_S:.0f} s"
            ) from None
        finally:
            for each in others:  # a reply may be faster than the PUBACK
                self._answers.put(each)

    def _make_client(self, client_id: str) -> paho.Client:
        client = make_client(self._settings, client_id, connect_s=CONNECT_S, comes_back=False)

        def on_connect(_: object, __: object, ___: object, reason: ReasonCode, ____: object) -> None:
            self._answers.put(_BrokerAnswer("connected", reason.value))

        def on_disconnect(_: object, __: object, ___: object, reason: ReasonCode, ____: object) -> None:
            self._answers.put(_BrokerAnswer("gone", reason.value))

        def on_subscribe(_: object, __: object, ___: int, reasons: list[ReasonCode], ____: object) -> None:
            self._answers.put(_BrokerAnswer("subscribed", reasons[0].value))

        def on_publish(_: object, __: object, ___: int, reason: ReasonCode, ____: object) -> None:
            self._answers.put(_BrokerAnswer("published", reason.value))

        def on_message(_: object, __: object, message: paho.MQTTMessage) -> None:
            self._answers.put(_BrokerAnswer("reply", payload=bytes(message.payload)))

        client.on_connect, client.on_disconnect = on_connect, on_disconnect
        client.on_subscribe, client.on_publish, client.on_message = on_subscribe, on_publish, on_message
        return client
