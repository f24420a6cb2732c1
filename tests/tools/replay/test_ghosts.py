"""A person in view at the start of the agent becomes part of the background model. After the person has left,
the place reports nothing until someone enters. Real footage with the real command; times by eye in the
frames."""

from __future__ import annotations

import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.tools.replay.command import of_kind, replayed

MODEL = Path("models") / "yolox_nano_float16_quantize.tflite"
START = "2026-11-24T12:00:00+00:00"
CAMERA: dict[str, Any] = {
    "zones": {"gate": {"polygon": [[0.3, 0.6], [0.8, 0.6], [0.8, 1], [0.3, 1]]}},
    "lines": {"door": {"from": [0.5, 0.55], "to": [0.5, 1.0]}},
    "rules": [
        {"id": "dwell", "kind": "loitering", "zone": "gate", "labels": ["person"], "min_duration_s": 10}
        | {"cooldown_s": 0},
        {"id": "count", "kind": "line-crossing", "line": "door", "labels": ["person"], "cooldown_s": 0},
    ],
}


@pytest.fixture(scope="module")
def room(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Events of 40 s: a woman stands at a table from the first frame and leaves at 8.6 s; the room is empty
    from 10.2 s; a man comes in at 12.8 s, crosses the line, stands at the table and leaves at 33.6 s."""
    folder = tmp_path_factory.mktemp("ghosts")
    source, clip = test_data / "video" / "one-by-one-person-detection.mp4", folder / "room.mp4"
    cut = ["ffmpeg", "-v", "error", "-nostdin", "-ss", "10", "-t", "40", "-i", str(source), "-an"]
    subprocess.run(
        [*cut, "-c:v", "libx264", "-preset", "veryfast", "-crf", "20", str(clip)], check=True, timeout=120
    )
    return replayed(folder, clip, CAMERA, "--start", START, detector=str(test_data / MODEL))


def seconds(at: str) -> float:
    return (datetime.fromisoformat(at) - datetime.fromisoformat(START)).total_seconds()


def test_nobody_loiters_in_an_empty_room(room: list[dict[str, Any]]) -> None:
    start, end = of_kind(room, "loitering")
    assert (start["phase"], end["phase"]) == ("start", "end")
    assert 12.8 <= seconds(start["started_at"]) <= 15.0
    assert 33.0 <= seconds(end["ended_at"]) <= 35.0


def test_who_comes_over_the_hole_is_counted(room: list[dict[str, Any]]) -> None:
    (crossing,) = of_kind(room, "line-crossing")
    assert crossing["direction"] == "b-to-a"
    assert 12.8 <= seconds(crossing["started_at"]) <= 15.0
