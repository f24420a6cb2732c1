"""Whether what has come in place of the view stays as it is: paint does, a crowd does not."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from edge_agent.view.likeness import BLANK_FLOOR, kept_tiles, structured_tiles
from edge_agent.view.sketch import share

if TYPE_CHECKING:
    from edge_agent.view.sketch import Chosen, Plane, Sketch

LOOKS = 2  # apart


class Calm:
    """One thread."""

    def __init__(self, counted: Chosen) -> None:
        self._counted = counted
        self._before: deque[Plane] = deque(maxlen=LOOKS)

    def update(self, sketch: Sketch, usual: Sketch, lost: bool) -> float:
        """Of the tiles that have lost their structure: the share that is blank, or as it was some looks ago.
        0 while the view is not ``lost``."""
        known = lost and len(self._before) == LOOKS
        steady = self._steady(sketch, usual) if known else 0.0
        self._before.append(sketch.coarse)
        return steady

    def forget(self) -> None:
        """Frames did not come for a while."""
        self._before.clear()

    def _steady(self, sketch: Sketch, usual: Sketch) -> float:
        structured = structured_tiles(usual, self._counted)
        lost = structured & ~kept_tiles(sketch.coarse, sketch.coarse_energy, usual.coarse)
        same = kept_tiles(sketch.coarse, sketch.coarse_energy, self._before[0])
        return share(same | (sketch.coarse_energy < BLANK_FLOOR), lost)
