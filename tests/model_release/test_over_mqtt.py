"""The real agent tries, switches to and reverts models by commands over a real broker."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.commands.centre import write_public
from tests.commands.counter import OPERATOR, STRANGER
from tests.model_release.gateway import gateway_at, roll_out
from tests.model_release.parts import SEES_NOTHING, walker_model, write_release
from tests.testbed.mosquitto import Authority
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


def test_a_model_is_rolled_out_survives_a_kill_and_is_taken_back(tmp_path: Path, street: Path) -> None:
    authority = Authority(tmp_path / "ca")
    operators = write_public(tmp_path / "operators/one.pem", OPERATOR).parent
    key = tmp_path / "operator.pem"
    key.write_bytes(OPERATOR.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with (
        WheelServer(tmp_path / "server", authority) as server,
        gateway_at(tmp_path, street, authority, operators) as gateway,
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

        report = tmp_path / "rollout.txt"
        assert roll_out(good.folder, good.url, key, gateway, report) == 3, "dt-002 is left"
        reported = report.read_text()
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
