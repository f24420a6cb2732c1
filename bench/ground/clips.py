"""Real clips with a ground plane from things of known size in their pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import dist
from pathlib import Path

from bench.passages.marks import Mark, read_marks
from bench.passages.run import FPS, ClipRun, run
from bench.passages.score import all_pairs, assign
from edge_agent.config.model.settings import Ground
from edge_agent.core.ground import KMH, GroundPlane
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


INSIDE = 0.97  # of the picture: a marked foot below it may be cut off
MIN_HAND_S = 1.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """A passage beside the same object marked by hand, on the same ground plane."""

    passage: Passage
    hand_m_s: float


def clips() -> Sequence[tuple[str, Ground]]:
    return (("bgslibrary_video02_motorway.avi", MOTORWAY), ("vn_junction_unlabelled.mp4", JUNCTION))


def compare(folder: Path, file: str, ground: Ground) -> tuple[list[Comparison], ClipRun]:
    """The moving objects of a clip that were marked by hand and have a passage.

    The marks are places with seconds, read by eye from pictures with a grid. On the same ground plane they
    show the error of boxes, tracks and fit, and not that of the ground plane. Objects that stood still on the
    way are left out, because their marks say too little about when.
    """
    clip = next(each for each in read_marks() if each.clip == file)
    result = run(folder / "video" / file, clip.to_s, FPS, ground)
    plane = GroundPlane(ground.points, ground.metres)
    pairs = assign([pair for pair in all_pairs(clip, result) if not pair.mark.turns])
    found = [
        Comparison(pair.passage, speed)
        for pair in pairs.values()
        if pair.same_group
        and not pair.passage.standing
        and (speed := hand_speed(pair.mark, plane)) is not None
    ]
    return found, result


def hand_speed(mark: Mark, plane: GroundPlane) -> float | None:
    """Metres a second along the marked path; None: too little of it is well inside the picture."""
    inside = [each for each in mark.path if 1 - INSIDE < each[1] < INSIDE and each[2] < INSIDE]
    places = [(second, plane.metres(x, y)) for second, x, y in inside]
    way_m = sum(dist(a, b) for (_, a), (_, b) in pairwise(places) if a is not None and b is not None)
    taken_s = places[-1][0] - places[0][0] if places else 0.0
    return way_m / taken_s if taken_s >= MIN_HAND_S else None


def row(each: Comparison) -> str:
    passage, hand = each.passage, KMH * each.hand_m_s
    first, last = passage.path[0], passage.path[-1]
    way = f"({first.x:.2f}, {first.y:.2f}) to ({last.x:.2f}, {last.y:.2f})"
    speed = "none"
    if passage.ground is not None:
        speed = f"{KMH * passage.ground.speed_m_s:5.1f} +- {KMH * passage.ground.error_m_s:4.1f} km/h"
    return f"  {passage.started_mono:6.1f} s  {passage.group:12} {way:30}  {speed:20}  by hand {hand:5.1f}"
