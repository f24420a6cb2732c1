"""A publisher for tests whose subject is not its surroundings."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from edge_agent.config.model.settings import Mqtt
from edge_agent.core.clock import Clock
from edge_agent.mqtt.publisher.publisher import Publisher
from edge_agent.mqtt.publisher.sender import OutboxPort
from edge_agent.uplink.usage import DataUsage
from edge_agent.wire.topics import GatewayTopics


def make_publisher(
    mqtt: Mqtt, topics: GatewayTopics, outbox: OutboxPort, clock: Clock, folder: Path, **more: Any
) -> Publisher:
    """Trusts the clock, and ignores messages of the centre; ``more``: arguments of ``Publisher``."""
    usual: dict[str, Any] = {
        "usage": DataUsage(folder / "usage.json", ZoneInfo("UTC"), clock, lambda: True),
        "birth": lambda session: b"{}",
        "on_down": lambda message: None,
        "clock_trusted": lambda: True,
    }
    return Publisher(mqtt, topics, outbox, clock=clock, **(usual | more))
