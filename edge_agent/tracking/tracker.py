"""Follows objects over frames: detections at each inference, motion as support between them.

Two-stage association as in ByteTrack (Zhang et al., ECCV 2022): sightings with a good score first, then weak
ones, which keep tracks alive and begin none. Reading order: ``Tracker.update``, then the steps it calls.
"""

from __future__ import annotations

from collections.abc import Sequence, Set

from edge_agent.core.model import PERSON, Box, Detection, Frame, Inferences, Motion, Track, Tracks, TrackState
from edge_agent.tracking import lifecycle
from edge_agent.tracking.association import FORBIDDEN, affinity, assign, pair_cost
from edge_agent.tracking.foreground import Foreground
from edge_agent.tracking.sightings import Apart, Sighting, sightings
from edge_agent.tracking.tracked_object import TrackedObject, check_parked, store_patch

BEGIN_SCORE, BEGIN_STILL = 0.3, 0.5
"""Score of a sighting that begins a track, with and without motion in it; lower: earlier, more false ones."""
COVERS = 0.9  # of a box, within what was inferred, for "the model would have seen it"
LEAST_SHARE = 0.03  # longer side over the crop's: 12 pixels of a model's 416, less is seen by chance only
NEARER = 0.05  # box heights that a foot is lower, for "it stands before the other"
NEAR_REACH, LEAP_REACH, FARTHEST_REACH = 0.4, 1.0, 1.6
"""Own sizes off the prediction where that is sure; where nothing else is left for either; at most."""
MOTION_MISSES = 4  # inferences in a row that see nothing where motion alone still supports a track
REGION_NOISE = 0.2**2  # of a motion region's centre, own sizes squared: it holds the shadow too
SAME_IOU, SAME_INSIDE = 0.45, 0.75  # of a sighting and a track that has its own: the same object twice
MAX_TRACKS = 200
"""At the same time; nothing new is followed beyond. Bounds the time of a frame, as ``MAX_DETECTIONS``."""
MAX_STEP_S = 2.0  # a longer gap between frames tells nothing about where things went

_Beside = dict[int, list[TrackedObject]]


