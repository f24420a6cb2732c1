"""Each kind of rule on real footage, with the real command and a real model, compared with counts by eye.
Hits and misses are in docs/design/rules.md."""

from __future__ import annotations

import subprocess
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from edge_agent.detection.choose import SHIPPED
from tests.tools.replay.command import of_kind, replayed

MODEL = Path("models") / "yolox_nano_float16_quantize.tflite"
LABELS = ["person", "bicycle", "motorcycle", "car", "bus", "truck"]


def cut(source: Path, target: Path, *filters: str, seconds: float, from_s: float = 0.0) -> Path:
    """So many seconds of a clip, re-encoded."""
    take = ["ffmpeg", "-v", "error", "-nostdin", "-ss", str(from_s), "-i", str(source), *filters]
    encode = ["-t", str(seconds), "-c:v", "libx264", "-preset", "veryfast", "-crf", "16", "-an", str(target)]
    subprocess.run([*take, *encode], check=True, timeout=300)
    return target


def counted(
    test_data: Path, folder: Path, clip: Path, line: dict[str, Any], fps: str, model: Path | str = MODEL
) -> Counter[str]:
    """Crossings by direction."""
    rule = {"id": "count", "kind": "line-crossing", "line": "across", "labels": LABELS, "cooldown_s": 0}
    camera = {"lines": {"across": line}, "rules": [rule]}
    events = replayed(folder, clip, camera, "--fps", fps, detector=test_data / model)
    return Counter(data["direction"] for data in of_kind(events, "line-crossing"))


@pytest.mark.long
def test_three_who_leave_a_table_to_the_right(test_data: Path, tmp_path: Path) -> None:
    """Each person comes from below, at 18, 44 and 68 s by eye. One may be missed: they are large, and gone
    within a second."""
    source = test_data / "video" / "one-by-one-person-detection.mp4"
    clip = cut(source, tmp_path / "table.mp4", seconds=72)
    crossed = counted(test_data, tmp_path, clip, {"from": [0.72, 0.0], "to": [0.72, 1.0]}, "5")
    assert 2 <= crossed["b-to-a"] <= 3
    assert crossed["a-to-b"] == 0


@pytest.mark.parametrize("fps", ["5", pytest.param("10", marks=pytest.mark.long)])
def test_a_motorway_of_17_s(test_data: Path, tmp_path: Path, fps: str) -> None:
    """320 x 240. By eye ten vehicles drive away over the line on the right carriageway, and a cyclist on the
    shoulder, whom the model does not detect."""
    source = test_data / "video" / "bgslibrary_video02_motorway.avi"
    clip = cut(source, tmp_path / "motorway.mp4", seconds=16.8)
    crossed = counted(test_data, tmp_path, clip, {"from": [0.33, 0.6], "to": [0.97, 0.6]}, fps)
    assert 9 <= crossed["b-to-a"] <= 12
    assert crossed["a-to-b"] == 0


@pytest.mark.parametrize("fps", ["5", "10"])
def test_a_vietnamese_street_of_3_s(test_data: Path, tmp_path: Path, fps: str) -> None:
    """By eye six two-wheelers, one of them loaded with timber, and a car ride away over the line."""
    clip = test_data / "video" / "vn_street_motorbikes.mp4"
    crossed = counted(test_data, tmp_path, clip, {"from": [0.12, 0.6], "to": [0.9, 0.6]}, fps, SHIPPED)
    assert 6 <= crossed["b-to-a"] <= 7
    assert crossed["a-to-b"] == 0


@pytest.mark.long
def test_a_car_that_is_held_for_31_s_has_stopped(test_data: Path, tmp_path: Path) -> None:
    """The motorway stands still from 12 s, with a camera's noise, and then moves on: the white car is in the
    zone."""
    source = test_data / "video" / "bgslibrary_video02_motorway.avi"
    hold = f"loop=loop={31 * 25}:size=1:start=300,setpts=N/25/TB,noise=alls=6:allf=t"
    clip = cut(source, tmp_path / "held.mp4", "-vf", hold, seconds=31 + 16)
    zone = {"lane": {"polygon": [[0.58, 0.6], [0.78, 0.6], [0.78, 0.8], [0.58, 0.8]]}}
    every: dict[str, object] = {"kind": "stopped-vehicle", "zone": "lane"}
    rules = [every | {"id": f"stop-{still_s}", "still_s": still_s} for still_s in (30, 32)]
    events = replayed(tmp_path, clip, {"zones": zone, "rules": rules}, detector=test_data / MODEL)
    reported = [(data["rule_id"], data["phase"]) for data in of_kind(events, "stopped-vehicle")]
    assert reported == [("stop-30", "start"), ("stop-30", "end")], "and it has not stopped for 32 s"


def test_the_motorway_against_its_arrow(test_data: Path, tmp_path: Path) -> None:
    source = test_data / "video" / "bgslibrary_video02_motorway.avi"
    clip = cut(source, tmp_path / "motorway.mp4", seconds=10)
    zone = {"lane": {"polygon": [[0.2, 1.0], [0.55, 0.5], [0.85, 0.35], [0.95, 0.35], [0.8, 1.0]]}}
    arrows = {
        "along": {"from": [0.35, 0.95], "to": [0.8, 0.4]},
        "nearly-across": {"from": [0.35, 0.4], "to": [0.8, 0.95]},
        "against": {"from": [0.8, 0.4], "to": [0.35, 0.95]},
    }
    every = {"kind": "wrong-way", "zone": "lane", "cooldown_s": 0, "angle_deg": 45}
    rules = [every | {"id": name, "arrow": arrow} for name, arrow in arrows.items()]
    events = replayed(tmp_path, clip, {"zones": zone, "rules": rules}, detector=test_data / MODEL)
    starts = [data["rule_id"] for data in of_kind(events, "wrong-way") if data["phase"] == "start"]
    assert set(starts) == {"against"}
    assert len(starts) >= 4


def test_a_street_with_motorbikes_is_a_crowd_of_eight(test_data: Path, tmp_path: Path) -> None:
    """By eye there are about fourteen two-wheelers near enough for a label at any time of its 2.9 s."""
    clip = test_data / "video" / "vn_street_motorbikes.mp4"
    zone = {"road": {"polygon": [[0.0, 0.1], [1.0, 0.1], [1.0, 1.0], [0.0, 1.0]]}}
    every = {"kind": "crowding", "zone": "road", "min_duration_s": 0.5}
    rules = [every | {"id": f"crowd-{count}", "count": count} for count in (8, 20)]
    camera = {"zones": zone, "rules": rules}
    events = replayed(tmp_path, clip, camera, "--fps", "10", detector="auto")
    assert {data["rule_id"] for data in of_kind(events, "crowding")} == {"crowd-8"}


START = "2026-11-24T12:00:00+00:00"
GHOSTS: dict[str, Any] = {
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
    """Events of 40 s: a woman stands at a table from the first frame, so that she is part of the background
    that is learned, and leaves at 8.6 s; the room is empty from 10.2 s; a man comes in at 12.8 s, crosses the
    line, stands at the table and leaves at 33.6 s."""
    folder = tmp_path_factory.mktemp("ghosts")
    source = test_data / "video" / "one-by-one-person-detection.mp4"
    clip = cut(source, folder / "room.mp4", seconds=40, from_s=10)
    return replayed(folder, clip, GHOSTS, "--start", START, detector=test_data / MODEL)


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
