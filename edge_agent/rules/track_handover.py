"""Whether a new track is the object that another track has lost: a stay does not end with its track."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot

from edge_agent.core.model import Box

STEP, SPEED, FARTHEST = 0.5, 0.85, 1.5
"""How far off it may appear, in own sizes: at once, more with every second, and at most. A walker makes 0.85
own heights a second (docs/design/tracking.md). Larger: more stays survive, and more often one takes over
another's."""
MOST_LARGER = 2.5  # the longer side of one box over the other's; a half hidden person is half as high
EDGE = (
    0.02  # of the picture, a box is this inexact: who was seen last there has left, who comes in is another
)


@dataclass(frozen=True, slots=True)
class LostTrack:
    """A track as it was seen last."""

    box: Box
    group: str | None
    seen_mono: float


@dataclass(frozen=True, slots=True)
class NewTrack:
    """A track as it came into the zone."""

    box: Box
    group: str | None  # None: not yet known
    first_seen_mono: float
    came_mono: float


def is_at_edge(box: Box) -> bool:
    return box.x1 <= EDGE or box.y1 <= EDGE or box.x2 >= 1 - EDGE or box.y2 >= 1 - EDGE


def handover_distance(gone: LostTrack, new: NewTrack, aspect: float, grace_s: float) -> float | None:
    """How far apart they were, in own sizes, if they may be the same object; else None.

    The new track has to have begun after the other was seen last: who was there before is somebody else.
    """
    absence_s = new.came_mono - gone.seen_mono
    if new.first_seen_mono <= gone.seen_mono or absence_s > grace_s:
        return None
    if is_at_edge(gone.box) or is_at_edge(new.box):
        return None
    if new.group is not None and new.group != gone.group:
        return None
    before, after = _size(gone.box, aspect), _size(new.box, aspect)
    if not 0 < max(before, after) <= MOST_LARGER * min(before, after):
        return None
    (ax, ay), (bx, by) = gone.box.foot, new.box.foot
    apart = hypot((ax - bx) * aspect, ay - by) / max(before, after)
    return apart if apart <= min(STEP + SPEED * absence_s, FARTHEST) else None


def _size(box: Box, aspect: float) -> float:
    """The longer side, in picture heights."""
    return max(box.width * aspect, box.height)
