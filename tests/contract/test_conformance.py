"""``edge-agent conformance``: a real agent passes, and each violation of the contract is found."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_agent.mqtt.tools.tool_client import SubscribedMessage
from edge_agent.tools.conformance import message_checks as checks
from edge_agent.tools.conformance.command import COMMAND_CHECKS, MESSAGE_CHECKS
from edge_agent.tools.conformance.message_checks import ContractBroken, NothingObserved, ProbedGateway
from tests.testbed.agent import AgentProcess, file_camera, write_config
from tests.testbed.command_line import run_command
from tests.testbed.mosquitto import Mosquitto, Subscriber
from tests.testbed.replies import reply_of

BASE = "tb/v1/de-tham/dt-001"
GATEWAY = ProbedGateway("dt-001", "de-tham")
DOCS = Path(__file__).parents[2] / "docs" / "reference"


def conformance(port: int, *more: str) -> tuple[int, dict[str, Any]]:
    command = ["conformance", "--broker", f"mqtt://127.0.0.1:{port}", "--gateway", "dt-001"]
    done = run_command(*command, "--ward", "de-tham", "--json", *more)
    return done.returncode, json.loads(done.stdout)


def test_the_real_agent_keeps_the_contract(tmp_path: Path, walker: Path) -> None:
    with Mosquitto(tmp_path) as broker:
        config = write_config(tmp_path, cameras=[file_camera(walker)], broker_port=broker.port)
        with (
            AgentProcess(config, "--repeat-files") as agent,
            Subscriber(broker.port, f"{BASE}/up/#") as subscriber,
        ):
            agent.wait_for_status(lambda beat: beat["cameras"]["cam-1"]["state"] == "online", "the camera")
            subscriber.wait_for(lambda: bool(subscriber.on("/up/birth")))
            code, findings = conformance(broker.port, "--listen-s", "12")
    unsynced = {"cmd-expired"}  # where this machine's clock is not synchronised
    assert {name: each for name, each in findings.items() if each["verdict"] == "broken"} == {}
    assert {name for name, each in findings.items() if each["verdict"] != "kept"} <= unsynced, findings
    assert set(findings) == {*MESSAGE_CHECKS, *COMMAND_CHECKS}
    assert code == 0


def test_a_gateway_that_says_yes_to_everything_breaks_it(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker, YesMan(broker.port):
        code, findings = conformance(broker.port, "--listen-s", "0.5")
    broken = {name for name, each in findings.items() if each["verdict"] == "broken"}
    rejections = {"reused", "gateway", "malformed", "unknown", "arguments", "unsigned", "search"}
    assert broken >= {"state", "birth", *(f"cmd-{name}" for name in rejections)}
    assert code == 1


class YesMan(Subscriber):
    """Answers each command at once with the same text, and publishes nothing else."""

    def __init__(self, port: int) -> None:
        super().__init__(port, f"{BASE}/down/cmd/+", client_id="yes-man")
        self._client.on_message = self._answer

    def _answer(self, client: Any, _: object, message: Any) -> None:
        try:
            id_ = json.loads(message.payload)["id"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return
        for status in ("accepted", "running", "succeeded"):
            reply = reply_of(id_, status=status, result={"heartbeat": {"clock": {"synced": True}}})
            client.publish(f"{BASE}/up/reply/{id_}", msgspec.json.encode(reply), qos=1)


# --- checks that only listen ---


def example(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DOCS / "examples" / f"{name}.json").read_text(encoding="utf-8"))
    return found


def came(topic: str, message: dict[str, Any] | bytes, **other: Any) -> SubscribedMessage:
    payload = message if isinstance(message, bytes) else json.dumps(message).encode()
    event = topic.startswith("event/")
    defaults: dict[str, Any] = {
        "qos": 0 if topic == "heartbeat" else 1,
        "retained": topic in ("state", "birth"),
        "content_type": "application/cloudevents+json; charset=utf-8" if event else None,
        "properties": {},
        "at_mono": 0.0,
    }
    return SubscribedMessage(topic, payload, **(defaults | other))


def event(number: int, before: SubscribedMessage | None = None, **other: Any) -> SubscribedMessage:
    document = example("event-object") | {"epoch": "e", "source": "/tb/dt-001", "ward": "de-tham"}
    document |= {"sequence": f"{number:016d}", "id": f"dt-001/e/{number:016d}"}
    document["prevhash"] = hashlib.sha256(before.payload).hexdigest() if before else "0" * 64
    document |= other
    return came(f"event/{document['subject']}", document)


def picture(payload: bytes = b"\xff\xd8", **properties: str) -> SubscribedMessage:
    right = {"event_id": "e", "camera": "cam-1", "sha256": hashlib.sha256(payload).hexdigest()}
    return came("media/m-1", payload, content_type="image/jpeg", properties=right | properties)


STATE = example("state") | {"state": "online"}
BIRTH = example("birth")
LEAKY = BIRTH["cameras"][0] | {"url": "rtsp://u:p@h/"}
BEAT = example("heartbeat") | {"session": STATE["session"]}
STRAY = BEAT | {"session": "x"}
ONE = event(1)

KEPT: dict[str, tuple[Callable[..., str], list[SubscribedMessage]]] = {
    "state": (checks.state, [came("state", STATE)]),
    "birth": (checks.birth, [came("birth", BIRTH)]),
    "heartbeat": (checks.heartbeat, [came("heartbeat", BEAT)]),
    "session": (checks.one_session, [came("state", STATE), came("heartbeat", BEAT)]),
    "envelope": (checks.envelopes, [ONE]),
    "sequence": (checks.no_gap, [ONE, event(2)]),
    "resend": (checks.same_bytes, [ONE, ONE]),
    "chain": (checks.chain, [ONE, event(2, before=ONE)]),
    "media": (checks.media, [picture()]),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_is_right_is_kept(name: str) -> None:
    check, messages = KEPT[name]
    assert check(messages, GATEWAY)


BROKEN: list[tuple[str, Callable[..., str], list[SubscribedMessage]]] = [
    ("no state", checks.state, []),
    ("not a retained one", checks.state, [came("state", STATE, retained=False)]),
    ("Invalid enum", checks.state, [came("state", STATE | {"state": "happy"})]),
    ("no birth", checks.birth, []),
    ("says gateway dt-002", checks.birth, [came("birth", BIRTH | {"gateway": "dt-002"})]),
    ("user part", checks.birth, [came("birth", BIRTH | {"cameras": [LEAKY]})]),
    ("retained or with QoS", checks.heartbeat, [came("heartbeat", BEAT, retained=True)]),
    ("missing required field", checks.heartbeat, [came("heartbeat", {"schema": "heartbeat/1"})]),
    ("no online state has reported", checks.one_session, [came("state", STATE), came("heartbeat", STRAY)]),
    ("source", checks.envelopes, [event(1, source="/tb/dt-002")]),
    ("id is", checks.envelopes, [event(1, id="x")]),
    ("ward", checks.envelopes, [event(1, ward="bo-xuyen")]),
    ("severitytext", checks.envelopes, [event(1, severitytext="ERROR")]),
    ("no type", checks.envelopes, [event(1, type="vn.thaibinh.edge.ufo.v1")]),
    ("subject", checks.envelopes, [came("event/cam-9", json.loads(ONE.payload))]),
    ("content type", checks.envelopes, [came(ONE.topic, ONE.payload, content_type="text/plain")]),
    ("QoS", checks.envelopes, [came(ONE.topic, ONE.payload, qos=0)]),
    ("came twice", checks.same_bytes, [ONE, event(1, time="2026-11-25T04:00:00.000Z")]),
    ("prevhash", checks.chain, [ONE, event(2)]),
    ("not what its sha256 says", checks.media, [picture(sha256="0" * 64)]),
    ("no user property", checks.media, [came("media/m-1", b"x", content_type="image/jpeg")]),
    ("content type", checks.media, [came("media/m-1", b"\xff\xd8", properties=picture().properties)]),
]


@pytest.mark.parametrize(("says", "check", "messages"), BROKEN, ids=[row[0] for row in BROKEN])
def test_a_mistake_is_found(says: str, check: Callable[..., str], messages: list[SubscribedMessage]) -> None:
    with pytest.raises(ContractBroken, match=says):
        check(messages, GATEWAY)


def test_what_was_not_seen_is_no_verdict() -> None:
    for check in (checks.heartbeat, checks.envelopes, checks.media, checks.one_session):
        with pytest.raises(NothingObserved):
            check([], GATEWAY)
    with pytest.raises(NothingObserved, match=r"2 did not come"):
        checks.no_gap([ONE, event(3)], GATEWAY)
    loss = event(4, type="vn.thaibinh.edge.loss.v1", data=dict(LOSS, ranges=[[2, 3]]))
    assert checks.no_gap([ONE, loss], GATEWAY) == "1 to 4 of e"
    endless = event(4, type="vn.thaibinh.edge.loss.v1", data=dict(LOSS, ranges=[[2, 10**15]]))
    assert checks.no_gap([ONE, endless], GATEWAY) == f"1 to {10**15} of e"


LOSS = {"epoch": "e", "count": 2, "reason": "outbox-full", "ranges": []}


def test_the_written_list_has_every_check() -> None:
    text = (DOCS / "conformance.md").read_text(encoding="utf-8")
    for name, (rule, _) in (MESSAGE_CHECKS | COMMAND_CHECKS).items():
        assert f"| `{name}` | {rule} |" in text


def test_the_table_is_for_people(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker:
        command = ["conformance", "--broker", broker.url, "--gateway", "dt-001"]
        done = run_command(*command, "--ward", "de-tham", "--no-commands", "--listen-s", "0.1")
        assert done.returncode == 1
        assert "broken       state          its state is retained and valid" in done.stdout
        assert done.stdout.endswith("or this user may not read its topic\n")
        assert done.stderr == "dt-001: listens for 0.1 s\n"
    done = run_command(*command, "--ward", "de-tham")
    assert done.returncode == 1
    assert "127.0.0.1" in done.stderr
