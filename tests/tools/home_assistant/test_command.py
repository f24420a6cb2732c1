"""``edge-agent home-assistant`` at a real broker: what it announces, changes, removes and leaves alone."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from edge_agent.cli.arguments import parser
from edge_agent.core.errors import UsageError
from edge_agent.tools.home_assistant import discovery
from edge_agent.tools.home_assistant.command import run_home_assistant
from edge_agent.tools.home_assistant.discovery import AnnouncementState
from edge_agent.tools.home_assistant.entities import DiscoveryOptions
from tests.testbed.mosquitto import Mosquitto, Subscriber

FOREIGN = "homeassistant/sensor/dt-001/temperature2/config"
PER_GATEWAY, PER_CAMERA = 6, 6


def birth(
    gateway: str = "dt-001", *cameras: str, ward: str = "de-tham", name: str = "Chợ"
) -> tuple[str, bytes]:
    document = {"name": name, "board": "Pi 5", "cameras": [{"id": each} for each in cameras or ("cam-1",)]}
    return f"tb/v1/{ward}/{gateway}/up/birth", json.dumps(document).encode()


def state_of(*messages: tuple[str, bytes], wards: tuple[str, ...] = ()) -> AnnouncementState:
    state = AnnouncementState("tb/v1", "homeassistant", wards, DiscoveryOptions())
    for topic, payload in messages:
        state.receive(topic, payload)
    return state


def settle(state: AnnouncementState) -> list[tuple[str, bytes]]:
    """Accept all changes, as the broker does; return them."""
    changes = state.changes()
    for topic, payload in changes:
        state.published(topic, payload)
    return changes


def test_a_camera_that_goes_takes_its_entities_along() -> None:
    state = state_of(birth("dt-001", "cam-1", "cam-2"))
    assert len(settle(state)) == PER_GATEWAY + 2 * PER_CAMERA
    state.receive(*birth("dt-001", "cam-1"))
    gone = settle(state)
    assert len(gone) == PER_CAMERA
    assert all("/cam-2_" in topic and payload == b"" for topic, payload in gone)
    assert state.changes() == []


def test_a_gateway_that_goes_takes_all_entities_along() -> None:
    state = state_of(birth(), birth("dt-002"))
    settle(state)
    state.receive("tb/v1/de-tham/dt-002/up/birth", b"")
    assert {topic.split("/")[2] for topic, payload in state.changes() if not payload} == {"dt-002"}
    assert len(state.changes()) == PER_GATEWAY + PER_CAMERA


def test_a_birth_that_cannot_be_read_leaves_its_entities_as_they_are() -> None:
    state = state_of(birth())
    settle(state)
    for payload in (b"{", b'{"cameras": 7}', b'{"cameras": [{"id": "' + b"x" * 300_000 + b'"}]}'):
        state.receive("tb/v1/de-tham/dt-001/up/birth", payload)
        assert (state.changes(), state.unreadable) == ([], ["dt-001"])


def test_a_run_for_one_ward_leaves_other_wards_alone() -> None:
    whole = state_of(birth(), birth("bx-001", ward="bo-xuyen"))
    announced = settle(whole)
    state = state_of(*announced, birth(), birth("bx-001", ward="bo-xuyen"), wards=("de-tham",))
    assert (state.changes(), state.gateways) == ([], 1)


@pytest.mark.parametrize(
    "document",
    [
        {"origin": {"name": "zigbee2mqtt"}, "state_topic": "tb/v1/de-tham/dt-001/up/heartbeat"},
        {"state_topic": "tb/v1/de-tham/dt-001/up/heartbeat"},
        {"origin": {"name": "edge-agent"}, "state_topic": "elsewhere"},
        [],
    ],
    ids=["of another program", "of nobody", "of no gateway", "no announcement"],
)
def test_an_announcement_of_others_is_left_alone(document: Any) -> None:
    assert state_of((FOREIGN, json.dumps(document).encode())).changes() == []


def test_cameras_with_invalid_ids_are_left_out() -> None:
    state = state_of(birth("dt-001", "cam-1", "a/b", "x') }}", "cam-1"))
    assert len(state.changes()) == PER_GATEWAY + PER_CAMERA


def test_there_are_at_most_so_many_gateways(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "MAX_GATEWAYS", 2)
    with pytest.raises(UsageError, match="over 2 gateways"):
        state_of(birth(), birth("dt-002"), birth("dt-003"))


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("broker")) as started:
        yield started


def run(broker: Mosquitto, *options: str) -> tuple[int, str]:
    out = io.StringIO()
    words = ("home-assistant", "--broker", broker.url, *options)
    return run_home_assistant(parser().parse_args(words), out), out.getvalue()


def test_runs_compare_the_broker_with_the_births(broker: Mosquitto) -> None:
    foreign = json.dumps({"origin": {"name": "zigbee2mqtt"}}).encode()
    with Subscriber(broker.port, "homeassistant/#") as watcher:
        for topic, payload in (birth(), birth("dt-002"), (FOREIGN, foreign)):
            watcher.publish(topic, payload, retain=True)
        assert run(broker) == (0, "gateways: 2, announced or changed: 24, removed: 0\n")
        assert run(broker) == (0, "gateways: 2, announced or changed: 0, removed: 0\n")
        watcher.publish("tb/v1/de-tham/dt-002/up/birth", b"", retain=True)
        watcher.publish(*birth(name="Cổng chợ"), retain=True)
        assert run(broker) == (0, "gateways: 1, announced or changed: 12, removed: 12\n")
        assert run(broker, "--remove") == (0, "gateways: 1, announced or changed: 0, removed: 12\n")
    with Subscriber(broker.port, "homeassistant/#", client_id="late") as late:
        late.publish("homeassistant/end", b"")
        late.wait_for(lambda: bool(late.on("/end")))
        assert {each.topic for each in late.messages if each.retained} == {FOREIGN}


def test_without_a_birth_nothing_is_announced(broker: Mosquitto, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(broker, "--root", "other/v1", "--discovery-prefix", "elsewhere/x")[0] == 1
    assert "no gateway has a birth" in capsys.readouterr().err


@pytest.mark.parametrize("word", ["home/+", "a//b", "#", ""])
def test_a_prefix_that_is_no_topic_is_refused(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["home-assistant", "--broker", "mqtt://127.0.0.1", "--discovery-prefix", word])
    assert "levels such as homeassistant" in capsys.readouterr().err
