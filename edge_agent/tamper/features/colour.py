"""Whether the picture has colour: cameras drop it when their infrared light goes on."""

from __future__ import annotations

import cv2

from edge_agent.core.model import Box, Picture

STRIPS = 3
"""Rows of the picture that are looked at; two pixels high, because two rows share their chroma."""
NO_COLOUR = 1.0  # mean difference of the channels, grey levels; conversion rounds by less
COLOUR = 2.0
CONFIRM = 3  # looks in a row; a camera that switches may send a picture or two in between


class ColourWatch:
    """With hysteresis. One thread."""

    def __init__(self) -> None:
        self.mono: bool | None = None  # None: not known yet
        self.level = 0.0
        """Mean difference of the channels at the last look."""
        self._against = 0

    @property
    def settled(self) -> bool:
        """Whether the last look says the same as ``mono``."""
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
    """Mean of the largest difference between the channels, over a few rows."""
    height = 2.0 / picture.height
    total = 0.0
    for number in range(STRIPS):
        top = round((number + 1) / (STRIPS + 1) * picture.height / 2) * 2 / picture.height
        blue, green, red = cv2.split(picture.bgr(Box(0.0, top, 1.0, top + 0.5 * height)))
        most, least = cv2.max(cv2.max(blue, green), red), cv2.min(cv2.min(blue, green), red)
        total += float(cv2.mean(cv2.subtract(most, least))[0])
    return total / STRIPS
