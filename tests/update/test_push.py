"""``fleet push`` to the real agent over a real broker, with root's real program."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from edge_agent import config
from edge_agent.config.model.settings import Settings
from edge_agent.host.health.clock_sync import KernelSync
from edge_agent.host.local_api.status import ask_status
from fleet.__main__ import main
from tests.agent.inside import AgentInside
from tests.commands.centre import write_public
from tests.testbed.agent import write_config
from tests.testbed.mosquitto import Mosquitto, Subscriber, wait_until
from tests.update.agents import installed, wheel
from tests.update.box import UpdatingBox


@pytest.fixture
def operator(box: UpdatingBox) -> Path:
    """Private key of an operator whose public key is on the gateway."""
    key = Ed25519PrivateKey.generate()
    write_public(box.folder / "etc/edge-agent/operators/one.pem", key)
    path = box.folder / "operator.key"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


def is_connected(settings: Settings) -> bool:
    document = ask_status(settings).document
    return document is not None and document.connected


@contextmanager
def root_beside(box: UpdatingBox, version: str) -> Iterator[None]:
    """Run root's program as the path unit does; the release's environment exists once its wheel does."""
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.02):
            if box.request.exists():
                installed(box.releases, version)
                box.update()
                return

    thread = threading.Thread(target=watch, name="root")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)


def reported(centre: Subscriber) -> list[dict[str, Any]]:
    """Data of the events about updates."""
    events = [json.loads(message.payload) for message in centre.events()]
    return [event["data"] for event in events if event["type"].endswith(".update.v1")]


def test_a_release_is_sent_in_pieces_and_the_verdict_comes_back(
    box: UpdatingBox, operator: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    box.have("0.1.0")
    box.run_on("0.1.0")
    wheel(box.wheels, "0.2.0", needs=f"Summary: {'x' * 200_000}\n")  # two pieces
    box.publish("0.2.0")
    with Mosquitto(tmp_path) as broker, Subscriber(broker.port) as centre:
        keys = {"operator_keys": [str(operator.parent / "etc/edge-agent/operators")]}
        path = write_config(tmp_path, cameras=[], broker_port=broker.port, detector="none", commands=keys)
        settings = config.load(path)
        # Root's program reads the wheel there.
        box.set(inbox=str(settings.state_dir / "update"))
        agent = AgentInside(path, sysroot=box.folder, kernel_sync=lambda: KernelSync(True, 0.0))
        with agent, root_beside(box, "0.2.0"):
            wait_until(lambda: is_connected(settings), what="the agent at the broker")
            sent = ["push", "dt-001", str(box.server.served), "--ward", "de-tham", "--wait-s", "60"]
            code = main([*sent, "--operator", str(operator), "--broker", f"mqtt://127.0.0.1:{broker.port}"])
            centre.wait_for(lambda: bool(reported(centre)))
    said = capsys.readouterr()
    assert code == 0, said
    lines = said.out.splitlines()
    name = "edge_agent-0.2.0-py3-none-any.whl"
    assert f"sent piece 0 of {name}, 1 are missing" in lines
    assert f"sent piece 1 of {name}, 0 are missing" in lines
    assert lines[-1] == "succeeded: 0.2.0 is in force and connected; before it was 0.1.0"
    assert box.in_force == "0.2.0"
    assert [(event["version"], event["outcome"]) for event in reported(centre)] == [("0.2.0", "in-force")]
