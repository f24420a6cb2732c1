"""The same clip gives the same events on an arm64 box as on this machine.

Not bit for bit. The decoder's pixels are the same to the last bit, but OpenCV's linear scaling rounds
differently with NEON than with AVX2 (by up to 2 of 255, in 5 % of the values). So what a detector thinks of a
crop differs in the third digit, and a look that nearly failed may fail: what that decides is where a box
lies, or which of two neighbouring frames is the last. What is told of whom, and since when, must be the same.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.arm64 import emulated
from tests.testbed.agent import write_config
from tests.testbed.walker import walking_clip

BOX = 0.05  # of the picture; 0.015 was seen, with SSD
SCORE = 0.02
FRAME_S = 0.2  # one analysed frame at 5 a second: only the end of something may move, by that much

CAMERA = {
    "id": "cam-1",
    "url": "clip.mp4",
    "analyse": {"fps": 5},
    "report": {"objects": True},
    "lines": {"path": {"from": [0.5, 0.2], "to": [0.5, 1.0]}},
    "zones": {"place": {"polygon": [[0.3, 0], [1, 0], [1, 1], [0.3, 1]]}},
    "rules": [
        {"id": "count", "kind": "line-crossing", "line": "path", "labels": ["person"], "cooldown_s": 0},
        {"id": "in", "kind": "zone-intrusion", "zone": "place", "labels": ["person"]},
    ],
}
RANDOM = {"media_id", "sha256", "bytes"}
"""Of a snapshot: its name is drawn by lot, and its pixels follow the box."""


@pytest.fixture(scope="session")
def box() -> tuple[Path, Path]:
    """An arm64 root with the checkout's wheel in it, and the folder of wheels."""
    try:
        emulated.make_ready()
        root, house = emulated.debian_root(), emulated.wheelhouse()
    except emulated.NoEmulation as error:
        pytest.skip(f"no arm64 here: {error}")
    emulated.install(root, house)
    assert emulated.inside(root, house, ["uname", "-m"]).strip() == "aarch64"
    return root, house


def test_a_walker_seen_by_the_detector_of_every_box(box: tuple[Path, Path], tmp_path: Path) -> None:
    walking_clip(tmp_path / "clip.mp4")
    here, there = both(box, tmp_path, "auto")
    assert kinds(here) == {"object", "line-crossing", "zone-intrusion", "line-counts", "counts"}
    assert list(differences(here, there)) == []


def test_real_people_seen_by_a_model(box: tuple[Path, Path], tmp_path: Path, test_data: Path) -> None:
    footage = test_data / "video" / "one-by-one-person-detection.mp4"
    cut = ["-t", "12", "-an", "-vf", "scale=640:-2,fps=10", "-c:v", "libx264", "-preset", "veryfast"]
    subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(footage), *cut, str(tmp_path / "clip.mp4")],
        check=True,
        timeout=60,
    )
    model = next((test_data / "models").glob("coco_ssd*.tflite"))
    shutil.copy(model, tmp_path)
    here, there = both(box, tmp_path, model.name)
    assert "object" in kinds(here)
    assert list(differences(here, there)) == []


def both(box: tuple[Path, Path], folder: Path, detector: str) -> tuple[list[Any], list[Any]]:
    """Events of ``clip.mp4`` from this machine and from the arm64 one."""
    # One profile for both: each board's own gives the detector another budget.
    common: dict[str, Any] = {"cameras": [CAMERA], "broker_port": 1883, "profile": "raspberry-pi-4"}
    words = ["replay", "--camera", "cam-1", "--start", "2026-11-25T08:00:00+07:00"]

    def model(at: Path) -> str:
        return str(at / detector) if detector.endswith(".tflite") else detector

    config = write_config(folder, detector=model(folder), **common)
    command = [sys.executable, "-m", "edge_agent", *words, "--config", str(config), str(folder / "clip.mp4")]
    here = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    config = write_config(folder, detector=model(Path("/mnt")), **common)
    command = [
        f"{emulated.IN_ROOT}/bin/edge-agent",
        *words,
        "--config",
        f"/mnt/{config.name}",
        "/mnt/clip.mp4",
    ]
    there = emulated.inside(box[0], folder, command)
    return [json.loads(line) for line in here.splitlines()], [json.loads(line) for line in there.splitlines()]


def kinds(events: list[Any]) -> set[str]:
    return {event["type"].removeprefix("vn.thaibinh.edge.").removesuffix(".v1") for event in events}


def differences(here: list[Any], there: list[Any]) -> Iterator[str]:
    if len(here) != len(there):
        yield f"{len(here)} events here, {len(there)} there: {kinds(here) ^ kinds(there)}"
        return
    for number, (one, other) in enumerate(zip(here, there, strict=True), 1):
        ends = one["data"].get("phase") == "end" or "interval_s" in one["data"]
        yield from _differences(f"event {number}", one, other, ends)


def _differences(path: str, one: Any, other: Any, ends: bool) -> Iterator[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            if key not in RANDOM and not _near(key, one.get(key), other.get(key), ends):
                yield from _differences(f"{path}.{key}", one.get(key), other.get(key), ends)
    elif one != other:
        yield f"{path}: {one!r} here, {other!r} there"


def _near(key: str, one: Any, other: Any, ends: bool) -> bool:
    if one is None or other is None:
        return one is other
    if key == "box":
        return all(abs(a - b) <= BOX for a, b in zip(one, other, strict=True))
    if key == "score":
        return bool(abs(one - other) <= SCORE)
    if ends and key in {"time", "ended_at"}:
        apart_s = (datetime.fromisoformat(one) - datetime.fromisoformat(other)).total_seconds()
        return abs(apart_s) <= FRAME_S
    if ends and key == "inside_s":
        return bool(abs(one - other) <= FRAME_S + 0.001)
    if ends and key == "bootms":
        return abs(int(one) - int(other)) <= FRAME_S * 1000
    return bool(one == other)