class Tracker:
    """One camera's tracks. Not thread-safe: the camera's pipeline thread owns it.

    ``boot_tag`` makes ids unique: it must differ between two starts of the agent. ``min_score``: an object
    is confirmed when the sightings that agree on it are together at least so sure; higher: fewer and later.
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
        """Live tracks as of the last update, oldest first."""
        return self._tracks

    def update(self, frame: Frame, motion: Motion, looks: Inferences) -> Tracks:
        """Take one frame's evidence. ``frame.captured_mono`` must not run backwards."""
        now = frame.captured_mono
        dt = self._step(now)
        if not (self._objects or looks.detections):
            self._tracks = ()
            return Tracks(())
        foreground = Foreground(motion)
        for one in self._objects:
            one.seen_now = False
            one.position.predict(dt, moves=not one.parked)
        aspect = frame.picture.height / frame.picture.width
        seen = sightings(looks.detections, aspect, self._apart(foreground))
        self._take_sightings(seen, foreground, now)
        beside = _overlapping(self._objects)
        self._count_misses(looks.inferred, beside, now)
        self._support(foreground, bool(looks.inferred), beside, now)
        self._check_parked(frame, now)
        for one in self._objects:
            one.note_place(now)
            if not one.confirmed and one.sighted_mono == now and lifecycle.is_credible(one, self._min_score):
                one.confirmed = lifecycle.has_moved(one, now)
                if not one.confirmed and lifecycle.is_standing(one, now):
                    one.confirmed = one.parked = True
                    one.parked_before = one.vote.group != PERSON
            one.state = lifecycle.state_of(one, now, dt)
        over = [one for one in self._objects if lifecycle.has_ended(one, now, dt)]
        self._objects = [one for one in self._objects if one not in over]
        self._tracks = tuple(
            self._snapshot(one, lifecycle.detection_priority(one, now)) for one in self._objects
        )
        return Tracks(self._tracks, tuple(self._ended(one) for one in over))

    def on_signal_lost(self) -> tuple[Track, ...]:
        """The camera was lost: forget without an event what moved or was not confirmed; ids go on counting.

        What is parked stays, and is returned: its picture tells whether it is still there when frames come
        back.
        """
        self._objects = [one for one in self._objects if one.confirmed and one.parked]
        for one in self._objects:
            one.absent_since, one.covered_up, one.misses = None, False, 0
        kept = {self._id(one) for one in self._objects}
        self._tracks = tuple(track for track in self._tracks if track.id in kept)
        self._last_mono = None
        return self._tracks

    def _step(self, now: float) -> float:
        if self._last_mono is None:
            for one in self._objects:  # kept over a loss of the camera, and given time to be seen again
                one.seen_mono = one.sighted_mono = now
        dt = 0.0 if self._last_mono is None else now - self._last_mono
        self._last_mono = now
        return min(max(dt, 1e-3), MAX_STEP_S)

    # ---- inferences

    def _take_sightings(self, seen: Sequence[Sighting], foreground: Foreground, now: float) -> None:
        """Give each sighting to a track; a good one that is left begins a new track.

        What nothing moves in (signs, tripods, lane marks get boxes now and then) must be surer to begin a
        track, and weak ones of it belong to what stands.
        """
        moving = {id(s) for s in seen if not foreground.trusted or foreground.supports(s.box)}
        strong = [s for s in seen if s.score >= (BEGIN_SCORE if id(s) in moving else BEGIN_STILL)]
        weak = [s for s in seen if s.score < BEGIN_SCORE and id(s) in moving]
        weak_still = [s for s in seen if s.score < BEGIN_STILL and id(s) not in moving]
        left, free = self._assign(strong, self._objects, moving, now)
        left, free = self._assign(left, free, moving, now, LEAP_REACH)
        _, free = self._assign(weak, free, moving, now)
        self._assign(weak_still, [one for one in free if one.stands(now)], moving, now)
        sighted = [one for one in self._objects if one.seen_now]
        for sighting in left:
            if len(self._objects) < MAX_TRACKS and not any(_is_same(sighting, one) for one in sighted):
                one = TrackedObject(self._next_number, sighting.box, now)
                self._next_number += 1
                self._objects.append(one)
                one.see(sighting, id(sighting) in moving, now)

    def _assign(
        self,
        seen: Sequence[Sighting],
        free: Sequence[TrackedObject],
        moving: Set[int],
        now: float,
        reach: float = NEAR_REACH,
    ) -> tuple[list[Sighting], list[TrackedObject]]:
        """Pair sightings and tracks; those that are left of both."""
        near = _in_reach([s.box for s in seen], [one.box for one in free])
        costs = [
            [_cost(s, one, reach) if close else FORBIDDEN for one, close in zip(free, row, strict=True)]
            for s, row in zip(seen, near, strict=True)
        ]
        pairs = dict(assign(costs))
        for row, column in pairs.items():
            free[column].see(seen[row], id(seen[row]) in moving, now)
        taken = set(pairs.values())
        return (
            [s for row, s in enumerate(seen) if row not in pairs],
            [one for column, one in enumerate(free) if column not in taken],
        )

    def _count_misses(self, looked: Sequence[Box], beside: _Beside, now: float) -> None:
        """Count what was inferred in vain, but for what a nearer object hides."""
        for one in self._objects:
            if not one.seen_now and looked and any(_shows(crop, one.box.clipped()) for crop in looked):
                box = one.box.clipped()
                hidden = sum(box.intersection(other) for other in _hiding(one, beside))
                if hidden < 0.5 * box.area and not one.covered_up:
                    one.miss(now)

    def _apart(self, foreground: Foreground) -> Apart:
        def apart(person: Detection, machine: Detection) -> bool:
            """Whether the person is known not to ride the machine: it is parked, and the person moves."""
            of_machine, of_person = self._at(machine.box), self._at(person.box)
            if of_machine is None or not of_machine.parked:
                return False
            if of_person is None:
                return foreground.supports(person.box)
            return of_person is not of_machine and not of_person.parked

        return apart

    def _at(self, box: Box) -> TrackedObject | None:
        """The track whose box fits ``box`` best, if any does."""
        best = max(self._objects, key=lambda one: one.box.iou(box), default=None)
        return best if best is not None and best.box.iou(box) > 0.35 else None

    # ---- motion and appearance

    def _support(self, foreground: Foreground, inferred: bool, beside: _Beside, now: float) -> None:
        """Keep what moves alive between inferences, and correct it where it has a motion region to itself."""
        if not foreground.trusted:
            return
        sighted = {id(one) for one in self._objects if one.seen_now}
        for one in self._objects:
            # Motion of an object that was just seen is no sign of another one.
            explained = (
                _hiding(one, beside)
                if one.seen_now
                else [other.box for other in beside[one.number] if id(other) in sighted]
            )
            if not foreground.supports(one.box, explained):
                continue
            if not beside[one.number]:
                one.moved_frames += 1
            if one.seen_now or one.parked or one.misses >= MOTION_MISSES:
                continue
            one.support(now)
            if not inferred:
                region = foreground.region_of(one.box, [o.box for o in self._objects if o is not one])
                if region is not None:
                    one.position.correct(region, REGION_NOISE, size_blend=0.0)

    def _check_parked(self, frame: Frame, now: float) -> None:
        for one in self._objects:
            if one.parked and not one.seen_now:
                check_parked(one, self._objects, frame.picture.luma(), now)
            elif one.parked and one.sighted_mono == now:
                store_patch(one, frame.picture.luma(), now)

    # ---- what is published

    def _ended(self, one: TrackedObject) -> Track:
        one.state, one.seen_now = TrackState.ENDED, False
        return self._snapshot(one, 0.0)

    def _snapshot(self, one: TrackedObject, wants_look: float) -> Track:
        return one.snapshot(self._id(one), wants_look)

    def _id(self, one: TrackedObject) -> str:
        return f"{self._prefix}-{one.number}"


