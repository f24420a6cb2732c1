"""Whether the shift of a lost view lasts: a camera that was turned stays so, a pole in the wind swings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_agent.view.shift import Shift, find_shift

if TYPE_CHECKING:
    from edge_agent.view.sketch import Sketch

SURE_LOOKS, SEARCH_EVERY = 8, 15
"""A shift that was the same so often is searched for with every 15th look only: it costs 2 ms."""
ROLL = 2.0  # degrees
SWING = 0.02  # widths or heights of the picture


class Turn:
    """One thread."""

    def __init__(self) -> None:
        self.shift: Shift | None = None
        """Of the last look; None: the view is not lost, or its parts are nowhere."""
        self._same_looks = self._searches = 0

    @property
    def settled(self) -> bool:
        """Whether the shift was the same at the look before."""
        return self._same_looks > 0

    def update(self, sketch: Sketch, usual: Sketch) -> None:
        """A look at which the view is lost."""
        self._searches += 1
        sure = self._same_looks >= SURE_LOOKS and self._searches % SEARCH_EVERY
        self._set(self.shift if sure else find_shift(sketch, usual))

    def rest(self) -> None:
        """A look at which there is nothing to search for."""
        self._set(None)

    def _set(self, shift: Shift | None) -> None:
        self._same_looks = self._same_looks + 1 if _alike(shift, self.shift) else 0
        self.shift = shift


def _alike(one: Shift | None, other: Shift | None) -> bool:
    if one is None or other is None:
        return False
    rolled = abs(one.degrees) >= ROLL and abs(one.degrees - other.degrees) < ROLL
    return rolled or max(abs(one.x - other.x), abs(one.y - other.y)) <= SWING
