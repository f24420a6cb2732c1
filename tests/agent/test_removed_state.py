"""The state directory is removed under a running agent that has no broker."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.outbox.parts import outbox_in
from tests.testbed.agent import AgentProcess, file_camera, wait_until, write_config
from tests.testbed.mosquitto import free_port


def test_events_that_wait_for_the_broker_survive_it_and_a_power_cut(tmp_path: Path, walker: Path) -> None:
    config = write_config(tmp_path, cameras=[file_camera(walker)], broker_port=free_port(), heartbeat_s=3600)
    state = tmp_path / "state"
    with AgentProcess(config) as agent:
        agent.wait_for_status(lambda beat: beat["outbox"]["depth"] >= 2, "events in the outbox")
        shutil.rmtree(state)
        wait_until(lambda: "what it held is written again" in agent.log, what="another database")
        agent.kill()
    with outbox_in(state) as outbox:
        assert len(outbox.pending(9)) >= 2
