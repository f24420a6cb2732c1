"""A ghost is where something left: the background shows a thing that the picture does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.motion.regions import Patch

if TYPE_CHECKING:
    from edge_agent.model import Gray

EDGE_RATIO = 1.5  # the background's edges along the outline over the picture's
_ONES3 = np.ones((3, 3), np.uint8)


def is_ghost(patch: Patch, foreground: Gray, picture: Gray, base: Gray) -> bool:
    """True if the patch's outline is an edge of the background and not of the picture.

    All pictures are at motion scale; the idea is in Cucchiara et al., "Detecting moving objects,
    ghosts, and shadows in video streams", 2003, with gradients in place of optical flow.
    """
    rows = slice(max(0, patch.y - 3), patch.y + patch.height + 3)
    columns = slice(max(0, patch.x - 3), patch.x + patch.width + 3)
    outline = cv2.morphologyEx(foreground[rows, columns], cv2.MORPH_GRADIENT, _ONES3)
    seen = cv2.mean(cv2.morphologyEx(picture[rows, columns], cv2.MORPH_GRADIENT, _ONES3), outline)[0]
    remembered = cv2.mean(cv2.morphologyEx(base[rows, columns], cv2.MORPH_GRADIENT, _ONES3), outline)[0]
    return remembered > EDGE_RATIO * seen + 2.0
