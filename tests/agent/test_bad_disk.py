"""A start with a full disk: the cameras are analysed all the same, and health reports the disk."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.agent.test_main_path import phases
from tests.outbox.test_failing_disk import fill
from tests.testbed.agent import PATIENCE_S, AgentProcess, file_camera, wait_until, write_config
from tests.testbed.mosquitto import Mosquitto, Subscriber, free_port

Spoil = Callable[[Path], object]
STATE_FILES = ("boot.json", "clock.json", "usage.json", "cameras.json")


def make_read_only(folder: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)


@pytest.mark.parametrize("spoil", [fill, make_read_only])
def test_a_disk_that_takes_nothing_from_the_start(
    tmp_path: Path, state_disk: Path, walker: Path, spoil: Spoil, broker: Mosquitto, centre: Subscriber
) -> None:
    spoil(state_disk)
    config = write_config(tmp_path, cameras=[file_camera(walker)], broker_port=broker.port)
    with AgentProcess(config) as agent:
        centre.wait_for(lambda: "end" in phases(centre.events()), PATIENCE_S)
        beat = agent.wait_for_status(lambda beat: beat["outbox"]["degraded"], "a word about the disk")
        assert agent.stop() == 0, agent.log
    assert any(line.startswith("outbox: ") for line in beat["degraded"])
    assert "Traceback" not in agent.log


@pytest.mark.parametrize("name", STATE_FILES)
def test_a_state_file_that_cannot_be_written(tmp_path: Path, walker: Path, name: str) -> None:
    in_the_way = tmp_path / "state" / name / "something"
    in_the_way.mkdir(parents=True)
    config = write_config(tmp_path, cameras=[file_camera(walker)], broker_port=free_port())
    with AgentProcess(config) as agent:
        wait_until(agent.status, what="the agent")
        assert agent.stop() == 0, agent.log
    assert f"{name} cannot be read" in agent.log
    assert "Traceback" not in agent.log
    assert in_the_way.exists()
