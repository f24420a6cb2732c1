"""A real agent whose models are tried, switched and reverted by commands over a real broker."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.commands.centre import Centre, centre_at, document, signed
from tests.commands.counter import OPERATOR
from tests.edge_central.parts import FakeGateway
from tests.events.parts import valid
from tests.model_release.agent_with_model import COMMAND, SHIPPED
from tests.testbed.agent import AgentProcess, write_config
from tests.testbed.mosquitto import Authority, Mosquitto
from tests.testbed.walker_model import WALKER_MODEL


class Gateway:
    """Sends commands to the agent, and reads its messages."""

    def __init__(self, agent: AgentProcess, centre: Centre, port: int) -> None:
        self.agent, self.centre, self.port = agent, centre, port

    def model(self, **args: object) -> dict[str, Any]:
        """Send a signed ``model`` command, and return the reply."""
        asked = document("model", args)
        return self.centre.answer(self.centre.send(asked, signed(asked, OPERATOR)))

    def events(self, kind: str) -> list[dict[str, Any]]:
        found = [valid(message.payload) for message in self.centre.subscriber.events()]
        return [each["data"] for each in found if each["type"].endswith(f".{kind}.v1")]


@contextmanager
def gateway_at(
    folder: Path, clip: Path, authority: Authority, operator: Path, shipped: Path = WALKER_MODEL
) -> Iterator[Gateway]:
    """``operator``: folder of the operators' public keys; ``shipped``: the model in force."""
    report = {"objects": True, "snapshots": "none"}
    cameras = [
        {"id": name, "url": str(clip), "report": report, "analyse": {"gear": "full", "fps": 10}}
        for name in ("cam-1", "cam-2")
    ]
    with Mosquitto(folder) as broker, centre_at(broker.port) as centre:
        config = write_config(
            folder,
            cameras=cameras,
            broker_port=broker.port,
            detector="auto",
            commands={"operator_keys": [str(operator)]},
            heartbeat_s=1,
        )
        environ = {"SSL_CERT_FILE": str(authority.cert), SHIPPED: str(shipped)}
        with AgentProcess(config, "--repeat-files", command=COMMAND, environ=environ) as agent:
            centre.wait_for_gateway()
            yield Gateway(agent, centre, broker.port)


def roll_out(release: Path, url: str, key: Path, gateway: Gateway, report: Path, *more: str) -> int:
    """Run the operator's command; returns its exit code. The broker also has a gateway that is offline.

    ``release``: its folder; ``url``: of its model; ``report``: file for what the command prints.
    """
    gone = FakeGateway("dt-002")
    gateway.centre.subscriber.publish(*gone.state("offline", "s"), retain=True)
    options = ["--url", url, "--key", str(key), "--broker", f"mqtt://127.0.0.1:{gateway.port}"]
    pace = ["--shadow-s", "3", "--share", "1", "--soak-s", "0.5", "--stages", "1,100%"]
    which = ["--gateway", "dt-001", "--gateway", "dt-002"]
    command = [sys.executable, "-m", "edge_agent", "models", "rollout", str(release)]
    with report.open("w", encoding="utf-8") as out:
        every = [*command, *options, *pace, *which, *more]
        return subprocess.run(every, stdout=out, check=False, timeout=60).returncode
