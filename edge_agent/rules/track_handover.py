"""Decides whether a new track is the object of a lost track, so that a stay does not end with its track."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot

from edge_agent.core.model import Box

REACH, REACH_PER_S, MAX_REACH = 0.5, 0.85, 1.5
"""How far from the lost track a new one may appear, in own sizes: at once, more for every second, and at
most. A walker moves 0.85 own heights a second (docs/design/tracking.md). Larger: more stays continue, and
more stays are continued by another object."""
MAX_SIZE_RATIO = 2.5  # the longer side of one box over the other's; a half hidden person is half as high
EDGE = 0.02  # of the picture; an object at the edge has left or is entering, so it is never the same object


@dataclass(frozen=True, slots=True)
class LostTrack:
    """A track as last seen."""

    box: Box
    group: str | None
    seen_mono: float


@dataclass(frozen=True, slots=True)
class NewTrack:
    """A track as first seen in the zone."""

    box: Box
    group: str | None  # None: not yet known
    first_seen_mono: float
    came_mono: float


def is_at_edge(box: Box) -> bool:
    return box.x1 <= EDGE or box.y1 <= EDGE or box.x2 >= 1 - EDGE or box.y2 >= 1 - EDGE


def handover_distance(gone: LostTrack, new: NewTrack, aspect: float, grace_s: float) -> float | None:
    """The distance of the two tracks in own sizes, if they may be the same object; else None.

    The new track must have begun after the other was last seen: two tracks at the same time are two objects.
    """
    absence_s = new.came_mono - gone.seen_mono
    if new.first_seen_mono <= gone.seen_mono or absence_s > grace_s:
        return None
    if is_at_edge(gone.box) or is_at_edge(new.box):
        return None
    if new.group is not None and new.group != gone.group:
        return None
    before, after = _size(gone.box, aspect), _size(new.box, aspect)
    if not 0 < max(before, after) <= MAX_SIZE_RATIO * min(before, after):
        return None
    (ax, ay), (bx, by) = gone.box.foot, new.box.foot
    apart = hypot((ax - bx) * aspect, ay - by) / max(before, after)
    return apart if apart <= min(REACH + REACH_PER_S * absence_s, MAX_REACH) else None


def _size(box: Box, aspect: float) -> float:
    """The longer side, in picture heights."""
    return max(box.width * aspect, box.height)
