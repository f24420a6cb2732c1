"""Asks a gateway for its birth where the centre has none, or one of an earlier session.

Retained births come with the subscription at most brokers, but nothing may depend on that; and a broker that
was killed has forgotten them.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from edge_agent.core.clock import Clock, rfc3339
from edge_agent.mqtt.session.client import MqttMessage
from edge_agent.wire.central_topics import CentralTopics
from edge_central.ingest.documents import CommandDocument, message
from edge_central.store.fleet_state import GatewayRecord

SETTLE_S = 15.0
"""After a connect, what is retained is still arriving."""
FIRST_S, LONGEST_S = 60.0, 3_600.0
"""Between two requests to one gateway, doubling: one that does not know the command answers nothing."""
BIRTH_REQUEST_EXPIRES_S = 300


@dataclass(slots=True)
class _PendingBirthRequest:
    again_mono: float
    delay_s: float


class BirthRequests:
    def __init__(self, topics: CentralTopics, clock: Clock, settle_s: float | None = None) -> None:
        self._topics = topics
        self._clock = clock
        self._settle_s = SETTLE_S if settle_s is None else settle_s
        self._pending: dict[str, _PendingBirthRequest] = {}
        self._doubted: dict[str, str | None] = {}

    def on_birth(self, gateway: str) -> None:
        """Its birth is here."""
        self._pending.pop(gateway, None)
        self._doubted.pop(gateway, None)

    def on_heartbeat(
        self, gateway: GatewayRecord, online_s: float, send: Callable[[MqttMessage], None]
    ) -> None:
        """It has sent a heartbeat; ``online_s``: how long our session lasts."""
        if gateway.birth_session == gateway.heartbeat_session or online_s < self._settle_s:
            return
        if gateway.birth_session is not None and self._doubted.get(gateway.id) != gateway.heartbeat_session:
            # A heartbeat may overtake the birth, or have been made just before a reconnect.
            self._doubted[gateway.id] = gateway.heartbeat_session
            return
        now = self._clock.monotonic()
        asked = self._pending.get(gateway.id)
        if asked is not None and now < asked.again_mono:
            return
        delay_s = FIRST_S if asked is None else min(LONGEST_S, asked.delay_s * 2)
        self._pending[gateway.id] = _PendingBirthRequest(now + delay_s, delay_s)
        send(self._command(gateway))

    def _command(self, gateway: GatewayRecord) -> MqttMessage:
        now = self._clock.now()
        command = CommandDocument(
            id=f"rebirth-{secrets.token_hex(8)}",
            type="rebirth",
            gateway=gateway.id,
            issued=rfc3339(now),
            expires=rfc3339(now + timedelta(seconds=BIRTH_REQUEST_EXPIRES_S)),
            args={},
        )
        topic = self._topics.command(gateway.ward, gateway.id, command.type)
        return message(topic, command, expiry_s=BIRTH_REQUEST_EXPIRES_S)
