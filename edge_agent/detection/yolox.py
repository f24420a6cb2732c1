"""YOLOX models with raw output, one row per anchor point of three grids.

Source: Ge et al., "YOLOX: Exceeding YOLO Series in 2021", arXiv:2107.08430: anchor-free, per point
x, y, log w, log h, objectness, and one score a class; ``score = objectness * class``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge_agent.detection.detector import Fit
from edge_agent.detection.tensors import Tensor, TensorInfo
from edge_agent.model import GROUP_OF_LABEL, PERSON, TWO_WHEELER, Box, Detection

_STRIDES = (8, 16, 32)
_RIDER_AND_MACHINE = ((PERSON, TWO_WHEELER), (TWO_WHEELER, PERSON))


class YoloxDecoder:
    """Input [1, 3, h, w] or [1, h, w, 3], BGR 0..255, padded with 114; output [1, points, 5 + classes]."""

    # Riders of the reference street found at score 0.5, by side: 2 55 %, 3 68, 4 75, 5 67, 6 50.
    side_per_object = 4.0

    def __init__(self, input_info: TensorInfo, output: TensorInfo, planar: bool) -> None:
        self._input = input_info
        self._output = output
        self._planar = planar
        height, width = input_info.shape[2:4] if planar else input_info.shape[1:3]
        self.input_size = (width, height)
        self.classes: int | None = output.shape[2] - 5
        self._grid, self._stride = _points(width, height)

    @classmethod
    def recognise(cls, input_info: TensorInfo, outputs: Sequence[TensorInfo]) -> YoloxDecoder | None:
        """A decoder when the signature fits, else None."""
        if len(outputs) != 1 or len(outputs[0].shape) != 3 or len(input_info.shape) != 4:
            return None
        planar = input_info.shape[1] == 3
        if not planar and input_info.shape[3] != 3:
            return None
        height, width = input_info.shape[2:4] if planar else input_info.shape[1:3]
        points = sum((height // s) * (width // s) for s in _STRIDES)
        if outputs[0].shape[1] != points or outputs[0].shape[2] < 6:
            return None
        return cls(input_info, outputs[0], planar)

    def fit(self, crop_size: tuple[int, int]) -> Fit:
        return Fit.letterbox(crop_size, self.input_size)

    def write(self, resized: Tensor, tensor: Tensor) -> None:
        source = resized.transpose(2, 0, 1) if self._planar else resized
        if self._input.scale == 0.0:
            np.copyto(tensor[0], source, casting="unsafe")
            return
        limits = np.iinfo(self._input.dtype)
        values = np.rint(source / self._input.scale) + self._input.zero_point
        np.copyto(tensor[0], values.clip(limits.min, limits.max), casting="unsafe")

    def decode(
        self, outputs: Sequence[Tensor], labels: Sequence[str], floors: Sequence[float]
    ) -> list[Detection]:
        rows = self._output.real(outputs[0])[0]
        # A class score is at most 1, so objectness alone rules out nearly every point.
        maybe = np.flatnonzero(rows[:, 4] >= min(floors))
        rows = rows[maybe]
        scores, corners, least = rows[:, 4:5] * rows[:, 5:], self._corners(rows, maybe), np.array(floors)
        found = []
        for members in _kinds(labels):
            numbers = members[scores[:, members].argmax(axis=1)]
            best = scores[np.arange(len(rows)), numbers]
            for row in np.flatnonzero(best >= least[numbers]):
                box = Box(*corners[row].tolist())
                found.append(Detection(labels[numbers[row]], min(1.0, float(best[row])), box))
        return found

    def _corners(self, rows: Tensor, points: Tensor) -> Tensor:
        stride = self._stride[points]
        centre = (rows[:, :2] + self._grid[points]) * stride
        half = np.exp(np.minimum(rows[:, 2:4], 12.0)) * stride / 2  # 12: no overflow on a bad row
        size = np.array(self.input_size, np.float32)
        return np.hstack([(centre - half) / size, (centre + half) / size])

    def same(self, better: Detection, other: Detection) -> bool:
        # One point may fire for a van as car and as truck; a rider is a person and a machine.
        return (better.group, other.group) not in _RIDER_AND_MACHINE


def _kinds(labels: Sequence[str]) -> list[Tensor]:
    """Class numbers of two-wheelers and of all else: a point names its object once in each kind."""
    two_wheeled = np.array([GROUP_OF_LABEL.get(label) == TWO_WHEELER for label in labels])
    return [np.flatnonzero(kind) for kind in (two_wheeled, ~two_wheeled) if kind.any()]


def _points(width: int, height: int) -> tuple[Tensor, Tensor]:
    """Column and row of each output point, shape (points, 2), and its stride, shape (points, 1)."""
    grids, strides = [], []
    for stride in _STRIDES:
        rows, columns = np.mgrid[0 : height // stride, 0 : width // stride]
        grid = np.stack([columns.ravel(), rows.ravel()], axis=1).astype(np.float32)
        grids.append(grid)
        strides.append(np.full((len(grid), 1), stride, np.float32))
    return np.concatenate(grids), np.concatenate(strides)
