"""The state of one tracked object, and how evidence changes it.

Position: a Kalman filter with constant velocity, as in SORT (Bewley et al., "Simple Online and Realtime
Tracking", ICIP 2016). Its noise is in sizes of the object itself ("own sizes": box widths horizontally, box
heights vertically), so that one covariance serves both axes and objects at any distance.

Parked objects: a small picture of the object shows without an inference that it is still there. Normalised
cross-correlation does not depend on the brightness of the scene.
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


LONG_SIDE = 32  # pixels of the stored patch; enough to recognise one object at one place
INNER = 0.15  # share of the box cut off on every side: the corners show the ground, not the object
SMOOTH = 11  # pixels; wider structures (wall above floor, a shadow's edge) are removed
MIN_CONTRAST = 4.0  # standard deviation in grey levels; below it correlation follows the noise
SAME_CORRELATION = 0.7  # with a passer-by in front it is below 0.4, with dusk and noise above 0.8
SHAKE = 1  # pixels of the patch by which wind moves the camera


class AppearancePatch:
    """The luma of the inner part of one box at low resolution, without wide structures."""

    def __init__(self, luma: Gray, box: Box) -> None:
        """Store the patch. ``box`` must overlap the picture; the part outside is ignored."""
        self._box = box.grown(-INNER * box.width, -INNER * box.height).clipped()
        x1, y1, x2, y2 = self._box.to_pixels(luma.shape[1], luma.shape[0])
        scale = min(1.0, LONG_SIDE / max(x2 - x1, y2 - y1))
        self._size = max(1, round((x2 - x1) * scale)), max(1, round((y2 - y1) * scale))
        self._pixels = self._shrunk(luma)

    @property
    def is_distinct(self) -> bool:
        """Return False if the patch is too small or has too little contrast to be recognised."""
        return float(self._pixels.std()) >= MIN_CONTRAST and min(self._pixels.shape) >= 3

    def matches(self, luma: Gray) -> bool:
        """Return whether the patch's place in ``luma`` still looks like the patch."""
        now = cv2.copyMakeBorder(self._shrunk(luma), SHAKE, SHAKE, SHAKE, SHAKE, cv2.BORDER_REPLICATE)
        scores = cv2.matchTemplate(now, self._pixels, cv2.TM_CCOEFF_NORMED)
        return float(scores.max()) >= SAME_CORRELATION

    def _shrunk(self, luma: Gray) -> Floats:
        x1, y1, x2, y2 = self._box.to_pixels(luma.shape[1], luma.shape[0])
        small = cv2.resize(luma[y1:y2, x1:x2], self._size, interpolation=cv2.INTER_AREA).astype(np.float32)
        return np.asarray(small - cv2.blur(small, (SMOOTH, SMOOTH)), dtype=np.float32)


MEASURED = 0.08**2
"""Variance of a detection's centre, in own sizes squared; a larger one gives smoother boxes with more lag."""
FIRST_SPEED = 2.0**2  # variance of the speed before it is measured, (own sizes a second) squared
ACCELERATION = 1.0  # own sizes squared a second cubed; larger: turns and stops are followed sooner
SIZE_BLEND = 0.5  # share of a detection's size in the new size
MIN_SIZE = 1e-6
WEAK = 0.7  # a sighting is weak below this share of the mean score of its track


class KalmanBox:
    """The filtered box of one object; it may leave the picture."""

    def __init__(self, box: Box) -> None:
        self.restart(box)

    def restart(self, box: Box) -> None:
        """Start again at ``box``, with velocity 0."""
        self.box = box
        self.velocity = (0.0, 0.0)  # picture widths and heights a second
        self._place, self._both, self._speed = MEASURED, 0.0, FIRST_SPEED  # the covariance

    @property
    def uncertainty(self) -> float:
        """Return the standard deviation of the position, in own sizes."""
        return sqrt(self._place)

    def predict(self, dt: float, moves: bool = True) -> None:
        """Predict the box ``dt`` seconds later; with ``moves`` False, only its variance grows."""
        if moves:
            self.box = self.box.shifted(self.velocity[0] * dt, self.velocity[1] * dt)
        self._place += dt * (2 * self._both + dt * self._speed) + ACCELERATION * dt**3 / 3
        self._both += dt * self._speed + ACCELERATION * dt**2 / 2
        self._speed += ACCELERATION * dt

    def correct(self, measured: Box, noise: float = MEASURED, size_blend: float = SIZE_BLEND) -> None:
        """Correct the state by the box ``measured``. ``noise``: variance of its centre, in own sizes squared;
        ``size_blend``: share of its size in the new size."""
        place_gain = self._place / (self._place + noise)
        speed_gain = self._both / (self._place + noise)
        (x, y), (mx, my) = self.box.centre, measured.centre
        dx, dy = mx - x, my - y
        self.velocity = self.velocity[0] + speed_gain * dx, self.velocity[1] + speed_gain * dy
        width = max(self.box.width + size_blend * (measured.width - self.box.width), MIN_SIZE)
        height = max(self.box.height + size_blend * (measured.height - self.box.height), MIN_SIZE)
        # An object that moves away at constant speed becomes slower in the picture as its area shrinks.
        slower = min(max(width * height / max(self.box.area, MIN_SIZE**2), 0.5), 2.0)
        self.velocity = self.velocity[0] * slower, self.velocity[1] * slower
        x, y = x + place_gain * dx, y + place_gain * dy
        self.box = Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        self._speed -= speed_gain * self._both
        self._place *= 1 - place_gain
        self._both *= 1 - place_gain


