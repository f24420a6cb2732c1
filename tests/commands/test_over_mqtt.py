"""The real agent executes commands over a real broker."""

from __future__ import annotations

import importlib
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edge_agent.commands.signature import PUBLIC_DER, key_id
from tests.commands.centre import Centre, centre_at, document, encoded, signed, write_public
from tests.commands.counter import OPERATOR
from tests.commands.table import EXAMPLES, Example
from tests.events.parts import valid
from tests.testbed.agent import AgentProcess, wait_until, write_config
from tests.testbed.clips import make_clip
from tests.testbed.mosquitto import Mosquitto
from tests.testbed.synced import COMMAND

SHOWN_HERE = sorted(name for name, example in EXAMPLES.items() if example.shown_by is None)
YARD = {
    "zones": {"yard": {"polygon": [[0, 0], [1, 0], [1, 1], [0, 1]]}},
    "rules": [{"id": "yard", "kind": "zone-intrusion", "zone": "yard", "severity": "alarm"}],
}


@dataclass
class Site:
    centre: Centre
    agent: AgentProcess
    broker: Mosquitto
    config: Path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A gateway with one camera, one rule and an operator's key."""
    folder = tmp_path_factory.mktemp("site")
    camera = {"id": "cam-1", "url": str(make_clip(folder / "clip.mp4", seconds=5)), **YARD}
    keys = write_public(folder / "operators/one.pem", OPERATOR).parent
    commands = {"operator_keys": [str(keys)]}
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify,
        Mosquitto(folder) as broker,
        centre_at(broker.port) as centre,
    ):
        notify.bind(str(folder / "notify"))
        config = write_config(
            folder, cameras=[camera], broker_port=broker.port, detector="none", commands=commands
        )
        systemd = {"NOTIFY_SOCKET": str(folder / "notify")}
        with AgentProcess(config, "--repeat-files", command=COMMAND, environ=systemd) as agent:
            centre.wait_for_gateway()
            yield Site(centre, agent, broker, config)


@pytest.mark.parametrize("name", SHOWN_HERE)
def test_every_command_is_obeyed(name: str, site: Site) -> None:
    example: Example = EXAMPLES[name]
    answer = site.centre.ask(name, example.args, OPERATOR)  # every type may be signed
    assert (answer["status"], answer["code"]) == (example.ends, example.code), answer["text"]
    assert [each["status"] for each in site.centre.replies(answer["id"])][:2] == ["accepted", "running"]


@pytest.mark.parametrize("name", sorted(EXAMPLES.keys() - set(SHOWN_HERE)))
def test_what_is_not_shown_here_is_shown_elsewhere(name: str) -> None:
    path, _, test = str(EXAMPLES[name].shown_by).partition("::")
    assert hasattr(importlib.import_module(path.removesuffix(".py").replace("/", ".")), test)


def test_status_tells_what_edge_agent_status_tells(site: Site) -> None:
    reported = site.centre.ask("status")["result"]
    ours = site.agent.status()
    assert ours is not None
    assert (reported["schema"], reported["pid"], reported["gateway"]) == ("status/1", ours["pid"], "dt-001")
    assert reported["heartbeat"]["cameras"].keys() == {"cam-1"}


def test_rebirth_sends_the_birth_message_again(site: Site) -> None:
    births = len(site.centre.subscriber.on("/up/birth"))
    site.centre.ask("rebirth")
    site.centre.subscriber.wait_for(lambda: len(site.centre.subscriber.on("/up/birth")) > births)


