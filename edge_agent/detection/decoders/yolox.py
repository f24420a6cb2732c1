"""YOLOX models with raw output, one row per anchor point of three grids.

Source: Ge et al., "YOLOX: Exceeding YOLO Series in 2021", arXiv:2107.08430: anchor-free, per point
x, y, log w, log h, objectness, and one score a class; ``score = objectness * class``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_agent.detection.decoders.tensors import Candidates, Floats, InputTable, Tensor, TensorInfo

_YOLOX_STRIDES = (8, 16, 32)


class YoloxDecoder:
    """Input [1, 3, h, w] or [1, h, w, 3], BGR 0..255, padded with 114; output [1, points, 5 + classes]."""

    stretches = False
    merges_rider = False

    def __init__(self, input_info: TensorInfo, output: TensorInfo) -> None:
        self.input = InputTable(input_info)
        self.classes: int | None = output.shape[2] - 5
        self._output = output
        self._grid, self._stride = _points(*self.input.size)

    @classmethod
    def recognise(cls, input_info: TensorInfo, outputs: Sequence[TensorInfo]) -> YoloxDecoder | None:
        """A decoder when the signature fits, else None."""
        shape = input_info.shape
        if len(outputs) != 1 or len(outputs[0].shape) != 3 or len(shape) != 4:
            return None
        if 3 not in (shape[1], shape[3]):
            return None
        height, width = shape[2:4] if shape[1] == 3 else shape[1:3]
        points = sum((height // s) * (width // s) for s in _YOLOX_STRIDES)
        if outputs[0].shape[1] != points or outputs[0].shape[2] < 6:
            return None
        return cls(input_info, outputs[0])

    def decode(self, outputs: Sequence[Tensor], floor: float) -> Candidates:
        rows = self._output.real(outputs[0])[0]
        # A class score is at most 1, so objectness alone rules out nearly every point.
        maybe = np.flatnonzero(rows[:, 4] >= floor)
        rows = rows[maybe]
        scores = rows[:, 4:5] * rows[:, 5:]
        points, classes = np.nonzero(scores >= floor)
        boxes = self._corners(rows, maybe)[points]
        return Candidates(boxes, scores[points, classes], classes)

    def _corners(self, rows: Floats, points: Tensor) -> Floats:
        stride = self._stride[points]
        centre = (rows[:, :2] + self._grid[points]) * stride
        half = np.exp(np.minimum(rows[:, 2:4], 12.0)) * stride / 2  # 12: no overflow on a bad row
        size = np.array(self.input.size, np.float32)
        return np.hstack([(centre - half) / size, (centre + half) / size])


def _points(width: int, height: int) -> tuple[Floats, Floats]:
    """Column and row of each output point, shape (points, 2), and its stride, shape (points, 1)."""
    grids, strides = [], []
    for stride in _YOLOX_STRIDES:
        rows, columns = np.mgrid[0 : height // stride, 0 : width // stride]
        grid = np.stack([columns.ravel(), rows.ravel()], axis=1).astype(np.float32)
        grids.append(grid)
        strides.append(np.full((len(grid), 1), stride, np.float32))
    return np.concatenate(grids), np.concatenate(strides)
