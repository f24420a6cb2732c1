"""Decides whether the shift of a lost view lasts: a turned camera stays turned, a pole in the wind swings."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from edge_agent.tamper.features.shift import ViewShift, find_shift

if TYPE_CHECKING:
    from edge_agent.tamper.features.frame_features import FrameFeatures

MIN_SAME_SHIFTS, SEARCH_EVERY = 5, 15
"""A shift that was the same this often is measured at every 15th analysis only, since that costs 2 ms."""
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
        """Whether the shift has been the same for so long that it need not be measured now."""
        return self._same_shifts >= MIN_SAME_SHIFTS and self._analyses % SEARCH_EVERY != 0

    def update(self, features: FrameFeatures, usual: FrameFeatures) -> None:
        """Measure the shift while the view is lost."""
        self._analyses += 1
        if not self.sure:
            self._set(find_shift(features, usual))

    def reset(self) -> None:
        """The view is not lost, or there is no structure to search for."""
        self._found.clear()
        self._set(None)

    def _set(self, shift: ViewShift | None) -> None:
        """Compare with the last shifts, since a passer-by may hide the view or cause a wrong shift."""
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
    """Whether it differs as a swinging pole does: small and upright. Larger is a chance match."""
    upright = max(abs(one.degrees), abs(other.degrees)) < SURELY_ROLLED
    return upright and max(one.far, other.far) <= SWINGS_BY
