"""A subscriber that records when each message came."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as paho

from tests.testbed.mosquitto import Subscriber


@dataclass(frozen=True, slots=True)
class Arrival:
    """One JSON message of a gateway: what follows ``up/`` in its topic, when it came, and its document."""

    gateway: str
    topic: str
    mono: float
    document: dict[str, Any]


class Watch(Subscriber):
    def __init__(self, port: int) -> None:
        super().__init__(port, "tb/v1/#")
        self._came_mono: list[float] = []

    def arrivals(self, topic: str) -> list[Arrival]:
        """Messages on topics that begin with ``up/`` and the prefix, in order."""
        found = []
        for mono, message in zip(list(self._came_mono), self.messages, strict=False):
            _, _, _, gateway, _, rest = message.topic.split("/", 5)
            if rest.startswith(topic):
                found.append(Arrival(gateway, rest, mono, json.loads(message.payload)))
        return found

    def _on_message(self, client: paho.Client, data: object, message: paho.MQTTMessage) -> None:
        self._came_mono.append(time.monotonic())
        super()._on_message(client, data, message)
