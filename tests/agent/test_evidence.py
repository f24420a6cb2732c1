"""An alarm in a running agent: a clip on the box, its hash in an event, and a signed head."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from tests.agent.test_main_path import kind_of, parsed
from tests.testbed.agent import AgentProcess, file_camera, write_config
from tests.testbed.mosquitto import Mosquitto, Subscriber


def test_an_alarm_leaves_a_clip_and_a_signed_head(tmp_path: Path, walker: Path) -> None:
    camera = file_camera(walker) | {
        "zones": {"yard": {"polygon": [[0, 0], [1, 0], [1, 1], [0, 1]]}},
        "rules": [
            {
                "id": "in-yard",
                "kind": "zone-intrusion",
                "zone": "yard",
                "labels": ["person"],
                "severity": "alarm",
            }
        ],
        "report": {"objects": True, "snapshots": "rules", "clips": "rules"},
        "clip": {"post_s": 1},
    }
    with Mosquitto(tmp_path) as broker, Subscriber(broker.port, "tb/v1/#") as subscriber:
        config = write_config(tmp_path, cameras=[camera], broker_port=broker.port)
        with AgentProcess(config, "--repeat-files") as agent:
            subscriber.wait_for(
                lambda: {"evidence", "chain-head"} <= {kind_of(e) for e in parsed(subscriber.events())}, 60
            )
            beat = agent.wait_for_status(lambda beat: beat["evidence"]["clips"] >= 1, "the clip in health")
            assert agent.stop() == 0, agent.log
    events = parsed(subscriber.events())
    told = next(e["data"] for e in events if kind_of(e) == "evidence")
    opened = next(e["data"] for e in events if kind_of(e) == "zone-intrusion")
    assert told["event_id"] == opened["event_id"]
    media = list((tmp_path / "state" / "evidence" / "media").rglob("*.mp4"))
    assert told["clip"]["sha256"] in {hashlib.sha256(path.read_bytes()).hexdigest() for path in media}
    assert not beat["evidence"].get("degraded")
    assert json.loads(subscriber.on("/up/birth")[0].payload)["evidence_key"]
    assert "Traceback" not in agent.log
