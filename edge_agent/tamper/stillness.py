"""Detects a frozen picture: frames arrive, and nothing in them changes, not even noise.

How much two live pictures differ by noise alone is learned for each tile, because an encoder removes most of
a sensor's noise, and adds a little noise to a still picture. Of a tile, the quarter with the least difference
counts: even where traffic never stops, some part of most tiles shows only noise.

``QuickCheck`` compares with the picture of the last full analysis: if it is the same, the verdict still holds
for a while. Most cameras show nothing new for most of the day, and a full analysis costs five times as much.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.tamper.baseline_comparison import MIN_TILES
from edge_agent.tamper.frame_features import COLUMNS, ROWS, count, means, share

if TYPE_CHECKING:
    from edge_agent.core.model import Gray
    from edge_agent.tamper.frame_features import Plane, TileMask, Tiles


SAME = 0.03  # mean absolute difference in grey levels up to which a tile is the same in any case
LIVE_FACTOR = 0.5  # a tile is also the same up to this part of its least live difference
STILL_SHARE = 0.8  # share of the same tiles in a frozen picture; the camera's own clock changes others
MIN_STILL_S = 8.5
LONGEST_FACTOR = 2.5  # a picture is frozen if it lasts this many times longer than any before
APART = 2  # analyses between two compared pictures, to skip a keyframe, which has its own noise
END_AFTER = APART + 1  # differing analyses in a row that end a run; a new encoding differs for APART
LIVE_SHARE = 0.5  # a run that ends with fewer same tiles was ended by a live picture, not by the encoder
LATE = 20  # analyses after which a difference is learned: the start of a frozen picture must not be
MIN_LEARNED = 2  # learned differences before a picture can count as frozen
LIFELESS = 0.05  # grey levels; a tile whose live difference is lower is not informative
INFORMATIVE_SHARE = 0.15  # of the tiles have to be informative
LIFELESS_S = 900.0  # with fewer informative tiles a quiet night looks frozen, so it takes this long
_LEAK = 1.0005  # per analysis; the learned least difference grows slowly


class Stillness:
    """Compares each picture with the first one of its run, or, after a new encoding, with the one ``APART``
    analyses before. For one thread."""

    def __init__(self, counted: TileMask) -> None:
        self._counted = counted
        self._recent: deque[tuple[float, Gray]] = deque(maxlen=APART)
        self._anchor: Gray | None = None  # a picture of the present run
        self._since_mono = self._last_mono = 0.0  # of the first and last picture of the run
        self._differing = 0  # analyses since the last picture of the run
        self._waiting: deque[Tiles] = deque()  # differences that are not learned yet
        self.live: Tiles | None = None
        """The least difference of live pictures, per tile; learned, and stored over restarts."""
        self._learnt = 0  # number of learned differences
        self.longest_s = 0.0  # longest run that a live picture ended; learned, and stored over restarts
        self.share = 0.0  # share of the same tiles, at the last analysis

    @property
    def is_learnt(self) -> bool:
        """Whether ``live`` is learned from enough pictures."""
        return self._learnt >= MIN_LEARNED

    def restore(self, live: Tiles, longest_s: float) -> None:
        """Restore what was learned before a restart."""
        self.live, self.longest_s, self._learnt = live, longest_s, MIN_LEARNED

    @property
    def still_s(self) -> float:
        """Seconds for which the picture has been the same."""
        return self._last_mono - self._since_mono if self._anchor is not None else 0.0

    @property
    def required_s(self) -> float:
        """Seconds for which the picture has to be the same to count as frozen."""
        needs = max(MIN_STILL_S, LONGEST_FACTOR * self.longest_s)
        informative, counted = count(self._informative_tiles()), count(self._counted)
        return needs if informative >= INFORMATIVE_SHARE * counted else max(needs, LIFELESS_S)

    def forget_run(self) -> None:
        """Drop the present run, because frames did not come for a while."""
        self._recent.clear()
        self._waiting.clear()
        self._anchor = None
        self.share = 0.0

    def update(self, small: Gray, now_mono: float) -> bool:
        """Add a picture; returns whether the picture is frozen now."""
        if len(self._recent) == APART:
            self._compare(small, *self._recent[0], now_mono)
        self._recent.append((now_mono, small))
        if self._anchor is None or not self.is_learnt:  # not learned: the picture was never live so far
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
            share_of_run = self.share
            self._difference(small, before)
            if self.share >= STILL_SHARE:
                self._anchor = small
            elif (differing := self._differing + 1) < END_AFTER:
                self._differing = differing
                return
            else:
                self._end_run(share_of_run)
                return
        self._last_mono, self._differing = now_mono, 0

    def _difference(self, small: Gray, other: Gray) -> Tiles:
        """Return the difference of two pictures per tile, and set ``share``."""
        differs = _least_of_quarters(cv2.absdiff(small, other).astype(np.float32))
        same = differs <= (SAME if self.live is None else np.maximum(SAME, LIVE_FACTOR * self.live))
        informative = self._informative_tiles()
        self.share = share(same, informative if informative.any() else self._counted)
        return differs

    def _informative_tiles(self) -> TileMask:
        """Return the tiles with enough noise to show whether a picture is live."""
        return np.zeros_like(self._counted) if self.live is None else self._counted & (self.live >= LIFELESS)

    def _end_run(self, alike: float) -> None:
        """End the run. A run that counted as frozen is not learned."""
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


EVERY_S = 9.5
"""A full analysis is due after this long: the quick check misses slow changes such as fog and rain."""
MIN_GOOD_ANALYSES = 3  # full analyses in a row without a finding before quick checks are enough
CHANGED, NOISE_FACTOR = 1.0, 2.0
"""Grey levels, and times the tile's noise: a tile that differs by more than the sum has changed."""
MAX_CHANGED = 0.15  # share of the structured tiles; if more have changed, a full analysis is due


class QuickCheck:
    """The quick check of one camera. For one thread."""

    def __init__(self, counted: TileMask) -> None:
        self._counted = counted
        self._seen: Gray | None = None  # every second row of the picture of the last full analysis
        self._seen_mono = 0.0
        self._good_analyses = 0

    def forget(self) -> None:
        self._seen, self._good_analyses = None, 0

    def remember(self, small: Gray, now_mono: float, well: bool) -> None:
        """Store the picture of a full analysis. ``well``: it found nothing, and no state is starting."""
        self._seen, self._seen_mono = small[::2], now_mono
        self._good_analyses = self._good_analyses + 1 if well else 0

    def is_enough(self, small: Gray, structured: TileMask, live: Tiles | None, now_mono: float) -> bool:
        """Whether a full analysis would have the same result as the last one."""
        if self._seen is None or live is None or self._good_analyses < MIN_GOOD_ANALYSES:
            return False
        if now_mono - self._seen_mono >= EVERY_S:
            return False
        differs = means(cv2.absdiff(small[::2], self._seen).astype(np.float32))
        expected = structured if count(structured) >= MIN_TILES else self._counted
        return share(differs > CHANGED + NOISE_FACTOR * live, expected) < MAX_CHANGED
