"""OpenCV's built-in people detector: needs no file, sees only upright people of some size.

Source: Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005; the
coefficients come with OpenCV (``HOGDescriptor_getDefaultPeopleDetector``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.detection.detector import Fit, ModelInfo, interpolation, refine
from edge_agent.errors import DetectorError
from edge_agent.model import PERSON, Box, Detection

if TYPE_CHECKING:
    from edge_agent.model import Colour

_WINDOW = (64, 128)
# The person in a window is 96 pixels high with 16 above and below (Dalal and Triggs), so a crop two
# and a half times as high as the person in it, scaled to this, shows the person a little larger.
_INPUT = (288, 288)
_PERSON_IN_WINDOW = (0.625, 0.8)  # shares of the window's width and height that the person fills
_STRIDE = (8, 8)
_PYRAMID = 1.08  # step between scales: 1.05 finds as many people and costs 1.5 times as much
_IOU = 0.3  # neighbours of one person overlap in many windows


class HogDetector:
    """``person`` only. Scores are ``1 / (1 + exp(-2 (m - 0.3)))`` of the SVM's margin m.

    A margin is no probability; the curve only puts this detector on the same 0..1 scale as models:
    margins 0.3 / 0.6 / 1.0 become 0.5 / 0.65 / 0.8. What that finds: docs/design/detection.md.
    """

    def __init__(self, labels: Sequence[str], min_score: float) -> None:
        if PERSON not in labels:
            raise DetectorError(f"hog sees only persons, and {PERSON} is not among {', '.join(labels)}")
        self.name = "hog"
        self.model = ModelInfo("opencv-hog-people", None)
        self.labels = frozenset({PERSON})
        self.input_size = _INPUT
        self.side_per_object = 2.5  # a person of 115 pixels where the window's has 96
        self.degraded: str | None = None
        self._min_score = min_score
        self._hog = cv2.HOGDescriptor()
        self._hog.setSVMDetector(np.array(cv2.HOGDescriptor.getDefaultPeopleDetector(), np.float32))

    def detect(self, crop: Colour) -> list[Detection]:
        size = (crop.shape[1], crop.shape[0])
        fit = Fit.letterbox(size, _INPUT)
        if fit.width < _WINDOW[0] or fit.height < _WINDOW[1]:
            return []  # a strip that no window fits into
        scaled = cv2.resize(crop, (fit.width, fit.height), interpolation=interpolation(crop, fit))
        try:
            windows, margins = self._hog.detectMultiScale(
                scaled, hitThreshold=0.0, winStride=_STRIDE, padding=(0, 0), scale=_PYRAMID, groupThreshold=0
            )
        except cv2.error as error:
            raise DetectorError(f"hog: {error.err}") from error
        raw = [
            Detection(PERSON, score, _person(window, fit))
            for window, margin in zip(windows, np.ravel(margins), strict=True)
            if (score := _score(float(margin))) >= self._min_score
        ]
        return refine(raw, size, self.labels, _IOU)


def _score(margin: float) -> float:
    return float(1 / (1 + np.exp(-2 * (margin - 0.3))))


def _person(window: Sequence[int], fit: Fit) -> Box:
    """The person inside a detection window (x, y, w, h in pixels of the scaled crop), 0..1 of the crop."""
    x, y, width, height = (float(v) for v in window)
    dx, dy = width * (1 - _PERSON_IN_WINDOW[0]) / 2, height * (1 - _PERSON_IN_WINDOW[1]) / 2
    return Box.from_pixels(x + dx, y + dy, x + width - dx, y + height - dy, fit.width, fit.height)
