"""The whole agent on a disk that hangs: events go on, a stop ends in time, and nothing is stored twice."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from tests.testbed.agent import PATIENCE_S, AgentProcess, file_camera, write_config
from tests.testbed.mosquitto import Mosquitto, Subscriber

STOP_S = 4.0
"""At a stop the agent waits 1.7 s for the disk; the rest is for a busy machine."""


def test_events_go_on_and_stop_and_start_do_not_wait_for_the_disk(
    tmp_path: Path, walker: Path, broker: Mosquitto, centre: Subscriber
) -> None:
    wish = tmp_path / "hang"
    command = (sys.executable, "-m", "tests.agent.hanging_disk", str(wish), "run")

    def wait_for_more(more: int) -> None:
        wanted = len(centre.events()) + more
        centre.wait_for(lambda: len(centre.events()) >= wanted, PATIENCE_S)

    config = write_config(tmp_path, cameras=[file_camera(walker)], broker_port=broker.port)
    with AgentProcess(config, "--repeat-files", command=command) as agent:
        wait_for_more(1)
        wish.touch()
        wait_for_more(3)
        assert stopped_after_s(agent) < STOP_S
        agent.start()
        wait_for_more(2)
        assert stopped_after_s(agent) < STOP_S
        wish.unlink()
        agent.start()
        wait_for_more(2)
    payloads: dict[tuple[str, str], set[bytes]] = {}
    for event in centre.events():
        parsed = json.loads(event.payload)
        payloads.setdefault((parsed["epoch"], parsed["sequence"]), set()).add(event.payload)
    assert all(len(each) == 1 for each in payloads.values()), "a number was used twice"


def stopped_after_s(agent: AgentProcess) -> float:
    asked = time.monotonic()
    agent.stop()
    return time.monotonic() - asked
