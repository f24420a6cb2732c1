"""``edge-agent run --trust-clock``: signed commands without a synchronised clock, for a trial on one
machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.commands.centre import centre_at, document, signed, write_public
from tests.commands.counter import OPERATOR
from tests.testbed.agent import PATIENCE_S, AgentProcess, write_config
from tests.testbed.mosquitto import Mosquitto
from tests.testbed.synced import COMMAND, UNSYNCED


def reply_and_health(folder: Path, options: Sequence[str]) -> tuple[str, list[str]]:
    """Code of the reply to a signed command, and the lines of the agent's health."""
    keys = write_public(folder / "operators/one.pem", OPERATOR).parent
    with Mosquitto(folder) as broker, centre_at(broker.port) as centre:
        commands = {"operator_keys": [str(keys)]}
        config = write_config(folder, broker_port=broker.port, detector="none", commands=commands)
        with AgentProcess(config, *options, command=COMMAND, environ=UNSYNCED) as agent:
            centre.wait_for_gateway()
            risky = document("relearn", {"camera": "cam-1"})
            reply = centre.answer(centre.send(risky, signed(risky, OPERATOR)))
            if reply["code"] != "clock-not-synchronised":
                span = {"from_at": "2026-11-28T00:00:00Z", "to_at": "2026-11-29T00:00:00Z"}
                search = document("search", {"purpose": "trial", "case": "1/2026", **span})
                answer = centre.answer(centre.send(search, signed(search, OPERATOR)))
                assert answer["status"] == "succeeded", "a search does not wait for the clock either"
            beat = agent.wait_for_status(lambda beat: True, "health")
            return reply["code"], beat["degraded"]


def test_without_it_the_clock_must_be_synchronised(tmp_path: Path) -> None:
    code, degraded = reply_and_health(tmp_path, [])
    assert code == "clock-not-synchronised"
    assert not [line for line in degraded if "--trust-clock" in line]


def test_with_it_signed_commands_are_accepted_and_health_says_so(tmp_path: Path) -> None:
    code, degraded = reply_and_health(tmp_path, ["--trust-clock"])
    assert code == "not-possible", "the signature was accepted; there is no such camera"
    assert [line for line in degraded if line.startswith("--trust-clock: ")]
    assert "clock not synchronised, times may be wrong" in degraded


@pytest.mark.parametrize(
    ("brokers", "environ", "why"),
    [
        (["mqtts://broker.example"], {}, "not for broker.example"),
        (["mqtt://127.0.0.1", "mqtts://10.0.0.7"], {}, "not for 10.0.0.7"),
        (["mqtt://localhost"], {"NOTIFY_SOCKET": "/run/systemd/notify"}, "not for a service"),
    ],
    ids=["a broker elsewhere", "a second broker elsewhere", "a service"],
)
def test_a_gateway_cannot_be_started_with_it(
    tmp_path: Path, brokers: list[str], environ: dict[str, str], why: str
) -> None:
    mqtt: dict[str, Any] = {"brokers": brokers, "spread_s": 0}
    config = write_config(tmp_path, cameras=[], broker_port=1, detector="none", mqtt=mqtt)
    with AgentProcess(config, "--trust-clock", command=COMMAND, environ=environ) as agent:
        assert agent.process.wait(PATIENCE_S) == 2
    assert why in agent.log


def test_no_unit_uses_it() -> None:
    root = Path(__file__).parents[2]
    files = [file for folder in ("systemd", "ansible") for file in (root / folder).rglob("*")]
    assert not [file for file in files if file.is_file() and b"--trust-clock" in file.read_bytes()]
