"""The rules of simulated cameras, with names for people, and the alarms that these rules report. Pure."""

from __future__ import annotations

import random
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edge_agent import wire
from edge_agent.core.problems import optional_problem, problem_text

ZONE, LINE = "yard", "gate"
"""Ids of the zone and the line of every camera."""
_POLYGON = [[0.05, 0.45], [0.95, 0.45], [0.95, 0.98], [0.05, 0.98]]
_ENDS = {"from": [0.1, 0.7], "to": [0.9, 0.7]}


@dataclass(frozen=True, slots=True)
class _Place:
    """A kind of place, with the names of the cameras that watch it."""

    zone: str
    line: str
    entered: str
    stopped: str


_PLACES = (
    _Place("Cổng trường", "Vạch cổng trường", "Vào cổng trường ngoài giờ", "Dừng xe trước cổng trường"),
    _Place("Bãi xe", "Lối vào bãi xe", "Vào bãi xe ban đêm", "Đỗ xe chắn lối vào bãi xe"),
    _Place("Vỉa hè chợ", "Lối vào chợ", "Vào chợ ban đêm", "Dừng xe trước cổng chợ"),
    _Place("Bờ kè", "Lối xuống bờ kè", "Xuống bờ kè", "Dừng xe trên bờ kè"),
    _Place("Sân nhà văn hóa", "Cổng nhà văn hóa", "Vào sân nhà văn hóa ban đêm", "Đỗ xe chắn cổng"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SimulatedAlarm:
    """An alarm that a rule reports. ``box``: x1, y1, x2, y2 in 0..1 of the picture."""

    rule: str
    data: type[wire.Message]
    label: str
    group: str
    box: tuple[float, float, float, float]
    more: dict[str, Any]  # fields of ``data`` that its kind of rule adds, and the text for people
    lasts_s: float


def _place_of(site: str, camera: str) -> _Place:
    return _PLACES[zlib.crc32(f"{site}/{camera}".encode()) % len(_PLACES)]


def configured_rules(site: str, cameras: Sequence[str], config_hash: str) -> wire.ConfiguredRules:
    """Return the rules of a gateway, as the command ``rules`` returns them: the same at each call."""
    rules = {camera: _camera_rules(_place_of(site, camera)) for camera in cameras}
    return wire.ConfiguredRules(config_hash=config_hash, cameras=rules)


def _camera_rules(place: _Place) -> wire.CameraRules:
    alarm = {"zone": ZONE, "severity": "alarm"}
    return wire.CameraRules(
        rules=[
            {"id": "yard", "kind": "zone-intrusion", "name": place.entered, "labels": ["person"], **alarm},
            {"id": "no-stop", "kind": "stopped-vehicle", "name": place.stopped, "still_s": 60, **alarm},
            {"id": "stays", "kind": "loitering", "name": f"Đứng lâu: {place.zone}", "zone": ZONE},
            {"id": "in", "kind": "line-crossing", "name": f"Đi qua: {place.line}", "line": LINE},
        ],
        zones={ZONE: {"name": place.zone, "polygon": _POLYGON}},
        lines={LINE: {"name": place.line, **_ENDS}},
    )


def make_alarm(site: str, camera: str, rng: random.Random) -> SimulatedAlarm:
    """Draw an alarm of this camera; each call takes the same number of random numbers from ``rng``."""
    is_person, lasts_s = rng.random() < 0.6, rng.uniform(5.0, 30.0)
    width, height = (0.07, 0.3) if is_person else (0.24, 0.2)
    left, top = round(rng.uniform(0.08, 0.68), 4), round(rng.uniform(0.5, 0.65), 4)
    box = (left, top, round(left + width, 4), round(top + height, 4))
    zone, seconds = _place_of(site, camera).zone, round(rng.uniform(1.0, 4.0), 1)
    if is_person:
        more = {"zone": ZONE, "inside_s": seconds, **_why("in-zone", "person", zone, seconds)}
        return SimulatedAlarm("yard", wire.ZoneIntrusionData, "person", "person", box, more, lasts_s)
    still_s = 60.0 + seconds
    more = {"zone": ZONE, "still_s": still_s, **_why("stopped-in-zone", "car", zone, still_s)}
    return SimulatedAlarm("no-stop", wire.StoppedVehicleData, "car", "vehicle", box, more, lasts_s)


def _why(code: str, label: str, zone: str, seconds: float) -> dict[str, Any]:
    text = problem_text(code, label=label, zone=zone, seconds=round(seconds))
    return {"why": str(text), "problem": optional_problem(text)}
