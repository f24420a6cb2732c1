"""Requests of the console are sent as commands, and the gateway's replies update them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import InvalidRequestError, StatementError

from edge_agent import wire
from edge_agent.wire.received.messages import ReplyMessage
from edge_central.console.incident_log import LogAuthor
from edge_central.console.requests import ConsoleRequest, request_clip, requests_about
from edge_central.ingest.gateway_messages import SILENT_MS
from edge_central.store import tables
from edge_central.store.batch import Batch
from edge_central.store.database import DatabaseConnections, DatabaseRejected, translate_errors
from edge_central.store.scope import EVERYWHERE
from tests.edge_central.parts import Centre, FakeGateway, FakeGateways
from tests.testbed.mosquitto import Mosquitto, wait_until

EVENT = "zone-1"


class ClipRequest:
    """One request, as the console stores and reads it."""

    def __init__(self, connections: DatabaseConnections, gateway: FakeGateway) -> None:
        self._connections, self._box = connections, gateway

    def send(self, ago_s: float = 0.0) -> bool:
        by = LogAuthor("lan", round((time.time() - ago_s) * 1000))
        with self._connections.writing() as connection:
            return request_clip(connection, by, self._box.id, self._box.ward, EVENT)

    def now(self) -> ConsoleRequest:
        with self._connections.reading() as connection:
            return requests_about(connection, EVERYWHERE, self._box.id, EVENT)[0]

    def wait_for(self, status: str) -> None:
        wait_until(lambda: self.now().status == status, what=f"status {status}")


def opened(centre: Centre) -> DatabaseConnections:
    """Connections to the centre's database, whether or not it has started."""
    centre.state_dir.mkdir(exist_ok=True)
    return DatabaseConnections(centre.database)


@pytest.fixture
def connections(tmp_path: Path) -> Iterator[DatabaseConnections]:
    made = opened(Centre(tmp_path / "centre", 1))
    yield made
    made.close()


def reply(gateway: FakeGateway, command: str, status: str, text: str = "") -> tuple[str, bytes]:
    document = {
        "schema": "reply/1",
        "id": command,
        "type": "clip",
        "gateway": gateway.id,
        "status": status,
        "text": text,
    }
    return f"{gateway.up}/reply/{command}", json.dumps(document).encode()


def test_a_clip_is_requested_answered_and_stored(tmp_path: Path) -> None:
    gateway = FakeGateway()
    with Mosquitto(tmp_path / "broker") as broker, Centre(tmp_path / "centre", broker.port) as centre:
        connections = opened(centre)
        request = ClipRequest(connections, gateway)
        with FakeGateways(broker) as gateways:
            gateways.wait_state("online")
            assert request.send()
            gateways.wait_for(lambda: bool(gateways.on("down/cmd/clip")))
            command = gateways.on("down/cmd/clip")[0]
            command_document: dict[str, Any] = json.loads(command.payload)
            assert (command_document["gateway"], command_document["type"], command_document["args"]) == (
                gateway.id,
                "clip",
                {"event_id": EVENT},
            )
            assert wire.ARGUMENTS["clip"] is wire.ClipArguments
            request.wait_for("sent")
            assert not request.send(), "one is under way"
            gateways.publish_all(reply(gateway, command_document["id"], "accepted"))
            request.wait_for("accepted")
            gateways.publish_all(
                reply(gateway, command_document["id"], "succeeded", "the clip is on its way")
            )
            request.wait_for("succeeded")
            assert (request.now().words, request.now().asked_by) == ("the clip is on its way", "lan")
            gateways.publish_all(
                reply(gateway, command_document["id"], "running"),
                reply(FakeGateway("dt-002"), command_document["id"], "failed"),
            )
            gateways.publish_all(gateway.event(1))
            gateways.wait_confirmed(gateway, 1)
            assert request.now().status == "succeeded", "a late reply, and a reply of another gateway"
        connections.close()


