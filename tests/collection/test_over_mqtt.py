"""The real agent collects frames by a command over a real broker."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edge_agent.collection.files import note_of
from edge_agent.core.delivery import SEALED_TYPE
from edge_agent.evidence.seal import unseal
from tests.collection.parts import PEM, PUBLIC_PEM
from tests.commands.centre import Centre, centre_at, document, encoded, signed, write_public
from tests.commands.counter import OPERATOR
from tests.events.parts import valid
from tests.testbed.agent import AgentProcess, write_config
from tests.testbed.clips import make_clip
from tests.testbed.mosquitto import Mosquitto, Received
from tests.testbed.synced import COMMAND

LASTS_S = 60


def media(centre: Centre) -> list[Received]:
    return [message for message in centre.subscriber.messages if "/up/media/" in message.topic]


def collections(centre: Centre) -> list[dict[str, Any]]:
    """The collection's events, in order."""
    found = [json.loads(message.payload) for message in centre.subscriber.events()]
    return [each for each in found if each["type"].endswith(".collection.v1")]


def test_an_operator_has_frames_collected_that_only_the_centre_can_open(
    tmp_path: Path,
) -> None:
    public = tmp_path / "centre.pub.pem"
    public.write_bytes(PUBLIC_PEM)
    keys = write_public(tmp_path / "operators/one.pem", OPERATOR).parent
    clip = make_clip(tmp_path / "clip.mp4", seconds=5)
    camera = {"id": "cam-1", "url": str(clip), "analyse": {"gear": "full"}}
    with Mosquitto(tmp_path) as broker, centre_at(broker.port) as centre:
        config = write_config(
            tmp_path,
            cameras=[camera],
            broker_port=broker.port,
            detector="none",
            commands={"operator_keys": [str(keys)], "signed": []},
            collect={"allow": True, "seal_to": str(public)},
        )
        with AgentProcess(config, "--repeat-files", command=COMMAND):
            centre.wait_for_gateway()
            wanted = {"cameras": ["cam-1"], "frames": 500, "per_hour": 60, "for_s": LASTS_S}
            unsigned = document("collect", wanted)
            assert centre.answer(centre.send(unsigned, encoded(unsigned)))["code"] == "unsigned"
            asked = document("collect", wanted)
            begun = centre.answer(centre.send(asked, signed(asked, OPERATOR)))
            assert begun["status"] == "succeeded", begun["text"]
            centre.subscriber.wait_for(lambda: bool(media(centre)))
            (frame,) = media(centre)
            assert frame.content_type == SEALED_TYPE
            assert frame.properties["event_id"] == begun["result"]["event_id"]
            note = note_of(unseal(frame.payload, PEM))
            assert (note.gateway, note.camera, note.clock) == ("dt-001", "cam-1", "synced")
            ended = document("collect", {"for_s": 0})
            assert centre.answer(centre.send(ended, encoded(ended)))["status"] == "succeeded"
            centre.subscriber.wait_for(lambda: len(collections(centre)) == 3)
    start, complete, gone = (valid(encoded(event)) for event in collections(centre))
    assert [event["data"]["state"] for event in (start, complete, gone)] == ["taking", "complete", "gone"]
    assert (start["severitytext"], start["subject"], gone["data"]["sent"]) == ("WARN", "gateway", 1)
    assert {event["data"]["command_id"] for event in (start, complete, gone)} == {asked["id"]}
