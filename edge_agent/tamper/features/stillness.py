"""Whether the picture repeats: frames arrive, and nothing in them lives, not even noise.

How much two live pictures differ at least is learnt tile by tile: an encoder leaves little of a sensor's
noise, and makes a little of its own out of a picture that stands. It is the least of a tile's quarters: where
traffic never stops, some part of most tiles still shows the noise alone.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.tamper.features.frame_features import COLUMNS, ROWS, count, share

if TYPE_CHECKING:
    from edge_agent.core.model import Gray
    from edge_agent.tamper.features.frame_features import Plane, TileMask, Tiles

SAME = 0.03  # mean absolute difference of a tile, grey levels, that is none in any case
OF_LIVE = 0.5  # ... or so much of the least that a live picture has had there
STILL_SHARE = 0.8  # of the tiles; a burnt-in clock ticks in the others
LEAST_S = 8.5
OF_LONGEST = 2.5  # a picture that lasts so many times longer than any before it has stopped
APART = 2  # looks; over a keyframe, whose noise is its own
OTHERWISE_LOOKS = APART + 1  # in a row end a run; a frozen picture that is encoded anew differs for APART
LIVE_SHARE = 0.5  # a run that ends with fewer tiles alike was ended by life, not by an encoder
LATE = 20  # looks; what is learnt is so old, or the first seconds of a frozen picture would count as live
FEWEST_LEARNT = 2  # looks, each LATE; before them nothing is told
LIFELESS = 0.05  # grey levels; a tile that differs by less while it lives tells nothing
INFORMATIVE_SHARE = 0.15  # of the tiles have to tell something
LIFELESS_S = 900.0
"""With fewer of them it takes so long: there a quiet night looks frozen."""
_LEAK = 1.0005  # per look: the least forgets


class Stillness:
    """Each look is compared with the first one of its run, or, where an encoder has begun anew, with the look
    before the last one. One thread."""

    def __init__(self, counted: TileMask) -> None:
        self._counted = counted
        self._recent: deque[tuple[float, Gray]] = deque(maxlen=APART)
        self._anchor: Gray | None = None  # a picture of the run that goes on
        self._since_mono = self._last_mono = 0.0  # first and last picture of it
        self._otherwise = 0  # looks since the last one that belongs to the run
        self._waiting: deque[Tiles] = deque()  # differences that are not learnt yet
        self.live: Tiles | None = None
        """The least difference of live pictures, tile by tile; learnt, kept over restarts."""
        self._learnt = 0  # differences
        self.longest_s = 0.0
        """Of the runs that ended by themselves; learnt, kept over restarts."""
        self.share = 0.0
        """Of the tiles alike, at the last look."""

    @property
    def is_learnt(self) -> bool:
        """Whether ``live`` is more than one look at someone who walked by."""
        return self._learnt >= FEWEST_LEARNT

    def restore(self, live: Tiles, longest_s: float) -> None:
        """What was learnt before a restart."""
        self.live, self.longest_s, self._learnt = live, longest_s, FEWEST_LEARNT

    @property
    def still_s(self) -> float:
        """How long the picture has been the same."""
        return self._last_mono - self._since_mono if self._anchor is not None else 0.0

    @property
    def required_s(self) -> float:
        """How long it has to be until it is frozen."""
        needs = max(LEAST_S, OF_LONGEST * self.longest_s)
        telling, counted = count(self._informative_tiles()), count(self._counted)
        return needs if telling >= INFORMATIVE_SHARE * counted else max(needs, LIFELESS_S)

    def forget_run(self) -> None:
        """Frames did not come for a while."""
        self._recent.clear()
        self._waiting.clear()
        self._anchor = None
        self.share = 0.0

    def update(self, small: Gray, now_mono: float) -> bool:
        """Whether it is frozen now."""
        if len(self._recent) == APART:
            self._compare(small, *self._recent[0], now_mono)
        self._recent.append((now_mono, small))
        if self._anchor is None or not self.is_learnt:  # it has not lived so far: a drawing, a test picture
            return False
        return self.still_s >= self.required_s

    def _compare(self, small: Gray, before_mono: float, before: Gray, now_mono: float) -> None:
        differs = self._difference(small, before if self._anchor is None else self._anchor)
        if self._anchor is None:
            if self.share >= STILL_SHARE:
                self._anchor, self._since_mono = before, before_mono
            else:
                self._learn(differs)
        elif self.share < STILL_SHARE:
            like_the_first = self.share
            self._difference(small, before)
            if self.share >= STILL_SHARE:
                self._anchor = small
            elif (otherwise := self._otherwise + 1) < OTHERWISE_LOOKS:
                self._otherwise = otherwise
                return
            else:
                self._end_run(like_the_first)
                return
        self._last_mono, self._otherwise = now_mono, 0

    def _difference(self, small: Gray, other: Gray) -> Tiles:
        """By tile; ``share`` says how many are alike."""
        differs = _least_of_quarters(cv2.absdiff(small, other).astype(np.float32))
        same = differs <= (SAME if self.live is None else np.maximum(SAME, OF_LIVE * self.live))
        telling = self._informative_tiles()
        self.share = share(same, telling if telling.any() else self._counted)
        return differs

    def _informative_tiles(self) -> TileMask:
        """Tiles whose noise tells a live picture."""
        return np.zeros_like(self._counted) if self.live is None else self._counted & (self.live >= LIFELESS)

    def _end_run(self, alike: float) -> None:
        """One that was told as frozen teaches nothing."""
        if self.is_learnt and alike < LIVE_SHARE and self.still_s < self.required_s:
            self.longest_s = max(self.longest_s, self.still_s)
        if self.still_s >= self.required_s:
            self._waiting.clear()
        self._anchor = None
        self._recent.clear()

    def _learn(self, differs: Tiles) -> None:
        self._waiting.append(differs)
        if len(self._waiting) > LATE or self.live is None:
            old = self._waiting.popleft()
            self._learnt += 1
            self.live = old if self.live is None else np.minimum(self.live * np.float32(_LEAK), old)


def _least_of_quarters(plane: Plane) -> Tiles:
    quarters = cv2.resize(plane, (2 * COLUMNS, 2 * ROWS), interpolation=cv2.INTER_AREA)
    of_rows = cv2.min(quarters[::2], quarters[1::2])
    return np.minimum(of_rows[:, ::2], of_rows[:, 1::2])
