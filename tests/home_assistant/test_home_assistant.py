"""Gateways that ``edge-agent home-assistant`` announces, in a real Home Assistant core at a real broker."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import edge_agent
from edge_agent.cli.arguments import parser
from edge_agent.core.clock import rfc3339
from edge_agent.tools.home_assistant.command import run_home_assistant
from tests.testbed.mosquitto import Mosquitto, Subscriber, wait_until

EXAMPLES = Path(edge_agent.__file__).parents[1] / "docs/reference/examples"
PREFIX = "homeassistant/de-tham"
UP = "tb/v1/de-tham/dt-001/up"
PER_GATEWAY, PER_CAMERA = 7, 6
PATIENCE_S = 60.0


@dataclass
class Core:
    """A running Home Assistant."""

    folder: Path
    broker: Mosquitto
    gateway: Subscriber  # publishes as a gateway would
    process: subprocess.Popen[str]

    @property
    def states(self) -> dict[str, dict[str, Any]]:
        """By unique id without its first part."""
        found: dict[str, dict[str, Any]] = json.loads((self.folder / "states.json").read_text())
        return {key.removeprefix("edge-agent_"): each for key, each in found.items()}

    def value(self, entity: str) -> str | None:
        found = self.states.get(entity)
        return None if found is None else found["state"]

    def wait(self, entity: str, value: str) -> None:
        wait_until(lambda: self.value(entity) == value, PATIENCE_S, f"{entity} to be {value}: {self.log}")

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")[-4_000:]

    def announce(self, *options: str) -> str:
        out = io.StringIO()
        words = (
            "home-assistant",
            "--broker",
            f"mqtt://127.0.0.1:{self.broker.port}",
            "--discovery-prefix",
            PREFIX,
        )
        assert run_home_assistant(parser().parse_args([*words, "--with-pictures", *options]), out) == 0
        return out.getvalue()


@contextmanager
def running_core(folder: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    folder.mkdir()
    python = os.environ["EDGE_AGENT_HOME_ASSISTANT"]
    command = [python, str(Path(__file__).with_name("core.py")), str(folder), str(port), PREFIX]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, text=True)
    try:
        wait_until(
            lambda: (folder / "states.json").exists() or process.poll() is not None, PATIENCE_S, "its start"
        )
        assert process.poll() is None, (folder / "log").read_text(errors="replace")[-4_000:]
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(PATIENCE_S)


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Core]:
    folder = tmp_path_factory.mktemp("home")
    with (
        Mosquitto(folder) as broker,
        Subscriber(broker.port, "nothing", client_id="gateway") as gateway,
        running_core(folder / "core", broker.port) as process,
    ):
        cameras = [{"id": "cam-1"}, {"id": "cam-2"}]
        gateway.publish(f"{UP}/birth", example("birth", cameras=cameras), retain=True)
        gateway.publish(f"{UP}/state", example("state", state="online"), retain=True)
        yield Core(folder / "core", broker, gateway, process)


def example(name: str, **changes: Any) -> bytes:
    document = json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return json.dumps(document | changes).encode()


def now() -> str:
    return rfc3339(datetime.now(UTC))


def test_an_announced_gateway_has_all_entities_with_their_values(core: Core) -> None:
    assert core.announce("--off-delay-s", "2") == "gateways: 1, announced or changed: 19, removed: 0\n"
    core.wait("dt-001_online", "on")
    wait_until(lambda: len(core.states) == PER_GATEWAY + 2 * PER_CAMERA, PATIENCE_S, "all entities")
    core.gateway.publish(f"{UP}/heartbeat", example("heartbeat"))
    core.wait("dt-001_storage", "29.3")
    found = core.states
    assert found["dt-001_problem"]["state"] == "on"
    assert len(found["dt-001_problem"]["attributes"]["problems"]) == 2
    assert (found["dt-001_waiting"]["state"], found["dt-001_temperature"]["state"]) == ("1", "unknown")
    assert (found["dt-001_cam-1_online"]["state"], found["dt-001_cam-2_online"]["state"]) == ("on", "off")
    assert found["dt-001_uplink"]["attributes"]["device_class"] == "data_size"
    assert found["dt-001_cam-1_person"]["device"] == "Lý Thường Kiệt cam-1"


def test_a_person_switches_a_sensor_on_and_time_switches_it_off(core: Core) -> None:
    core.gateway.publish(f"{UP}/event/cam-1", example("event-object"))  # of last week
    core.gateway.publish(f"{UP}/event/cam-2", example("event-object", recordedtime=now()))
    core.wait("dt-001_cam-2_person", "on")
    core.wait("dt-001_cam-2_person", "off")
    assert core.value("dt-001_cam-1_person") == "unknown"
    assert core.value("dt-001_cam-2_vehicle") == "unknown"


def test_an_alarm_is_an_event_for_automations(core: Core) -> None:
    core.gateway.publish(f"{UP}/event/cam-1", example("event-zone-intrusion", recordedtime=now()))
    wait_until(lambda: core.value("dt-001_cam-1_alarm") not in ("unknown", None), PATIENCE_S, "the alarm")
    attributes = core.states["dt-001_cam-1_alarm"]["attributes"]
    assert attributes["event_type"] == "zone-intrusion"
    assert (attributes["text"], attributes["zone"]) == ("person in yard for 1 s", "yard")


def test_a_picture_is_shown_where_it_was_asked_for(core: Core) -> None:
    core.gateway.publish(f"{UP}/media/m-1", b"\xff\xd8\xff\xe0 a picture")
    wait_until(lambda: core.value("dt-001_picture") not in ("unknown", None), PATIENCE_S, "the picture")


def test_a_gateway_that_is_offline_makes_its_entities_unavailable(core: Core) -> None:
    core.gateway.publish(f"{UP}/state", example("state"), retain=True)
    core.wait("dt-001_online", "off")
    core.wait("dt-001_storage", "unavailable")
    core.gateway.publish(f"{UP}/state", example("state", state="online"), retain=True)
    core.wait("dt-001_online", "on")


def test_a_camera_that_goes_takes_its_entities_along(core: Core) -> None:
    core.gateway.publish(f"{UP}/birth", example("birth", cameras=[{"id": "cam-1"}]), retain=True)
    assert core.announce("--off-delay-s", "2") == "gateways: 1, announced or changed: 0, removed: 6\n"
    wait_until(lambda: len(core.states) == PER_GATEWAY + PER_CAMERA, PATIENCE_S, "the camera's end")
    core.announce("--remove")
    wait_until(lambda: not core.states, PATIENCE_S, "the gateway's end")


def test_a_command_that_goes_on_announces_a_new_camera_at_once(core: Core) -> None:
    broker = f"mqtt://127.0.0.1:{core.broker.port}"
    words = ("home-assistant", "--broker", broker, "--discovery-prefix", PREFIX, "--follow")
    process = subprocess.Popen(
        [sys.executable, "-m", "edge_agent", *words], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "gateways: 1, announced or changed: 12, removed: 0\n"
    cameras = [{"id": "cam-1"}, {"id": "cam-9"}]
    core.gateway.publish(f"{UP}/birth", example("birth", cameras=cameras), retain=True)
    wait_until(lambda: "dt-001_cam-9_person" in core.states, PATIENCE_S, "the new camera")
    core.gateway.publish(f"{UP}/birth", b"", retain=True)
    wait_until(lambda: not core.states, PATIENCE_S, "the end of a closed site")
    process.terminate()
    assert process.wait(PATIENCE_S) == 0
    process.stdout.close()


def test_home_assistant_reports_no_error(core: Core) -> None:
    """Its log names each announcement and each template that it does not like."""
    log = (core.folder / "log").read_text(errors="replace")
    found = re.findall(
        r"^(?:WARNING|ERROR) homeassistant\.(?:components\.mqtt|helpers\.template).*", log, re.M
    )
    assert found == []
    assert "WARNING homeassistant.bootstrap" in log, "it warns of its old Python at least"
