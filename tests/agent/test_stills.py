"""The stills of a running agent: sent, stored, signed by the chain, and packed into the bundle."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge_agent.cli.main import main
from tests.agent.test_evidence import YARD, nothing_against, of_kind, report_on
from tests.commands.centre import centre_at, document, signed, write_public
from tests.commands.counter import OPERATOR
from tests.commands.test_files_over_mqtt import ask, media
from tests.testbed.agent import AgentProcess, write_config
from tests.testbed.mosquitto import Mosquitto, Subscriber
from tests.testbed.rtsp import RtspServer
from tests.testbed.synced import COMMAND
from tests.testbed.walker import walking_clip

LARGE = (1280, 720)


def stills(centre: Subscriber) -> list[dict[str, Any]]:
    return [event["data"] for event in of_kind(centre, "evidence") if "still" in event["data"]]


def size_of(payload: bytes) -> tuple[int, ...]:
    picture = cv2.imdecode(np.frombuffer(payload, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return tuple(map(int, picture.shape[1::-1]))


def test_an_alarm_gets_stills_that_the_chain_proves_and_a_command_gets_one(
    tmp_path: Path, broker: Mosquitto
) -> None:
    sub = walking_clip(tmp_path / "sub.mp4", empty_s=2.0, walk_s=5.0, tail_s=1.0)
    large = tmp_path / "main.mp4"
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(sub), "-vf", f"scale={LARGE[0]}:{LARGE[1]}"]
    encoder = ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "10"]
    subprocess.run([*command, *encoder, str(large)], check=True)
    streams = {"/sub": sub, "/main": large}
    with RtspServer(streams, live=True, delay_s={"/main": 0.3}) as server, centre_at(broker.port) as operator:
        centre = operator.subscriber
        camera = {"id": "cam-1", "url": server.url("/sub"), **YARD}
        camera |= {"clip": {"main_url": server.url("/main"), "post_s": 1}}
        camera["report"] = {"stills": "rules", "clips": "none"}
        keys = {"operator_keys": [str(write_public(tmp_path / "operator.pem", OPERATOR))]}
        config = write_config(tmp_path, cameras=[camera], broker_port=broker.port, commands=keys)
        with AgentProcess(config, command=COMMAND) as agent:
            operator.wait_for_gateway()
            centre.wait_for(lambda: any(data["still"]["source"] == "main" for data in stills(centre)), 90)
            data = next(data for data in stills(centre) if data["still"]["source"] == "main")
            event_id = data["event_id"]

            def views() -> dict[str, dict[str, Any]]:
                return {e["still"]["view"]: e["still"] for e in stills(centre) if e["event_id"] == event_id}

            centre.wait_for(lambda: set(views()) == {"object", "scene"})
            for ref in views().values():
                picture = media(operator, ref | {"event_id": event_id})
                assert size_of(picture.payload) == (ref["width"], ref["height"])
            assert (views()["scene"]["width"], views()["scene"]["height"]) == LARGE

            assert ask(operator, "snapshot", camera="cam-1", still=True)["code"] == "unsigned"
            asked = document("snapshot", {"camera": "cam-1", "still": True})
            answer = operator.answer(operator.send(asked, signed(asked, OPERATOR)), 30)
            requested = media(operator, answer["result"])
            assert size_of(requested.payload) == LARGE

            bundle = tmp_path / "bundle"
            centre.wait_for(lambda: bool(of_kind(centre, "chain-head")))
            main(["evidence", "export", event_id, str(config), "--by", "Lan", "--out", str(bundle)])
            packed = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (bundle / "media").iterdir()}
            assert {ref["sha256"] for ref in views().values()} <= packed
            assert agent.stop() == 0, agent.log
    report = report_on(centre, tmp_path)
    assert nothing_against(report), report.findings
