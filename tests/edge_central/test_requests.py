"""Requests of the console are sent as commands, and the gateway's replies update them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import InvalidRequestError, StatementError

from edge_agent import wire
from edge_agent.wire.received.messages import ReplyMessage
from edge_central.console.incident_log import LogAuthor
from edge_central.console.requests import ConsoleRequest, request_clip, requests_about
from edge_central.store import tables
from edge_central.store.batch import Batch
from edge_central.store.database import DatabaseConnections, DatabaseRejected, translate_errors
from edge_central.store.scope import EVERYWHERE
from tests.edge_central.parts import OURS, Centre, FakeGateway, FakeGateways
from tests.testbed.mosquitto import Mosquitto, wait_until

EVENT = "zone-1"


@dataclass
class ClipRequest:
    """One request, as the console stores and reads it."""

    connections: DatabaseConnections
    gateway: FakeGateway = OURS

    def send(self, ago_s: float = 0.0) -> bool:
        by = LogAuthor("lan", round((time.time() - ago_s) * 1000))
        with self.connections.writing() as connection:
            return request_clip(connection, by, self.gateway.id, self.gateway.ward, EVENT)

    def now(self) -> ConsoleRequest:
        with self.connections.reading() as connection:
            return requests_about(connection, EVERYWHERE, self.gateway.id, EVENT)[0]

    def wait_for(self, status: str) -> None:
        wait_until(lambda: self.now().status == status, what=f"status {status}")


@pytest.fixture
def centre(broker: Mosquitto, tmp_path: Path) -> Iterator[Centre]:
    """Not started, but its database can be opened."""
    made = Centre(tmp_path / "centre", broker.port)
    made.state_dir.mkdir()
    yield made
    made.stop()


@pytest.fixture
def clip(centre: Centre) -> Iterator[ClipRequest]:
    connections = DatabaseConnections(centre.database)
    yield ClipRequest(connections)
    connections.close()


@pytest.fixture
def gateways(centre: Centre, gateways: FakeGateways) -> FakeGateways:
    """Of a centre that has started."""
    centre.start()
    gateways.wait_state("online")
    return gateways


def reply(command: str, status: str, text: str = "", gateway: FakeGateway = OURS) -> tuple[str, bytes]:
    document = {"schema": "reply/1", "id": command, "type": "clip", "gateway": gateway.id}
    return f"{gateway.up}/reply/{command}", json.dumps(document | {"status": status, "text": text}).encode()


def test_a_clip_is_requested_answered_and_stored(gateways: FakeGateways, clip: ClipRequest) -> None:
    assert clip.send()
    gateways.wait_for(lambda: bool(gateways.on("down/cmd/clip")))
    document: dict[str, Any] = json.loads(gateways.on("down/cmd/clip")[0].payload)
    shown = {"gateway": OURS.id, "type": "clip", "args": {"event_id": EVENT}}
    assert document.items() >= shown.items()
    assert wire.ARGUMENTS["clip"] is wire.ClipArguments
    clip.wait_for("sent")
    assert not clip.send(), "one is under way"
    command = document["id"]
    gateways.publish_all(reply(command, "accepted"))
    clip.wait_for("accepted")
    gateways.publish_all(reply(command, "succeeded", "the clip is on its way"))
    clip.wait_for("succeeded")
    assert (clip.now().words, clip.now().asked_by) == ("the clip is on its way", "lan")
    gateways.publish_all(reply(command, "running"), OURS.event(1))
    gateways.wait_confirmed(OURS, 1)
    assert clip.now().status == "succeeded", "a late reply"


def test_several_replies_arrive_in_one_batch(clip: ClipRequest) -> None:
    clip.send()
    words = [("accepted", "it waits"), ("running", "it is being executed"), ("succeeded", "it is on its way")]
    replies = [ReplyMessage(OURS.ward, OURS.id, clip.now().id, *each) for each in words]
    with clip.connections.writing() as connection:
        Batch(connection).record_replies(replies, 5)
    assert (clip.now().status, clip.now().words) == ("succeeded", "it is on its way")


def test_an_invalid_statement_is_not_retried_for_ever() -> None:
    wrong = StatementError("wrong", "UPDATE", {}, InvalidRequestError("wrong"))
    with pytest.raises(DatabaseRejected, match="InvalidRequestError"), translate_errors("a reply"):
        raise wrong


def test_a_request_from_a_long_absence_of_the_ingest_is_not_sent(
    centre: Centre, clip: ClipRequest, request: pytest.FixtureRequest
) -> None:
    assert clip.send(ago_s=600)
    gateways: FakeGateways = request.getfixturevalue("gateways")  # starts the centre
    clip.wait_for("expired")
    assert gateways.on("down/cmd/clip") == []


def test_a_request_of_another_ward_is_left_to_its_ingest(gateways: FakeGateways, clip: ClipRequest) -> None:
    foreign = ClipRequest(clip.connections, FakeGateway("bx-001", "bo-xuyen"))
    foreign.send()
    clip.send()
    clip.wait_for("sent")
    assert foreign.now().status == "asked"


def test_a_reply_to_a_command_of_another_sender_is_accepted_and_ignored(
    centre: Centre, gateways: FakeGateways
) -> None:
    gateways.publish_all(reply("by-somebody-else", "succeeded"))
    gateways.deliver(OURS, 1)
    assert centre.status().rejected == 0
    gateways.publish_all(reply("x", "wonderful"), (f"{OURS.up}/reply/y", b"{}"))
    gateways.deliver(OURS, 2)
    assert centre.status().rejected == 2


def test_a_disarm_without_a_signature_is_not_sent_for_the_console(
    gateways: FakeGateways, clip: ClipRequest
) -> None:
    """An attacker who takes over the console can write rows."""
    with clip.connections.writing() as connection:
        by = LogAuthor("lan", round(time.time() * 1000))
        request_clip(connection, by, OURS.id, OURS.ward, EVENT)
        connection.execute(update(tables.request).values(type="disarm"))
    clip.wait_for("expired")
    gateways.deliver(OURS, 1)
    assert gateways.on("down/cmd/disarm") == []


def test_a_reply_of_another_gateway_changes_nothing(clip: ClipRequest) -> None:
    clip.send()
    stranger = ReplyMessage(OURS.ward, "dt-999", clip.now().id, "failed", "not mine to say")
    with clip.connections.writing() as connection:
        Batch(connection).record_replies([stranger], 5)
    assert clip.now().status == "asked"
