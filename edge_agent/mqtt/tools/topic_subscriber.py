"""Subscribes at a broker for programs that follow many gateways: ``fleet``, ``simulate``, ``models
rollout``."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass

from paho.mqtt import client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.config.model.settings import Broker, Mqtt
from edge_agent.core.errors import MqttError
from edge_agent.mqtt import connect_errors as causes
from edge_agent.mqtt.tools.tool_client import REFUSED, connect, make_client

CONNECT_S = 15.0
MAX_WAITING = 50_000
AT_ONCE = 100
"""Topics of one SUBSCRIBE."""


@dataclass(frozen=True, slots=True)
class SubscribedMessage:
    topic: str
    payload: bytes
    retained: bool


class TopicSubscriber:
    """Connected while the ``with`` lasts, also after lost connections: each new one starts with all
    subscriptions.

    Raises MqttError when the first connection fails. ``dropped`` counts messages that came faster than they
    were received; the newest is dropped.
    """

    def __init__(self, broker: Broker, settings: Mqtt, client_id: str) -> None:
        self.dropped = 0
        self.connection_error: str | None = None  # why there is no connection now
        self.connected_mono: float | None = None
        self._broker = broker
        self._settings = settings
        self._messages: queue.Queue[SubscribedMessage] = queue.Queue(MAX_WAITING)
        self._changed = threading.Condition()  # protects what is below
        self._topics: dict[str, None] = {}
        self._unanswered: set[int] = set()  # SUBSCRIBEs without their SUBACK
        self._refused: set[str] = set()
        self._reason: int | None = None  # of the latest CONNACK
        self._client = self._make_client(client_id)

    def __enter__(self) -> TopicSubscriber:
        connect(self._client, self._broker, self._settings)
        with self._changed:
            answered = self._changed.wait_for(lambda: self._reason is not None, CONNECT_S)
            reason = self._reason
        if not answered or reason is None or reason >= REFUSED:
            self.__exit__()
            why = "it does not answer the sign-on" if reason is None else causes.from_reason_code(reason).text
            raise MqttError(f"{self._broker.host} does not let us in: {why}")
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def subscribe(self, *topics: str) -> None:
        """Subscribe to those ``topics`` that are not subscribed yet. Any thread may call it."""
        with self._changed:
            new = [topic for topic in topics if topic not in self._topics]
            self._topics.update(dict.fromkeys(new))
        self._send_subscribe(new)

    def send(self, topic: str, payload: bytes, expires_in_s: int) -> None:
        """Publish a command; without a connection it waits for the next one."""
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.MessageExpiryInterval = expires_in_s
        self._client.publish(topic, payload, qos=1, properties=properties)

    def wait_subscribed(self, timeout_s: float) -> bool:
        """Wait until the broker has answered all subscriptions."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._unanswered, timeout_s)

    @property
    def refused(self) -> bool:
        """Whether the broker refused a subscription."""
        with self._changed:
            return bool(self._refused)

    def receive(self, timeout_s: float) -> SubscribedMessage | None:
        """The next message; None when none came within ``timeout_s``."""
        try:
            return self._messages.get(timeout=max(0.0, timeout_s))
        except queue.Empty:
            return None

    def receive_all(self) -> list[SubscribedMessage]:
        """All messages that have arrived; does not wait."""
        found: list[SubscribedMessage] = []
        while (message := self._receive_nowait()) is not None:
            found.append(message)
        return found

    def _receive_nowait(self) -> SubscribedMessage | None:
        try:
            return self._messages.get_nowait()
        except queue.Empty:
            return None

    def _send_subscribe(self, topics: list[str]) -> None:
        if self.connected_mono is None:
            return  # the next connection subscribes
        for first in range(0, len(topics), AT_ONCE):
            with self._changed:  # the SUBACK comes on paho's thread, maybe before ``subscribe`` returns
                some = topics[first : first + AT_ONCE]
                _, packet_id = self._client.subscribe([(topic, 1) for topic in some])
                if packet_id is not None:
                    self._unanswered.add(packet_id)

    def _make_client(self, client_id: str) -> paho.Client:
        client = make_client(self._settings, client_id, connect_s=CONNECT_S, comes_back=True)
        client.reconnect_delay_set(1, 15)
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_subscribe, client.on_message = self._on_subscribe, self._on_message
        return client

    # --- paho's network thread ---

    def _on_connect(self, _: object, __: object, ___: object, reason: ReasonCode, ____: object) -> None:
        with self._changed:
            self._reason = reason.value
            self._unanswered.clear()
            if reason.value < REFUSED:
                self.connected_mono, self.connection_error = time.monotonic(), None
            else:
                self.connection_error = causes.from_reason_code(reason.value).text
            topics = list(self._topics)
            self._changed.notify_all()
        self._send_subscribe(topics)

    def _on_disconnect(self, _: object, __: object, ___: object, reason: ReasonCode, ____: object) -> None:
        with self._changed:
            self.connected_mono = None

            why = causes.from_reason_code(reason.value).text if reason.value >= REFUSED else ""
            self.connection_error = why or f"the connection to {self._broker.host} was lost"
            self._unanswered.clear()
            self._changed.notify_all()

    def _on_subscribe(
        self, _: object, __: object, packet_id: int, reasons: list[ReasonCode], ___: object
    ) -> None:
        with self._changed:
            self._unanswered.discard(packet_id)
            self._refused.update(str(reason) for reason in reasons if reason.value >= REFUSED)
            self._changed.notify_all()

    def _on_message(self, _: object, __: object, message: paho.MQTTMessage) -> None:
        try:
            received = SubscribedMessage(message.topic, bytes(message.payload), bool(message.retain))
            self._messages.put_nowait(received)
        except UnicodeDecodeError:
            return  # not one of our topics
        except queue.Full:
            self.dropped += 1