def test_a_masked_rule_stands_in_health_until_it_is_taken_back(site: Site) -> None:
    rule = {"camera": "cam-1", "rule": "yard"}
    answer = site.centre.ask("mask", {**rule, "for_s": 3600}, OPERATOR)
    beat = site.agent.wait_for_status(lambda beat: beat["commands"]["rules"], "the mask")
    (reported,) = beat["commands"]["rules"]
    assert (reported["camera"], reported["rule"], reported["what"]) == ("cam-1", "yard", "mask")
    assert 3500 < reported["left_s"] <= 3600
    assert "rule yard of cam-1: mask for 60 min more, as the centre asked" in beat["degraded"]
    site.centre.ask("mask", {**rule, "for_s": 0})
    site.agent.wait_for_status(lambda beat: not beat["commands"]["rules"], "its end")
    start, end = overrides(site, answer["id"])
    data = start["data"]
    assert (start["subject"], data["rule_id"], data["what"], data["for_s"]) == ("cam-1", "yard", "mask", 3600)
    assert (start["severitytext"], end["severitytext"]) == ("WARN", "INFO")
    assert data["signed_by"] == key_id(PUBLIC_DER + OPERATOR.public_key().public_bytes_raw())
    assert (end["data"]["event_id"], end["data"]["end_reason"]) == (data["event_id"], "command")


def test_a_view_that_is_learned_anew_is_an_event_with_its_end(site: Site) -> None:
    answer = site.centre.ask("relearn", {"camera": "cam-1"}, OPERATOR)
    start, end = (event["data"] for event in overrides(site, answer["id"]))
    assert (start["what"], start["rule_id"], end["end_reason"]) == ("relearn", None, "over")


def overrides(site: Site, command_id: str) -> list[dict[str, Any]]:
    """Wait for the start and end events of this command."""

    def found() -> list[dict[str, Any]]:
        heard = [json.loads(message.payload) for message in site.centre.subscriber.events()]
        told = [event for event in heard if event["type"].endswith("rule-override.v1")]
        return [event for event in told if event["data"]["command_id"] == command_id]

    site.centre.subscriber.wait_for(lambda: len(found()) == 2, 30)
    return [valid(json.dumps(event).encode()) for event in found()]


@pytest.mark.parametrize(
    ("type_", "args", "reported"),
    [
        ("relearn", {"camera": "cam-9"}, "there is no camera cam-9; there are: cam-1"),
        ("mask", {"camera": "cam-9", "rule": "yard", "for_s": 1}, "there is no camera cam-9"),
        ("arm", {"camera": "cam-1", "rule": "gate", "for_s": 1}, "cam-1 has no rule gate; it has: yard"),
    ],
)
def test_what_cannot_be_done_is_refused(type_: str, args: dict[str, Any], reported: str, site: Site) -> None:
    answer = site.centre.ask(type_, args, OPERATOR)
    assert (answer["status"], answer["code"]) == ("rejected", "not-possible")
    assert reported in answer["text"]


def test_another_ward_and_another_gateway_hear_nothing(site: Site) -> None:
    asked = document("status")
    for topic in ("tb/v1/other-ward/dt-001/down/cmd/status", "tb/v1/de-tham/dt-002/down/cmd/status"):
        site.centre.subscriber.publish(topic, encoded(asked))
    site.centre.ask("rebirth")
    assert site.centre.replies(asked["id"]) == []


def test_a_payload_of_10_mb_ends_no_session_and_has_no_effect(site: Site) -> None:
    before = len(site.centre.subscriber.on("/up/state"))
    site.centre.send(document("status", more="x" * 10_000_000))
    site.centre.ask("status")
    assert len(site.centre.subscriber.on("/up/state")) == before


def test_an_answer_outlives_a_kill_and_what_waited_at_the_broker_is_obeyed(site: Site) -> None:
    asked, missed = document("status"), document("status")
    answer = site.centre.answer(site.centre.send(asked))
    site.agent.kill()
    site.centre.send(missed)
    site.agent.start()
    assert site.centre.answer(missed["id"], 30)["result"]["pid"] == site.agent.process.pid
    site.centre.send(asked)
    site.centre.subscriber.wait_for(lambda: len(site.centre.replies(asked["id"])) == 4)
    assert site.centre.replies(asked["id"])[-1] == answer


def test_a_restart_is_answered_by_the_agent_after_it(site: Site) -> None:
    asked = document("restart")
    site.centre.send(asked, signed(asked, OPERATOR))
    assert site.agent.process.wait(20) == 75
    site.agent.start()
    assert site.centre.answer(asked["id"], 30)["status"] == "succeeded"
    assert [each["status"] for each in site.centre.replies(asked["id"])][:2] == ["accepted", "running"]
    wait_until(site.agent.status, what="the agent")
