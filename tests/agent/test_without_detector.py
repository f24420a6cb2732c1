"""Without a detector the agent does no work for objects, and still detects tampering and outages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_agent.cameras.build import effective_settings
from edge_agent.config.model.settings import GearChoice
from edge_agent.core.model import DecodeMode
from tests.capture.rig import camera
from tests.testbed.agent import AgentProcess, wait_until, write_config
from tests.testbed.clips import make_clip
from tests.testbed.mosquitto import Mosquitto, Subscriber
from tests.testbed.rtsp import RtspServer


@pytest.mark.parametrize(
    ("chosen", "used"),
    [
        (GearChoice.AUTO, GearChoice.IDLE),
        (GearChoice.FULL, GearChoice.FULL),  # it was requested
        (GearChoice.IDLE, GearChoice.IDLE),
    ],
)
def test_auto_is_keyframes_only_without_a_detector(chosen: GearChoice, used: GearChoice) -> None:
    assert effective_settings(camera("rtsp://host/x", gear=chosen), detection=None).analyse.gear is used


def test_a_camera_in_front_of_a_street_decodes_keyframes_only_and_is_online(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "street.mp4", seconds=6)  # a test picture in which everything moves
    with RtspServer({"/cam": clip}) as server, Mosquitto(tmp_path) as broker:
        camera = {"id": "cam-1", "url": server.url("/cam")}
        config = write_config(tmp_path, cameras=[camera], broker_port=broker.port, detector="none")
        with Subscriber(broker.port, "tb/v1/#") as subscriber, AgentProcess(config):

            def beats() -> list[dict[str, object]]:
                return [json.loads(m.payload)["cameras"]["cam-1"] for m in subscriber.on("up/heartbeat")]

            def is_idle() -> bool:
                return any(b["state"] == "online" and b.get("gear") == DecodeMode.IDLE for b in beats())

            wait_until(is_idle, timeout_s=30, what="an online camera in idle gear")
