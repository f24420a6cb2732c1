"""One object being followed: all the tracker knows about it, and how evidence changes that."""

from __future__ import annotations

from collections import deque
from math import hypot

from edge_agent.model import PERSON, TWO_WHEELER, Box, Track, TrackState
from edge_agent.tracking.appearance import Patch
from edge_agent.tracking.association import distance, size_ratio
from edge_agent.tracking.flow import Shift
from edge_agent.tracking.labels import LabelVote, Sighting

VELOCITY_BLEND = 0.5  # of a new measurement; flow is exact to a pixel, but a walking body swings
GOOD_AGREEMENT = 0.7  # share of a box's points; below it the velocity learns less
CENTRE_BLEND, SIZE_BLEND = 0.7, 0.6  # towards a sighting's box; the models' boxes jitter by about 10 %
SAME_OUTLINE = 2.0  # area ratio
REGION_BLEND = 0.2  # towards a lone motion region, which holds the shadow too
MOST_BLOB_MISSES = 3
GHOST_MISSES, GHOST_DISTANCE = 3, 0.5  # looks in a row, own sizes since the last sighting
STILL_S = 3.0  # without displacement for this long: parked
STILL_DISTANCE = 0.15  # own widths and heights


class Trail:
    """Mutable, owned by one ``Tracker``. Boxes may leave the picture; they are clipped when published."""

    def __init__(self, number: int, box: Box, now: float) -> None:
        self.number = number
        self.box = box
        self.created_mono = now
        self.seen_mono = now  # last support by motion, a sighting or its patch
        self.seen_now = True
        self.looked_mono: float | None = None  # last look that covered it, whether it saw it or not
        self.sighted_mono: float | None = None
        self.state = TrackState.TENTATIVE
        self.confirmed = False
        self.vote = LabelVote()
        self.velocity = (0.0, 0.0)  # picture widths and heights a second
        self.travelled = (0.0, 0.0)  # measured displacement since the first frame, own widths and heights
        self.supports = 1  # frames in which motion or a sighting supported it
        self.glances = 0  # looks with it somewhere in the crop
        self.covered = 0  # ... large enough to be known
        self.misses = 0  # ... of which the last ones, in a row, did not see it
        self.area_at_look = box.area
        self.travelled_at_look = (0.0, 0.0)
        self.travelled_at_sighting = (0.0, 0.0)
        self.first_sighting: Box | None = None
        self.moved_by_looks = 0.0  # own sizes between the first and the latest sighting
        self.doubtful = False  # its place was guessed or taken over: a look should check it
        self.stirs = 0  # frames with motion of its own in its box
        self.born_in: int | None = None  # number of the parked track at whose empty place it appeared
        self.patch: Patch | None = None  # its looks while it is parked
        self.patch_mono = now  # when that picture was taken
        self.absent_since: float | None = None  # parked, but its patch is not found at its place
        self.covered_up = False  # ... because something stands before it
        self._places: deque[tuple[float, float, float]] = deque()

    # ---- where it is

    def move(self, shift: Shift | None, dt: float) -> None:
        """Go on by one frame: where flow says, else with constant velocity."""
        if shift is None:
            self.box = self.box.shifted(self.velocity[0] * dt, self.velocity[1] * dt)
            return
        first = self.velocity == (0.0, 0.0)
        # Points that a nearer thing is about to hide disagree, and know less than what was measured before.
        blend = 1.0 if first else VELOCITY_BLEND * min(1.0, shift.agreement / GOOD_AGREEMENT)
        self.velocity = (
            self.velocity[0] + blend * (shift.dx / dt - self.velocity[0]),
            self.velocity[1] + blend * (shift.dy / dt - self.velocity[1]),
        )
        self.travelled = (
            self.travelled[0] + shift.dx / max(self.box.width, 1e-6),
            self.travelled[1] + shift.dy / max(self.box.height, 1e-6),
        )
        moved = self.box.shifted(shift.dx, shift.dy)
        grow = (shift.scale - 1.0) / 2
        self.box = moved.grown(grow * moved.width, grow * moved.height)

    def follow_region(self, region: Box, flow_failed: bool, dt: float) -> None:
        """Correct by a motion region that belongs to this object alone."""
        if flow_failed:
            self._steer(region, dt)
        if self.vote.label is None:
            self.box = region
        elif flow_failed:
            self.box = _blended(self.box, region, 0.5, 0.0)
        elif self.box.iou(region) > 0.4:
            self.box = _blended(self.box, region, REGION_BLEND, 0.0)

    def _steer(self, region: Box, dt: float) -> None:
        """Learn velocity and displacement from a position, where flow gave none."""
        if size_ratio(self.box, region) > SAME_OUTLINE:
            return  # it comes into the picture, or its blob has merged with another
        (ax, ay), (bx, by) = self.box.centre, region.centre
        vx, vy = self.velocity
        # The box has already been moved by the velocity; the region says what that missed.
        self.travelled = (
            self.travelled[0] + (vx * dt + 0.5 * (bx - ax)) / max(self.box.width, 1e-6),
            self.travelled[1] + (vy * dt + 0.5 * (by - ay)) / max(self.box.height, 1e-6),
        )
        self.velocity = (vx + 0.3 * (bx - ax) / dt, vy + 0.3 * (by - ay) / dt)

    def support(self, now: float) -> None:
        self.seen_now = True
        self.seen_mono = now
        self.supports += 1

    # ---- what it is

    def see(self, sighting: Sighting, now: float) -> None:
        """Take one sighting: a vote, a position and an outline."""
        if self.vote.label is None:
            # Until now it may have been a blob at the picture's edge, or two in one: that counts a little.
            self.covered, self.glances = min(self.covered, MOST_BLOB_MISSES), 0
        self._take_outline(sighting)
        self.vote.add(sighting)
        self._note_distance(sighting)
        if not self.seen_now:
            self.support(now)
        self.misses = 0
        self.sighted_mono = now
        self.travelled_at_sighting = self.travelled
        self.doubtful = False
        self._note_look(now)

    def _note_distance(self, sighting: Sighting) -> None:
        """How far the looks show that it went; boxes of different size (it comes into the picture) do not."""
        if self.patch is not None:
            return
        if self.first_sighting is None or size_ratio(self.first_sighting, sighting.box) > 2.0:
            self.first_sighting = sighting.box
        else:
            self.moved_by_looks = distance(self.first_sighting, sighting.box)

    def miss(self, now: float) -> None:
        """A look covered it and saw nothing there."""
        self.misses += 1
        self._note_look(now)

    def glance(self, now: float) -> None:
        """It was in a crop, too small for seeing nothing to mean anything."""
        self.glances += 1
        self.looked_mono = now
        if self.patch is not None:
            self.doubtful = False  # from now on ``misses`` says what the looks think of it

    def _note_look(self, now: float) -> None:
        self.glance(now)
        self.covered += 1
        self.area_at_look = self.box.area
        self.travelled_at_look = self.travelled

    def _take_outline(self, sighting: Sighting) -> None:
        box = sighting.box
        if self.vote.label is None:
            # A motion region is a rough outline: with shadow, or several objects in one.
            self.box = box
            return
        if {self.vote.group, sighting.group} == {PERSON, TWO_WHEELER}:
            self.box = self._with_part(sighting)
            return
        self.box = _blended(self.box, box, CENTRE_BLEND, SIZE_BLEND)

    def _with_part(self, sighting: Sighting) -> Box:
        """Rider and machine are seen in parts: a part within the outline leaves it, a new part extends it."""
        if sighting.box.inside(self.box) > 0.75 and sighting.box.area < 0.8 * self.box.area:
            return self.box
        if self.vote.group == PERSON:
            return self.box.union(sighting.box)
        return _blended(self.box, sighting.box, CENTRE_BLEND, 0.0)

    def absorb(self, other: Trail) -> None:
        """Become one with a track of the same object."""
        if self.vote.label is not None and other.vote.label is not None:
            self.box = self.box.union(other.box)
        elif self.vote.label is None:
            self.box = other.box
        self.vote.absorb(other.vote)
        self.first_sighting = self.first_sighting or other.first_sighting
        if other.vote.label is not None or not other.is_ghostly:
            self.covered += other.covered  # looks at a hole say nothing against who stands before it
        self.looked_mono = max(
            (t for t in (self.looked_mono, other.looked_mono) if t is not None), default=None
        )
        self.stirs = max(self.stirs, other.stirs)
        self.moved_by_looks = max(self.moved_by_looks, other.moved_by_looks)

    # ---- what it does

    @property
    def path(self) -> float:
        """How far it moved since it was first seen, own widths and heights, by whatever measured it."""
        return max(hypot(*self.travelled), self.moved_by_looks)

    @property
    def is_ghostly(self) -> bool:
        """Whether looks see nothing where motion stays at one place: what left has uncovered the ground."""
        if self.misses < GHOST_MISSES:
            return False
        # What was never named is judged as it was looked at: who moves it later has come to it.
        at = self.travelled_at_look if self.vote.label is None else self.travelled
        (ax, ay), (bx, by) = at, self.travelled_at_sighting
        return hypot(ax - bx, ay - by) < GHOST_DISTANCE

    def note_place(self, now: float) -> None:
        """Remember where it is, to know later whether it stood still."""
        x, y = self.box.centre
        self._places.append((now, x, y))
        while len(self._places) > 1 and self._places[1][0] <= now - STILL_S:
            self._places.popleft()

    def forget_places(self) -> None:
        self._places.clear()

    @property
    def stands_still(self) -> bool:
        """Whether it kept its place for ``STILL_S``."""
        now = self._places[-1][0] if self._places else 0.0
        if not self._places or now - self._places[0][0] < STILL_S - 0.01:
            return False
        xs = [x for _, x, _ in self._places]
        ys = [y for _, _, y in self._places]
        width, height = max(self.box.width, 1e-6), max(self.box.height, 1e-6)
        return hypot((max(xs) - min(xs)) / width, (max(ys) - min(ys)) / height) < STILL_DISTANCE

    def snapshot(self, track_id: str, wants_look: float) -> Track:
        """What other stages may know."""
        moving = self.patch is None
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
            looks=self.vote.looks,
            wants_look=wants_look,
            seen_now=self.seen_now,
            velocity=self.velocity if moving else (0.0, 0.0),
        )


def _blended(box: Box, towards: Box, centre: float, size: float) -> Box:
    (ax, ay), (bx, by) = box.centre, towards.centre
    x, y = ax + centre * (bx - ax), ay + centre * (by - ay)
    width = box.width + size * (towards.width - box.width)
    height = box.height + size * (towards.height - box.height)
    return Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
