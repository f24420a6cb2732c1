"""``make test-chaos``: a real broker is away for longer than the shortest step of the healing ladder.

12 minutes, nearly all of them spent waiting: in its first ten an agent does nothing of the kind.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from tests.testbed.agent import AgentProcess, wait_until, write_config
from tests.testbed.mosquitto import Mosquitto, Subscriber

SHORTEST_H = 0.1


def test_an_agent_begins_from_scratch_and_tells_of_it_once_the_broker_is_back(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker:
        healing = {"reconnect_h": SHORTEST_H}
        config = write_config(tmp_path, cameras=[], broker_port=broker.port, healing=healing)
        with AgentProcess(config) as agent:
            wait_until((tmp_path / "state/healing.json").exists, 180, "a session that has lasted")
            broker.kill()
            tried = agent.wait_for_status(lambda beat: beat["healing"]["tried"], "a step", timeout_s=900)
            broker.start()
            with Subscriber(broker.port) as centre:
                centre.wait_for(lambda: bool(centre.events()), 180)
                (event,) = (json.loads(each.payload) for each in centre.events())
            assert agent.stop() == 0
    assert event["type"] == "vn.thaibinh.edge.healing.v1"
    data = event["data"]
    assert [(each["step"], each["outcome"]) for each in data["tried"]] == [("reconnect", "done")]
    assert data["tried"] == tried["healing"]["tried"]
    assert data["tried"][0]["after_s"] >= SHORTEST_H * 3600
    since, back = (datetime.fromisoformat(data[key]) for key in ("since_at", "back_at"))
    assert (back - since).total_seconds() == pytest.approx(data["without_s"], abs=5)
    assert data["without_s"] >= data["tried"][0]["after_s"]
