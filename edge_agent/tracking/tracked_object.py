"""One object being followed: what the tracker knows about it, and how evidence changes that.

A small picture of something parked, to know without an inference that it is still there.

Normalised cross-correlation does not care how bright the scene is.

Parked objects: known by their picture where a model does not see them, or no inference is made.

Where an object is and where it goes: a Kalman filter with constant velocity.

As in SORT (Bewley et al., "Simple Online and Realtime Tracking", ICIP 2016), with noise in own sizes, so that
one covariance serves both axes and objects near and far.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.core.model import PERSON, TWO_WHEELER, Box, Track, TrackState
from edge_agent.tracking.association import distance, size_ratio
from edge_agent.tracking.sightings import GroupVote, Sighting

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_agent.core.model import Gray

    Floats = NDArray[np.float32]


LONG_SIDE = 32  # pixels of the remembered patch; enough to recognise one object at one place
INNER = 0.15  # of the box, left out on every side: its corners show the ground, which does not drive off
SMOOTH = 11  # pixels; what is wider than this (wall above floor, a shadow's edge) is not the object either
MIN_CONTRAST = 4.0  # grey levels of standard deviation; below it correlation follows the noise
SAME_CORRELATION = (
    0.7  # correlation at the place; a passer-by leaves less than 0.4, dusk and noise more than 0.8
)
SHAKE = 1  # pixels of the patch that wind moves the camera by


class AppearancePatch:
    """The luma of one box, remembered at low resolution."""

    def __init__(self, luma: Gray, box: Box) -> None:
        """``box`` must overlap the picture; what lies outside is left out."""
        self._box = box.grown(-INNER * box.width, -INNER * box.height).clipped()
        x1, y1, x2, y2 = self._box.to_pixels(luma.shape[1], luma.shape[0])
        scale = min(1.0, LONG_SIDE / max(x2 - x1, y2 - y1))
        self._size = max(1, round((x2 - x1) * scale)), max(1, round((y2 - y1) * scale))
        self._pixels = self._shrunk(luma)

    @property
    def is_distinct(self) -> bool:
        """False for a patch too flat to be recognised."""
        return float(self._pixels.std()) >= MIN_CONTRAST and min(self._pixels.shape) >= 3

    def matches(self, luma: Gray) -> bool:
        """Whether the place looks as it did."""
        now = cv2.copyMakeBorder(self._shrunk(luma), SHAKE, SHAKE, SHAKE, SHAKE, cv2.BORDER_REPLICATE)
        scores = cv2.matchTemplate(now, self._pixels, cv2.TM_CCOEFF_NORMED)
        return float(scores.max()) >= SAME_CORRELATION

    def _shrunk(self, luma: Gray) -> Floats:
        x1, y1, x2, y2 = self._box.to_pixels(luma.shape[1], luma.shape[0])
        small = cv2.resize(luma[y1:y2, x1:x2], self._size, interpolation=cv2.INTER_AREA).astype(np.float32)
        return np.asarray(small - cv2.blur(small, (SMOOTH, SMOOTH)), dtype=np.float32)


MEASURED = 0.08**2
"""Variance of a detection's centre, own sizes squared: models' boxes jitter by about 8 %. Larger: smoother
boxes that lag behind."""
FIRST_SPEED = 2.0**2  # of the unknown speed at first, (own sizes a second) squared
ACCELERATION = 1.0  # own sizes squared a second cubed; larger: turns and stops are followed sooner
SIZE_BLEND = 0.5  # towards a detection's size
LEAST_SIZE = 1e-6


class KalmanBox:
    """The filtered box of one object; it may leave the picture."""

    def __init__(self, box: Box) -> None:
        self.restart(box)

    def restart(self, box: Box) -> None:
        """Forget the velocity and begin at ``box``."""
        self.box = box
        self.velocity = (0.0, 0.0)  # picture widths and heights a second
        self._place, self._both, self._speed = MEASURED, 0.0, FIRST_SPEED  # the covariance

    @property
    def uncertainty(self) -> float:
        """Standard deviation of the place, own sizes."""
        return sqrt(self._place)

    def predict(self, dt: float, moves: bool = True) -> None:
        """Go on by ``dt`` seconds; what stands keeps its place, and only gets less sure."""
        if moves:
            self.box = self.box.shifted(self.velocity[0] * dt, self.velocity[1] * dt)
        self._place += dt * (2 * self._both + dt * self._speed) + ACCELERATION * dt**3 / 3
        self._both += dt * self._speed + ACCELERATION * dt**2 / 2
        self._speed += ACCELERATION * dt

    def correct(self, measured: Box, noise: float = MEASURED, size_blend: float = SIZE_BLEND) -> None:
        """Take a measured box with a centre of variance ``noise``, own sizes squared."""
        place_gain = self._place / (self._place + noise)
        speed_gain = self._both / (self._place + noise)
        (x, y), (mx, my) = self.box.centre, measured.centre
        dx, dy = mx - x, my - y
        self.velocity = self.velocity[0] + speed_gain * dx, self.velocity[1] + speed_gain * dy
        width = max(self.box.width + size_blend * (measured.width - self.box.width), LEAST_SIZE)
        height = max(self.box.height + size_blend * (measured.height - self.box.height), LEAST_SIZE)
        # What goes away at one speed becomes slower in the picture as its area becomes smaller.
        slower = min(max(width * height / max(self.box.area, LEAST_SIZE**2), 0.5), 2.0)
        self.velocity = self.velocity[0] * slower, self.velocity[1] * slower
        x, y = x + place_gain * dx, y + place_gain * dy
        self.box = Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        self._speed -= speed_gain * self._both
        self._place *= 1 - place_gain
        self._both *= 1 - place_gain

    def grow_to(self, box: Box) -> None:
        """Hold ``box`` as well: a new part of the same object."""
        self.box = self.box.union(box)


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


COVERING = 0.1  # of the parked box, by another object's box
REFRESH_S = 10.0  # the light changes slower than this


def store_patch(one: TrackedObject, luma: Gray, now: float) -> None:
    """Keep the picture of what stands still, unless it is too flat to be recognised."""
    if one.patch is None or now - one.patch_mono >= REFRESH_S:
        patch = AppearancePatch(luma, one.box)
        one.patch, one.patch_mono = (patch if patch.is_distinct else None), now


def check_parked(one: TrackedObject, others: Iterable[TrackedObject], luma: Gray, now: float) -> None:
    """Whether a parked object that no inference of this frame has seen is still there."""
    if one.patch is not None and one.patch.matches(luma):
        one.absent_since, one.covered_up = None, False
        one.support(now)
        return
    one.covered_up = _is_covered(one, others)
    if one.absent_since is None:
        one.absent_since = now


def _is_covered(one: TrackedObject, others: Iterable[TrackedObject]) -> bool:
    box = one.box.clipped()
    return any(
        box.intersection(other.box) > COVERING * box.area
        for other in others
        if other is not one and not other.parked
    )
