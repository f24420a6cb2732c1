"""Asks gateways for the rules of their cameras: when a birth names another configuration or another version
of the agent, and again until the gateway answers.

The command ``rules`` only reads and needs no signature, so a centre without a search key can ask too. Agents
that are too old refuse the command; they are asked again after an update.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from edge_agent.core.clock import Clock, wall_ms
from edge_agent.mqtt.session.client import MqttMessage
from edge_agent.wire.received.messages import ReplyMessage
from edge_agent.wire.topics import CentralTopics
from edge_central.ingest.batch_result import BornConfiguration
from edge_central.ingest.gateway_messages import command_message
from edge_central.searches.model import RULES_COMMAND
from edge_central.searches.sender import BIRTH_WAIT_MS, SearchSender, again_after_ms
from edge_central.store import tables
from edge_central.store.database import conflict_insert
from edge_central.store.problems import problem_column

MAX_AT_ONCE = 50
_NO_WORD = re.compile(r"[^A-Za-z0-9.+-]")


class RuleRequests:
    """Requests the rules of gateways. Not thread-safe: the ingest thread owns it."""

    def __init__(self, topics: CentralTopics, clock: Clock, searches: SearchSender) -> None:
        """``searches`` knows which gateways can be asked."""
        self._topics = topics
        self._clock = clock
        self._due = searches.due(tables.camera_rules)
        self._waiting = select(tables.camera_rules.c.command).where(*self._due).limit(1)

    def on_births(self, connection: Connection, born: Mapping[str, BornConfiguration]) -> None:
        """Ask those of these gateways for their rules whose configuration the centre does not know yet."""
        columns, now_ms = tables.camera_rules.c, wall_ms(self._clock)
        query = select(columns.gateway, columns.ward, columns.wanted).where(columns.gateway.in_(sorted(born)))
        known = {row.gateway: (row.ward, row.wanted) for row in connection.execute(query)}
        for gateway, configuration in born.items():
            wanted = _name_of(configuration)
            if known.get(gateway) != (configuration.ward, wanted):
                _want(connection, gateway, configuration.ward, wanted, now_ms)
        unanswered = (columns.gateway.in_(sorted(born)), columns.next_ms > now_ms + BIRTH_WAIT_MS)
        connection.execute(
            update(tables.camera_rules).where(*unanswered).values(next_ms=now_ms + BIRTH_WAIT_MS)
        )

    def has_waiting(self, connection: Connection) -> bool:
        return connection.scalar(self._waiting, {"now_ms": wall_ms(self._clock)}) is not None

    def send(self, connection: Connection) -> list[MqttMessage]:
        """Mark the due questions as sent. Return the commands to publish after the commit."""
        columns, now_ms = tables.camera_rules.c, wall_ms(self._clock)
        query = select(columns.gateway, columns.ward, columns.sends).where(*self._due)
        rows = connection.execute(query.limit(MAX_AT_ONCE), {"now_ms": now_ms}).all()
        messages = []
        for row in rows:
            # Each message has a new id, because the command before has expired by now.
            id_ = f"{RULES_COMMAND}{secrets.token_hex(8)}"
            sent = {"command": id_, "sends": row.sends + 1, "sent_ms": now_ms}
            again = {"next_ms": now_ms + again_after_ms(row.sends)}
            this = columns.gateway == row.gateway
            connection.execute(update(tables.camera_rules).where(this).values(**sent, **again))
            messages.append(
                command_message(self._topics, self._clock, row.ward, row.gateway, "rules", id_, {})
            )
        return messages


def _name_of(configuration: BornConfiguration) -> str:
    """Return the name of the configuration and the version of the agent in a birth. If this name changes, the
    rules may have changed, or the agent may have learnt the command."""
    return f"{_NO_WORD.sub('', configuration.hash)[:64]} {_NO_WORD.sub('', configuration.version)[:40]}"


def _want(connection: Connection, gateway: str, ward: str, wanted: str, now_ms: int) -> None:
    row: dict[str, Any] = {
        "ward": ward,
        "wanted": wanted,
        "command": f"{RULES_COMMAND}{secrets.token_hex(8)}",
        "sends": 0,
        "next_ms": now_ms,
        "words": "",
        "problem": None,
    }
    statement = conflict_insert(connection, tables.camera_rules).values(gateway=gateway, **row)
    connection.execute(statement.on_conflict_do_update(index_elements=["gateway"], set_=row))


REPLY_UPDATE = (
    update(tables.camera_rules)
    .where(tables.camera_rules.c.command == bindparam("of"))
    .where(tables.camera_rules.c.next_ms.is_not(None))
)


def record_rules(connection: Connection, row: Any, reply: ReplyMessage, now_ms: int) -> None:
    """Store the rules that a gateway sends, or the reason why it sends none. The rules are checked when they
    are read."""
    values: dict[str, Any] = {"words": str(reply.text), "problem": problem_column(reply.text)}
    if reply.status == "succeeded":
        values |= {"document": bytes(reply.result), "received_ms": now_ms, "next_ms": None}
    elif reply.status == "rejected" and reply.code in ("unknown-type", "not-possible"):
        # Ask again after another configuration or an update. Delete the stored rules: they are of an earlier
        # configuration, so they are not in force.
        values |= {"next_ms": None, "document": None, "received_ms": None}
    connection.execute(REPLY_UPDATE.values(**values), {"of": row.command})
