"""Which sightings may be of which track, and at what cost.

The cost is that of ``association.pair_cost``; here are the reasons why a pair is impossible.
"""

from __future__ import annotations

from collections.abc import Sequence, Set

from edge_agent.core.model import VEHICLE, Box
from edge_agent.tracking.association import FORBIDDEN, SURE, affinity, pair_cost, size_ratio
from edge_agent.tracking.lifecycle import LOST_AFTER_S
from edge_agent.tracking.sightings import Sighting
from edge_agent.tracking.tracked_object import TrackedObject

NEAR_REACH, LEAP_REACH, MAX_REACH = 0.4, 1.0, 1.6
"""Largest distance from a prediction, in own sizes: in the first assignment; in the second; in any case."""
SAME_IOU, SAME_INSIDE = 0.45, 0.75  # above one of these, a sighting is a duplicate of a track with a sighting
SIGN_IOU = 0.6  # least IoU of a track that stands and its sighting
OVERLAP_IOU = 0.3  # least IoU of a track and a sighting that is credible only if they overlap
PARKED_INSIDE = 0.7  # the same for a parked track: or this share of the sighting inside it
PARKED_RATIO = 2.5  # largest ratio of the areas of a parked track and its sighting


def costs(
    seen: Sequence[Sighting], tracks: Sequence[TrackedObject], moving: Set[int], now: float, reach: float
) -> list[list[float]]:
    """Return the cost of each pair, a row for each sighting; ``FORBIDDEN`` if they cannot belong together.

    ``moving``: the sightings, by ``id``, in which something moves; ``reach``: largest distance from a
    prediction, in own sizes, without that by its uncertainty.
    """
    near = _in_reach([s.box for s in seen], [tracked.box for tracked in tracks])
    return [
        [
            _cost(s, one, reach, _is_doubtful(s, one, id(s) in moving, now)) if close else FORBIDDEN
            for one, close in zip(tracks, row, strict=True)
        ]
        for s, row in zip(seen, near, strict=True)
    ]


def of_signs(seen: Sequence[Sighting], tracks: Sequence[TrackedObject], now: float) -> set[int]:
    """Return which sightings, by ``id``, are of an unconfirmed track that stands, rather than of a confirmed
    one that passes it."""
    signs = [tracked.box for tracked in tracks if not tracked.confirmed and tracked.stands(now)]
    if not signs:
        return set()
    passing = [tracked.box for tracked in tracks if tracked.confirmed]
    return {
        id(s)
        for s in seen
        if any(s.box.iou(box) > SIGN_IOU for box in signs)
        and all(s.box.iou(box) < SAME_IOU for box in passing)
    }


def is_same(sighting: Sighting, tracked: TrackedObject, moves: bool) -> bool:
    """Return whether the sighting is a duplicate of ``tracked``, which already has one in this frame.

    ``moves``: something moves in the sighting. In front of a parked vehicle it may be another object.
    """
    box = tracked.box
    if sighting.box.iou(box) > SAME_IOU:
        return True
    if moves and may_cover_part_of(sighting.group, tracked):
        return False
    return sighting.box.inside(box) > SAME_INSIDE


def may_cover_part_of(group: str | None, whole: TrackedObject) -> bool:
    """Return whether an object of ``group`` inside the box of ``whole`` may be in front of it, and no part of
    it: ``whole`` is a parked vehicle, and the object is none."""
    return whole.parked and whole.vote.group == VEHICLE and group != VEHICLE


def _is_doubtful(sighting: Sighting, tracked: TrackedObject, moves: bool, now: float) -> bool:
    """Return whether the sighting must overlap the track to be assigned to it.

    So it must if nothing moves in it, or if the track was lost and the sighting is of another group.
    """
    if tracked.stands(now):
        return False
    was_lost = now - tracked.seen_mono > LOST_AFTER_S
    return not moves or (was_lost and sighting.group != tracked.vote.group)


def _cost(sighting: Sighting, tracked: TrackedObject, near: float, doubtful: bool) -> float:
    at_its_place = tracked.parked and (tracked.absent_since is None or tracked.is_covered)
    overlaps = not (doubtful or at_its_place) or tracked.box.iou(sighting.box) >= OVERLAP_IOU
    if not overlaps and (doubtful or sighting.box.inside(tracked.box) < PARKED_INSIDE):
        return FORBIDDEN  # another object, however near: it passes the parked one, or is a sign or a tree
    if tracked.parked and size_ratio(tracked.box, sighting.box) > PARKED_RATIO:
        return FORBIDDEN  # what stands keeps its size
    like = affinity(tracked.vote.group, sighting.group)
    reach = min(near + tracked.position.uncertainty, MAX_REACH) if like >= SURE else 0.0
    return pair_cost(tracked.box, sighting.box, like, reach)


def _in_reach(boxes: Sequence[Box], others: Sequence[Box]) -> list[list[bool]]:
    """Return, for each box a row, which ``others`` are near enough for a pair: in a full street few are."""
    far = MAX_REACH
    places = [(o.x1 + o.x2, o.y1 + o.y2, far * (o.x2 - o.x1), far * (o.y2 - o.y1)) for o in others]
    rows = []
    for box in boxes:
        at_x, at_y = box.x1 + box.x2, box.y1 + box.y2
        wide, high = far * (box.x2 - box.x1), far * (box.y2 - box.y1)
        rows.append([abs(at_x - x) <= wide + w and abs(at_y - y) <= high + h for x, y, w, h in places])
    return rows
