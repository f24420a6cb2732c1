"""Sensor noise for drawn pictures, cheap enough for thousands of frames."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

FIELDS = 4


class SensorNoise:
    """Gaussian noise. Each picture gets one of a few fields, moved by a random distance.

    A new field for every frame took half of the time of the tests that draw clips.
    """

    def __init__(self, rng: np.random.Generator, sigma: float, shape: tuple[int, ...]) -> None:
        """``shape``: [height, width, channels]; one channel is used for all channels of a picture."""
        self._rng = rng
        self._fields = np.floor(rng.normal(0, sigma, (FIELDS, *shape))).astype(np.int16)
        self._shown = 0

    def on(self, picture: NDArray[Any]) -> NDArray[np.uint8]:
        """``picture`` with noise, uint8 [height, width, channels], saturated at 0 and 255."""
        field = self._fields[self._shown % FIELDS]
        self._shown += 1
        moved = np.roll(field, int(self._rng.integers(field.size)))
        if moved.shape != picture.shape:
            moved = np.broadcast_to(moved, picture.shape)
        return np.asarray(cv2.add(picture, moved, dtype=cv2.CV_8U), np.uint8)
