"""PicoDet models with raw output: for each of four strides the scores and the distributions of the edges.

Source: Yu et al., "PP-PicoDet", arXiv:2111.00902, with the head of Li et al., "Generalized Focal Loss",
arXiv:2006.04388: the distance from a point to an edge, in strides, is the mean of a distribution over bins.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_agent.detection.decoders.tensors import Candidates, Floats, InputTable, Tensor, TensorInfo

_PICODET_STRIDES = (8, 16, 32, 64)
_BINS = 8  # of one edge's distribution
_MEAN = (103.53, 116.28, 123.675)  # BGR, as the published models are trained
_STD = (57.375, 57.12, 58.395)


class PicoDetDecoder:
    """Input [1, h, w, 3], BGR, normalised; outputs by stride [1, points, classes] and [1, points, 32]."""

    stretches = True  # trained with Resize, keep_ratio: False
    merges_rider = False

    def __init__(self, input_info: TensorInfo, outputs: Sequence[TensorInfo]) -> None:
        self.input = InputTable(input_info, _MEAN, _STD)
        self._outputs = outputs
        self.classes: int | None = outputs[0].shape[2]

    @classmethod
    def recognise(cls, input_info: TensorInfo, outputs: Sequence[TensorInfo]) -> PicoDetDecoder | None:
        """A decoder when the signature fits, else None."""
        shape = input_info.shape
        if len(shape) != 4 or shape[3] != 3 or len(outputs) != 2 * len(_PICODET_STRIDES):
            return None
        points = [-(-shape[1] // stride) * -(-shape[2] // stride) for stride in _PICODET_STRIDES]
        scores, edges = outputs[:4], outputs[4:]
        if any(score.shape[:2] != (1, n) for score, n in zip(scores, points, strict=True)):
            return None
        if any(edge.shape != (1, n, 4 * _BINS) for edge, n in zip(edges, points, strict=True)):
            return None
        return cls(input_info, outputs)

    def decode(self, outputs: Sequence[Tensor], floor: float) -> Candidates:
        return Candidates.joined(
            [self._level(outputs, number, stride, floor) for number, stride in enumerate(_PICODET_STRIDES)]
        )

    def _level(self, outputs: Sequence[Tensor], number: int, stride: int, floor: float) -> Candidates:
        at = number + len(_PICODET_STRIDES)  # the scores of all strides come first
        scores = self._outputs[number].real(outputs[number])[0]
        points, classes = np.nonzero(scores >= floor)
        edges = self._outputs[at].real(outputs[at][:, points])[0]
        columns = -(-self.input.size[0] // stride)
        middles = np.stack([points % columns, points // columns], axis=1) + 0.5
        distances = _means(edges)
        corners = np.hstack([middles - distances[:, :2], middles + distances[:, 2:]]) * stride
        boxes = (corners / np.tile(self.input.size, 2)).astype(np.float32)
        return Candidates(boxes, scores[points, classes], classes)


def _means(edges: Floats) -> Floats:
    """[n, 32] weights of the bins, left, top, right, bottom -> [n, 4] distances."""
    weights = np.exp(edges - edges.max(axis=1, keepdims=True)).reshape(-1, 4, _BINS)
    means = weights @ np.arange(_BINS, dtype=np.float32) / weights.sum(axis=2)
    return np.asarray(means, np.float32)
