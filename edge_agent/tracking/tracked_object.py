"""One object being followed: what the tracker knows about it, and how evidence changes that."""

from __future__ import annotations

from edge_agent.core.model import PERSON, TWO_WHEELER, Box, Track, TrackState
from edge_agent.tracking.appearance import AppearancePatch
from edge_agent.tracking.association import distance, size_ratio
from edge_agent.tracking.group_vote import GroupVote
from edge_agent.tracking.position import KalmanBox
from edge_agent.tracking.sightings import Sighting

STILL_S = 3.0  # without displacement for this long: parked
STANDS_S = 1.0
STILL_DISTANCE, LEFT_DISTANCE = 0.2, 0.3  # own sizes; a parked one has moved on at the larger one
SAME_OUTLINE = 2.0  # area ratio; a larger one is an object that comes into the picture, which is no movement


class TrackedObject:
    """Mutable, owned by one ``Tracker``. Boxes may leave the picture; they are clipped when published."""

    def __init__(self, number: int, box: Box, now: float) -> None:
        self.number = number
        self.position = KalmanBox(box)
        self.created_mono = now
        self.seen_mono = now  # last sighting, or last support by motion or its patch
        self.seen_now = True
        self.sighted_mono = now
        self.inferred_mono = now  # last inference that covered it, whether it saw it or not
        self.state = TrackState.TENTATIVE
        self.confirmed = False
        self.vote = GroupVote()
        self.covered = 0  # inferences in which it could have been seen
        self.misses = 0  # ... of which the last ones, in a row, did not see it
        self.moved_frames = 0  # frames with motion of its own in its box
        self.idle = 0  # inferences in a row that covered it while nothing moved in its box
        self.path = 0.0  # how far it got from where it was first seen, own sizes
        self._origin = box
        self._place, self._place_mono = box, now  # where it has been since when
        self.parked = False
        self.parked_before = False
        self.patch: AppearancePatch | None = None  # its looks while it is parked
        self.patch_mono = now  # when that picture was taken
        self.absent_since: float | None = None  # parked, but its patch is not found at its place
        self.covered_up = False  # ... because something stands before it

    @property
    def box(self) -> Box:
        return self.position.box

    @property
    def velocity(self) -> tuple[float, float]:
        """Picture widths and heights a second."""
        return (0.0, 0.0) if self.parked else self.position.velocity

    def see(self, sighting: Sighting, moves: bool, now: float) -> None:
        """Take one sighting: a vote, a position and an outline. ``moves``: there is motion in it."""
        self._take_outline(sighting)
        self.vote.add(sighting)
        self.covered += 1
        self.idle = 0 if moves else self.idle + 1
        self.misses = 0
        self.absent_since, self.covered_up = None, False
        self.sighted_mono = self.inferred_mono = now
        self.support(now)
        if not moves or size_ratio(self._origin, self.box) > SAME_OUTLINE:
            self._origin = self.box
        else:
            self.path = max(self.path, distance(self._origin, self.box))

    def miss(self, now: float) -> None:
        """An inference covered it and saw nothing there."""
        self.covered += 1
        self.idle += 1
        self.misses += 1
        self.inferred_mono = now

    def support(self, now: float) -> None:
        self.seen_now = True
        self.seen_mono = now

    def _take_outline(self, sighting: Sighting) -> None:
        seen, box = sighting.box, self.position.box
        if {self.vote.group, sighting.group} != {PERSON, TWO_WHEELER} or not self.vote.uses_coco_classes:
            self.position.correct(seen)
        elif self.vote.group == PERSON and sighting.box.inside(box) < 0.75:
            self.position.grow_to(seen)
        elif seen.area > 0.8 * box.area:
            self.position.correct(seen, size_blend=0.0)
        # else it is a part of rider and machine, which says nothing about the whole

    def note_place(self, now: float) -> None:
        """Notice whether it keeps its place, parks there, or moves on."""
        if distance(self._place, self.box) > (LEFT_DISTANCE if self.parked else STILL_DISTANCE):
            self._place, self._place_mono = self.box, now
            if self.parked:
                self.unpark()
        elif now - self._place_mono >= STILL_S and self.seen_now:
            self.parked = True

    def unpark(self) -> None:
        """It moves again."""
        self.parked, self.parked_before, self.patch = False, False, None
        self.absent_since, self.covered_up = None, False

    def stands(self, now: float) -> bool:
        """Whether it has kept its place for a moment."""
        return self.parked or now - self._place_mono >= STANDS_S

    def snapshot(self, track_id: str, wants_look: float) -> Track:
        """What other stages may know."""
        return Track(
            id=track_id,
            box=self.box.clipped(),
            state=self.state,
            confirmed=self.confirmed,
            label=self.vote.label,
            group=self.vote.group,
            score=self.vote.score,
            best_score=self.vote.best_score,
            first_seen_mono=self.created_mono,
            last_seen_mono=self.seen_mono,
            inferences=self.vote.count,
            detection_priority=wants_look,
            seen_now=self.seen_now,
            velocity=self.velocity,
            parked_before=self.parked_before,
        )
