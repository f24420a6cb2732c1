"""JSON documents that the centre publishes: its state, presence, outages, commands."""

from __future__ import annotations

from typing import Literal

import msgspec

from edge_agent.mqtt.session.client import MqttMessage

ACK_EXPIRY_S = 300
"""A gateway that was away longer has already queued its events again, and resends them."""


CentralStateKind = Literal["online", "degraded", "stopped", "offline"]


class CentralState(msgspec.Struct, frozen=True, kw_only=True):
    """Retained at ``tb/v1/central/state``. ``degraded``: connected, but nothing can be stored or
    confirmed."""

    schema: Literal["central-state/1"] = "central-state/1"
    state: CentralStateKind
    session: str
    time: str
    reason: str
    version: str


class PresenceDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Retained: whether a gateway is there. Published once for each change that lasts."""

    schema: Literal["central-presence/1"] = "central-presence/1"
    gateway: str
    ward: str
    state: Literal["online", "offline", "stopped", "unstable"]
    since: str
    why: str


class OutageDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Many gateways of a ward went at once. Retained while the outage lasts, then cleared."""

    schema: Literal["central-outage/1"] = "central-outage/1"
    ward: str
    since: str
    gateways: list[str]
    of: int


class CommandDocument(msgspec.Struct, frozen=True, kw_only=True):
    """``down/cmd/<type>``, see docs/design/commands.md."""

    id: str
    type: str
    gateway: str
    issued: str
    expires: str
    args: dict[str, str]


def message(
    topic: str, document: msgspec.Struct, *, retain: bool = False, expiry_s: int | None = None
) -> MqttMessage:
    return MqttMessage(topic, msgspec.json.encode(document), retain=retain, expiry_s=expiry_s)
