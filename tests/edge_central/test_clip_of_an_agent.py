"""A clip requested at the console travels from the real agent's disk into the centre's media folder."""

from __future__ import annotations

import time
from pathlib import Path

from edge_central.console.incident_log import LogAuthor
from edge_central.console.requests import ConsoleRequest, request_clip, requests_about
from edge_central.store.database import DatabaseConnections
from edge_central.store.scope import EVERYWHERE
from tests.commands.centre import centre_at, document
from tests.commands.test_files_over_mqtt import duration_s
from tests.edge_central.parts import Centre
from tests.testbed.agent import AgentProcess, write_config
from tests.testbed.clips import make_clip
from tests.testbed.mosquitto import Mosquitto, wait_until

CONFIRMED = {"delivery": "confirmed", "spread_s": 0}


def newest_request(connections: DatabaseConnections, event_id: str) -> ConsoleRequest:
    with connections.reading() as connection:
        return requests_about(connection, EVERYWHERE, "dt-001", event_id)[0]


def test_a_clip_arrives_plays_and_leaves_the_gateway(tmp_path: Path) -> None:
    camera = {"id": "cam-1", "url": str(make_clip(tmp_path / "clip.mp4", seconds=5))}
    with Mosquitto(tmp_path) as broker, Centre(tmp_path / "centre", broker.port) as centre:
        mqtt = {"brokers": [f"mqtt://127.0.0.1:{broker.port}"], **CONFIRMED}
        config = write_config(tmp_path, cameras=[camera], broker_port=broker.port, detector="none", mqtt=mqtt)
        with centre_at(broker.port) as operator, AgentProcess(config, "--repeat-files") as agent:
            agent.wait_for_status(lambda beat: beat["cameras"]["cam-1"]["state"] == "online", "the camera")
            operator.wait_for_gateway()
            filmed = operator.answer(
                operator.send(document("clip", {"camera": "cam-1", "last_s": 2, "next_s": 1})), 60
            )
            event_id = filmed["result"]["event_id"]
            connections = DatabaseConnections(centre.database)
            try:
                with connections.writing() as connection:
                    by = LogAuthor("lan", round(time.time() * 1000))
                    assert request_clip(connection, by, "dt-001", "de-tham", event_id)
                wait_until(
                    lambda: newest_request(connections, event_id).status == "succeeded", 60, "the clip"
                )
            finally:
                connections.close()
            agent.wait_for_status(lambda beat: beat["outbox"]["depth"] == 0, "all is confirmed")
            wait_until(lambda: any((centre.state_dir / "media").rglob("*.mp4")), 60, "the file")
        (stored,) = (centre.state_dir / "media").rglob("*.mp4")  # sent twice, stored once
        assert duration_s(tmp_path / "film.mp4", stored.read_bytes()) > 0.9
