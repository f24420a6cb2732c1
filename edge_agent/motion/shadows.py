"""Cast shadows: a faint, darker apron around something that differs more strongly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.motion.regions import ForegroundBlob

if TYPE_CHECKING:
    from edge_agent.core.model import Gray

FAINT = 0.72  # share of the background's brightness that a shadow leaves at least
"""Lower: darker shadows are cut off, and so are more legs in grey trousers."""
CORE = 0.45  # share of a patch that must differ more strongly before the rest counts as its shadow


def cut_shadows(patches: Sequence[ForegroundBlob], foreground: Gray, picture: Gray, base: Gray) -> bool:
    """Clears shadow pixels of ``foreground`` in place; True if there were any.

    All pictures are at motion scale. A thing that is itself only faintly darker keeps all its pixels.
    """
    if not patches:
        return False
    floor = np.asarray(cv2.convertScaleAbs(base, alpha=FAINT), np.uint8)
    faint = cv2.inRange(picture, floor, base)  # of the whole picture at once: calls cost more than pixels
    cut = False
    for patch in patches:
        area = (patch.rows, patch.columns)
        thing = foreground[area]
        shadow = cv2.bitwise_and(faint[area], thing)
        if 0.08 * patch.pixels < cv2.countNonZero(shadow) < (1 - CORE) * patch.pixels:
            cv2.subtract(thing, shadow, dst=thing)
            cut = True
    return cut
