"""Decides when a track is confirmed, when it is lost, when it ends, and when it needs an inference.

The numbers come from the clips named in docs/design/tracking.md; comments say which way each one moves the
trade-off.
"""

from __future__ import annotations

from math import log, sqrt

from edge_agent.core.model import PERSON, VEHICLE, Box, TrackState
from edge_agent.tracking.tracked_object import TrackedObject

# Confirmation. Larger numbers: fewer false tracks, later events.
MIN_HIT_SHARE = 0.34  # share of a track's inferences that see it; small models see a rider in half of them
GOOD_VEHICLE = 0.5  # best score; reflections are often called car, but only with low scores
MOVED, MOVED_HITS = 0.5, 2  # path in object sizes, and sightings; a false box stays, or jumps and disappears
NUDGED_HITS, NUDGED_FRAMES = 3, 2  # for a shorter path: also frames with motion in the box
JITTER = 0.1
"""Standard deviation of the boxes of an object that stands, in own sizes. The largest of n deviations is
about sqrt(2 ln n) times that (0.15 for 3, 0.28 for 50): a shorter path is no movement."""
HUGE = 0.25  # share of the picture; an insect near the lens is at least this large
HUGE_HITS, HUGE_SHARE, HUGE_AGE_S = 3, 0.6, 1.0
STANDING_HITS, STANDING_AGE_S, STANDING_SCORE, STANDING_SHARE = 3, 1.0, 0.35, 0.7
STANDING_PERSON_HITS, STANDING_PERSON_AGE_S, STANDING_PERSON_SCORE, STANDING_PERSON_FRAMES = 4, 8.0, 0.5, 5
STANDING_PERSON_MOVES = 0.25  # share of frames with motion; at a traffic light it is below 0.1

# Endings. Larger numbers: more patience with occlusions, later end events.
TENTATIVE_S = 1.5
LOST_AFTER_S = 0.4
LOST_S = 2.5
COVERED_S = 60.0
ABSENT_MISSES, ABSENT_S = 4, 5.0  # for a parked object that neither its patch nor inferences show
# For a parked person, who ends even if the patch still matches, as with a coat that stays on a chair.
EMPTY_MISSES, EMPTY_S = 4, 2.0
UNCHECKED_S = 20.0  # for a parked object that its patch does not show, and that no inference has checked

# Inferences
ROUTINE_S = 45.0  # time between two inferences of a parked object
IDLE = 10  # inferences without motion after which an unconfirmed track gets no further ones


def is_credible(tracked: TrackedObject, min_score: float) -> bool:
    """Return whether inferences support a tentative track; their combined score must reach ``min_score``."""
    vote = tracked.vote
    if vote.count < MIN_HIT_SHARE * tracked.covered or vote.evidence < min_score:
        return False
    return vote.group != VEHICLE or vote.best_score >= GOOD_VEHICLE


def has_moved(tracked: TrackedObject, now: float) -> bool:
    vote = tracked.vote
    if tracked.box.clipped().area > HUGE:
        steady = vote.count >= max(HUGE_HITS, HUGE_SHARE * tracked.covered)
        return steady and now - tracked.created_mono >= HUGE_AGE_S and tracked.moved_frames >= HUGE_HITS
    if tracked.path >= MOVED and vote.count >= MOVED_HITS:
        return True
    if vote.count < NUDGED_HITS or tracked.moved_frames < NUDGED_FRAMES:
        return False
    return tracked.path >= JITTER * sqrt(2 * log(vote.count))


def is_standing(tracked: TrackedObject, now: float) -> bool:
    """Return whether a tentative track is an object that stood there before the agent started.

    A vehicle may be parked; a person without any motion in the box is rejected: it is usually a tree trunk.
    """
    vote, age = tracked.vote, now - tracked.created_mono
    if vote.count < STANDING_SHARE * tracked.covered or tracked.box.clipped().area > HUGE:
        return False
    if vote.group != PERSON:
        return vote.count >= STANDING_HITS and age >= STANDING_AGE_S and vote.score >= STANDING_SCORE
    return (
        tracked.moved_frames >= max(STANDING_PERSON_FRAMES, STANDING_PERSON_MOVES * tracked.covered)
        and vote.count >= STANDING_PERSON_HITS
        and age >= STANDING_PERSON_AGE_S
        and vote.score >= STANDING_PERSON_SCORE
    )


def has_left(box: Box, velocity: tuple[float, float]) -> bool:
    """Return whether over 80 % of the box is outside the picture, or it is at the edge and moves outwards."""
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


def has_ended(tracked: TrackedObject, now: float, dt: float) -> bool:
    """Return whether the track has ended. ``dt`` is the time between two frames, in seconds."""
    unseen = now - tracked.seen_mono
    if tracked.box.clipped().area <= 0:
        return True
    if tracked.parked:
        return _is_gone(tracked, now, unseen)
    if not tracked.seen_now and has_left(tracked.box, tracked.velocity):
        return unseen > max(0.3, 1.5 * dt) or tracked.box.clipped().area < 0.2 * tracked.box.area
    return unseen > max(LOST_S if tracked.confirmed else TENTATIVE_S, 2.5 * dt)


def _is_gone(tracked: TrackedObject, now: float, unseen: float) -> bool:
    """Return whether a parked object is no longer at its place. ``unseen``: seconds since it was seen."""
    if not tracked.confirmed:
        return now - tracked.sighted_mono > max(TENTATIVE_S, 2.5 * unseen)
    is_person = tracked.vote.group == PERSON
    if is_person and tracked.misses >= EMPTY_MISSES and now - tracked.sighted_mono > EMPTY_S:
        return True
    if tracked.absent_since is None:
        return False
    if tracked.is_covered:
        return unseen > COVERED_S
    if tracked.misses >= ABSENT_MISSES:
        return unseen > ABSENT_S
    return unseen > UNCHECKED_S


def state_of(tracked: TrackedObject, now: float, dt: float) -> TrackState:
    if not tracked.confirmed:
        return TrackState.TENTATIVE
    if tracked.parked:
        absent = tracked.absent_since is not None and not tracked.is_covered
        missed = tracked.misses >= ABSENT_MISSES
        return TrackState.LOST if absent and missed else TrackState.STATIONARY
    lost = now - tracked.seen_mono > max(LOST_AFTER_S, 1.5 * dt)
    return TrackState.LOST if lost else TrackState.MOVING


def detection_priority(tracked: TrackedObject, now: float) -> float:
    """Return how urgently the track needs an inference, 0..1; 0 if it needs none now. Moving and unconfirmed
    tracks need inferences often, parked ones rarely."""
    since = now - tracked.inferred_mono
    if tracked.parked and tracked.confirmed:
        # Further inferences in the same place and light would not see it either, but its patch shows it.
        if (
            tracked.absent_since is not None and not tracked.is_covered
        ) or 0 < tracked.misses < ABSENT_MISSES:
            return 0.8 if since >= 0.5 else 0.0
        return 0.1 if since >= ROUTINE_S else 0.0
    if not tracked.confirmed:
        return 0.0 if tracked.idle >= IDLE else 0.9
    return 0.3 if tracked.state is TrackState.LOST else 0.5
