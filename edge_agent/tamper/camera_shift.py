"""Whether the shift of a lost view lasts: a camera that was turned stays so, a pole in the wind swings."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from edge_agent.tamper.features.shift import ViewShift, find_shift

if TYPE_CHECKING:
    from edge_agent.tamper.features.frame_features import FrameFeatures

SURE_LOOKS, SEARCH_EVERY = 5, 15
"""A shift that was the same so often is searched for with every 15th look only: it costs 2 ms."""
REMEMBERED = 3  # shifts
SWINGS_BY = 0.05  # widths of the picture
ROLL, SURELY_ROLLED = 2.0, 5.0  # degrees
SWING, SWING_ROLLED, OF_SHIFT = (
    0.02,
    0.05,
    0.5,
)  # widths or heights of the picture; a pole swings by as much as it is away


class CameraShiftTracker:
    """One thread."""

    def __init__(self) -> None:
        self.shift: ViewShift | None = None
        """Of the last look; None: the view is not lost, or its parts are nowhere."""
        self._found: deque[ViewShift] = deque(maxlen=REMEMBERED)  # since the view is lost
        self._same_looks = self._looks = 0
        self.settled = self.swings = False
        """Whether the shift is what it was when it was found before; whether it is not."""

    @property
    def sure(self) -> bool:
        """Whether the shift has been the same for so long that this look need not measure it again."""
        return self._same_looks >= SURE_LOOKS and self._looks % SEARCH_EVERY != 0

    def update(self, sketch: FrameFeatures, usual: FrameFeatures) -> None:
        """A look at which the view is lost."""
        self._looks += 1
        if not self.sure:
            self._set(find_shift(sketch, usual))

    def reset(self) -> None:
        """A look at which there is nothing to search for."""
        self._found.clear()
        self._set(None)

    def _set(self, shift: ViewShift | None) -> None:
        """One who walks by may hide it for some looks, or seem to be another one."""
        alike = [shift is not None and _alike(shift, one) for one in self._found]
        self.swings = shift is not None and any(
            not same and _swings(shift, one) for same, one in zip(alike, self._found, strict=True)
        )
        self.settled = any(alike) and not self.swings
        self._same_looks = self._same_looks + 1 if self.settled else 0
        self.shift = shift
        if shift is not None:
            self._found.append(shift)


def _alike(one: ViewShift, other: ViewShift) -> bool:
    if abs(one.degrees - other.degrees) >= ROLL:
        return False
    rolled = min(abs(one.degrees), abs(other.degrees)) >= SURELY_ROLLED
    swing = max(abs(one.x - other.x), abs(one.y - other.y))
    return swing <= (SWING_ROLLED if rolled else min(SWING, OF_SHIFT * one.far, OF_SHIFT * other.far))


def _swings(one: ViewShift, other: ViewShift) -> bool:
    """A pole does, by so little and upright; what is further away was found by chance."""
    upright = max(abs(one.degrees), abs(other.degrees)) < SURELY_ROLLED
    return upright and max(one.far, other.far) <= SWINGS_BY
