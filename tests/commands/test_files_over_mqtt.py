"""Pictures, clips and a bundle of the real agent, requested over a real broker."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.commands.centre import BASE, Centre, centre_at, document
from tests.testbed.agent import AgentProcess, write_config
from tests.testbed.clips import make_clip
from tests.testbed.mosquitto import Mosquitto


@contextmanager
def site(
    folder: Path, cameras: Sequence[Mapping[str, object]], ready: str = "cam-1", **config: object
) -> Iterator[tuple[AgentProcess, Centre]]:
    """A gateway whose camera ``ready`` is online. A camera without a ``url`` plays a clip."""
    clip = {"url": str(make_clip(folder / "clip.mp4", seconds=5))}
    cameras = [clip | dict(camera) for camera in cameras]
    with Mosquitto(folder) as broker, centre_at(broker.port) as centre:
        path = write_config(folder, cameras=cameras, broker_port=broker.port, detector="none", **config)
        with AgentProcess(path, "--repeat-files") as agent:
            agent.wait_for_status(lambda beat: beat["cameras"][ready]["state"] == "online", "the camera")
            centre.wait_for_gateway()
            yield agent, centre


def media(centre: Centre, result: dict[str, Any]) -> Any:
    """Wait for the file that a reply names."""
    topic = f"{BASE}/up/media/{result['media_id']}"
    centre.subscriber.wait_for(lambda: bool(centre.subscriber.on(topic)))
    (message,) = centre.subscriber.on(topic)
    assert hashlib.sha256(message.payload).hexdigest() == result["sha256"]
    assert message.properties["event_id"] == result["event_id"]
    return message


def ask(centre: Centre, type_: str, timeout_s: float = 30.0, **args: object) -> dict[str, Any]:
    return centre.ask(type_, args, timeout_s=timeout_s)


def test_pictures_clips_and_a_bundle_come_when_they_are_asked_for(tmp_path: Path) -> None:
    cameras: list[dict[str, object]] = [
        {"id": "cam-1"},
        {"id": "cam-2", "url": "rtsp://127.0.0.1:1/away"},
        {"id": "cam-3", "report": {"snapshots": "none"}},
        {"id": "cam-4", "privacy_masks": [[[0, 0], [1, 0], [1, 1], [0, 1]]]},
    ]
    with site(tmp_path, cameras) as (agent, centre):
        picture = media(centre, ask(centre, "snapshot", camera="cam-1")["result"])
        assert picture.content_type == "image/jpeg"
        assert picture.payload.startswith(b"\xff\xd8")

        packed = media(centre, ask(centre, "diagnostics")["result"])
        with tarfile.open(fileobj=io.BytesIO(packed.payload)) as tar:
            names = {name.removeprefix("diagnostics/") for name in tar.getnames()}
            log = tar.extractfile("diagnostics/log.txt")
            assert log is not None
            assert b"runs as dt-001" in log.read()
        files = "status.json health.jsonl files.txt versions.json configuration.txt log.txt"
        assert names == set(files.split())

        storm = document("storm-mode", {"cameras": ["cam-1"], "every_s": 30, "for_s": 60})
        centre.answer(centre.send(storm))
        agent.wait_for_status(lambda beat: beat["storm"] is not None, "the storm")
        centre.subscriber.wait_for(lambda: len(told_of(centre, storm["id"])) == 1)
        (reported,) = told_of(centre, storm["id"])
        assert reported["event_id"] == f"storm-{storm['id']}-1"

        agent.wait_for_status(lambda beat: beat["cameras"]["cam-2"]["state"] == "offline", "the other camera")
        refused = {
            "snapshot": [("cam-9", "there are: cam-1, cam-2"), ("cam-2", "is offline"), ("cam-3", "none")],
            "clip": [("cam-4", "privacy_masks"), ("cam-2", "is offline")],
        }
        for type_, cases in refused.items():
            for camera, says in cases:
                answer = ask(centre, type_, camera=camera)
                assert (answer["status"], answer["code"]) == ("rejected", "not-possible")
                assert says in answer["text"]

        answer = ask(centre, "clip", camera="cam-1", last_s=2, next_s=1)
        film = media(centre, answer["result"])
        assert film.content_type == "video/mp4"
        assert 2.5 < duration_s(tmp_path / "film.mp4", film.payload) < 6
        event_id = answer["result"]["event_id"]
        assert ask(centre, "evidence-hold", event_id=event_id, why="case 12")["result"] == {"clip": True}
        again = ask(centre, "clip", event_id=event_id)["result"]
        assert again["sha256"] == answer["result"]["sha256"]


def told_of(centre: Centre, command_id: str) -> list[dict[str, Any]]:
    data = [json.loads(message.payload)["data"] for message in centre.subscriber.events()]
    return [each for each in data if (each.get("file") or {}).get("command_id") == command_id]


def duration_s(path: Path, film: bytes) -> float:
    path.write_bytes(film)
    command = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", str(path)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout)