STILL_S = 3.0  # an object that stays within STILL_DISTANCE for this long is parked
STANDS_S = 1.0  # an object that stays within STILL_DISTANCE for this long stands
STILL_DISTANCE, LEFT_DISTANCE = 0.2, 0.3  # own sizes; a parked object moves on beyond the second one
FIRST_REFRESH_S = 1.0  # how often the patch of an object where it was first seen is renewed
AT_ORIGIN = 0.1  # own sizes; an object that is farther from where it was first seen has left that place
SAME_OUTLINE = 2.0  # area ratio above which the object is entering the picture, which is no movement


class TrackedObject:
    """One tracked object; owned by one ``Tracker``. Boxes may leave the picture; ``snapshot`` clips them."""

    def __init__(self, number: int, box: Box, now: float) -> None:
        self.number = number
        self.position = KalmanBox(box)
        self.created_mono = now
        self.seen_mono = now  # time of the last sighting, or of the last support by motion or the patch
        self.resumed_mono = self.before_mono = now  # when frames came again; when it was seen before that
        self.seen_now = True
        self.sighted_mono = now
        self.inferred_mono = now  # time of the last inference that covered the object, seen or not
        self.state = TrackState.TENTATIVE
        self.confirmed = False
        self.vote = GroupVote()
        self.covered = 0  # number of inferences that could have seen the object
        self.misses = 0  # number of inferences in a row, up to the last, that did not see it
        self.moved_frames = 0  # number of frames with motion in its box, while no other box overlapped it
        self.idle = 0  # number of inferences in a row that covered it while nothing moved in its box
        self.path = 0.0  # largest distance from the place where it was first seen, own sizes
        self._origin = box
        self._place, self._place_mono = box, now  # its present place, and since when
        self.parked = False
        self.parked_before = False
        self.first_patch: AppearancePatch | None = None  # its appearance where it was first seen
        self.first_patch_mono: float | None = None
        self.patch: AppearancePatch | None = None  # its appearance while it is parked
        self.patch_mono = now  # when the patch was stored
        self.absent_since: float | None = None  # parked, but its patch has not matched since then
        self.is_covered = False  # the patch does not match because another object is in front of it

    @property
    def box(self) -> Box:
        return self.position.box

    @property
    def velocity(self) -> tuple[float, float]:
        """Return the velocity in picture widths and heights a second; 0 while the object is parked."""
        return (0.0, 0.0) if self.parked else self.position.velocity

    def see(self, sighting: Sighting, moves: bool, now: float) -> None:
        """Update the object from one sighting: its vote, position and outline.

        ``moves``: there is motion in the sighting's box.
        """
        self._apply_outline(sighting)
        self.vote.add(sighting)
        self.covered += 1
        self.idle = 0 if moves else self.idle + 1
        self.misses = 0
        self.absent_since, self.is_covered = None, False
        self.sighted_mono = self.inferred_mono = now
        self.support(now)
        if not moves or size_ratio(self._origin, self.box) > SAME_OUTLINE:
            self._origin = self.box
        else:
            self.path = max(self.path, distance(self._origin, self.box))

    def miss(self) -> None:
        """Record an inference that covered the object but did not see it."""
        self.covered += 1
        self.idle += 1
        self.misses += 1

    def support(self, now: float) -> None:
        self.seen_now = True
        self.seen_mono = now

    def resume(self, now: float) -> None:
        """Restart the timeouts, because frames come again; whether the object is still there is not known."""
        if self.seen_mono != self.resumed_mono:
            self.before_mono = self.seen_mono
        self.seen_mono = self.sighted_mono = self.resumed_mono = now

    def _apply_outline(self, sighting: Sighting) -> None:
        seen, box = sighting.box, self.position.box
        if {self.vote.group, sighting.group} != {PERSON, TWO_WHEELER} or not self.vote.uses_coco_classes:
            noise = self._noise(sighting)
            self.position.correct(seen, noise, SIZE_BLEND * MEASURED / noise)
        elif self.vote.group == PERSON and sighting.box.inside(box) < 0.75:
            self.position.box = box.union(seen)
        elif seen.area > 0.8 * box.area:
            self.position.correct(seen, size_blend=0.0)
        # Otherwise the box is only the rider or only the vehicle, and says nothing about the whole object.

    def _noise(self, sighting: Sighting) -> float:
        """Return the variance of the sighting's centre, own sizes squared.

        A weak box of another size may contain something else beside the object, on one side of it.
        """
        if sighting.score >= WEAK * self.vote.score:
            return MEASURED
        box, seen = self.position.box, sighting.box
        other_size = max(abs(seen.width / box.width - 1), abs(seen.height / box.height - 1))
        return MEASURED + (other_size / 2) ** 2

    def note_place(self, now: float) -> None:
        """Update whether the object keeps its place, parks there, or moves on."""
        if distance(self._place, self.box) > (LEFT_DISTANCE if self.parked else STILL_DISTANCE):
            self._place, self._place_mono = self.box, now
            if self.parked:
                self.unpark()
        elif now - self._place_mono >= STILL_S and self.seen_now:
            self.parked = True

    def unpark(self) -> None:
        """Record that the parked object moves again."""
        self.parked, self.parked_before, self.patch = False, False, None
        self.absent_since, self.is_covered = None, False

    def store_first_patch(self, luma: Gray, now: float) -> None:
        """Store how the object looks where it was first seen, and again every second while it is there: a
        traffic light changes."""
        is_fresh = self.first_patch_mono is not None and now - self.first_patch_mono < FIRST_REFRESH_S
        if is_fresh or distance(self._origin, self.box) > AT_ORIGIN:
            return
        patch = AppearancePatch(luma, self._origin)
        self.first_patch, self.first_patch_mono = (patch if patch.is_distinct else None), now

    def left_first_place(self, luma: Gray) -> bool:
        """Return whether the place where the object was first seen looks different now, or is too plain to
        tell. What stands still and is detected with changing boxes has not left it."""
        return self.first_patch is None or not self.first_patch.matches(luma)

    def stands(self, now: float) -> bool:
        """Return whether the object is parked or has kept its place for ``STANDS_S``."""
        return self.parked or now - self._place_mono >= STANDS_S

    def snapshot(self, track_id: str, priority: float) -> Track:
        """Return the track that other stages get; its box is clipped to the picture."""
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
            last_seen_mono=self.before_mono if self.seen_mono == self.resumed_mono else self.seen_mono,
            inferences=self.vote.count,
            detection_priority=priority,
            seen_now=self.seen_now,
            velocity=self.velocity,
            parked_before=self.parked_before,
        )


