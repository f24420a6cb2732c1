"""Follows objects over frames: detections at each inference, motion as support between them.

Two-stage association as in ByteTrack (Zhang et al., ECCV 2022): first sightings with a high score, then weak
ones, which continue tracks but start none. Reading order: ``Tracker.update``, then the steps it calls.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import TYPE_CHECKING

from edge_agent.core.model import PERSON, Box, Detection, Frame, Inferences, Motion, Track, Tracks, TrackState
from edge_agent.tracking import lifecycle, matching
from edge_agent.tracking.association import Foreground, assign
from edge_agent.tracking.matching import LEAP_REACH, NEAR_REACH, SAME_INSIDE
from edge_agent.tracking.sightings import Apart, Sighting, sightings
from edge_agent.tracking.tracked_object import TrackedObject, check_parked, store_patch

if TYPE_CHECKING:
    from edge_agent.core.model import Gray

BEGIN_SCORE, BEGIN_SCORE_STILL = 0.3, 0.5
"""Least score to start a track, with motion and without. Lower: earlier tracks, but more false ones."""
COVERS = 0.9  # an inference covers a box if this share of it is inside the crop
MIN_SHARE = 0.03  # least side of an object as a share of the crop's: 12 of 416 pixels; below it is chance
NEARER = 0.05  # an object is in front of another if its foot is lower by this share of the other's height
KNOWN_HITS = 3  # after this many sightings a large weak box belongs to the track at its place
MOTION_MISSES = 4  # after this many misses in a row, motion alone no longer supports a track
REGION_NOISE = 0.2**2  # variance of a motion region's centre, own sizes squared; a region includes the shadow
MAX_TRACKS = 200
"""Largest number of tracks at once. Like ``MAX_DETECTIONS``, it limits the time that a frame can take."""
MAX_STEP_S = 2.0  # a longer gap between frames counts as this long

_Beside = dict[int, list[TrackedObject]]


class Tracker:
    """Tracks the objects of one camera. Not thread-safe: only the camera's pipeline thread may use it.

    ``boot_tag`` makes ids unique: it must differ between two starts of the agent. ``min_score``: the combined
    score of the agreeing sightings that confirms an object; a higher one gives fewer and later objects.
    """

    def __init__(self, camera_id: str, boot_tag: str, min_score: float = 0.0) -> None:
        self._min_score = min_score
        self._prefix = f"{camera_id}-{boot_tag}"
        self._objects: list[TrackedObject] = []  # oldest first
        self._next_number = 1
        self._last_mono: float | None = None
        self._tracks: tuple[Track, ...] = ()

    @property
    def tracks(self) -> tuple[Track, ...]:
        """Return the live tracks as of the last update, oldest first."""
        return self._tracks

    def update(self, frame: Frame, motion: Motion, inferences: Inferences) -> Tracks:
        """Update all tracks from one frame. ``frame.captured_mono`` must not run backwards."""
        now = frame.captured_mono
        dt = self._step(now)
        if not (self._objects or inferences.detections):
            self._tracks = ()
            return Tracks(())
        foreground = Foreground(motion)
        for tracked in self._objects:
            tracked.seen_now = False
            tracked.position.predict(dt, moves=not tracked.parked)
        aspect = frame.picture.height / frame.picture.width
        seen = sightings(inferences.detections, aspect, self._apart(foreground), self._is_tracked)
        self._apply_sightings(seen, foreground, now)
        beside = _overlapping(self._objects)
        self._count_misses(inferences.inferred, beside, now)
        self._support(foreground, beside, now)
        for tracked in self._objects:
            if tracked.parked and not tracked.seen_now:
                check_parked(tracked, self._objects, frame.picture.luma(), now)
            elif tracked.parked and tracked.sighted_mono == now:
                store_patch(tracked, frame.picture.luma(), now)
        for tracked in self._objects:
            tracked.note_place(now)
            if not tracked.confirmed and tracked.sighted_mono == now:
                self._judge(tracked, frame.picture.luma(), now)
            tracked.state = lifecycle.state_of(tracked, now, dt)
        over = [
            tracked
            for tracked in self._objects
            if lifecycle.has_ended(tracked, now, dt) or _is_part(tracked, beside, now)
        ]
        self._objects = [tracked for tracked in self._objects if tracked not in over]
        self._tracks = tuple(
            self._snapshot(tracked, lifecycle.detection_priority(tracked, now)) for tracked in self._objects
        )
        return Tracks(self._tracks, tuple(self._ended(tracked) for tracked in over))

    def on_signal_lost(self) -> tuple[Track, ...]:
        """Drop the moving and unconfirmed tracks without an event, because the camera's signal was lost.

        Return the parked tracks, which stay: when frames come again, their patches show whether the objects
        are still there. Ids are not used again.
        """
        self._objects = [tracked for tracked in self._objects if tracked.confirmed and tracked.parked]
        for tracked in self._objects:
            tracked.absent_since, tracked.is_covered, tracked.misses = None, False, 0
        kept = {self._id(tracked) for tracked in self._objects}
        self._tracks = tuple(track for track in self._tracks if track.id in kept)
        self._last_mono = None
        return self._tracks

    def _step(self, now: float) -> float:
        if self._last_mono is None:
            for tracked in self._objects:  # parked before the signal was lost
                tracked.resume(now)
        dt = 0.0 if self._last_mono is None else now - self._last_mono
        self._last_mono = now
        return min(max(dt, 1e-3), MAX_STEP_S)

    def _apply_sightings(self, seen: Sequence[Sighting], foreground: Foreground, now: float) -> None:
        """Assign sightings to tracks; a strong sighting that is left starts a new track.

        A sighting without motion needs a higher score to start a track: models sometimes see objects in
        signs, tripods and lane marks. Weak sightings without motion are assigned to standing tracks only.
        """
        moving = {id(s) for s in seen if not foreground.trusted or foreground.supports(s.box)}
        strong = [s for s in seen if s.score >= (BEGIN_SCORE if id(s) in moving else BEGIN_SCORE_STILL)]
        weak = [s for s in seen if s.score < BEGIN_SCORE and id(s) in moving]
        weak_still = [s for s in seen if s.score < BEGIN_SCORE_STILL and id(s) not in moving]
        # Confirmed tracks first: a weak track of a sign must not get an object that passes the sign.
        of_signs = matching.of_signs(strong, self._objects, now)
        passing = [s for s in strong if id(s) not in of_signs]
        left, free = self._assign(passing, [t for t in self._objects if t.confirmed], moving, now)
        left += [s for s in strong if id(s) in of_signs]
        left, others = self._assign(left, [t for t in self._objects if not t.confirmed], moving, now)
        left, free = self._assign(left, [*free, *others], moving, now, LEAP_REACH)
        _, free = self._assign(weak, free, moving, now)
        self._assign(weak_still, [tracked for tracked in free if tracked.stands(now)], moving, now)
        sighted = [tracked for tracked in self._objects if tracked.seen_now]
        for sighting in left:
            moves = id(sighting) in moving
            is_known = any(matching.is_same(sighting, tracked, moves) for tracked in sighted)
            if len(self._objects) < MAX_TRACKS and not is_known:
                tracked = TrackedObject(self._next_number, sighting.box, now)
                self._next_number += 1
                self._objects.append(tracked)
                tracked.see(sighting, moves, now)

    def _assign(
        self,
        seen: Sequence[Sighting],
        free: Sequence[TrackedObject],
        moving: Set[int],
        now: float,
        reach: float = NEAR_REACH,
    ) -> tuple[list[Sighting], list[TrackedObject]]:
        """Assign sightings to the tracks ``free``; return the sightings and tracks that are left."""
        costs = matching.costs(seen, free, moving, now, reach)
        pairs = dict(assign(costs))
        for row, column in pairs.items():
            free[column].see(seen[row], id(seen[row]) in moving, now)
        taken = set(pairs.values())
        return (
            [s for row, s in enumerate(seen) if row not in pairs],
            [tracked for column, tracked in enumerate(free) if column not in taken],
        )

    def _count_misses(self, inferred: Sequence[Box], beside: _Beside, now: float) -> None:
        """Count a miss for each covered track that the inference did not see, unless an object hides it or it
        is too small. The next inference for it is due as if this one had seen it: it would show no more."""
        if not inferred:
            return
        for tracked in self._objects:
            box = tracked.box.clipped()
            crops = [crop for crop in inferred if box.inside(crop) >= COVERS]
            if tracked.seen_now or not crops:
                continue
            tracked.inferred_mono = now
            hidden = sum(box.intersection(other) for other in _hiding(tracked, beside))
            if (
                hidden < 0.5 * box.area
                and not tracked.is_covered
                and any(_shows(crop, box) for crop in crops)
            ):
                tracked.miss()

    def _apart(self, foreground: Foreground) -> Apart:
        def apart(person: Detection, machine: Detection) -> bool:
            """Return whether person and two-wheeler are two objects: it is parked, and the person moves."""
            of_machine, of_person = self._at(machine.box), self._at(person.box)
            if of_machine is None or not of_machine.parked:
                return False
            if of_person is None:
                return foreground.supports(person.box)
            return of_person is not of_machine and not of_person.parked

        return apart

    def _is_tracked(self, box: Box, group: str | None = None) -> bool:
        """Return whether a track that is confirmed, or was seen a few times, has about this box. ``group``:
        that of the track; None: any."""
        tracked = self._at(box)
        if tracked is None or (group is not None and tracked.vote.group != group):
            return False
        return tracked.confirmed or tracked.vote.count >= KNOWN_HITS

    def _at(self, box: Box) -> TrackedObject | None:
        """Return the track with the best matching box; None if its IoU with ``box`` is at most 0.35."""
        best = max(self._objects, key=lambda tracked: tracked.box.iou(box), default=None)
        return best if best is not None and best.box.iou(box) > 0.35 else None

    def _support(self, foreground: Foreground, beside: _Beside, now: float) -> None:
        """Support moving tracks by motion.

        A region that touches only one track, which is unseen now, corrects and supports it, however small it
        is: in the dark only a part of an object moves visibly.
        """
        if not foreground.trusted:
            return
        sighted = {id(tracked) for tracked in self._objects if tracked.seen_now}
        for tracked in self._objects:
            # Motion inside a moving track that was just seen does not support another track.
            explained = (
                _hiding(tracked, beside)
                if tracked.seen_now
                else [one.box for one in beside[tracked.number] if id(one) in sighted and not one.parked]
            )
            moves = foreground.supports(tracked.box, explained)
            if moves and not beside[tracked.number]:
                tracked.moved_frames += 1
            if tracked.seen_now or tracked.parked or tracked.misses >= MOTION_MISSES:
                continue
            others = [one.box for one in self._objects if one is not tracked and not one.stands(now)]
            region = foreground.region_of(tracked.box, others)
            if moves or region is not None:
                tracked.support(now)
            if region is not None:
                tracked.position.correct(region, REGION_NOISE, size_blend=0.0)

    def _judge(self, tracked: TrackedObject, luma: Gray, now: float) -> None:
        """Confirm a track that was sighted now if it has moved, or has stood there since before the start."""
        tracked.store_first_patch(luma, now)
        if not lifecycle.is_credible(tracked, self._min_score):
            return
        tracked.confirmed = lifecycle.has_moved(tracked, now) and tracked.left_first_place(luma)
        if not tracked.confirmed and lifecycle.is_standing(tracked, now):
            tracked.confirmed = tracked.parked = True
            tracked.parked_before = tracked.vote.group != PERSON

    def _ended(self, tracked: TrackedObject) -> Track:
        tracked.state, tracked.seen_now = TrackState.ENDED, False
        return self._snapshot(tracked, 0.0)

    def _snapshot(self, tracked: TrackedObject, priority: float) -> Track:
        return tracked.snapshot(self._id(tracked), priority)

    def _id(self, tracked: TrackedObject) -> str:
        return f"{self._prefix}-{tracked.number}"


def _overlapping(objects: Sequence[TrackedObject]) -> _Beside:
    """Return, by the number of each object, the other objects with boxes that overlap its box."""
    beside: _Beside = {tracked.number: [] for tracked in objects}
    boxes = [(tracked, tracked.box.x1, tracked.box.y1, tracked.box.x2, tracked.box.y2) for tracked in objects]
    for n, (tracked, x1, y1, x2, y2) in enumerate(boxes):
        for other, left, top, right, bottom in boxes[:n]:
            if x1 < right and left < x2 and y1 < bottom and top < y2:
                beside[tracked.number].append(other)
                beside[other.number].append(tracked)
    return beside


def _hiding(tracked: TrackedObject, beside: _Beside) -> list[Box]:
    """Return the boxes of objects that are nearer to the camera and cover over 10 % of the track's box."""
    box, limit = tracked.box, tracked.box.y2 + NEARER * tracked.box.height
    least = 0.1 * box.area
    others = [other.box for other in beside[tracked.number]]
    return [other for other in others if other.y2 > limit and other.intersection(box) > least]


def _is_part(tracked: TrackedObject, beside: _Beside, now: float) -> bool:
    """Return whether a track is part of another: unconfirmed, now unseen, and inside one that is seen now.

    That track must be confirmed, or seen as often and as surely: a large weak box around an object that the
    model misses for once is usually false.
    """
    if tracked.confirmed or tracked.parked or tracked.sighted_mono == now:
        return False
    return any(
        other.sighted_mono == now
        and tracked.box.inside(other.box) > SAME_INSIDE
        and not matching.may_cover_part_of(tracked.vote.group, other)
        and (other.confirmed or _is_as_sure(other, tracked))
        for other in beside[tracked.number]
    )


def _is_as_sure(whole: TrackedObject, part: TrackedObject) -> bool:
    return whole.vote.count >= part.vote.count and whole.vote.best_score >= part.vote.best_score


def _shows(crop: Box, box: Box) -> bool:
    """Return whether ``box`` is large enough in ``crop`` for an inference to recognise it."""
    return max(box.width / max(crop.width, 1e-6), box.height / max(crop.height, 1e-6)) >= MIN_SHARE
