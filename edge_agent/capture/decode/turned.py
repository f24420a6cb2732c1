"""Turns pictures upright by the stream's display matrix: phones, for example, store them sideways, and some
cameras announce it in a message (SEI)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from av.video.frame import VideoFrame

from edge_agent.capture.decode.picture import YuvPicture
from edge_agent.core.model import FULL_PICTURE, Box

if TYPE_CHECKING:
    from edge_agent.core.model import Colour, Gray


def upright(frame: VideoFrame, turns: int, max_width: int | None = None) -> YuvPicture | RotatedPicture:
    """Return the picture as a player shows it. ``turns``: see ``DecodedFrame``. ``max_width``: largest width
    of ``luma``, in pixels."""
    if turns == 0:
        return YuvPicture(frame, max_width)
    if turns % 2 and max_width is not None:
        max_width = max(1, round(max_width * frame.width / frame.height))
    return RotatedPicture(YuvPicture(frame, max_width), turns)


def quarter_turns(frame: VideoFrame) -> int:
    """Return how many quarter turns counterclockwise, 0 to 3, the display matrix of this frame asks for."""
    # ``rotation``: degrees counterclockwise. PyAV 14.0 does not have it.
    return round(getattr(frame, "rotation", 0) / 90) % 4


class RotatedPicture:
    """``picture`` turned counterclockwise by ``turns`` quarters, 1 to 3."""

    def __init__(self, picture: YuvPicture, turns: int) -> None:
        self._picture = picture
        self._turns = turns
        self._luma: Gray | None = None

    @property
    def width(self) -> int:
        return self._picture.height if self._turns % 2 else self._picture.width

    @property
    def height(self) -> int:
        return self._picture.width if self._turns % 2 else self._picture.height

    def luma(self) -> Gray:
        """Return a read-only copy, made once."""
        if self._luma is None:
            self._luma = np.ascontiguousarray(np.rot90(self._picture.luma(), self._turns))
            self._luma.flags.writeable = False
        return self._luma

    def bgr(self, region: Box = FULL_PICTURE) -> Colour:
        """Return a fresh copy of the pixels that ``region`` touches."""
        return np.ascontiguousarray(np.rot90(self._picture.bgr(self._there(region)), self._turns))

    def scaled(self, size: tuple[int, int]) -> Colour:
        lying = (size[1], size[0]) if self._turns % 2 else size
        return np.ascontiguousarray(np.rot90(self._picture.scaled(lying), self._turns))

    def _there(self, region: Box) -> Box:
        """Convert ``region`` to coordinates of the stored picture."""
        if region == FULL_PICTURE:
            return region
        x1, y1, x2, y2 = region.to_pixels(self.width, self.height)
        width, height = self.width, self.height
        for _ in range(self._turns):
            # One quarter turn back: the upper edge here is the right edge of the stored picture.
            x1, y1, x2, y2 = height - y2, x1, height - y1, x2
            width, height = height, width
        # A quarter pixel inside, so that rounding selects exactly these pixels.
        return Box.from_pixels(x1 + 0.25, y1 + 0.25, x2 - 0.25, y2 - 0.25, width, height)
