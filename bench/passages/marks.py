"""Reads the marks: who passed through a clip, by hand.

They were made by looking at contact sheets with a grid, nearly all before the program saw the clip;
docs/design/passages.md names the others. Each file of ``data/`` is one clip; footage is not in
the repository.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import hypot
from pathlib import Path

import msgspec

DATA = Path(__file__).parent / "data"


class Mark(msgspec.Struct, frozen=True):
    """One object. Its path is the foot point in 0..1 of the picture at a second of the clip; the first
    and the last row say where and when it came into sight and went out of it."""

    group: str
    path: Sequence[tuple[float, float, float]]  # second, x, y
    turns: bool = False  # it stands, returns or joins others: no direction is demanded
    optional: bool = False  # may be missed; hidden, parked or too short in sight
    colours: Mapping[str, Sequence[str]] = {}
    """Part -> terms that a person could mean, the likeliest first; only where the marker was sure."""

    @property
    def from_s(self) -> float:
        return self.path[0][0]

    @property
    def to_s(self) -> float:
        return self.path[-1][0]


class MarkedClip(msgspec.Struct, frozen=True):
    """The marks of one clip between ``from_s`` and ``to_s``."""

    clip: str  # name of the file in EDGE_AGENT_TEST_DATA/video
    from_s: float
    to_s: float
    unmarked_above: float  # y: objects above it are too far away and were not marked
    light: str
    marks: Sequence[Mark]


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """Where something stood over time, for comparison."""

    points: Sequence[tuple[float, float, float]]  # second, x, y

    def at(self, second: float) -> tuple[float, float]:
        """The place at ``second``, between two points on a straight line."""
        before = self.points[0]
        for point in self.points:
            if point[0] >= second:
                step_s = point[0] - before[0]
                share = (second - before[0]) / step_s if step_s > 0 else 1.0
                share = min(max(share, 0.0), 1.0)
                return before[1] + share * (point[1] - before[1]), before[2] + share * (point[2] - before[2])
            before = point
        return before[1], before[2]

    def distance(self, other: PlaceRow, aspect: float, samples: int = 7) -> tuple[float, float]:
        """Seconds shared with ``other``, and the mean distance in them, in widths of the picture."""
        start = max(self.points[0][0], other.points[0][0])
        end = min(self.points[-1][0], other.points[-1][0])
        if end <= start:
            return 0.0, 9.0
        total = 0.0
        for n in range(samples):
            second = start + (end - start) * n / (samples - 1)
            (ax, ay), (bx, by) = self.at(second), other.at(second)
            total += hypot(ax - bx, (ay - by) * aspect)
        return end - start, total / samples


def read_marks(folder: Path = DATA) -> list[MarkedClip]:
    """All marked clips, by name."""
    return [msgspec.json.decode(path.read_bytes(), type=MarkedClip) for path in sorted(folder.glob("*.json"))]
