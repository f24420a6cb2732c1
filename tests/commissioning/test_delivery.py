"""The claim at a real broker: sent once, answered by the fleet and by nobody else, or why it was not sent."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_agent.commands.signature import sign
from edge_agent.commissioning import delivery
from edge_agent.commissioning.delivery import ClaimDelivery
from edge_agent.commissioning.record import ClaimRecord, CommissioningState
from edge_agent.core.errors import MqttError
from edge_agent.mqtt.tools.tool_client import ConnectionClosed, ConnectRefused, NotAnswered, ToolClient
from edge_agent.wire import ClaimAnswer
from edge_agent.wire.topics import ClaimTopics
from tests.commissioning.centre import ACL
from tests.commissioning.prepared_box import PreparedBox, prepared_box
from tests.testbed.claims import SERIAL, TIME, claim
from tests.testbed.mosquitto import Subscriber, free_port
from tests.testbed.tls_folder import strict_broker

KEY = Ed25519PrivateKey.generate()
TOPICS = ClaimTopics("tb/v1", SERIAL)


def record(claim_id: str = "c1") -> ClaimRecord:
    made = claim(claim_id=claim_id)
    jws = sign(msgspec.json.encode(made), KEY).decode()
    return ClaimRecord(state=CommissioningState.CLAIMED, claim=made, jws=jws)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[tuple[PreparedBox, Subscriber]]:
    box = prepared_box(tmp_path, 0, [])
    (tmp_path / "acl").write_text("topic readwrite #\n" + ACL)
    server = box.authority.issue("broker", san="IP:127.0.0.1")
    lines = (f"acl_file {tmp_path / 'acl'}",)
    with strict_broker(tmp_path, server, box.authority.cert, *lines) as (mosquitto, centre):
        box.broker_port = mosquitto.port
        yield box, centre


def session(box: PreparedBox, of: ClaimRecord, delivered: list[str]) -> Any:
    made = ClaimDelivery(box.bundle(), box.paths, SERIAL)
    return made.session(of, lambda: delivered.append("delivered"), clock_trusted=True)


def publish(
    centre: Subscriber,
    key: Ed25519PrivateKey,
    claim_id: str = "c1",
    serial: str = SERIAL,
    decision: str = "refused",
    problem: object = None,
) -> None:
    values = {"claim_id": claim_id, "serial": serial, "decision": decision, "time": TIME, "problem": problem}
    answer = msgspec.convert(values, ClaimAnswer)
    centre.publish(TOPICS.answer, sign(msgspec.json.encode(answer), key), retain=True)


def test_a_claim_is_sent_once_and_the_waiting_answer_is_found(
    broker: tuple[PreparedBox, Subscriber], monkeypatch: pytest.MonkeyPatch
) -> None:
    box, centre = broker
    monkeypatch.setattr(delivery, "ANSWER_S", 0.5)
    delivered: list[str] = []
    assert session(box, record(), delivered) == (None, None)
    assert delivered == ["delivered"]
    centre.wait_for(lambda: len(centre.on("/up/claim")) == 1)
    publish(centre, box.answer_key)
    answer, uplink = session(box, msgspec.structs.replace(record(), delivered=True), delivered)
    assert (answer.decision, uplink, len(centre.on("/up/claim"))) == ("refused", None, 1)


def test_a_claim_that_the_broker_gave_to_nobody_is_sent_again(
    broker: tuple[PreparedBox, Subscriber], monkeypatch: pytest.MonkeyPatch
) -> None:
    """PUBACK 0x10: no centre has a session, so the claim is in no queue."""
    monkeypatch.setattr(delivery, "ANSWER_S", 0.1)
    monkeypatch.setattr(ToolClient, "publish", lambda *_: 0x10)
    delivered: list[str] = []
    assert session(broker[0], record(), delivered) == (None, None)
    assert delivered == []


@pytest.mark.parametrize(
    "wrong", [{"key": Ed25519PrivateKey.generate()}, {"claim_id": "c0"}, {"serial": "box-00000000"}]
)
def test_an_answer_that_is_not_the_fleet_s_to_this_claim_is_ignored(
    broker: tuple[PreparedBox, Subscriber], monkeypatch: pytest.MonkeyPatch, wrong: dict[str, Any]
) -> None:
    box, centre = broker
    monkeypatch.setattr(delivery, "ANSWER_S", 0.5)
    publish(centre, **({"key": box.answer_key} | wrong))
    assert session(box, record(), []) == (None, None)


def test_without_an_uplink_the_technician_is_told_why(tmp_path: Path) -> None:
    box = prepared_box(tmp_path, free_port(), [])
    answer, uplink = session(box, record(), [])
    assert answer is None
    assert str(uplink).startswith("not sent to the centre yet: 127.0.0.1")
    assert uplink.vi.startswith("chưa gửi được về trung tâm: 127.0.0.1 từ chối kết nối")


def test_a_session_that_another_box_of_the_batch_has_ended_is_no_failure(
    broker: tuple[PreparedBox, Subscriber], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker gives all boxes of a batch one client id, so the session of another ends this one."""
    monkeypatch.setattr(delivery, "RETAINED_S", 0.1)
    made = ClaimDelivery(broker[0].bundle(), broker[0].paths, SERIAL)
    ended: list[object] = []
    found = made.session(record(), lambda: ended.append(made.withdrawal()), clock_trusted=True)
    assert (found, ended) == ((None, None), [None])


