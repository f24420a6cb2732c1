"""A ghost is where something left: the background shows a thing that the picture does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.motion.regions import ForegroundBlob

if TYPE_CHECKING:
    from edge_agent.core.model import Gray

EDGE_RATIO = 1.5  # the background's edges along the outline over the picture's
CLUTTER_RATIO = 1.2  # ... which is enough if half of the outline has
MEDIAN_RATIO = 1.75  # ... this: what stood behind is uncovered, and its few strong edges fill up the mean
_ONES3 = np.ones((3, 3), np.uint8)


def is_ghost(patch: ForegroundBlob, foreground: Gray, picture: Gray, base: Gray) -> bool:
    """True if the patch's outline is an edge of the background and not of the picture.

    All pictures are at motion scale; the idea is in Cucchiara et al., "Detecting moving objects,
    ghosts, and shadows in video streams", 2003, with gradients in place of optical flow.
    """
    rows = slice(max(0, patch.y - 3), patch.y + patch.height + 3)
    columns = slice(max(0, patch.x - 3), patch.x + patch.width + 3)
    outline = cv2.morphologyEx(foreground[rows, columns], cv2.MORPH_GRADIENT, _ONES3)
    seen = cv2.morphologyEx(picture[rows, columns], cv2.MORPH_GRADIENT, _ONES3)
    remembered = cv2.morphologyEx(base[rows, columns], cv2.MORPH_GRADIENT, _ONES3)
    mean_seen, mean_remembered = cv2.mean(seen, outline)[0], cv2.mean(remembered, outline)[0]
    if mean_remembered > EDGE_RATIO * mean_seen + 2.0:
        return True
    if mean_remembered <= CLUTTER_RATIO * mean_seen + 2.0:
        return False
    along = outline.view(np.bool_)
    return bool(np.median(remembered[along]) > MEDIAN_RATIO * np.median(seen[along]) + 2.0)
