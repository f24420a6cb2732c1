"""PicoDet models with raw output: for each of four strides the scores and the distributions of the edges.

Source: Yu et al., "PP-PicoDet", arXiv:2111.00902, with the head of Li et al., "Generalized Focal Loss",
arXiv:2006.04388: the distance from a point to an edge, in strides, is the mean of a distribution over bins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_agent.detection.detector import Fit
from edge_agent.detection.tensors import Floats, Tensor, TensorInfo
from edge_agent.model import PERSON, TWO_WHEELER, Box, Detection

_STRIDES = (8, 16, 32, 64)
_BINS = 8  # of one edge's distribution
_MEAN = np.array((103.53, 116.28, 123.675), np.float32)  # BGR, as the published models are trained
_STD = np.array((57.375, 57.12, 58.395), np.float32)
_RIDER_AND_MACHINE = ((PERSON, TWO_WHEELER), (TWO_WHEELER, PERSON))


@dataclass(frozen=True, slots=True)
class _Level:
    """One stride. ``scores`` and ``edges`` are numbers of outputs."""

    stride: int
    columns: int
    scores: int
    edges: int


class PicoDetDecoder:
    """Input [1, h, w, 3], BGR, normalised; outputs by stride [1, points, classes] and [1, points, 32]."""

    side_per_object = 2.5  # riders of the reference street found, by side: 1.6 93 %, 2.5 94, 4 88

    def __init__(
        self, input_info: TensorInfo, outputs: Sequence[TensorInfo], levels: Sequence[_Level]
    ) -> None:
        self._outputs = outputs
        self._levels = levels
        _, height, width, _ = input_info.shape
        self.input_size = (width, height)
        self.classes: int | None = outputs[levels[0].scores].shape[2]

    @classmethod
    def recognise(cls, input_info: TensorInfo, outputs: Sequence[TensorInfo]) -> PicoDetDecoder | None:
        """A decoder when the signature fits, else None."""
        shape = input_info.shape
        if len(shape) != 4 or shape[3] != 3 or input_info.scale or len(outputs) != 2 * len(_STRIDES):
            return None
        shapes = [output.shape for output in outputs]
        levels = []
        for number, stride in enumerate(_STRIDES):
            columns = -(-shape[2] // stride)
            points = -(-shape[1] // stride) * columns
            edges = number + len(_STRIDES)  # the scores of all strides come first
            if shapes[number][:2] != (1, points) or shapes[edges] != (1, points, 4 * _BINS):
                return None
            levels.append(_Level(stride, columns, number, edges))
        return cls(input_info, outputs, levels)

    def fit(self, crop_size: tuple[int, int]) -> Fit:
        # Trained on pictures that were stretched (Resize with keep_ratio: False).
        return Fit.stretch(self.input_size)

    def write(self, resized: Tensor, tensor: Tensor) -> None:
        np.subtract(resized, _MEAN, out=tensor[0])
        tensor[0] /= _STD

    def decode(
        self, outputs: Sequence[Tensor], labels: Sequence[str], floors: Sequence[float]
    ) -> list[Detection]:
        found = []
        for level in self._levels:
            scores = self._outputs[level.scores].real(outputs[level.scores])[0]
            points, numbers = np.nonzero(scores >= np.array(floors, np.float32))
            edges = self._outputs[level.edges].real(outputs[level.edges][:, points])[0]
            boxes = self._boxes(level, points, edges).tolist()
            for box, number, score in zip(
                boxes, numbers.tolist(), scores[points, numbers].tolist(), strict=True
            ):
                found.append(Detection(labels[number], min(1.0, score), Box(*box)))
        return found

    def _boxes(self, level: _Level, points: Tensor, edges: Floats) -> Floats:
        """[n, 4] in 0..1 of the input. ``edges``: [n, 32], left, top, right, bottom."""
        weights = np.exp(edges - edges.max(axis=1, keepdims=True)).reshape(-1, 4, _BINS)
        distances = weights @ np.arange(_BINS, dtype=np.float32) / weights.sum(axis=2)
        centres = np.stack([points % level.columns, points // level.columns], axis=1) + 0.5
        corners = np.hstack([centres - distances[:, :2], centres + distances[:, 2:]]) * level.stride
        return np.asarray(corners / np.tile(self.input_size, 2), np.float32)

    def same(self, better: Detection, other: Detection) -> bool:
        # Each class has a score of its own, and a rider has two: of a person and of a machine.
        return (better.group, other.group) not in _RIDER_AND_MACHINE
