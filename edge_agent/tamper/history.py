"""What the last analyses showed: jumps of brightness, whether there is colour, how fast the view was lost.

Cameras switch to monochrome with their infrared light.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2

from edge_agent.core.model import Box, Picture
from edge_agent.tamper.baseline_comparison import BLACK
from edge_agent.tamper.verdict import GOOD

if TYPE_CHECKING:
    from edge_agent.tamper.frame_features import FrameFeatures


JUMP = 1.5  # ratio of the mean luma over black from which on a change counts
WITHIN_S = 4.5  # a jump is no slower; in idle mode a camera is analysed every 4 s
LASTS_S = 2.5  # lightning is shorter
MEMORY_S = 40.0
_OFFSET = 10.0  # a passer-by brightens a dark picture by this much


@dataclass(frozen=True, slots=True)
class LightJump:
    """A lasting change of the mean luma."""

    at_mono: float
    before: float
    after: float


class LightWatch:
    """Follows the mean luma of one camera. For one thread."""

    def __init__(self) -> None:
        self._past: deque[tuple[float, float]] = deque()
        self._jump: LightJump | None = None

    def update(self, mean: float, now_mono: float) -> LightJump | None:
        """Add a mean luma; returns a jump once it has lasted ``LASTS_S``, else None."""
        jump, found = self._jump, None
        if jump is None:
            self._jump = self._begun(mean, now_mono)
        elif ratio(mean, jump.before) < (1 + JUMP) / 2:
            self._jump = None
        elif now_mono - jump.at_mono >= LASTS_S:
            found = LightJump(jump.at_mono, jump.before, mean)
            self._jump = None
            self._past.clear()
        if self._jump is None:  # during a possible lightning nothing is stored
            self._past.append((now_mono, mean))
        while self._past and self._past[0][0] < now_mono - MEMORY_S:
            self._past.popleft()
        return found

    @property
    def in_doubt(self) -> bool:
        """Whether a jump has begun that has not lasted for ``LASTS_S`` yet."""
        return self._jump is not None

    def forget(self) -> None:
        self._past.clear()
        self._jump = None

    def _begun(self, mean: float, now_mono: float) -> LightJump | None:
        for at, before in self._past:
            if now_mono - at <= WITHIN_S and ratio(mean, before) >= JUMP:
                return LightJump(now_mono, before, mean)
        return None


def ratio(one: float, other: float) -> float:
    """Return the brighter of two means over the darker one, each above black and with an offset."""
    a, b = max(one - BLACK, 0.0) + _OFFSET, max(other - BLACK, 0.0) + _OFFSET
    return max(a / b, b / a)


STRIPS = 3
"""Rows of the picture that are measured; two pixels high, because two rows share their chroma."""
NO_COLOUR = 1.0  # mean difference of the channels, grey levels; conversion rounds by less
COLOUR = 2.0
CONFIRM = 3  # analyses in a row; while a camera switches it may send a picture or two of mixed colour


class ColourWatch:
    """Decides with hysteresis whether the picture has colour. For one thread."""

    def __init__(self) -> None:
        self.mono: bool | None = None  # None: not known yet
        self.level = 0.0  # mean difference of the channels at the last analysis
        self._against = 0

    @property
    def settled(self) -> bool:
        """Whether the last analysis showed no change between colour and grey."""
        return self._against == 0

    def update(self, picture: Picture) -> None:
        self.level = colour_of(picture)
        says = True if self.level < NO_COLOUR else False if self.level > COLOUR else self.mono
        if self.mono is None:
            self.mono = says
            return
        self._against = self._against + 1 if says is not self.mono else 0
        if self._against >= CONFIRM:
            self.mono, self._against = not self.mono, 0


def colour_of(picture: Picture) -> float:
    """Return the mean, over a few rows, of the largest difference between the channels of a pixel."""
    height = 2.0 / picture.height
    total = 0.0
    for number in range(STRIPS):
        top = round((number + 1) / (STRIPS + 1) * picture.height / 2) * 2 / picture.height
        blue, green, red = cv2.split(picture.bgr(Box(0.0, top, 1.0, top + 0.5 * height)))
        most, least = cv2.max(cv2.max(blue, green), red), cv2.min(cv2.min(blue, green), red)
        total += float(cv2.mean(cv2.subtract(most, least))[0])
    return total / STRIPS


RECENT_ANALYSES = 2
MAX_INTERVAL_S = 9.0
"""A loss between two analyses in a row counts as this long at most: with keyframes further apart it may have
been sudden as well, and a cover would never be reported."""
STEP = 0.1  # of the usual structure; the loss continues while this much more is lost
DARK = 0.9  # share of dark pixels from which on the picture counts as dark


class ViewLossHistory:
    """Follows when and how fast one camera's view was lost. For one thread."""

    def __init__(self) -> None:
        self._good_mono: float | None = None  # of the last good view
        self._lost_mono: float | None = None  # when most of the lost structure was gone
        self._left = 0.0  # structure at ``_lost_mono``
        self._dark_mono: float | None = None  # when it became dark
        self._lately: deque[float] = deque(maxlen=RECENT_ANALYSES)
        self.light_before = 0.0  # mean luma of the last good view
        self.own_light_before = False  # whether the camera's own infrared light lit the last good view

    def update(
        self, structure: float, usual: float, features: FrameFeatures, mono: bool, now_mono: float
    ) -> None:
        self._lately.append(structure)
        if structure >= GOOD * usual:
            self._good_mono, self._lost_mono = now_mono, None
            self.light_before, self.own_light_before = features.mean, mono
        elif self._lost_mono is None or structure < self._left - STEP * usual:
            if self._lost_mono is None and self._good_mono is not None:
                self._good_mono = max(self._good_mono, now_mono - MAX_INTERVAL_S)
            self._lost_mono, self._left = now_mono, structure
        if features.dark < DARK:
            self._dark_mono = None
        elif self._dark_mono is None:
            self._dark_mono = now_mono

    def still_good(self, now_mono: float) -> None:
        """Note that the picture has not changed since the last good view."""
        self._good_mono = now_mono

    @property
    def duration_s(self) -> float:
        """Seconds from the last good view until it was lost; 0 while it is good, or if it never was."""
        if self._good_mono is None or self._lost_mono is None:
            return 0.0
        return self._lost_mono - self._good_mono

    @property
    def structure_lately(self) -> float:
        """The best structure of the last analyses."""
        return max(self._lately, default=0.0)

    def dark_s(self, now_mono: float) -> float:
        return 0.0 if self._dark_mono is None else now_mono - self._dark_mono