COVERING = 0.1  # another object covers a parked one if it overlaps more than this share of the parked box
REFRESH_S = 10.0  # how often a patch is renewed; the light changes more slowly


def store_patch(tracked: TrackedObject, luma: Gray, now: float) -> None:
    """Store or renew the patch of a parked object; store None if the patch could not be recognised."""
    if tracked.patch is None or now - tracked.patch_mono >= REFRESH_S:
        patch = AppearancePatch(luma, tracked.box)
        tracked.patch, tracked.patch_mono = (patch if patch.is_distinct else None), now


def check_parked(tracked: TrackedObject, others: Iterable[TrackedObject], luma: Gray, now: float) -> None:
    """Check by its patch whether a parked object that was not seen in this frame is still there."""
    if tracked.patch is not None and tracked.patch.matches(luma):
        tracked.absent_since, tracked.is_covered = None, False
        tracked.support(now)
        return
    tracked.is_covered = _is_covered(tracked, others)
    if tracked.absent_since is None:
        tracked.absent_since = now


def _is_covered(tracked: TrackedObject, others: Iterable[TrackedObject]) -> bool:
    box = tracked.box.clipped()
    return any(
        box.intersection(other.box) > COVERING * box.area
        for other in others
        if other is not tracked and not other.parked
    )
