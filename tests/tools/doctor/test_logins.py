"""A running agent and the doctor on one gateway: the number of logins with a wrong password."""

from __future__ import annotations

from pathlib import Path

from tests.testbed.agent import AgentProcess, write_config
from tests.tools.doctor.conftest import camera, examined
from tests.tools.doctor.strict_camera import StrictCamera


def test_agent_and_doctor_show_a_wrong_password_twice_in_all(tmp_path: Path, password: str) -> None:
    with StrictCamera() as strict:
        gate = camera("gate", strict.url, password)
        config = write_config(tmp_path, cameras=[gate], broker_port=1, detector="none")
        with AgentProcess(config) as agent:
            agent.wait_for_status(
                lambda beat: beat["cameras"]["gate"]["cause"] == "unauthorized", "a refusal"
            )
            told = [examined(config, "--lang", "en").line("gate") for _ in range(2)]
        assert strict.logins == 2
    assert [line.finding for line in told] == ["camera-unauthorized"] * 2
    assert "not tried again" in told[1].said
    assert f"sudo rm {tmp_path}/state/stream-logins.json" in str(told[0].todo), "where this agent keeps it"
