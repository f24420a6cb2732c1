"""Whether the picture repeats: frames arrive, and nothing in them lives, not even noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.view.sketch import means

if TYPE_CHECKING:
    from edge_agent.model import Gray
    from edge_agent.view.sketch import Chosen

SAME = 0.03
"""Mean absolute difference of a tile, grey levels, that is none."""
STILL_SHARE = 0.85  # of the tiles; a burnt-in clock ticks in the others
LEAST_S = 9.0
OF_LONGEST = 2.5  # a picture that lasts so many times longer than any before it has stopped
LIFELESS_SHARE = 0.5
"""A camera whose live picture has had so many tiles alike over ``AGE_S`` has next to no noise, by its nature
or by its encoder: there a quiet night looks frozen, and it takes ``LIFELESS_S``."""
AGE_S = 2.5
LIFELESS_S = 900.0


class Stillness:
    """Each look is compared with the first one of its run, so that noise of an encoder's keyframes ends a
    run and slow drift does not pass for none. One thread."""

    def __init__(self, counted: Chosen, longest_s: float = 0.0, liveliest: float = 0.0) -> None:
        self._counted = counted
        self._tiles = max(1, int(counted.sum()))
        self._anchor: Gray | None = None
        self._since = 0.0
        self._last = 0.0
        self.longest_s = longest_s
        """Of the runs that ended by themselves; learnt, kept over restarts."""
        self.lifeless = liveliest
        """Largest share of tiles alike over ``AGE_S`` in a picture that lived on; learnt, kept over restarts."""
        self.share = 0.0
        """Of the tiles alike, at the last look."""

    @property
    def lasts_s(self) -> float:
        """How long the picture has been the same."""
        return self._last - self._since if self._anchor is not None else 0.0

    @property
    def needs_s(self) -> float:
        """How long it has to be until it is frozen."""
        needs = max(LEAST_S, OF_LONGEST * self.longest_s)
        return max(needs, LIFELESS_S) if self.lifeless >= LIFELESS_SHARE else needs

    def forget_run(self) -> None:
        """Frames did not come for a while."""
        self._anchor = None
        self.share = 0.0

    def update(self, small: Gray, now_mono: float) -> bool:
        """Whether it is frozen now."""
        if self._anchor is None:
            self._begin(small, now_mono)
            return False
        alike = means(cv2.absdiff(small, self._anchor).astype(np.float32)) <= SAME
        self.share = float((alike & self._counted).sum()) / self._tiles
        if self.share < STILL_SHARE:
            self._learn(now_mono)
            self._begin(small, now_mono)
            return False
        self._last = now_mono
        return self.lasts_s >= self.needs_s

    def _begin(self, small: Gray, now_mono: float) -> None:
        self._anchor, self._since, self._last = small, now_mono, now_mono

    def _learn(self, now_mono: float) -> None:
        """A run ended by itself. One that was told as frozen teaches nothing."""
        if self.lasts_s < self.needs_s:
            self.longest_s = max(self.longest_s, self.lasts_s)
        if now_mono - self._since >= AGE_S:
            self.lifeless = max(self.lifeless, self.share)
