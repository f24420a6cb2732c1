"""The same clip gives the same reports on an arm64 gateway as on this machine.

Not event for event. The decoder's pixels are the same to the last bit, but int8 arithmetic is not: on the
same three pictures 71 % of the outputs of the model that ships were equal, 99.9 % within 15 of 256 (0.06 of a
score), all within 29, with and without XNNPACK. An object near a limit is confirmed some frames earlier or
later, its box differs, and a short second track may come or go. What the rules report, how often, and when
must be the same. It was, to one analysed frame: one object, one crossing and one intrusion on both machines
with both models. With the model that ships the crossing was at 4.502 and 4.504 s, the intrusion at 3.6 and
3.8 s.

An inference takes a second or two in the emulation, so this comparison works only because a replay does not
count milliseconds (docs/design/detection.md).
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
from tests.tools.replay.test_footage import cut

WITHIN_S = 1.0  # of a report; five analysed frames
FIGURE = 200
"""Height of the drawn person in pixels. One of 150 is at the limit of the model that ships: its scores are
0.33 to 0.43, and a second track of it may cross the line on one machine only."""
TRACKS = 1  # how many more or fewer objects there may be

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
    walking_clip(tmp_path / "clip.mp4", height=FIGURE)
    here, there = both(box, tmp_path, "auto")
    assert kinds(here) == {"object", "line-crossing", "zone-intrusion", "line-counts", "counts"}
    assert list(differences(here, there)) == []


def test_real_people_seen_by_a_model(box: tuple[Path, Path], tmp_path: Path, test_data: Path) -> None:
    footage = test_data / "video" / "one-by-one-person-detection.mp4"
    cut(footage, tmp_path / "clip.mp4", "-vf", "scale=640:-2,fps=10", seconds=12)
    model = next((test_data / "models").glob("coco_ssd*.tflite"))
    shutil.copy(model, tmp_path)
    here, there = both(box, tmp_path, model.name)
    assert "object" in kinds(here)
    assert list(differences(here, there)) == []


def both(box: tuple[Path, Path], folder: Path, detector: str) -> tuple[list[Any], list[Any]]:
    """Events of ``clip.mp4`` from this machine and from the arm64 one."""
    # One profile for both: each board's own may configure the detector otherwise.
    common: dict[str, Any] = {"cameras": [CAMERA], "broker_port": 1883, "profile": "raspberry-pi-4"}
    words = ["replay", "--camera", "cam-1", "--start", "2026-11-25T08:00:00+07:00"]

    def model(at: Path) -> str:
        return str(at / detector) if detector.endswith(".tflite") else detector

    config = write_config(folder, detector=model(folder), **common)
    command = [sys.executable, "-m", "edge_agent", *words, "--config", str(config), str(folder / "clip.mp4")]
    here = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    config = write_config(folder, detector=model(Path("/mnt")), **common)
    program = f"{emulated.IN_ROOT}/bin/edge-agent"
    there = emulated.inside(
        box[0], folder, [program, *words, "--config", f"/mnt/{config.name}", "/mnt/clip.mp4"]
    )
    return [json.loads(line) for line in here.splitlines()], [json.loads(line) for line in there.splitlines()]


def kinds(events: list[Any]) -> set[str]:
    return {event["type"].removeprefix("vn.thaibinh.edge.").removesuffix(".v1") for event in events}


def differences(here: list[Any], there: list[Any]) -> Iterator[str]:
    objects = [sum(1 for event in events if _begins(event, "object")) for events in (here, there)]
    if abs(objects[0] - objects[1]) > TRACKS:
        yield f"{objects[0]} objects here, {objects[1]} there"
    if _counts(here) != _counts(there):
        yield f"counted {_counts(here)} here, {_counts(there)} there"
    one, other = reports(here), reports(there)
    if one.keys() != other.keys():
        yield f"reported {sorted(one)} here, {sorted(other)} there"
    for what in one.keys() & other.keys():
        if len(one[what]) != len(other[what]):
            yield f"{what}: {len(one[what])} times here, {len(other[what])} there"
        for first, second in zip(one[what], other[what], strict=False):
            if abs((first - second).total_seconds()) > WITHIN_S:
                yield f"{what}: {first} here, {second} there"


def reports(events: list[Any]) -> dict[tuple[str, ...], list[datetime]]:
    """When each rule has reported what: the times of the starts by rule, label and direction."""
    found: dict[tuple[str, ...], list[datetime]] = {}
    for event in events:
        data = event["data"]
        if "rule_id" in data and data.get("phase") in ("start", "moment"):
            what = (data["rule_id"], str(data.get("label")), str(data.get("direction")))
            found.setdefault(what, []).append(datetime.fromisoformat(event["time"]))
    return found


def _begins(event: Any, kind: str) -> bool:
    return kinds([event]) == {kind} and event["data"]["phase"] == "start"


def _counts(events: list[Any]) -> list[Any]:
    """The totals of the line, as the last of its events has them."""
    totals = [event["data"] for event in events if kinds([event]) == {"line-counts"}]
    return [totals[-1]["a_to_b"], totals[-1]["b_to_a"]] if totals else []
