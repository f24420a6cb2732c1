"""Real clips with a ground plane from things of known size in their pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.passages.run import FPS, run
from edge_agent.config.model.settings import Ground
from edge_agent.core.ground import KMH
from edge_agent.passages.passage import Passage

MOTORWAY = Ground(
    # The lines of the right carriageway are dashed with 3 m and gaps of 1.33 m (their ratio in the picture is
    # 0.69), lanes are 3.5 m wide. A pinhole camera was fitted to 29 points of the lines: 9.3 m high, 14
    # degrees wide.
    points=((0.1425, 0.9065), (0.7241, 0.9276), (0.8543, 0.557), (0.4687, 0.5478)),
    metres=((0.0, 0.0), (6.92, 0.0), (6.92, 25.98), (0.0, 25.98)),
    length_error=0.05,
)
JUNCTION = Ground(
    # Two zebra crossings with 0.4 m stripes and 0.6 m gaps, 3 m deep (QCVN 41:2019, marking 7.3). The marks
    # are 8 periods of the nearer one.
    points=((0.139, 0.745), (0.718, 0.769), (0.708, 0.686), (0.199, 0.672)),
    metres=((0.0, 0.0), (8.0, 0.0), (8.0, 3.0), (0.0, 3.0)),
    length_error=0.05,
)


@dataclass(frozen=True, slots=True)
class GroundClip:
    name: str
    file: str
    to_s: float
    ground: Ground
    wanted: Callable[[Passage], bool]


CLIPS: Sequence[GroundClip] = (
    GroundClip(
        "motorway, away",
        "bgslibrary_video02_motorway.avi",
        30.0,
        MOTORWAY,
        lambda each: each.group == "vehicle" and each.path[-1].y < each.path[0].y and each.path[-1].x > 0.5,
    ),
    GroundClip(
        "junction, two-wheelers",
        "vn_junction_unlabelled.mp4",
        64.0,
        JUNCTION,
        lambda each: each.group == "two-wheeler" and each.direction_deg is not None,
    ),
)


def speeds_of(folder: Path, clip: GroundClip) -> tuple[list[Passage], int]:
    """The passages with a speed, and how many passages were wanted."""
    found = [
        each
        for each in run(folder / "video" / clip.file, clip.to_s, FPS, clip.ground).passages
        if clip.wanted(each)
    ]
    return [each for each in found if each.ground is not None], len(found)


def row(passage: Passage) -> str:
    assert passage.ground is not None
    speed, error, _ = passage.ground
    first, last = passage.path[0], passage.path[-1]
    return (
        f"  {passage.started_mono:6.1f} s  for {last.after_s:4.1f} s  ({first.x:.2f}, {first.y:.2f}) to "
        f"({last.x:.2f}, {last.y:.2f})  {KMH * speed:5.1f} +- {KMH * error:4.1f} km/h"
    )
