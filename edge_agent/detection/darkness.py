"""Brightens dark pictures for the model, in the detection stage, in shadow mode and in training.

An unlit yard at night has a median of 2 grey levels of 255. People see a walker who is 10 levels brighter; a
detector that was trained on pictures of lit streets does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.core.model import Box, Detection

if TYPE_CHECKING:
    from edge_agent.core.model import Colour

DARK = 64
"""A picture is dark if three quarters of it are below this grey level; streets with lamps are brighter."""
CONTRAST = 6.0
"""Contrast limit of the equalisation. A larger limit makes more noise visible, too."""
TILES = (8, 8)
NOISE = 1.5
"""Below this standard deviation, in grey levels, an area shows nothing but noise. In an unlit yard it is 0.5
where nothing is, and 8 or more where a man walks."""
STEP = 8  # pixels between samples of the brightness


def brightened(pixels: Colour) -> Colour:
    """Return ``pixels`` (height, width, 3; uint8; BGR), or a brighter copy if they are dark.

    The luma is equalised by tiles, with limited contrast (CLAHE; Zuiderveld, Graphics Gems IV, 1994).
    """
    green = pixels[::STEP, ::STEP, 1]
    if np.count_nonzero(green < DARK) < 0.75 * green.size:
        return pixels
    planes = cv2.cvtColor(pixels, cv2.COLOR_BGR2YUV)
    luma = np.ascontiguousarray(planes[..., 0])
    planes[..., 0] = cv2.createCLAHE(CONTRAST, TILES).apply(luma)
    return cv2.cvtColor(planes, cv2.COLOR_YUV2BGR)  # type: ignore[return-value]


def only_visible(found: Sequence[Detection], pixels: Colour, bright: Colour) -> list[Detection]:
    """Return the detections of ``bright`` that show more than noise in ``pixels``; all if it was not dark.

    ``bright``: what ``brightened(pixels)`` returned.
    """
    return [one for one in found if bright is pixels or is_visible(pixels, one.box)]


def is_visible(pixels: Colour, box: Box) -> bool:
    """Return whether the part of the dark picture ``pixels`` in ``box`` shows more than noise.

    Equalisation enlarges the noise of black areas, in which a model may then see an object.
    """
    x1, y1, x2, y2 = box.to_pixels(pixels.shape[1], pixels.shape[0])
    return float(pixels[y1:y2, x1:x2, 1].std()) >= NOISE
