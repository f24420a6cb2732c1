"""When a track is believed, when it is parked or lost, when it is over, and when it wants a look.

The numbers come from the clips named in docs/design/tracking.md; each says which way it moves the trade-off.
"""

from __future__ import annotations

from math import hypot, sqrt

from edge_agent.model import PERSON, VEHICLE, Box, TrackState
from edge_agent.tracking.trail import Trail

# Confirmation. Larger numbers: fewer ghosts, later events.
MIN_HIT_SHARE = 0.34  # of the looks that covered it; small models see a rider in every second look
GOOD_VEHICLE_LOOK = 0.5  # reflections are called car again and again, never with conviction
MOVED = 0.5  # own sizes; a ghost stays, or jumps and is gone
MOVED_FRAMES = 3
MOVED_WEIGHT = 0.4  # one fair look is enough for what really moved
STIRRED_DISTANCE = 0.15
STIRS = 5
HUGE = 0.25  # of the picture: an insect near the lens is as large as this or larger
HUGE_LOOKS, HUGE_AGE_S = 3, 1.0
STANDING_LOOKS, STANDING_AGE_S, STANDING_SCORE = 3, 1.0, 0.35
STANDING_WEIGHT, STANDING_HITS = 1.0, 0.7
STANDING_PERSON_LOOKS, STANDING_PERSON_AGE_S, STANDING_PERSON_SCORE = 4, 8.0, 0.55

# Endings. Larger numbers: more patience with occlusions, later end events.
UNLABELLED_S = 0.6
TENTATIVE_S = 1.5
LOST_AFTER_S = 0.4
LOST_S = 2.5
COVERED_UP_S = 60.0
ABSENT_S = 1.0
ABSENT_MISSES = 2
EMPTY_LOOKS = 4  # in a row that see nobody where a person is said to stand: a hole keeps its picture, too
UNCHECKED_S = 20.0  # absent by its picture, but no look came to say so

# Looks. Larger urgencies are served first.
RELOOK_S = 45.0
MOST_PATIENCE_S = 1.0
"""Something that gets on and was never named is looked at this often at least, with what budget is left."""
QUICK_LOOKS = 6
NEAR_SIZE = 0.1  # root of the area, in pictures; a rider who fills a third of the height has this
TOO_SMALL = 0.015  # root of the area; less than 10 pixels of 640, of which no model makes anything
GROWN, SHRUNK = 1.7, 0.5


def is_believed(trail: Trail, now: float, min_score: float) -> bool:
    """Whether a tentative track has shown itself to be an object. Motion alone never is enough.

    ``min_score`` is what all its looks together must amount to.
    """
    vote = trail.vote
    if vote.label is None or vote.looks < MIN_HIT_SHARE * trail.covered or vote.evidence < min_score:
        return False
    if vote.group == VEHICLE and vote.best_score < GOOD_VEHICLE_LOOK:
        return False
    age = now - trail.created_mono
    if trail.box.clipped().area > HUGE:
        return vote.looks >= HUGE_LOOKS and age >= HUGE_AGE_S and trail.supports > MOVED_FRAMES
    if vote.weight >= MOVED_WEIGHT:
        if trail.path >= MOVED and trail.supports >= MOVED_FRAMES:
            return True
        if vote.looks >= 2 and trail.path >= STIRRED_DISTANCE and trail.supports >= 2:
            return True
    return _is_believed_standing(trail, age)


def _is_believed_standing(trail: Trail, age: float) -> bool:
    """Vehicles may have been parked before we came; a person who never stirs is a tree trunk."""
    vote = trail.vote
    if vote.weight < STANDING_WEIGHT or vote.looks < STANDING_HITS * trail.covered:
        return False
    if vote.group != PERSON:
        return vote.looks >= STANDING_LOOKS and age >= STANDING_AGE_S and vote.score >= STANDING_SCORE
    return (
        trail.stirs >= STIRS
        and vote.looks >= STANDING_PERSON_LOOKS
        and age >= STANDING_PERSON_AGE_S
        and vote.score >= STANDING_PERSON_SCORE
    )


def has_left(box: Box, velocity: tuple[float, float]) -> bool:
    """Whether the box is out of the picture, or at its edge and going out."""
    visible = box.clipped()
    if visible.area < 0.2 * box.area:
        return True
    vx, vy = velocity
    return (
        (box.x1 <= 0.005 and vx < 0)
        or (box.x2 >= 0.995 and vx > 0)
        or (box.y1 <= 0.005 and vy < 0)
        or (box.y2 >= 0.995 and vy > 0)
    )