def test_several_replies_arrive_in_one_batch(connections: DatabaseConnections) -> None:
    gateway = FakeGateway()
    request = ClipRequest(connections, gateway)
    request.send()
    words = [("accepted", "it waits"), ("running", "it is being executed"), ("succeeded", "it is on its way")]
    replies = [
        ReplyMessage(gateway.ward, gateway.id, request.now().id, status, text) for status, text in words
    ]
    with connections.writing() as connection:
        Batch(connection).record_replies(replies, 5)
    assert (request.now().status, request.now().words) == ("succeeded", "it is on its way")


def test_an_invalid_statement_is_not_retried_for_ever() -> None:
    wrong = StatementError("wrong", "UPDATE", {}, InvalidRequestError("wrong"))
    with pytest.raises(DatabaseRejected, match="InvalidRequestError"), translate_errors("a reply"):
        raise wrong


def test_a_request_from_a_long_absence_of_the_ingest_is_not_sent(tmp_path: Path) -> None:
    gateway = FakeGateway()
    with Mosquitto(tmp_path / "broker") as broker:
        centre = Centre(tmp_path / "centre", broker.port)
        connections = opened(centre)
        request = ClipRequest(connections, gateway)
        assert request.send(ago_s=600)
        with FakeGateways(broker) as gateways, centre:
            request.wait_for("expired")
            assert gateways.on("down/cmd/clip") == []
        connections.close()


def test_a_request_of_another_ward_is_left_to_its_ingest(tmp_path: Path) -> None:
    mine, foreign = FakeGateway(), FakeGateway("bx-001", "bo-xuyen")
    with Mosquitto(tmp_path / "broker") as broker, Centre(tmp_path / "centre", broker.port) as centre:
        connections = opened(centre)
        ClipRequest(connections, foreign).send()
        ClipRequest(connections, mine).send()
        ClipRequest(connections, mine).wait_for("sent")
        assert ClipRequest(connections, foreign).now().status == "asked"
        connections.close()


def test_a_reply_to_a_command_of_another_sender_is_accepted_and_ignored(tmp_path: Path) -> None:
    gateway = FakeGateway()
    with (
        Mosquitto(tmp_path / "broker") as broker,
        Centre(tmp_path / "centre", broker.port) as centre,
        FakeGateways(broker) as gateways,
    ):
        gateways.wait_state("online")
        gateways.publish_all(reply(gateway, "by-somebody-else", "succeeded"), gateway.event(1))
        gateways.wait_confirmed(gateway, 1)
        assert centre.status().rejected == 0
        gateways.publish_all(
            reply(gateway, "x", "wonderful"), (f"{gateway.up}/reply/y", b"{}"), gateway.event(2)
        )
        gateways.wait_confirmed(gateway, 2)
        assert centre.status().rejected == 2


def test_a_disarm_without_a_signature_is_not_sent_for_the_console(tmp_path: Path) -> None:
    """An attacker who takes over the console can write rows."""
    gateway = FakeGateway()
    with Mosquitto(tmp_path / "broker") as broker, Centre(tmp_path / "centre", broker.port) as centre:
        connections = opened(centre)
        request = ClipRequest(connections, gateway)
        with FakeGateways(broker) as gateways:
            with connections.writing() as connection:
                by = LogAuthor("lan", round(time.time() * 1000))
                request_clip(connection, by, gateway.id, gateway.ward, EVENT)
                connection.execute(update(tables.request).values(type="disarm"))
            request.wait_for("expired")
            gateways.publish_all(gateway.event(1))
            gateways.wait_confirmed(gateway, 1)
            assert gateways.on("down/cmd/disarm") == []
        connections.close()


def test_a_reply_of_another_gateway_changes_nothing(connections: DatabaseConnections) -> None:
    gateway = FakeGateway()
    request = ClipRequest(connections, gateway)
    request.send()
    stranger = ReplyMessage(gateway.ward, "dt-999", request.now().id, "failed", "not mine to say")
    with connections.writing() as connection:
        Batch(connection).record_replies([stranger], 5)
        assert connection.scalar(select(tables.request.c.status)) == "asked"
    assert SILENT_MS > 300_000, "the command itself lasts for less"
