"""What somebody at the console has asked of gateways: sent as commands, and answered by their replies.

The console writes a row (``edge_central/console/requests.py``), the ingest sends it: only the ingest has a
session with the broker, and whoever takes over the console cannot order gateways about.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Sequence
from datetime import timedelta

from sqlalchemy import Connection, bindparam, or_, select, update

from edge_agent.core.clock import Clock, rfc3339
from edge_agent.mqtt.session.client import MqttMessage
from edge_agent.wire.central_topics import CentralTopics
from edge_agent.wire.received.messages import ReplyMessage
from edge_central.ingest.documents import CommandDocument, message
from edge_central.store import tables

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
