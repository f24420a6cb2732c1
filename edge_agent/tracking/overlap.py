"""Shared areas of many boxes at once: forty tracks make 800 pairs a frame, too many for one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from edge_agent.model import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Areas = NDArray[np.float64]


def _array(boxes: Sequence[Box]) -> Areas:
    return np.array([(b.x1, b.y1, b.x2, b.y2) for b in boxes], dtype=np.float64).reshape(-1, 4)


def shared_areas(first: Sequence[Box], second: Sequence[Box]) -> Areas:
    """Matrix (len(first), len(second)) of ``a.intersection(b)``."""
    a, b = _array(first)[:, None, :], _array(second)[None, :, :]
    w = np.minimum(a[..., 2], b[..., 2]) - np.maximum(a[..., 0], b[..., 0])
    h = np.minimum(a[..., 3], b[..., 3]) - np.maximum(a[..., 1], b[..., 1])
    return np.asarray(np.maximum(w, 0.0) * np.maximum(h, 0.0))


def touches(first: Sequence[Box], second: Sequence[Box]) -> Areas:
    """Matrix of the shared area over the smaller box's area, 0..1."""
    areas_a = np.array([box.area for box in first])[:, None]
    areas_b = np.array([box.area for box in second])[None, :]
    smaller = np.minimum(areas_a, areas_b)
    return np.asarray(np.where(smaller > 0, shared_areas(first, second) / np.maximum(smaller, 1e-12), 0.0))
