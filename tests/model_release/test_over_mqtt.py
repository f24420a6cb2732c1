"""The real agent tries, switches to and reverts models by commands over a real broker."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.commands.centre import Centre, centre_at, document, signed, write_public
from tests.commands.counter import OPERATOR, STRANGER
from tests.edge_central.parts import FakeGateway
from tests.events.parts import valid
from tests.model_release.parts import SEES_NOTHING, Release, walker_model, write_release
from tests.model_release.walker_agent import COMMAND
from tests.testbed.agent import AgentProcess, write_config
from tests.testbed.mosquitto import Authority, Mosquitto
from tests.testbed.walker import WalkPath, people_clip
from tests.update.wheel_server import WheelServer


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six people cross the picture repeatedly; the last frame equals the first."""

    def walker(phase: float, foot: float) -> WalkPath:
        def feet(t: float) -> tuple[float, float] | None:
            walked_s = (t + phase) % 4
            return (-30 + walked_s / 3 * 700, foot) if walked_s < 3 else None

        return feet

    path = tmp_path_factory.mktemp("street") / "street.mp4"
    return people_clip(path, [walker(n * 4 / 6, 200 + n * 28) for n in range(6)], 4)


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
def gateway_at(folder: Path, clip: Path, authority: Authority) -> Iterator[Gateway]:
    keys = write_public(folder / "operators/one.pem", OPERATOR).parent
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
            commands={"operator_keys": [str(keys)]},
            heartbeat_s=1,
        )
        environ = {"SSL_CERT_FILE": str(authority.cert)}
        with AgentProcess(config, "--repeat-files", command=COMMAND, environ=environ) as agent:
            centre.wait_for_gateway()
            yield Gateway(agent, centre, broker.port)


def roll_out(release: Release, gateway: Gateway, folder: Path) -> int:
    """Run the operator's command; returns its exit code. The broker also has a gateway that is offline."""
    key = folder / "operator.pem"
    key.write_bytes(OPERATOR.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    gone = FakeGateway("dt-002")
    gateway.centre.subscriber.publish(*gone.state("offline", "s"), retain=True)
    options = ["--url", release.url, "--key", str(key), "--broker", f"mqtt://127.0.0.1:{gateway.port}"]
    pace = ["--shadow-s", "3", "--share", "1", "--soak-s", "0.5", "--stages", "1,100%"]
    which = ["--gateway", "dt-001", "--gateway", "dt-002"]
    with (folder / "rollout.txt").open("w", encoding="utf-8") as out:
        command = [sys.executable, "-m", "edge_agent", "models", "rollout", str(release.folder)]
        return subprocess.run(
            [*command, *options, *pace, *which], stdout=out, check=False, timeout=60
        ).returncode


def test_a_model_is_rolled_out_survives_a_kill_and_is_taken_back(tmp_path: Path, street: Path) -> None:
    authority = Authority(tmp_path / "ca")
    with (
        WheelServer(tmp_path / "server", authority) as server,
        gateway_at(tmp_path, street, authority) as gateway,
    ):
        here = {"served": server.served, "url": server.url}
        good = write_release(tmp_path, "street-b", walker_model(), **here)  # type: ignore[arg-type]
        blind = write_release(tmp_path, "blind", walker_model(SEES_NOTHING), **here)  # type: ignore[arg-type]
        forged = write_release(tmp_path, "forged", walker_model(), **here, operator=STRANGER)  # type: ignore[arg-type]

        refused = gateway.model(**forged.arguments())
        assert (refused["status"], refused["code"]) == ("rejected", "bad-signature")
        other = gateway.model(**good.arguments(url=blind.url, bytes=len(blind.model)))
        assert other["status"] == "failed"
        assert "is not the file that the manifest signs" in other["text"]

        tried = gateway.model(**blind.arguments(for_s=3, share=1))
        assert tried["status"] == "succeeded"
        assert "a switch would be refused: the two models agree on 0.00" in tried["text"]
        kept_out = gateway.model(action="switch", sha256=blind.sha256)
        assert kept_out["status"] == "rejected"

        assert roll_out(good, gateway, tmp_path) == 3, "dt-002 is left"
        reported = (tmp_path / "rollout.txt").read_text()
        assert "de-tham/dt-002: not online" in reported
        assert re.search(r"de-tham/dt-001: tried: \d+ objects, agreement (0\.9\d|1\.00)", reported), reported
        assert "de-tham/dt-001: in force" in reported

        gateway.centre.subscriber.wait_for(
            lambda: any(each["model"]["sha256"] == good.sha256 for each in gateway.events("object"))
        )
        gateway.agent.kill()
        gateway.agent.start()
        beat = gateway.agent.wait_for_status(lambda b: b["model"].get("phase") == "probation", "its restart")
        assert (beat["model"]["sha256"], beat["detector"]["name"]) == (good.sha256, "street-b")

        assert gateway.model(action="back")["status"] == "succeeded"
        gateway.centre.subscriber.wait_for(lambda: len(gateway.events("model")) == 2)
        there, back = gateway.events("model")
        assert (there["outcome"], there["sha256"]) == ("switched", good.sha256)
        assert (back["outcome"], back["before_sha256"]) == ("reverted", there["before_sha256"])
        beat = gateway.agent.wait_for_status(lambda b: b["model"]["reverted"] == good.sha256, "the way back")
        assert beat["detector"]["name"] == "walker"
