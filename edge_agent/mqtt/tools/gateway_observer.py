"""Receives everything that one gateway publishes, and sends it commands: for ``edge-agent conformance``."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.config.model.settings import Broker, Mqtt
from edge_agent.core.errors import MqttError
from edge_agent.mqtt import connect_errors as causes
from edge_agent.mqtt.session.paho_client import BoundedClient
from edge_agent.mqtt.tls.tls import make_context
from edge_agent.wire.topics import GatewayTopics

CONNECT_S = 15.0
REFUSED = 0x80


@dataclass(frozen=True, slots=True)
class ObservedMessage:
    """A message as it was received; ``at_mono`` is when."""

    topic: str  # below ``up/``
    payload: bytes
    qos: int
    retained: bool
    content_type: str | None
    properties: dict[str, str]
    at_mono: float


class GatewayObserver:
    """Connected while the ``with`` lasts. Raises MqttError for everything that the broker does not allow."""

    def __init__(self, broker: Broker, settings: Mqtt, topics: GatewayTopics, client_id: str) -> None:
        self._broker = broker
        self._settings = settings
        self._topics = topics
        self._changed = threading.Condition()  # protects what is below
        self._messages: list[ObservedMessage] = []
        self._reasons: dict[str, int] = {}  # the broker's answer to each request
        self._client = self._make_client(client_id)

    def __enter__(self) -> GatewayObserver:
        try:
            if self._broker.tls:
                self._client.tls_set_context(make_context(self._settings))
            self._client.connect(self._broker.host, self._broker.port, keepalive=30)
        except (OSError, ValueError, MqttError) as error:
            raise MqttError(causes.from_exception(error, self._broker, clock_trusted=True).text) from error
        self._client.loop_start()
        self._require_allowed("connect")
        self._client.subscribe(self._topics.all_up, 1)
        self._require_allowed("subscribe")
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def messages(self) -> list[ObservedMessage]:
        with self._changed:
            return list(self._messages)

    def wait_until(self, until: Callable[[list[ObservedMessage]], bool], within_s: float) -> bool:
        """Wait until ``until`` holds for the received messages, checked with every message; False after the
        timeout."""
        with self._changed:
            return self._changed.wait_for(lambda: until(self._messages), within_s)

    def send(self, type_: str, payload: bytes) -> int:
        """Publish a command and return the broker's reason code; 0x80 and above: the broker refuses it."""
        with self._changed:
            self._reasons.pop("publish", None)
        self._client.publish(self._topics.command(type_), payload, qos=1)
        return self._reason("publish")

    def _require_allowed(self, what: str) -> None:
        reason = self._reason(what)
        if reason >= REFUSED:
            text = causes.from_reason_code(reason).text
            raise MqttError(f"{self._broker.host} does not let us {what}: {text} (reason 0x{reason:02x})")

    def _reason(self, what: str) -> int:
        with self._changed:
            if not self._changed.wait_for(lambda: what in self._reasons, CONNECT_S):
                raise MqttError(f"{self._broker.host} does not answer: {what} took {CONNECT_S:.0f} s")
            return self._reasons[what]

    def _record_reason(self, what: str, reason: int) -> None:
        with self._changed:
            self._reasons[what] = reason
            self._changed.notify_all()

    def _make_client(self, client_id: str) -> paho.Client:
        client = BoundedClient(
            CallbackAPIVersion.VERSION2, client_id=client_id, protocol=paho.MQTTv5, reconnect_on_failure=False
        )
        client.connect_timeout = CONNECT_S

        def on_connect(_: object, __: object, ___: object, reason: ReasonCode, ____: object) -> None:
            self._record_reason("connect", reason.value)

        def on_subscribe(_: object, __: object, ___: int, reasons: list[ReasonCode], ____: object) -> None:
            self._record_reason("subscribe", reasons[0].value)

        def on_publish(_: object, __: object, ___: int, reason: ReasonCode, ____: object) -> None:
            self._record_reason("publish", reason.value)

        client.on_connect, client.on_subscribe, client.on_publish = on_connect, on_subscribe, on_publish
        client.on_message = self._on_message
        if (credentials := self._settings.credentials) is not None:
            client.username_pw_set(credentials.username, credentials.password.reveal())
        return client

    def _on_message(self, client: paho.Client, _: object, message: paho.MQTTMessage) -> None:
        below = message.topic.removeprefix(self._topics.all_up.removesuffix("#"))
        properties = dict(getattr(message.properties, "UserProperty", []))
        content_type = getattr(message.properties, "ContentType", None)
        observed = ObservedMessage(
            below,
            bytes(message.payload),
            message.qos,
            message.retain,
            content_type,
            properties,
            time.monotonic(),
        )
        with self._changed:
            self._messages.append(observed)
            self._changed.notify_all()
