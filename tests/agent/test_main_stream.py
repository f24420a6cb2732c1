"""A camera with a main stream, as the status command shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.agent.test_evidence import YARD
from tests.testbed.agent import AgentProcess, file_camera, write_config
from tests.testbed.clips import make_clip
from tests.testbed.mosquitto import Mosquitto
from tests.testbed.rtsp import RtspServer


def test_a_main_stream_that_is_not_there_is_told_until_it_is(tmp_path: Path) -> None:
    sub = make_clip(tmp_path / "sub.mp4")
    main = make_clip(tmp_path / "main.mp4", size=(640, 360))
    with Mosquitto(tmp_path) as broker, RtspServer({"/main": main}) as server:
        server.kill()
        camera = file_camera(sub) | YARD | {"clip": {"main_url": server.url("/main")}}
        config = write_config(tmp_path, cameras=[camera], broker_port=broker.port, detector="none")
        with AgentProcess(config, "--repeat-files") as agent:
            away = agent.wait_for_status(
                lambda beat: trouble(beat) and beat["cameras"]["cam-1"]["state"] == "online",
                "a camera that is there, and whose main stream is missed",
            )
            assert "refuses the connection" in trouble(away)
            assert [line for line in away["degraded"] if "cam-1" in line and "main stream" in line]
            server.start()
            back = agent.wait_for_status(lambda heartbeat: not trouble(heartbeat), "it is back")
            assert not [line for line in back["degraded"] if "main stream" in line]


def trouble(heartbeat: dict[str, Any]) -> str:
    return heartbeat["cameras"].get("cam-1", {}).get("main_trouble") or ""
