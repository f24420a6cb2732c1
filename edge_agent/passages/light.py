"""The light and the white balance of one camera, measured on its own pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.core.model import Frame
from edge_agent.passages.passage import Light

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_agent.core.model import Colour

SAMPLE = (64, 36)  # pixels
SAMPLE_EVERY_S = 1.0  # the infrared filter moves within a second
LEARN_EVERY_S = 5.0
LEARN_S = 600.0  # time constant of the white balance: the mean of several minutes of street
GREY_BELOW = 4.0
"""Mean spread of the channels, of 255. Grey infrared pictures have 0 to 2, a foggy day has 6."""
COLOURFUL_FROM = 6.0  # from here on a picture counts as coloured again
VIVID, VIVID_SHARE = 40, 0.08
"""From ``VIVID_SHARE`` of its pixels with a channel spread of ``VIVID``, of 255, an object is coloured."""
DUSK_BELOW, DAY_FROM = 50.0, 60.0  # mean luma of the picture
MAX_GAIN = 1.25
GREY_SPREAD = (
    35  # of the channels, of 255: road, walls and concrete, also with a cast; trees and signs have more
)
MIN_GREY = 0.1  # of the picture; with less there is nothing to balance by


class CameraLight:
    """Measures light and white balance of one camera, at most once a second, when called. One thread."""

    def __init__(self) -> None:
        self.light = Light.INFRARED  # until a sample proves colours
        self.gains = (1.0, 1.0, 1.0)
        """Factors for B, G and R, at most ``MAX_GAIN``, that make the nearly grey part of the scene grey."""
        self._sampled_mono = -SAMPLE_EVERY_S
        self._learned_mono = -LEARN_EVERY_S
        self._grey: NDArray[np.float64] | None = None  # B, G and R of the nearly grey part

    def update(self, frame: Frame) -> None:
        elapsed_s = frame.captured_mono - self._sampled_mono
        if 0 <= elapsed_s < SAMPLE_EVERY_S:
            return
        self._sampled_mono = frame.captured_mono
        sample = frame.picture.scaled(SAMPLE)
        spread = _spread(sample)
        self.light = self._light_of(sample, float(spread.mean()))
        if self.light is Light.DAY and not 0 <= frame.captured_mono - self._learned_mono < LEARN_EVERY_S:
            self._learn(sample[spread < GREY_SPREAD], frame.captured_mono - self._learned_mono)
            self._learned_mono = frame.captured_mono

    def light_of(self, view: Colour) -> Light:
        """Return the light in which ``view`` (BGR), a part of the newest frame, was taken.

        Vivid colours in ``view`` prove that the frame is not infrared, even if the rest of the road is grey.
        """
        if self.light is not Light.INFRARED or (_spread(view) > VIVID).mean() < VIVID_SHARE:
            return self.light
        return Light.DUSK if float(view.mean()) < DUSK_BELOW else Light.DAY

    def _light_of(self, sample: Colour, spread: float) -> Light:
        if spread < (COLOURFUL_FROM if self.light is Light.INFRARED else GREY_BELOW):
            return Light.INFRARED
        dark = DAY_FROM if self.light is Light.DUSK else DUSK_BELOW
        return Light.DUSK if float(sample.mean()) < dark else Light.DAY

    def _learn(self, nearly_grey: NDArray[np.uint8], elapsed_s: float) -> None:
        """Learn the white balance from ``nearly_grey``, shape (pixels, 3), BGR."""
        if len(nearly_grey) < MIN_GREY * SAMPLE[0] * SAMPLE[1]:
            return
        grey = np.median(nearly_grey, axis=0)
        if self._grey is None:
            self._grey = grey
        else:
            self._grey += min(1.0, max(elapsed_s, 0.0) / LEARN_S) * (grey - self._grey)
        b, g, r = np.clip(self._grey.mean() / np.maximum(self._grey, 1.0), 1 / MAX_GAIN, MAX_GAIN)
        self.gains = float(b), float(g), float(r)


def _spread(pixels: Colour) -> NDArray[np.uint8]:
    """Return the largest channel minus the smallest for each pixel, at a tenth of the cost of ``np.ptp``."""
    b, g, r = cv2.split(pixels)
    return np.asarray(cv2.subtract(cv2.max(cv2.max(b, g), r), cv2.min(cv2.min(b, g), r)))
