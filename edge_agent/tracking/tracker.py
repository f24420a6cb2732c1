"""Follows objects over frames: tracks live on motion and flow, looks say what they are.

Every analysed frame brings motion, nearly free; inferences are scarce. So a track goes on from frame to
frame by optical flow, is held up by foreground under it, corrected by a lone motion region, and named and
outlined by the looks that come. Reading order: ``Tracker.update``, then the steps it calls.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from edge_agent.model import Box, Detection, Frame, Looks, Motion, Scene, Track, Tracks, TrackState
from edge_agent.tracking import lifecycle, parking
from edge_agent.tracking.association import FORBIDDEN, affinity, assign, distance, pair_cost, size_ratio
from edge_agent.tracking.blobs import SUPPORT_SHARE, Foreground
from edge_agent.tracking.flow import Query, displacements, shrink
from edge_agent.tracking.labels import Sighting, sightings
from edge_agent.tracking.merging import Doubles
from edge_agent.tracking.overlap import overlaps
from edge_agent.tracking.trail import Trail

if TYPE_CHECKING:
    from edge_agent.model import Gray

MAX_BLOBS = 40  # unlabelled tracks; rain or foliage must not cost the CPU that objects need
COVERS = 0.9  # of a box, within a crop, for "the look would have seen it"
LEAST_SHARE = 0.07  # longer side over the crop's: 30 pixels of a model's 416, less is seen by chance only
NEARER = 0.05  # box heights that a foot is lower, for "it stands before the other"
RETURN_SPEED, UNKNOWN_SPEED = 0.8, 1.2  # own sizes a second
YOUNG_S = 1.0  # motion that is older than this was there before anything nearby got lost
MAX_STEP_S = 2.0  # a longer gap between frames tells nothing about where things went


class Tracker:
    """One camera's tracks. Not thread-safe: the camera's pipeline thread owns it.

    ``boot_tag`` makes ids unique: it must differ between two starts of the agent. ``min_score``: an object
    is confirmed when the looks that agree on it are together at least so sure; higher: fewer and later.
    """

    def __init__(self, camera_id: str, boot_tag: str, min_score: float = 0.0) -> None:
        self._min_score = min_score
        self._prefix = f"{camera_id}-{boot_tag}"
        self._trails: list[Trail] = []  # oldest first
        self._next_number = 1
        self._gone: list[Trail] = []  # ended within the update that runs
        self._doubles = Doubles()
        self._last_mono: float | None = None
        self._before: Gray | None = None
        self._mask_before: Gray | None = None
        self._tracks: tuple[Track, ...] = ()

    @property
    def tracks(self) -> tuple[Track, ...]:
        """Live tracks as of the last update, oldest first."""
        return self._tracks

    def update(self, frame: Frame, motion: Motion, looks: Looks) -> Tracks:
        """Take one frame's evidence. ``frame.captured_mono`` must not run backwards."""
        self._gone = []
        now = frame.captured_mono
        dt = self._step(now)
        if not (self._trails or motion.regions or looks.detections):
            self._before, self._mask_before, self._tracks = None, None, ()
            return Tracks(())
        luma, foreground = shrink(frame.picture.luma()), Foreground(motion)
        for trail in self._trails:
            trail.seen_now = False
        failed = self._follow(luma, motion.scene, foreground, dt)
        self._hold_up(foreground, failed, now, dt)
        self._check_parked(luma, now, dt)
        aspect = frame.picture.height / frame.picture.width
        self._sight(looks, foreground, aspect, now)
        self._begin_from_motion(foreground, now)
        self._merge(now)
        self._judge(luma, foreground, now, dt)
        self._retire(now, dt)
        # Where nothing is followed it is not kept: it is a view of the decoder's buffer.
        self._before, self._mask_before = (luma, foreground.mask) if self._trails else (None, None)
        self._tracks = tuple(self._snapshot(t, lifecycle.wants_look(t, now)) for t in self._trails)
        return Tracks(self._tracks, tuple(self._ended(t) for t in self._gone))

    def lose_sight(self) -> tuple[Track, ...]:
        """The camera was lost: forget without a word what moved or was not confirmed; ids go on counting.

        What is parked stays, and is returned: its picture tells whether it is still there when frames come
        back.
        """
        self._trails = [t for t in self._trails if t.confirmed and t.patch is not None]
        for trail in self._trails:
            trail.absent_since, trail.covered_up, trail.misses = None, False, 0
        kept = {trail.number for trail in self._trails}
        self._tracks = tuple(t for t in self._tracks if int(t.id.rsplit("-", 1)[1]) in kept)
        self._gone, self._doubles = [], Doubles()
        self._last_mono = self._before = self._mask_before = None
        return self._tracks

    # ---- motion

    def _step(self, now: float) -> float:
        if self._last_mono is None:
            for trail in self._trails:  # kept over a loss of the camera, and given time to be seen again
                trail.seen_mono = now
        dt = 0.0 if self._last_mono is None else now - self._last_mono
        self._last_mono = now
        return min(max(dt, 1e-3), MAX_STEP_S)

    def _follow(self, luma: Gray, scene: Scene, foreground: Foreground, dt: float) -> set[int]:
        """Move every track that is not parked; numbers of those that flow did not find."""
        moving = [t for t in self._trails if t.patch is None]
        blobs = self._alone_with_a_region(moving, foreground, dt)
        for trail in blobs:
            trail.move(None, dt)
        moving = [t for t in moving if t not in blobs]
        comparable = self._before is not None and self._before.shape == luma.shape
        if not comparable or scene is Scene.SWITCHED or self._before is None:
            for trail in moving:
                trail.move(None, dt)
            return {t.number for t in [*moving, *blobs]}
        queries = [
            Query(t.box, (t.velocity[0] * dt, t.velocity[1] * dt), self._hiding(t, moving)) for t in moving
        ]
        shifts = displacements(self._before, luma, queries, self._mask_before)
        for trail, shift in zip(moving, shifts, strict=True):
            trail.move(shift, dt)
        lost = {t.number for t, shift in zip(moving, shifts, strict=True) if shift is None}
        return lost | {t.number for t in blobs}

    def _alone_with_a_region(self, moving: Sequence[Trail], foreground: Foreground, dt: float) -> list[Trail]:
        """Tracks that no look has named and whose region is theirs alone: where it is, they are, and flow
        would say the same for more."""
        predicted = [t.box.shifted(t.velocity[0] * dt, t.velocity[1] * dt) for t in moving]
        lone = foreground.lone(predicted, [t.vote.label is None for t in moving])
        return [t for index, t in enumerate(moving) if index in lone and t.vote.label is None]

    def _hiding(self, trail: Trail, others: Iterable[Trail]) -> tuple[Box, ...]:
        """Boxes of labelled objects that stand nearer to the camera and overlap the track."""
        box, limit = trail.box, trail.box.y2 + NEARER * trail.box.height
        return tuple(
            other.box
            for other in others
            if other.box.y2 > limit
            and other.box.y1 < box.y2
            and other.box.x1 < box.x2
            and other.box.x2 > box.x1
            and other.vote.label is not None
            and other.box.intersection(box) > 0.1 * box.area
        )

    def _hold_up(self, foreground: Foreground, failed: set[int], now: float, dt: float) -> None:
        """Support tracks by the foreground under them, and correct those that have a region to themselves."""
        moving = [t for t in self._trails if t.patch is None]
        lone = foreground.lone([t.box for t in moving], [t.vote.label is None for t in moving])
        supported = []
        for index, trail in enumerate(moving):
            if index in lone:
                trail.follow_region(lone[index], trail.number in failed, dt)
            elif trail.number in failed:
                trail.doubtful = True
            if trail.is_ghostly and trail.vote.label is not None:
                continue
            if foreground.share(trail.box, self._hiding(trail, moving)) >= SUPPORT_SHARE:
                trail.support(now)
                supported.append(trail)
        self._note_stirring(supported)

    def _note_stirring(self, supported: Sequence[Trail]) -> None:
        """Motion in a box that no other track touches can only be its own."""
        touched = Counter(
            i for i, _, _ in overlaps([t.box for t in supported], [t.box for t in self._trails])
        )
        for index, trail in enumerate(supported):
            trail.stirs += touched[index] <= 1

    def _check_parked(self, luma: Gray, now: float, dt: float) -> None:
        for trail in self._trails:
            if trail.patch is not None:
                parking.check(trail, self._trails, luma, now, dt)

    # ---- looks

    def _sight(self, looks: Looks, foreground: Foreground, aspect: float, now: float) -> None:
        """Give every sighting to a track or begin one, and count what was looked at in vain."""
        if not looks.looked and not looks.detections:
            return
        seen = sightings(
            looks.detections, aspect, lambda person, machine: self._apart(person, machine, foreground)
        )
        known = list(self._trails)  # while sightings are handed out, tracks begin and give way
        pairs = dict(assign([[self._cost(s, t, now) for t in known] for s in seen]))
        sighted = set()
        for row, sighting in enumerate(seen):
            column = pairs.get(row)
            trail = self._begin(sighting.box, now) if column is None else known[column]
            trail = self._departed(trail, sighting)
            parking.correct(trail, sighting.box)
            trail.see(sighting, now)
            sighted.add(trail.number)
        for trail in self._trails:
            if trail.number not in sighted and self._was_in_view(trail, looks.looked):
                if any(_shows(crop, trail.box.clipped()) for crop in looks.looked):
                    trail.miss(now)
                else:
                    trail.glance(now)

    def _cost(self, sighting: Sighting, trail: Trail, now: float) -> float:
        like = affinity(trail.vote.group, sighting.group)
        if trail.vote.label is None:
            if trail.is_ghostly:
                return FORBIDDEN  # who comes to a hole has not been there since it was uncovered
            cost = pair_cost(trail.box, sighting.box, like, loose=True)
            # A known object first, above all a lost one that this new motion may be.
            return cost + (0.5 if now - trail.created_mono < YOUNG_S else 0.35)
        if trail.patch is not None and trail.absent_since is None:
            return self._cost_at_place(sighting, trail, like)
        if trail.patch is None and not trail.seen_now:
            return self._cost_of_return(sighting, trail, like, now - trail.seen_mono)
        return pair_cost(trail.box, sighting.box, like)

    def _cost_at_place(self, sighting: Sighting, trail: Trail, like: float) -> float:
        """What stands where it stood is not what passes by, however near."""
        if trail.box.iou(sighting.box) < 0.4 and sighting.box.inside(trail.box) < 0.7:
            return FORBIDDEN
        return pair_cost(trail.box, sighting.box, like)

    def _cost_of_return(self, sighting: Sighting, trail: Trail, like: float, unseen: float) -> float:
        """A lost track may be found off its predicted place, the further the longer it was away.

        A walker makes three of his own widths a second; most of it is in the prediction, if there was any.
        """
        apart = distance(trail.box, sighting.box)
        speed = RETURN_SPEED if trail.velocity != (0.0, 0.0) else UNKNOWN_SPEED
        reach = min(0.5 + speed * unseen, 1.6)
        if like < 0.9 or apart > reach or size_ratio(trail.box, sighting.box) > 2.5:
            return pair_cost(trail.box, sighting.box, like)
        return min(
            0.35 + 0.35 * apart / reach,
            pair_cost(trail.box, sighting.box, like),
        )

    def _apart(self, person: Detection, machine: Detection, foreground: Foreground) -> bool:
        """Whether the person is known not to ride the machine: it is parked, and the person moves."""
        of_machine = self._at(machine.box)
        if of_machine is None or of_machine.patch is None:
            return False
        of_person = self._at(person.box)
        if of_person is None:
            return foreground.share(person.box) >= SUPPORT_SHARE
        return of_person is not of_machine and of_person.patch is None

    def _at(self, box: Box) -> Trail | None:
        """The track whose box fits ``box`` best, if any does."""
        best = max(self._trails, key=lambda t: t.box.iou(box), default=None)
        return best if best is not None and best.box.iou(box) > 0.35 else None

    def _departed(self, trail: Trail, sighting: Sighting) -> Trail:
        """The parked track, if ``trail`` is the motion that began at its now empty place."""
        if trail.born_in is None or trail.vote.label is not None:
            return trail
        parked = next((t for t in self._trails if t.number == trail.born_in), None)
        if parked is None or parked.absent_since is None or affinity(parked.vote.group, sighting.group) < 0.9:
            return trail
        parking.drive_off(parked, trail.velocity)
        parked.box = trail.box
        self._trails.remove(trail)
        self._gone.append(trail)
        return parked

    def _was_in_view(self, trail: Trail, looked: Sequence[Box]) -> bool:
        box = trail.box.clipped()
        if trail.covered_up or not any(box.inside(crop) >= COVERS for crop in looked):
            return False
        hidden = sum(box.intersection(b) for b in self._hiding(trail, self._trails))
        return hidden < 0.5 * box.area

    # ---- beginnings and endings

    def _begin(self, box: Box, now: float) -> Trail:
        trail = Trail(self._next_number, box, now)
        self._next_number += 1
        self._trails.append(trail)
        return trail

    def _begin_from_motion(self, foreground: Foreground, now: float) -> None:
        """Motion that no track explains becomes an unlabelled track, or brings a lost one back."""
        explaining = [t.box for t in self._trails if t.absent_since is None]
        blobs = sum(t.vote.label is None for t in self._trails)
        for box in foreground.unexplained(explaining):
            lost = self._lost_near(box, now)
            if lost is not None:
                lost.box = box
                lost.doubtful = True
                lost.support(now)
                lost.state = TrackState.MOVING
            elif blobs < MAX_BLOBS:
                trail = self._begin(box, now)
                trail.born_in = self._parked_at(box)
                blobs += 1

    def _lost_near(self, box: Box, now: float) -> Trail | None:
        """The lost track that may have reappeared as motion at ``box``."""
        options = [
            (distance(t.box, box), t.number, t)
            for t in self._trails
            if t.state is TrackState.LOST
            and t.patch is None
            and not t.seen_now
            and not t.is_ghostly
            and distance(t.box, box) < 0.4 + 0.4 * (now - t.seen_mono)
            and size_ratio(t.box, box) < 3.0
        ]
        return min(options)[2] if options else None

    def _parked_at(self, box: Box) -> int | None:
        places = [t.number for t in self._trails if t.absent_since is not None and box.inside(t.box) > 0.4]
        return places[0] if places else None

    def _merge(self, now: float) -> None:
        """Make one track of two on the same object."""
        for keep, drop in self._doubles.find(self._trails, now):
            keep.absorb(drop)
            self._trails.remove(drop)
            self._gone.append(drop)

    def _judge(self, luma: Gray, foreground: Foreground, now: float, dt: float) -> None:
        """Confirm, park, and set the states."""
        for trail in self._trails:
            trail.note_place(now)
            if not trail.confirmed and lifecycle.is_believed(trail, now, self._min_score):
                trail.confirmed = True
            if trail.patch is None and self._is_parked(trail, foreground, now):
                parking.park(trail, luma, now)
                trail.doubtful = trail.sighted_mono != now  # motion alone says so: it may be a hole
            trail.state = lifecycle.state_of(trail, now, dt)

    def _is_parked(self, trail: Trail, foreground: Foreground, now: float) -> bool:
        if trail.vote.label is None or not trail.seen_now or trail.box.clipped().area <= 0:
            return False
        moving = foreground.share(trail.box) >= SUPPORT_SHARE
        if trail.sighted_mono == now and foreground.trusted and not moving:
            return not trail.confirmed or trail.stands_still
        return trail.stands_still and moving

    def _retire(self, now: float, dt: float) -> None:
        over = [t for t in self._trails if lifecycle.is_over(t, now, dt)]
        self._trails = [t for t in self._trails if t not in over]
        self._gone += over

    def _ended(self, trail: Trail) -> Track:
        trail.state, trail.seen_now = TrackState.ENDED, False
        return self._snapshot(trail, 0.0)

    def _snapshot(self, trail: Trail, wants_look: float) -> Track:
        return trail.snapshot(f"{self._prefix}-{trail.number}", wants_look)


def _shows(crop: Box, box: Box) -> bool:
    """Whether a look at ``crop`` would have shown what is in ``box``, and large enough to be known."""
    share = max(box.width / max(crop.width, 1e-6), box.height / max(crop.height, 1e-6))
    return share >= LEAST_SHARE and box.inside(crop) >= COVERS