def test_after_the_claim_was_sent_only_the_answer_is_missing(tmp_path: Path) -> None:
    box = prepared_box(tmp_path, free_port(), [])
    _, uplink = session(box, msgspec.structs.replace(record(), delivered=True), [])
    assert str(uplink).startswith("the centre has the claim; its answer cannot be fetched yet: 127.0.0.1")
    assert uplink.vi.startswith("trung tâm đã nhận yêu cầu; ")


@pytest.mark.parametrize(
    "error", [ConnectionClosed("10.0.0.1", 0x8B), ConnectRefused("10.0.0.1", 0x88), NotAnswered("no answer")]
)
def test_every_reason_is_in_vietnamese(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: MqttError
) -> None:
    def fail(_: ToolClient) -> ToolClient:
        raise error

    monkeypatch.setattr(ToolClient, "__enter__", fail)
    _, uplink = session(prepared_box(tmp_path, free_port(), []), record(), [])
    assert uplink.vi.startswith("chưa gửi được về trung tâm: máy chủ nhận tin "), uplink.vi
    assert str(error) in str(uplink)


def test_a_wrong_clock_is_named_instead_of_the_certificate(tmp_path: Path) -> None:
    box = prepared_box(tmp_path, free_port(), [])
    made = ClaimDelivery(box.bundle(), box.paths, SERIAL)
    _, uplink = made.session(record(), lambda: None, clock_trusted=False)
    assert "the box's clock is wrong" in str(uplink)


def test_a_box_without_a_certificate_of_its_batch(tmp_path: Path) -> None:
    box = prepared_box(tmp_path, free_port(), [])
    (box.paths.enrolment / "client.crt").unlink()
    _, uplink = session(box, record(), [])
    assert "no certificate to claim with" in str(uplink)


def follow(box: PreparedBox) -> tuple[int, str]:
    """``edge-agent commission --withdrawal``, as the agent starts it."""
    command = [sys.executable, "-m", "edge_agent", "commission", "--withdrawal", "--sysroot", str(box.folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_site_that_was_withdrawn_while_the_box_was_offline_is_given_up(
    broker: tuple[PreparedBox, Subscriber],
) -> None:
    box, centre = broker
    box.write_bundle()
    (box.folder / "run/edge-agent").mkdir(parents=True)
    request = box.folder / "run/edge-agent/requests/unclaim"
    publish(centre, Ed25519PrivateKey.generate(), decision="withdrawn")
    assert follow(box) == (0, "the centre has not withdrawn the site\n"), "nobody of the fleet has signed it"
    assert not request.exists()
    problem = {"code": "claim-moved", "params": {"site": "dt-002"}}
    publish(centre, box.answer_key, decision="withdrawn", problem=problem)
    assert follow(box)[0] == 0
    asked = json.loads(request.read_text())
    assert asked["claim_id"] == "c1", "root's part compares it with its own"
    assert json.loads(asked["why"]) == problem


def test_only_a_withdrawal_ends_a_confirmed_claim(broker: tuple[PreparedBox, Subscriber]) -> None:
    box, centre = broker
    made = ClaimDelivery(box.bundle(), box.paths, SERIAL)
    assert made.withdrawal() is None
    publish(centre, box.answer_key, decision="confirmed")
    assert made.withdrawal() is None
    publish(centre, box.answer_key, decision="withdrawn", serial="box-00000000")
    assert made.withdrawal() is None, "an answer to another box, copied to this topic"