def is_over(trail: Trail, now: float, dt: float) -> bool:
    """Whether nothing more is to be expected of the track. ``dt`` is the time between two frames."""
    unseen = now - trail.seen_mono
    if trail.box.clipped().area <= 0:
        return True
    if not trail.seen_now and trail.patch is None and has_left(trail.box, trail.velocity):
        return unseen > max(0.3, 1.5 * dt) or trail.box.clipped().area < 0.2 * trail.box.area
    if trail.absent_since is not None:
        return _is_gone(trail, now, unseen)
    if trail.patch is not None and _may_be_empty(trail) and trail.misses >= EMPTY_LOOKS:
        return True
    if trail.vote.label is None:
        return unseen > max(UNLABELLED_S, 2.5 * dt)
    return unseen > max(LOST_S if trail.confirmed else TENTATIVE_S, 2.5 * dt)


def _is_gone(trail: Trail, now: float, unseen: float) -> bool:
    """Whether something parked is no longer at its place."""
    assert trail.absent_since is not None
    absent = now - trail.absent_since
    if trail.covered_up:
        return unseen > COVERED_UP_S
    if trail.misses >= ABSENT_MISSES and absent > ABSENT_S:
        return unseen > LOST_S
    return unseen > UNCHECKED_S


def _may_be_empty(trail: Trail) -> bool:
    """Whether looks decide if something parked is there: models see a standing person, not every vehicle."""
    return trail.confirmed and trail.vote.group == PERSON


def state_of(trail: Trail, now: float, dt: float) -> TrackState:
    """State of a live track."""
    if not trail.confirmed:
        return TrackState.TENTATIVE
    if trail.patch is not None:
        gone = trail.absent_since is not None and trail.misses >= ABSENT_MISSES and not trail.covered_up
        return TrackState.LOST if gone else TrackState.STATIONARY
    lost = now - trail.seen_mono > max(LOST_AFTER_S, 1.5 * dt)
    return TrackState.LOST if lost else TrackState.MOVING


def wants_look(trail: Trail, now: float) -> float:
    """How urgent an inference is, 0 for none: new before unsure before changed before routine.

    Near before far: a model sees a large object at the first look and a tiny one at none.
    """
    size = sqrt(trail.box.clipped().area) / NEAR_SIZE
    return _urgency(trail, now) * (0.4 + 0.6 * min(1.0, size))


def _urgency(trail: Trail, now: float) -> float:
    since = now - trail.looked_mono if trail.looked_mono is not None else 1e9
    if trail.vote.label is None:
        return _wants_first_look(trail, since)
    if trail.patch is not None:
        return _wants_look_parked(trail, now, since)
    if not trail.confirmed:
        return 0.9 * 0.7**trail.misses if since > _patience_unconfirmed(trail) else 0.0
    if trail.state is TrackState.LOST:
        return 0.3 if since >= 0.5 else 0.0
    if not trail.vote.sure:
        patience = 0.3 if trail.covered < 6 else 3.0
        return 0.7 if since >= patience else 0.0
    if trail.doubtful:
        return 0.6 if since >= 0.3 else 0.0
    growth = trail.box.area / trail.area_at_look if trail.area_at_look > 0 else 1.0
    if not SHRUNK <= growth <= GROWN:
        return 0.5 if since >= 0.5 else 0.0
    return 0.0


def _wants_first_look(trail: Trail, since: float) -> float:
    """What motion found: look at once, and ever more rarely while looks see nothing in it."""
    if trail.box.clipped().area < TOO_SMALL**2:
        return 0.0
    if trail.looked_mono is None:
        return 1.0 if trail.supports >= 2 else 0.5
    went = hypot(
        trail.travelled[0] - trail.travelled_at_look[0], trail.travelled[1] - trail.travelled_at_look[1]
    )
    growth = trail.box.area / trail.area_at_look if trail.area_at_look > 0 else 1.0
    changed = not SHRUNK <= growth <= GROWN
    patience = min(0.2 * 2.0**trail.misses, MOST_PATIENCE_S if went > 0.5 or changed else RELOOK_S)
    return 0.8 * 0.7**trail.misses if since >= patience else 0.0


def _patience_unconfirmed(trail: Trail) -> float:
    """Quick while it may soon be believed, then ever rarer: what looks alone never settle is no object."""
    extra = trail.glances - QUICK_LOOKS
    return min(0.2 * 2.0**extra, RELOOK_S) if extra > 0 else 0.0


def _wants_look_parked(trail: Trail, now: float, since: float) -> float:
    if trail.absent_since is not None and not trail.covered_up:
        return 0.8 if now - trail.absent_since > 0.6 and since >= 0.5 else 0.0
    if not trail.confirmed and trail.covered < 2 * STANDING_LOOKS:
        return 0.4 if since >= 0.5 * trail.covered else 0.0
    if _may_be_empty(trail) and (trail.doubtful or trail.misses):
        return 0.4 if since >= 0.5 else 0.0
    return 0.1 if since >= RELOOK_S else 0.0
