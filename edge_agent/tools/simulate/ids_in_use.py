"""Checks whether real gateways use the ids of the simulated ones at this broker. Nothing is sent before this
check."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from edge_agent.config.model.settings import Broker, Mqtt
from edge_agent.core.errors import MqttError
from edge_agent.mqtt.tools.tool_client import ToolClient
from edge_agent.tools.simulate.generators.health_generator import SIMULATED
from edge_agent.tools.simulate.scenario import SimulatedSite
from edge_agent.wire.topics import GatewayTopics

QUIET_S = 1.0
"""Retained messages follow a subscription at once; after such a pause there are no more."""
MAX_S = 60.0
T = TypeVar("T")


class IdsInUse(MqttError):
    """Another gateway has published under one of these ids."""


class _Birth(msgspec.Struct):
    profile: str = ""


class _State(msgspec.Struct):
    state: str = ""


def refuse_ids_in_use(broker: Broker, mqtt: Mqtt, sites: Sequence[SimulatedSite]) -> None:
    """Raise IdsInUse for ids in use, and MqttError when this cannot be checked.

    Subscribes to each gateway's exact topic: not every broker sends retained messages for a wildcard.
    """
    topics = {}
    for site in sites:
        names = GatewayTopics(mqtt.root, site.ward, site.id)
        topics[names.state], topics[names.birth] = site.id, site.id
    births: dict[str, str] = {}
    states: dict[str, str] = {}
    deadline = time.monotonic() + MAX_S
    with ToolClient(broker, mqtt, f"{SIMULATED}-{secrets.token_hex(6)}", reconnects=True) as listening:
        listening.subscribe(*topics)
        if not listening.wait_subscribed(MAX_S) or listening.refused:
            raise MqttError(
                f"{broker.host} does not let us look whether real gateways have these ids; nothing was sent"
            )
        while time.monotonic() < deadline and (message := listening.receive(QUIET_S)) is not None:
            gateway = topics.get(message.topic)
            if gateway is None or not message.payload:
                continue
            if message.topic.endswith("/birth"):
                births[gateway] = _decoded(message.payload, _Birth).profile
            else:
                states[gateway] = _decoded(message.payload, _State).state
    _judge(births, states)


def _judge(births: dict[str, str], states: dict[str, str]) -> None:
    real = sorted(gateway for gateway in {*births, *states} if births.get(gateway) != SIMULATED)
    if real:
        raise IdsInUse(
            f"{len(real)} real gateways have reported under these ids ({', '.join(real[:5])} …); "
            "nothing was sent. Choose another prefix, or another broker"
        )
    running = sorted(gateway for gateway, state in states.items() if state == "online")
    if running:
        raise IdsInUse(
            f"{len(running)} of these gateways are online ({', '.join(running[:5])} …): another "
            "simulation runs here; nothing was sent"
        )


def _decoded(payload: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return kind()
