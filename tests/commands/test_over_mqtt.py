"""The real agent under the command of a centre, over a real broker."""

from __future__ import annotations

from pathlib import Path

from tests.commands.centre import centre_at, document
from tests.testbed.agent import AgentProcess, write_config
from tests.testbed.mosquitto import Mosquitto


def test_a_status_is_answered_and_its_repeat_after_a_restart_is_the_same_answer(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker, centre_at(broker.port) as centre:
        config = write_config(tmp_path, cameras=[], broker_port=broker.port, detector="none")
        with AgentProcess(config) as agent:
            centre.wait_for_gateway()
            asked = document("status")
            answer = centre.answer(centre.send(asked))
            assert [reply["status"] for reply in centre.replies(asked["id"])] == [
                "accepted",
                "running",
                "succeeded",
            ]
            assert answer["result"]["gateway"] == "dt-001"
            agent.kill()
            agent.start()
            centre.send(asked)
            centre.subscriber.wait_for(lambda: len(centre.replies(asked["id"])) == 4)
            assert centre.replies(asked["id"])[-1] == answer
