"""Which of many boxes overlap."""

from __future__ import annotations

from collections.abc import Sequence

from edge_agent.model import Box


def overlaps(first: Sequence[Box], second: Sequence[Box]) -> list[tuple[int, int, float]]:
    """(i, j, area that ``first[i]`` and ``second[j]`` share) of all that share any, by i, then j.

    Plain comparisons: most pairs end at the first one, and up to some thousand pairs numpy takes longer.
    """
    found = []
    others = [(b.x1, b.y1, b.x2, b.y2) for b in second]
    for i, box in enumerate(first):
        ax1, ay1, ax2, ay2 = box.x1, box.y1, box.x2, box.y2
        for j, (bx1, by1, bx2, by2) in enumerate(others):
            if ax1 < bx2 and bx1 < ax2 and ay1 < by2 and by1 < ay2:
                w = (ax2 if ax2 < bx2 else bx2) - (ax1 if ax1 > bx1 else bx1)
                h = (ay2 if ay2 < by2 else by2) - (ay1 if ay1 > by1 else by1)
                area = w * h
                if area > 0:  # which underflows for slivers
                    found.append((i, j, area))
    return found


def touching(first: Sequence[Box], second: Sequence[Box], share: float) -> list[tuple[int, int]]:
    """(i, j) of those that share at least ``share`` (over 0) of the smaller one's area, by i, then j."""
    return [
        (i, j)
        for i, j, shared in overlaps(first, second)
        if shared / min(first[i].area, second[j].area) >= share
    ]
