"""What somebody at the console has asked of gateways: sent as commands, and answered by their replies.

The console writes a row (``edge_central/console/requests.py``), the ingest sends it: only the ingest has a
session with the broker, and whoever takes over the console cannot order gateways about.

Asks a gateway for its birth where the centre has none, or one of an earlier session.

Retained births come with the subscription at most brokers, but nothing may depend on that; and a broker that
was killed has forgotten them.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, bindparam, or_, select, update

from edge_agent.core.clock import Clock, rfc3339
from edge_agent.mqtt.session.client import MqttMessage
from edge_agent.wire.received.messages import ReplyMessage
from edge_agent.wire.topics import CentralTopics
from edge_central.ingest.documents import CommandDocument, message
from edge_central.store import tables
from edge_central.store.fleet_state import GatewayRecord

log = logging.getLogger(__name__)

EXPIRES_S = 300
"""A gateway that comes back later does not do what somebody wanted long ago."""
SILENT_MS = 900_000
"""After this long without a last word nobody waits any more."""
UNFINISHED = ("asked", "sent", "accepted", "running")
MOST_AT_ONCE = 50
ALLOWED_TYPES = frozenset(("clip",))
"""Whoever takes the console over can write rows, and orders nothing else by them."""

_ANSWERED = (
    update(tables.request)
    .where(
        tables.request.c.id == bindparam("of"),
        tables.request.c.gateway == bindparam("by"),
        # Not ``in_``: it is spread out when it is executed, and that is refused for several rows at once.
        or_(*(tables.request.c.status == each for each in UNFINISHED)),
    )
    .values(status=bindparam("now"), words=bindparam("why"), answered_ms=bindparam("at"))
)


class RequestSender:
    """One thread uses it."""

    def __init__(self, topics: CentralTopics, wards: Collection[str], clock: Clock) -> None:
        self._topics = topics
        self._wards = sorted(wards)
        self._clock = clock

    def has_waiting(self, connection: Connection) -> bool:
        columns = tables.request.c
        mine = columns.ward.in_(self._wards)
        found = select(columns.id).where(columns.status == "asked", mine).limit(1)
        return connection.scalar(found) is not None

    def send(self, connection: Connection) -> list[MqttMessage]:
        """What is to be published once this transaction is committed; what is too old is not."""
        columns, now_ms = tables.request.c, self._now_ms()
        asked = select(tables.request).where(columns.status == "asked", columns.ward.in_(self._wards))
        messages: list[MqttMessage] = []
        for row in connection.execute(asked.order_by(columns.asked_ms).limit(MOST_AT_ONCE)).all():
            late = now_ms - row.asked_ms > EXPIRES_S * 1000
            if row.type not in ALLOWED_TYPES:
                log.error(
                    "%s: %s is a %s, which no console asks for: it is not sent", row.gateway, row.id, row.type
                )
                late = True
            if not late:
                messages.append(self._command(row.id, row.type, row.gateway, row.ward, row.args))
                log.info("%s: %s for %s asks for %s", row.gateway, row.id, row.asked_by, row.type)
            connection.execute(
                update(tables.request)
                .where(columns.id == row.id)
                .values(status="expired" if late else "sent", sent_ms=None if late else now_ms)
            )
        return messages

    def expire(self, connection: Connection) -> None:
        """On those that nobody has answered."""
        columns = tables.request.c
        old = columns.asked_ms < self._now_ms() - SILENT_MS
        silent = update(tables.request).where(columns.status.in_(UNFINISHED), old)
        connection.execute(silent.values(status="expired"))

    def _command(self, id: str, type: str, gateway: str, ward: str, args: str) -> MqttMessage:
        now = self._clock.now()
        command = CommandDocument(
            id=id,
            type=type,
            gateway=gateway,
            issued=rfc3339(now),
            expires=rfc3339(now + timedelta(seconds=EXPIRES_S)),
            args=json.loads(args),
        )
        return message(self._topics.command(ward, gateway, type), command, expiry_s=EXPIRES_S)

    def _now_ms(self) -> int:
        return round(self._clock.now().timestamp() * 1000)


def record_replies(connection: Connection, replies: Sequence[ReplyMessage], now_ms: int) -> None:
    """Of our own requests; of other commands nothing is kept. A late word does not undo the last one."""
    if replies:
        rows = [
            {"of": each.command, "by": each.gateway, "now": each.status, "why": each.text, "at": now_ms}
            for each in replies
        ]
        connection.execute(_ANSWERED, rows)


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
