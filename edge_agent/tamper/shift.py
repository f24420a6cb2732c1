"""Measures how far the camera was turned, from the parts of the usual view that are still visible.

``CameraShiftTracker`` decides whether the shift of a lost view lasts: a turned camera stays turned, a pole in
the wind swings.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_agent.tamper.frame_features import FrameFeatures, Plane


MIN_AGREEING = 4  # blocks that have to agree on a shift
MAX_ROLL, MAX_ZOOM = 30.0, 1.3  # degrees, and factor of the size
BLOCKS = (8, 5)  # columns and rows of the blocks that are searched for
_MARGIN = 0.35  # of the picture; a block is searched for up to this far from its old place
_FOUND = 0.6  # correlation of a block at its new place
_AGREE = 2.0  # pixels of 80 by which an agreeing block may be off, for perspective and rounding
_STRUCTURE = 1.5**2
"""Least variance of a block to be found again; in street light most blocks have up to three times this."""
MAX_BLOCKS = 24  # the ones with most structure; each search costs 0.1 ms
IN_PLACE = 0.8  # correlation of a block that has not moved, such as the camera's own clock


Block = tuple[int, int, int, int]  # x, y, width, height in pixels


@dataclass(frozen=True, slots=True)
class ViewShift:
    """A shift of the view. ``x`` and ``y``: shift of the picture's centre, in widths and heights of the
    picture. ``agree``: share of the blocks that agree on the shift."""

    x: float
    y: float
    degrees: float  # the camera was rolled about its axis
    far: float  # mean shift of the visible parts, in widths of the picture
    agree: float


def find_shift(now: FrameFeatures, usual: FrameFeatures) -> ViewShift | None:
    """Find where the blocks of the usual view are now. None: too few of them agree.

    Blocks are searched for one by one, so that people, cars and a rolled camera do not hide the shift, as
    they do with a phase correlation of the whole picture. Takes about 2 ms, so it is only for a lost view.
    """
    # Half the size again: the cost of a search grows with the fourth power of the size.
    seen, reference = _halved(now.coarse), _halved(usual.coarse)
    blocks = [block for block in _blocks(reference) if not _in_place(block, reference, seen)]
    found = [(block, place) for block in blocks if (place := _find_block(block, reference, seen)) is not None]
    if len(found) < max(MIN_AGREEING, len(blocks) // 5):
        return None
    old = np.array([(x, y) for (x, y, _, _), _ in found], np.float32)
    new = np.array([place for _, place in found], np.float32)
    model, agreeing = cv2.estimateAffinePartial2D(old, new, ransacReprojThreshold=_AGREE)
    if model is None or int(agreeing.sum()) < MIN_AGREEING or not _is_a_turn(model):
        return None
    return _shift(model, old, new, agreeing.ravel() > 0, len(blocks), seen.shape)


def _is_a_turn(model: NDArray[np.floating[Any] | np.integer[Any]]) -> bool:
    """Whether the model is a turn of the camera, and not a reflection in water."""
    degrees = math.degrees(math.atan2(model[1, 0], model[0, 0]))
    scale = math.hypot(model[0, 0], model[1, 0])
    return abs(degrees) <= MAX_ROLL and 1 / MAX_ZOOM <= scale <= MAX_ZOOM


def _shift(
    model: NDArray[np.floating[Any] | np.integer[Any]],
    old: NDArray[np.float32],
    new: NDArray[np.float32],
    agreeing: NDArray[np.bool_],
    expected: int,
    shape: tuple[int, ...],
) -> ViewShift:
    height, width = shape
    offsets = (new - old)[agreeing]
    centre = np.array((width / 2, height / 2))
    x, y = model[:, :2] @ centre + model[:, 2] - centre
    return ViewShift(
        x=float(x) / width,
        y=float(y) / height,
        degrees=math.degrees(math.atan2(model[1, 0], model[0, 0])),
        far=float(np.hypot(*offsets.T).mean()) / width,
        agree=float(agreeing.sum()) / expected,
    )


def _halved(coarse: Plane) -> Plane:
    height, width = coarse.shape
    return cv2.resize(coarse, (width // 2, height // 2), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _blocks(usual: Plane) -> list[Block]:
    """Return the blocks with the most structure."""
    height, width = usual.shape
    wide, high = width // BLOCKS[0], height // BLOCKS[1]
    places = [(x * wide, y * high, wide, high) for y in range(BLOCKS[1]) for x in range(BLOCKS[0])]
    found = [(float(usual[y : y + h, x : x + w].var()), (x, y, w, h)) for x, y, w, h in places]
    return [block for variance, block in sorted(found, reverse=True)[:MAX_BLOCKS] if variance >= _STRUCTURE]


def _in_place(block: Block, usual: Plane, seen: Plane) -> bool:
    x, y, wide, high = block
    part = np.s_[y : y + high, x : x + wide]
    return bool(cv2.matchTemplate(seen[part], usual[part], cv2.TM_CCOEFF_NORMED)[0, 0] >= IN_PLACE)


def _find_block(block: Block, usual: Plane, seen: Plane) -> tuple[float, float] | None:
    """Return the new top left corner of a block in pixels; None if the block is not found."""
    x, y, wide, high = block
    height, width = seen.shape
    reach_x, reach_y = int(width * _MARGIN), int(height * _MARGIN)
    left, top = max(0, x - reach_x), max(0, y - reach_y)
    right, bottom = min(width, x + wide + reach_x), min(height, y + high + reach_y)
    match = cv2.matchTemplate(
        seen[top:bottom, left:right], usual[y : y + high, x : x + wide], cv2.TM_CCOEFF_NORMED
    )
    _, best, _, at = cv2.minMaxLoc(match)
    return (left + at[0], top + at[1]) if best >= _FOUND else None


MIN_SAME_SHIFTS, SEARCH_EVERY = 5, 15
"""After ``MIN_SAME_SHIFTS`` equal shifts, search (2 ms) only at every ``SEARCH_EVERY``-th analysis."""
MAX_SHIFTS = 3  # last shifts that are compared
SWINGS_BY = 0.05  # widths of the picture
ROLL, SURELY_ROLLED = 2.0, 5.0  # degrees
# Widths or heights of the picture; a pole swings by as much as its offset.
SWING, SWING_ROLLED, SHIFT_FACTOR = 0.02, 0.05, 0.5


class CameraShiftTracker:
    """Follows the shift of one camera's view. For one thread."""

    def __init__(self) -> None:
        self.shift: ViewShift | None = None
        """The shift at the last analysis; None: the view is not lost, or no parts of it were found."""
        self._found: deque[ViewShift] = deque(maxlen=MAX_SHIFTS)  # since the view was lost
        self._same_shifts = self._analyses = 0
        self.settled = self.swings = False
        """``settled``: the shift is the same as before. ``swings``: it differs as a swinging pole's does."""

    @property
    def sure(self) -> bool:
        """Whether the shift has been the same for long enough, so it need not be measured now."""
        return self._same_shifts >= MIN_SAME_SHIFTS and self._analyses % SEARCH_EVERY != 0

    def update(self, features: FrameFeatures, usual: FrameFeatures) -> None:
        """Measure the shift while the view is lost."""
        self._analyses += 1
        if not self.sure:
            self._set(find_shift(features, usual))

    def reset(self) -> None:
        """Forget the shifts, because the view is not lost or has no structure to search for."""
        self._found.clear()
        self._set(None)

    def _set(self, shift: ViewShift | None) -> None:
        """Store a shift and compare it with the last ones: a passer-by may hide the view or falsify it."""
        alike = [shift is not None and _is_same_shift(shift, one) for one in self._found]
        self.swings = shift is not None and any(
            not same and _swings(shift, one) for same, one in zip(alike, self._found, strict=True)
        )
        self.settled = any(alike) and not self.swings
        self._same_shifts = self._same_shifts + 1 if self.settled else 0
        self.shift = shift
        if shift is not None:
            self._found.append(shift)


def _is_same_shift(one: ViewShift, other: ViewShift) -> bool:
    if abs(one.degrees - other.degrees) >= ROLL:
        return False
    rolled = min(abs(one.degrees), abs(other.degrees)) >= SURELY_ROLLED
    swing = max(abs(one.x - other.x), abs(one.y - other.y))
    return swing <= (SWING_ROLLED if rolled else min(SWING, SHIFT_FACTOR * one.far, SHIFT_FACTOR * other.far))


def _swings(one: ViewShift, other: ViewShift) -> bool:
    """Whether two different shifts fit a swinging pole: both are small and without rotation. A larger shift
    is a chance match."""
    upright = max(abs(one.degrees), abs(other.degrees)) < SURELY_ROLLED
    return upright and max(one.far, other.far) <= SWINGS_BY
