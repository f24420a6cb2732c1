"""From a camera to a subscriber, with the real command, a real broker and a real SQLite file."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from tests.testbed.agent import PATIENCE_S, AgentProcess, file_camera, write_config
from tests.testbed.mosquitto import Mosquitto, Received, Subscriber
from tests.testbed.schemas import check_message


def parsed(events: list[Received]) -> list[dict[str, Any]]:
    return [json.loads(event.payload) for event in events]


def phases(events: list[Received]) -> list[str]:
    return [event["data"].get("phase", "-") for event in parsed(events)]


def kinds(events: list[Received]) -> set[str]:
    return {kind_of(event) for event in parsed(events)}


def kind_of(event: dict[str, Any]) -> str:
    return str(event["type"].removeprefix("vn.thaibinh.edge.").removesuffix(".v1"))


def test_a_person_walking_by_becomes_events_with_a_picture_that_fit_their_schemas(
    tmp_path: Path, walker: Path, broker: Mosquitto, centre: Subscriber
) -> None:
    config = write_config(tmp_path, cameras=[file_camera(walker)], broker_port=broker.port)
    with AgentProcess(config) as agent:
        centre.wait_for(lambda: "end" in phases(centre.events()), PATIENCE_S)
        centre.wait_for(lambda: bool([m for m in centre.messages if "/up/media/" in m.topic]), PATIENCE_S)
        centre.wait_for(lambda: bool(centre.on("/up/heartbeat")))
        assert agent.stop() == 0
    centre.wait_for(lambda: json.loads(centre.on("/up/state")[-1].payload)["state"] == "stopped")

    events = parsed(centre.events())
    start, end = (e for e in events if kind_of(e) == "object")
    assert start["data"]["label"] == "person"
    assert end["data"]["event_id"] == start["data"]["event_id"]
    assert end["data"]["end_reason"] == "left"
    (media,) = (m for m in centre.messages if m.topic.endswith(start["data"]["snapshot"]["media_id"]))
    assert hashlib.sha256(media.payload).hexdigest() == start["data"]["snapshot"]["sha256"]
    assert len(media.payload) < 200_000
    assert media.properties["event_id"] == start["data"]["event_id"]
    counted = [e["data"]["new"] for e in events if kind_of(e) == "counts"]
    assert counted == [{"person": 1}], "told at the stop, before the minute was over"
    for name in ("birth", "heartbeat", "state"):
        for message in centre.on(f"/up/{name}"):
            check_message(json.loads(message.payload), name)
    for event in events:
        check_message(event, f"event-{kind_of(event)}")


def test_nothing_is_lost_when_the_broker_stops_and_the_agent_is_killed(
    tmp_path: Path, walker: Path, broker: Mosquitto, centre: Subscriber
) -> None:
    config = write_config(tmp_path, cameras=[file_camera(walker)], broker_port=broker.port)
    agent = AgentProcess(config, "--repeat-files")
    with agent:
        centre.wait_for(lambda: "start" in phases(centre.events()), PATIENCE_S)
        broker.stop()
        agent.wait_for_status(lambda beat: beat["outbox"]["depth"] >= 2, "events waiting for the broker")
        agent.kill()
        agent.start()
        broker.start()
        centre.wait_for(lambda: len({e["id"] for e in parsed(centre.events())}) >= 6, 60)
        agent.wait_for_status(lambda beat: beat["outbox"]["depth"] == 0, "an empty outbox")

    unique = {(e["source"], e["id"]): e for e in parsed(centre.events())}
    assert len({e["epoch"] for e in unique.values()}) == 1
    sequences = sorted(int(e["sequence"]) for e in unique.values())
    assert sequences == list(range(1, len(sequences) + 1)), "a gap or a number used twice"
    opened = [e["data"]["event_id"] for e in unique.values() if e["data"].get("phase") == "start"]
    ended = [e["data"]["event_id"] for e in unique.values() if e["data"].get("phase") == "end"]
    assert len(ended) == len(set(ended)), "an object ended twice"
    assert set(ended) <= set(opened)
    assert len(opened) - len(ended) <= 1, "all but the object in view have ended, over the kill too"
