"""When a track is believed, when it is lost, when it is over, and when it needs an inference.

The numbers come from the clips named in docs/design/tracking.md; each says which way it moves the trade-off.
"""

from __future__ import annotations

from edge_agent.core.model import PERSON, VEHICLE, Box, TrackState
from edge_agent.tracking.tracked_object import TrackedObject

# Confirmation. Larger numbers: fewer false tracks, later events.
MIN_HIT_SHARE = 0.34  # of the inferences that covered it; small models see a rider in every second one
GOOD_VEHICLE = 0.5  # reflections are called car again and again, never with conviction
MOVED, MOVED_HITS = 0.5, 2  # own sizes; a false box stays, or jumps and is gone
STIRRED, STIRRED_HITS, STIRRED_FRAMES = 0.15, 3, 2
HUGE = 0.25  # of the picture: an insect near the lens is as large as this or larger
HUGE_HITS, HUGE_SHARE, HUGE_AGE_S = 3, 0.6, 1.0
STANDING_HITS, STANDING_AGE_S, STANDING_SCORE, STANDING_SHARE = 3, 1.0, 0.35, 0.7
STANDING_PERSON_HITS, STANDING_PERSON_AGE_S, STANDING_PERSON_SCORE, STANDING_PERSON_FRAMES = 4, 8.0, 0.5, 5

# Endings. Larger numbers: more patience with occlusions, later end events.
TENTATIVE_S = 1.5
LOST_AFTER_S = 0.4
LOST_S = 2.5
COVERED_UP_S = 60.0
ABSENT_MISSES, ABSENT_S = 4, 5.0  # parked, and neither its picture nor an inference shows it
EMPTY_MISSES, EMPTY_S = (
    4,
    2.0,
)  # a person's place keeps its picture when the person is gone: a coat on a chair
UNCHECKED_S = 20.0  # absent by its picture, but no inference was made

# Inferences
ROUTINE_S = 45.0
IDLE = 10  # inferences after which something unconfirmed that nothing moves in gets no further ones


def is_credible(one: TrackedObject, min_score: float) -> bool:
    """Whether inferences agree on a tentative track; ``min_score`` is what all sightings must amount to."""
    vote = one.vote
    if vote.count < MIN_HIT_SHARE * one.covered or vote.evidence < min_score:
        return False
    return vote.group != VEHICLE or vote.best_score >= GOOD_VEHICLE


def has_moved(one: TrackedObject, now: float) -> bool:
    """Whether a tentative track has moved as an object does."""
    vote = one.vote
    if one.box.clipped().area > HUGE:
        steady = vote.count >= max(HUGE_HITS, HUGE_SHARE * one.covered)
        return steady and now - one.created_mono >= HUGE_AGE_S and one.moved_frames >= HUGE_HITS
    if one.path >= MOVED and vote.count >= MOVED_HITS:
        return True
    return one.path >= STIRRED and vote.count >= STIRRED_HITS and one.moved_frames >= STIRRED_FRAMES


def is_standing(one: TrackedObject, now: float) -> bool:
    """Whether a tentative track is an object that has stood there since before the agent started.

    Vehicles may be parked; a person who never stirs is a tree trunk.
    """
    vote, age = one.vote, now - one.created_mono
    if vote.count < STANDING_SHARE * one.covered or one.box.clipped().area > HUGE:
        return False
    if vote.group != PERSON:
        return vote.count >= STANDING_HITS and age >= STANDING_AGE_S and vote.score >= STANDING_SCORE
    return (
        one.moved_frames >= STANDING_PERSON_FRAMES
        and vote.count >= STANDING_PERSON_HITS
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


def has_ended(one: TrackedObject, now: float, dt: float) -> bool:
    """Whether nothing more is to be expected of the track. ``dt`` is the time between two frames."""
    unseen = now - one.seen_mono
    if one.box.clipped().area <= 0:
        return True
    if one.parked:
        return _is_gone(one, now, unseen)
    if not one.seen_now and has_left(one.box, one.velocity):
        return unseen > max(0.3, 1.5 * dt) or one.box.clipped().area < 0.2 * one.box.area
    return unseen > max(LOST_S if one.confirmed else TENTATIVE_S, 2.5 * dt)


def _is_gone(one: TrackedObject, now: float, unseen: float) -> bool:
    """Whether something parked is no longer at its place."""
    if not one.confirmed:
        return now - one.sighted_mono > max(TENTATIVE_S, 2.5 * unseen)
    if one.vote.group == PERSON and one.misses >= EMPTY_MISSES and now - one.sighted_mono > EMPTY_S:
        return True
    if one.absent_since is None:
        return False
    if one.covered_up:
        return unseen > COVERED_UP_S
    if one.misses >= ABSENT_MISSES:
        return unseen > ABSENT_S
    return unseen > UNCHECKED_S


def state_of(one: TrackedObject, now: float, dt: float) -> TrackState:
    """State of a live track."""
    if not one.confirmed:
        return TrackState.TENTATIVE
    if one.parked:
        absent = one.absent_since is not None and one.misses >= ABSENT_MISSES and not one.covered_up
        return TrackState.LOST if absent else TrackState.STATIONARY
    lost = now - one.seen_mono > max(LOST_AFTER_S, 1.5 * dt)
    return TrackState.LOST if lost else TrackState.MOVING


def detection_priority(one: TrackedObject, now: float) -> float:
    """How urgent an inference is, 0 for none: what moves or is not yet known, and parked objects rarely."""
    since = now - one.inferred_mono
    if one.parked and one.confirmed:
        if (one.absent_since is not None and not one.covered_up) or one.misses:
            return 0.8 if since >= 0.5 else 0.0
        return 0.1 if since >= ROUTINE_S else 0.0
    if not one.confirmed:
        return 0.0 if one.idle >= IDLE else 0.9
    return 0.3 if one.state is TrackState.LOST else 0.5