def _cost(sighting: Sighting, one: TrackedObject, near: float) -> float:
    at_its_place = one.parked and (one.absent_since is None or one.covered_up)
    if at_its_place and one.box.iou(sighting.box) < 0.3 and sighting.box.inside(one.box) < 0.7:
        return FORBIDDEN  # what passes by is not what stands there, however near
    like = affinity(one.vote.group, sighting.group)
    reach = min(near + one.position.uncertainty, FARTHEST_REACH) if like >= 0.9 else 0.0
    return pair_cost(one.box, sighting.box, like, reach)


def _overlapping(objects: Sequence[TrackedObject]) -> _Beside:
    """By number of each object, the others whose boxes overlap its box."""
    beside: _Beside = {one.number: [] for one in objects}
    boxes = [(one, one.box.x1, one.box.y1, one.box.x2, one.box.y2) for one in objects]
    for n, (one, x1, y1, x2, y2) in enumerate(boxes):
        for other, left, top, right, bottom in boxes[:n]:
            if x1 < right and left < x2 and y1 < bottom and top < y2:
                beside[one.number].append(other)
                beside[other.number].append(one)
    return beside


def _hiding(one: TrackedObject, beside: _Beside) -> list[Box]:
    """Boxes of the objects that stand nearer to the camera and overlap the track."""
    box, limit = one.box, one.box.y2 + NEARER * one.box.height
    least = 0.1 * box.area
    others = [other.box for other in beside[one.number]]
    return [other for other in others if other.y2 > limit and other.intersection(box) > least]


def _in_reach(boxes: Sequence[Box], others: Sequence[Box]) -> list[list[bool]]:
    """Whether two boxes are near enough for a cost at all: most pairs of a full street are not."""
    far = FARTHEST_REACH
    places = [(o.x1 + o.x2, o.y1 + o.y2, far * (o.x2 - o.x1), far * (o.y2 - o.y1)) for o in others]
    rows = []
    for box in boxes:
        at_x, at_y = box.x1 + box.x2, box.y1 + box.y2
        wide, high = far * (box.x2 - box.x1), far * (box.y2 - box.y1)
        rows.append([abs(at_x - x) <= wide + w and abs(at_y - y) <= high + h for x, y, w, h in places])
    return rows


def _is_same(sighting: Sighting, one: TrackedObject) -> bool:
    """Whether the sighting is a second one of a track that has its own: a part of it, under another name."""
    box = one.box
    return sighting.box.iou(box) > SAME_IOU or sighting.box.inside(box) > SAME_INSIDE


def _shows(crop: Box, box: Box) -> bool:
    """Whether an inference of ``crop`` would have shown what is in ``box``, and large enough to be known."""
    share = max(box.width / max(crop.width, 1e-6), box.height / max(crop.height, 1e-6))
    return share >= LEAST_SHARE and box.inside(crop) >= COVERS
