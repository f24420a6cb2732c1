"""Commands that the centre sends to gateways: requests of the console, and requests for a birth.

The console only writes a row (``edge_central/console/requests.py``); the ingest sends it, because only the
ingest has a broker session. So an attacker who takes over the console cannot send any other command.

The centre requests a birth when it has none of the gateway's current session. Most brokers deliver retained
births with the subscription, but a broker that was killed has lost them.
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
"""A gateway that was away longer must not run an old request."""
SILENT_MS = 900_000
"""A request without a final reply after this time counts as expired."""
UNFINISHED = ("asked", "sent", "accepted", "running")
MAX_AT_ONCE = 50
ALLOWED_TYPES = frozenset(("clip",))
"""An attacker who takes over the console can write rows, but only these types are sent."""

_ANSWERED = (
    update(tables.request)
    .where(
        tables.request.c.id == bindparam("of"),
        tables.request.c.gateway == bindparam("by"),
        # Not ``in_``: SQLAlchemy expands it at execution, and refuses that in an executemany.
        or_(*(tables.request.c.status == each for each in UNFINISHED)),
    )
    .values(status=bindparam("now"), words=bindparam("why"), answered_ms=bindparam("at"))
)


class RequestSender:
    """Sends the console's requests as commands. Not thread-safe."""

    def __init__(self, topics: CentralTopics, wards: Collection[str], clock: Clock) -> None:
        self._topics = topics
        self._wards = sorted(wards)
        self._clock = clock

    def has_waiting(self, connection: Connection) -> bool:
        columns = tables.request.c
        own_wards = columns.ward.in_(self._wards)
        found = select(columns.id).where(columns.status == "asked", own_wards).limit(1)
        return connection.scalar(found) is not None

    def send(self, connection: Connection) -> list[MqttMessage]:
        """Mark the waiting requests as sent or expired. Return the commands to publish after the commit."""
        columns, now_ms = tables.request.c, self._now_ms()
        waiting = select(tables.request).where(columns.status == "asked", columns.ward.in_(self._wards))
        messages: list[MqttMessage] = []
        for row in connection.execute(waiting.order_by(columns.asked_ms).limit(MAX_AT_ONCE)).all():
            expired = now_ms - row.asked_ms > EXPIRES_S * 1000
            if row.type not in ALLOWED_TYPES:
                log.error(
                    "%s: request %s has type %s, which is not allowed; it is not sent",
                    row.gateway,
                    row.id,
                    row.type,
                )
                expired = True
            if not expired:
                messages.append(self._command(row.id, row.type, row.gateway, row.ward, row.args))
                log.info("%s: sent %s %s, requested by %s", row.gateway, row.type, row.id, row.asked_by)
            connection.execute(
                update(tables.request)
                .where(columns.id == row.id)
                .values(status="expired" if expired else "sent", sent_ms=None if expired else now_ms)
            )
        return messages

    def expire(self, connection: Connection) -> None:
        """Mark the requests without a final reply as expired."""
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
    """Record replies to the console's requests; others are ignored. A late reply does not replace the
    final one."""
    if replies:
        rows = [
            {"of": each.command, "by": each.gateway, "now": each.status, "why": each.text, "at": now_ms}
            for each in replies
        ]
        connection.execute(_ANSWERED, rows)


SETTLE_S = 15.0
"""After a connect, retained births are still arriving for this time."""
FIRST_S, MAX_S = 60.0, 3_600.0
"""Delay between two requests to one gateway, doubled each time: a gateway that does not know the command
never answers."""
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
        """The gateway's birth has arrived."""
        self._pending.pop(gateway, None)
        self._doubted.pop(gateway, None)

    def on_heartbeat(
        self, gateway: GatewayRecord, online_s: float, send: Callable[[MqttMessage], None]
    ) -> None:
        """Request a birth if the stored one is missing or belongs to another session than the heartbeat.
        ``online_s``: age of the centre's broker session."""
        if gateway.birth_session == gateway.heartbeat_session or online_s < self._settle_s:
            return
        if gateway.birth_session is not None and self._doubted.get(gateway.id) != gateway.heartbeat_session:
            # A heartbeat may overtake the birth, or date from just before a reconnect: wait for a second one.
            self._doubted[gateway.id] = gateway.heartbeat_session
            return
        now = self._clock.monotonic()
        pending = self._pending.get(gateway.id)
        if pending is not None and now < pending.again_mono:
            return
        delay_s = FIRST_S if pending is None else min(MAX_S, pending.delay_s * 2)
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
