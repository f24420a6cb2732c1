"""The clips, and the objects that were counted in them by eye."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

STREET = "vn_street_motorbikes"
STREET_SIZE = (1568, 778)
STREET_TRUTH = Path(__file__).parents[2] / "tests/tracking/data/vn_street_motorbikes.gt.csv"
STREET_NEAR = 195 / 778
"""Height above which (0..1 from the top) the street's two-wheelers are too small to have been marked."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A clip whose objects were counted by eye. ``visits`` counts one that leaves and returns twice."""

    path: Path
    group: str
    visits: int
    remark: str


def counted_clips(data: Path) -> list[Counted]:
    """The clips that are on this machine."""
    video = data / "video"
    clips = [
        Counted(
            video / "one-by-one-person-detection.mp4", "person", 6, "one at a time, each stands for 15 s"
        ),
        Counted(video / "night_person_ken2190.mp4", "person", 3, "one man, twice lost in full darkness"),
        Counted(
            video / "car-detection.mp4", "vehicle", 4, "cars from straight above, which models rarely know"
        ),
    ]
    vtest = os.environ.get("EDGE_AGENT_VTEST")
    if vtest:
        clips.append(Counted(Path(vtest), "person", 0, "not counted by eye: for costs and false groups only"))
    return [clip for clip in clips if clip.path.exists()]
