"""What the ingest sends of the rows that the console writes, and the log of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select, update

from edge_agent.core.clock import SystemClock, wall_ms
from edge_agent.mqtt.session.client import MqttMessage
from edge_agent.wire.received.messages import ReplyMessage
from edge_agent.wire.topics import CentralTopics
from edge_central.commands.model import SIGNED_TYPES, UNSIGNED_TYPES, CommandAuthor, GatewayCommand
from edge_central.commands.records import LoggedCommand, list_commands, store_signed, store_unsigned
from edge_central.ingest.gateway_messages import EXPIRES_S, RequestSender
from edge_central.settings import Database
from edge_central.store import tables
from edge_central.store.batch import Batch
from edge_central.store.database import DatabaseConnections
from edge_central.store.scope import EVERYWHERE, Scope
from tests.edge_central.commands.parts import CAMERAS, MASK, REASON, command, store, submitted

CLOCK = SystemClock()


class CommandRows:
    """The table of requests, with the console at one side and the ingest at the other."""

    def __init__(self, connections: DatabaseConnections) -> None:
        self.connections = connections
        self._sender = RequestSender(CentralTopics("tb/v1", "central"), ["de-tham"], CLOCK)
        self.now_ms = wall_ms(CLOCK)

    def sign(self, found: GatewayCommand = MASK, ago_ms: int = 0) -> str:
        with self.connections.writing() as connection:
            return store(connection, found, self.now_ms - ago_ms)

    def ask(self, found: GatewayCommand, ago_ms: int = 0) -> bool:
        author = CommandAuthor("lan", "192.0.2.7", self.now_ms - ago_ms)
        with self.connections.writing() as connection:
            return store_unsigned(connection, author, "dt-001", "de-tham", found)

    def change(self, **values: Any) -> None:
        """As an attacker who has taken over the console."""
        with self.connections.writing() as connection:
            connection.execute(update(tables.request).values(**values))

    def sent(self) -> list[MqttMessage]:
        with self.connections.writing() as connection:
            return self._sender.send(connection)

    def log(self, scope: Scope = EVERYWHERE) -> tuple[LoggedCommand, ...]:
        with self.connections.reading() as connection:
            return list_commands(connection, scope, "dt-001")

    def reply(self, id_: str, status: str, text: str, gateway: str = "dt-001") -> None:
        with self.connections.writing() as connection:
            Batch(connection).record_replies([ReplyMessage("de-tham", gateway, id_, status, text)], 5)


@pytest.fixture
def rows(database: Database) -> Iterator[CommandRows]:
    connections = DatabaseConnections(database)
    yield CommandRows(connections)
    connections.close()


def test_a_signed_command_is_published_byte_for_byte(rows: CommandRows) -> None:
    found = submitted(MASK, rows.now_ms)
    with rows.connections.writing() as connection:
        author = CommandAuthor("lan", "192.0.2.7", rows.now_ms)
        assert store_signed(connection, author, "dt-001", "de-tham", found, REASON)
        assert not store_signed(connection, author, "dt-001", "de-tham", found, REASON), "a replay"
    (message,) = rows.sent()
    assert (message.topic, message.payload) == ("tb/v1/de-tham/dt-001/down/cmd/mask", found.jws)
    assert message.expiry_s is not None
    assert 0 < message.expiry_s <= EXPIRES_S
    assert not message.retain
    assert rows.sent() == [], "once"


def test_an_unsigned_command_is_sent_with_its_arguments(rows: CommandRows) -> None:
    assert rows.ask(command("clip", {"camera": "cam-1", "last_s": 10}))
    (message,) = rows.sent()
    document = json.loads(message.payload)
    assert message.topic == "tb/v1/de-tham/dt-001/down/cmd/clip"
    assert (document["gateway"], document["args"]) == ("dt-001", {"camera": "cam-1", "last_s": 10})


def test_the_same_picture_is_not_asked_for_twice_at_once(rows: CommandRows) -> None:
    picture = command("snapshot", {"camera": "cam-1"})
    assert rows.ask(picture, ago_ms=310_000)
    assert rows.ask(picture), "the first one has expired unanswered"
    assert not rows.ask(picture)
    assert rows.ask(command("snapshot", {"camera": "cam-2"}))
    assert rows.ask(command("status"))
    assert not rows.ask(command("status"))
    (status,) = (each for each in rows.log() if each.command.type == "status")
    rows.reply(status.id, "succeeded", "nothing is wrong")
    assert rows.ask(command("status")), "the first one is answered"


@pytest.mark.parametrize("type_", sorted(SIGNED_TYPES - UNSIGNED_TYPES))
def test_unsigned_the_ingest_sends_only_what_changes_nothing(rows: CommandRows, type_: str) -> None:
    rows.ask(command("status"))
    rows.change(type=type_)
    assert rows.sent() == []
    assert rows.log()[0].status == "expired"


def test_a_document_without_a_signature_is_not_sent_as_a_signed_one(rows: CommandRows) -> None:
    """A gateway accepts ``arm`` unsigned."""
    rows.sign(command("arm", MASK.args))
    rows.change(signed=b'{"id": "arm-1", "type": "arm", "x": "..", "gateway": "dt-001"}')
    assert rows.sent() == []


ODD_ROWS: dict[str, dict[str, Any]] = {
    "a reboot": {"type": "reboot"},
    "a configuration": {"type": "set-config"},
    "a wildcard as type": {"type": "#"},
    "a topic as gateway": {"gateway": "dt-002/down/cmd/x"},
    "a wildcard as gateway": {"gateway": "+"},
    "too large": {"signed": b"x.y." + b"z" * 400_000},
    "without an end": {"expires_ms": None},
    "expired": {"expires_ms": 1},
    "arguments of no JSON": {"signed": None, "type": "clip", "args": "no JSON"},
    "arguments of no text": {"signed": None, "type": "clip", "args": '{"camera": "\\ud800"}'},
    "deep arguments": {"signed": None, "type": "clip", "args": "[" * 100_000},
}


@pytest.mark.parametrize("name", ODD_ROWS)
def test_a_row_that_the_console_cannot_have_written_is_not_sent(rows: CommandRows, name: str) -> None:
    rows.sign()
    rows.change(**ODD_ROWS[name])
    assert rows.sent() == []


def test_an_old_command_is_not_sent(rows: CommandRows) -> None:
    rows.sign(ago_ms=EXPIRES_S * 1000 + 1000)
    assert rows.sent() == []
    assert rows.log()[0].status == "expired"


def test_the_log_has_who_why_and_which_key_and_only_the_gateway_itself_replies(rows: CommandRows) -> None:
    id_ = rows.sign()
    rows.sent()
    rows.reply(id_, "succeeded", "not mine to say", gateway="dt-999")
    assert rows.log()[0].status == "sent"
    rows.reply(id_, "rejected", "the key belongs to no operator")
    rows.reply(id_, "succeeded", "too late")
    (line,) = rows.log()
    assert (line.command, line.asked_by, line.reason) == (MASK, "lan", REASON)
    assert (line.status, line.words) == ("rejected", "the key belongs to no operator")
    assert line.signed_by == submitted(MASK, rows.now_ms).key
    assert rows.log(Scope(frozenset({"bo-xuyen"}))) == ()


def test_each_command_is_in_the_access_log(rows: CommandRows) -> None:
    id_ = rows.sign()
    rows.ask(command("status"))
    with rows.connections.reading() as connection:
        found = connection.execute(select(tables.access).order_by(tables.access.c.id)).all()
    assert [(each.what, each.account, each.address) for each in found] == 2 * [
        ("command", "lan", "192.0.2.7")
    ]
    assert (found[0].gateway, found[0].camera, found[0].media_id) == ("dt-001", "cam-1", id_)
    assert (found[1].camera, found[1].media_id[:7]) == (None, "status-")
    assert CAMERAS[0] == "cam-1"
