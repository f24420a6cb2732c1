"""Scores the motorway clip: vehicles that pass a gate in the near half of each lane, against a count by eye.

The count was made in a picture of the gate's pixels over time, which shows each vehicle once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edge_agent.core.model import VEHICLE, Box, Track

CLIP = "bgslibrary_video02_motorway"
AWAY_GATE, NEARER_GATE = 0.6, 0.2  # y on the carriageway that leads away, x on the one towards the camera
LANES: Mapping[str, tuple[int, ...]] = {
    "away, left": (82, 166, 357, 423, 461, 474, 497, 521, 657),
    "away, right": (30, 72, 109, 191, 266, 305, 394, 453, 524, 542, 562, 687, 713),
    "nearer, far lane": (57, 110, 188, 233, 300, 328, 360, 492, 605, 655, 707, 725),
    "nearer, near lane": (80, 255, 270, 295, 328, 392, 468, 718),
}
"""Frames of the clip in which the middle of a vehicle passes the gate, by lane."""
WITHIN = 20  # frames; a banner in the picture hides vehicles of the far lane at the gate
SPLIT_AWAY, SPLIT_NEARER = 0.58, 0.37  # x at the one gate and y at the other between the two lanes


@dataclass
class GateCounter:
    """Counts vehicles from the confirmed tracks of each frame; ``result`` compares them with the truth."""

    _before: dict[str, Box] = field(default_factory=dict)
    passed: dict[str, list[tuple[int, str]]] = field(default_factory=lambda: {lane: [] for lane in LANES})

    def add(self, frame: int, tracks: tuple[Track, ...]) -> None:
        for track in tracks:
            if track.group == VEHICLE and track.seen_now:
                lane = _lane(self._before.get(track.id), track.box)
                if lane is not None:
                    self.passed[lane].append((frame, track.id))
                self._before[track.id] = track.box

    def result(self) -> dict[str, tuple[int, int, int]]:
        """Return by lane: passed vehicles, counted ones, and wrong counts (twice, or without a vehicle)."""
        return {lane: self._lane_result(lane) for lane in LANES}

    def _lane_result(self, lane: str) -> tuple[int, int, int]:
        free = list(self.passed[lane])
        found = 0
        for at in LANES[lane]:
            best = min(free, key=lambda one: abs(one[0] - at), default=None)
            if best is not None and abs(best[0] - at) <= WITHIN:
                free.remove(best)
                found += 1
        return len(LANES[lane]), found, len(free)


def _lane(before: Box | None, now: Box) -> str | None:
    """The lane whose gate was passed between two boxes of one track."""
    if before is None:
        return None
    (ax, ay), (bx, by) = before.centre, now.centre
    if ay > AWAY_GATE >= by and bx > 0.33:
        return "away, left" if bx < SPLIT_AWAY else "away, right"
    if ax > NEARER_GATE >= bx and by < 0.6:
        y = ay + (by - ay) * (ax - NEARER_GATE) / (ax - bx)
        return "nearer, far lane" if y < SPLIT_NEARER else "nearer, near lane"
    return None
