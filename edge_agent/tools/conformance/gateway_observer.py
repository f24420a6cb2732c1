"""Receives everything that one gateway publishes, and sends it commands."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import replace

from edge_agent.config.model.settings import Broker, Mqtt
from edge_agent.mqtt.tools.tool_client import ConnectionClosed, SubscribedMessage, ToolClient
from edge_agent.wire.topics import GatewayTopics


class GatewayObserver:
    """Connected while the ``with`` lasts. Raises MqttError for everything that the broker does not allow."""

    def __init__(self, broker: Broker, settings: Mqtt, topics: GatewayTopics, client_id: str) -> None:
        self._topics = topics
        self._client = ToolClient(broker, settings, client_id)
        self._messages: list[SubscribedMessage] = []

    def __enter__(self) -> GatewayObserver:
        self._client.__enter__()
        try:
            self._client.subscribe(self._topics.all_up)
            self._client.require_subscribed()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._client.__exit__()

    @property
    def messages(self) -> list[SubscribedMessage]:
        """All messages so far, with the part of their topic below ``up/``."""
        for message in self._client.receive_all():
            self._add(message)
        return list(self._messages)

    def wait_until(self, until: Callable[[list[SubscribedMessage]], bool], within_s: float) -> bool:
        """Wait until ``until`` holds for the received messages, checked with every message; False after the
        timeout or the
        end of the connection."""
        deadline = time.monotonic() + within_s
        with contextlib.suppress(ConnectionClosed):
            while not until(self._messages):
                message = self._client.receive(deadline - time.monotonic())
                if message is None:
                    return False
                self._add(message)
            return True
        return False

    def send(self, type_: str, payload: bytes) -> int:
        """Publish a command and return the broker's reason code; 0x80 and above: the broker refuses it."""
        return self._client.publish(self._topics.command(type_), payload)

    def _add(self, message: SubscribedMessage) -> None:
        below = message.topic.removeprefix(self._topics.all_up.removesuffix("#"))
        self._messages.append(replace(message, topic=below))
