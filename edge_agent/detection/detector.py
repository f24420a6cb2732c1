"""What a detector is, and the geometry and filtering that all of them share.

A detector sees one crop at a time. Inside this package boxes of a crop are 0..1 *of the crop*;
``stage.py`` maps them to the picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import cv2

from edge_agent.model import GROUP_OF_LABEL, PERSON, TWO_WHEELER, VEHICLE, Box, Detection

if TYPE_CHECKING:
    from edge_agent.model import Colour


TWO_WHEELER_FLOOR = 0.5
"""Of the other labels' least score. A model divides a rider's score among person, bicycle and motorcycle, and
even the part of it is telling: YOLOX gives 0.15 to 80 % of riders and to 1 % of walkers
(docs/design/detection.md)."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Which model names the objects; goes into every event."""

    name: str
    sha256: str | None  # None: a detector without a file, such as HOG


class Detector(Protocol):
    """Finds objects in one crop. Not thread-safe: one thread at a time calls ``detect``."""

    @property
    def name(self) -> str: ...

    @property
    def model(self) -> ModelInfo: ...

    @property
    def labels(self) -> frozenset[str]:
        """Labels it can return: what is configured and what the model knows."""
        ...

    @property
    def input_size(self) -> tuple[int, int]:
        """Width and height in pixels that a crop is scaled to."""
        ...

    @property
    def side_per_object(self) -> float:
        """How large a crop should be, over the longer side of the object it is for: found by trying."""
        ...

    @property
    def degraded(self) -> str | None:
        """One line for health when it runs, but not as configured."""
        ...

    def detect(self, crop: Colour) -> list[Detection]:
        """Objects in ``crop`` (height, width, 3; uint8; BGR), best first, boxes in 0..1 of the crop.

        Only configured labels at or above the least score (two-wheelers: ``TWO_WHEELER_FLOOR`` of it),
        duplicates removed; a rider may be given as a person and, in the same box, as a machine. Raises
        DetectorError when the inference failed.
        """
        ...


@dataclass(frozen=True, slots=True)
class Fit:
    """Where a crop lies in the model's input: ``input = crop * size``, both boxes in 0..1.

    ``width`` and ``height`` are pixels of the input that the crop fills, from the top left; the
    rest of the input is padding.
    """

    width: int
    height: int
    input_width: int
    input_height: int

    @classmethod
    def letterbox(cls, crop_size: tuple[int, int], input_size: tuple[int, int]) -> Fit:
        """Keep the aspect; pad right or below. Sizes are (width, height)."""
        scale = min(input_size[0] / crop_size[0], input_size[1] / crop_size[1])
        width = min(input_size[0], max(1, round(crop_size[0] * scale)))
        height = min(input_size[1], max(1, round(crop_size[1] * scale)))
        return cls(width, height, *input_size)

    @classmethod
    def stretch(cls, input_size: tuple[int, int]) -> Fit:
        """Fill the whole input and let the aspect change."""
        return cls(*input_size, *input_size)

    def to_crop(self, box: Box) -> Box:
        """From 0..1 of the input to 0..1 of the crop; may leave 0..1."""
        sx, sy = self.input_width / self.width, self.input_height / self.height
        return Box(box.x1 * sx, box.y1 * sy, box.x2 * sx, box.y2 * sy)


def interpolation(crop: Colour, fit: Fit) -> int:
    """How to scale ``crop``: area averaging keeps what linear sampling would skip, at 7 times the cost.

    Linear sampling looks at two neighbours, so it skips nothing down to half the size.
    """
    return cv2.INTER_AREA if crop.shape[1] > 2 * fit.width else cv2.INTER_LINEAR


def suppress(
    detections: Iterable[Detection],
    iou: float,
    same: Callable[[Detection, Detection], bool] = lambda a, b: True,
) -> list[Detection]:
    """Greedy non-maximum suppression, best score first.

    A detection goes when a better one overlaps it by more than ``iou`` and ``same(better, it)``
    says that the two may be one object. A larger ``iou`` keeps more neighbours and more doubles.
    """
    kept: list[Detection] = []
    for candidate in sorted(detections, key=lambda d: -d.score):
        if not any(same(better, candidate) and better.box.iou(candidate.box) > iou for better in kept):
            kept.append(candidate)
    return kept


def floors(labels: Iterable[str], min_score: float) -> list[float]:
    """By label the least score that counts."""
    low = TWO_WHEELER_FLOOR * min_score
    return [low if GROUP_OF_LABEL.get(label) == TWO_WHEELER else min_score for label in labels]


def same_label(a: Detection, b: Detection) -> bool:
    return a.label == b.label


# Widths over heights outside these are no such object seen by a street camera: a lying person is
# 3:1, a bus along the street 4:1. Wide on purpose: they take out streaks and poles, nothing else.
_ASPECT: dict[str | None, tuple[float, float]] = {
    PERSON: (0.12, 3.0),
    TWO_WHEELER: (0.2, 4.0),
    VEHICLE: (0.3, 6.0),
    None: (0.1, 8.0),
}
_SMALLEST_SIDE = 0.02  # of the crop: below 6 pixels of a 300-pixel input there is nothing to recognise
_LARGEST_SIDE = 0.98  # of the crop in both directions: "everything" is an insect on the lens or nothing


def plausible(detection: Detection, crop_aspect: float) -> bool:
    """Whether size and shape of a box (0..1 of a crop ``crop_aspect`` times as wide as high) make sense."""
    box = detection.box
    if min(box.width, box.height) < _SMALLEST_SIDE:
        return False
    if box.width > _LARGEST_SIDE and box.height > _LARGEST_SIDE:
        return False
    low, high = _ASPECT[detection.group]
    return low <= box.width * crop_aspect / box.height <= high


def refine(
    raw: Sequence[Detection],
    crop_size: tuple[int, int],
    labels: frozenset[str],
    iou: float,
    same: Callable[[Detection, Detection], bool] = lambda a, b: True,
) -> list[Detection]:
    """What every detector does last: configured labels, clipped to the crop, plausible, no doubles."""
    aspect = crop_size[0] / crop_size[1]
    clipped = [Detection(d.label, d.score, d.box.clipped()) for d in raw]
    # Doubles go first, over all labels: a van that is no configured label must still win over "car".
    single = suppress(clipped, iou, same)
    return [d for d in single if d.label in labels and plausible(d, aspect)]
