"""Brightens pictures of an unlit place for the detector.

An unlit yard at night has a median of 2 grey levels of 255: a walker who is 10 levels brighter is seen by
people, and by no detector that learnt from pictures of lit streets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from edge_agent.core.model import Colour

DARK = 64
"""Grey level that three quarters of a dark picture stay below; streets with lamps have more."""
CONTRAST = 6.0
"""Limit of the equalisation. Larger: more noise is made visible, too."""
TILES = (8, 8)
STEP = 8  # pixels between samples of the brightness


def brightened(pixels: Colour) -> Colour:
    """``pixels`` (height, width, 3; uint8; BGR) themselves, or brighter ones where they are dark.

    The luma is equalised by tiles, with limited contrast (CLAHE; Zuiderveld, Graphics Gems IV, 1994).
    """
    green = pixels[::STEP, ::STEP, 1]
    if np.count_nonzero(green < DARK) < 0.75 * green.size:
        return pixels
    planes = cv2.cvtColor(pixels, cv2.COLOR_BGR2YUV)
    luma = np.ascontiguousarray(planes[..., 0])
    planes[..., 0] = cv2.createCLAHE(CONTRAST, TILES).apply(luma)
    return cv2.cvtColor(planes, cv2.COLOR_YUV2BGR)  # type: ignore[return-value]
