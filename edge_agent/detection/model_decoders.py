"""Decoders for the models of ``training/``, and for three published families: YOLOX, PicoDet and SSD.

YOLOX with raw output has one row per anchor point of three grids. Source: Ge et al., "YOLOX: Exceeding YOLO
Series in 2021", arXiv:2107.08430: anchor-free, per point x, y, log w, log h, objectness, and one score a
class; ``score = objectness * class``.

PicoDet with raw output has scores and distributions of the edges for each of four strides. Source: Yu et al.,
"PP-PicoDet", arXiv:2111.00902, with the head of Li et al., "Generalized Focal Loss", arXiv:2006.04388: the
distance from a point to an edge, in strides, is the mean of a distribution over bins.

SSD ends in TFLite_Detection_PostProcess: boxes, classes, scores, count, already suppressed per class. Source:
the custom operator's documentation in TensorFlow's ``detection_postprocess.cc``.

The models of ``training/``, among them the shipped one, are anchor-free. For each stride there are two
outputs: scores 0..1 [1, classes, rows, columns], and distances from the cell's middle to the edges, in
strides, [1, 4, rows, columns] (``training/export.py``). A rider with the vehicle is one object.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge_agent.detection.tensors import IMAGENET, Candidates, Floats, InputTable, Tensor, TensorInfo

_YOLOX_STRIDES = (8, 16, 32)


class YoloxDecoder:
    """Decodes YOLOX. Input [1, 3, h, w] or [1, h, w, 3], BGR 0..255, padded with 114; output
    [1, points, 5 + classes]."""

    stretches = False
    merges_rider = False

    def __init__(self, input_info: TensorInfo, output: TensorInfo) -> None:
        self.input = InputTable(input_info)
        self.classes: int | None = output.shape[2] - 5
        self._output = output
        self._grid, self._stride = _points(*self.input.size)

    @classmethod
    def recognise(cls, input_info: TensorInfo, outputs: Sequence[TensorInfo]) -> YoloxDecoder | None:
        """Return a decoder if the inputs and outputs are those of YOLOX, else None."""
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
        # A class score is at most 1, so objectness alone excludes nearly every point.
        maybe = np.flatnonzero(rows[:, 4] >= floor)
        rows = rows[maybe]
        scores = rows[:, 4:5] * rows[:, 5:]
        points, classes = np.nonzero(scores >= floor)
        boxes = self._corners(rows, maybe)[points]
        return Candidates(boxes, scores[points, classes], classes)

    def _corners(self, rows: Floats, points: Tensor) -> Floats:
        stride = self._stride[points]
        centre = (rows[:, :2] + self._grid[points]) * stride
        half = np.exp(np.minimum(rows[:, 2:4], 12.0)) * stride / 2  # at most 12: no overflow for a bad row
        size = np.array(self.input.size, np.float32)
        return np.hstack([(centre - half) / size, (centre + half) / size])


def _points(width: int, height: int) -> tuple[Floats, Floats]:
    """Return column and row of each output point, shape (points, 2), and its stride, shape (points, 1)."""
    grids, strides = [], []
    for stride in _YOLOX_STRIDES:
        rows, columns = np.mgrid[0 : height // stride, 0 : width // stride]
        grid = np.stack([columns.ravel(), rows.ravel()], axis=1).astype(np.float32)
        grids.append(grid)
        strides.append(np.full((len(grid), 1), stride, np.float32))
    return np.concatenate(grids), np.concatenate(strides)


_PICODET_STRIDES = (8, 16, 32, 64)
_BINS = 8  # bins of the distribution of one edge


class PicoDetDecoder:
    """Decodes PicoDet. Input [1, h, w, 3], RGB, normalised; for each stride the outputs
    [1, points, classes] and [1, points, 32]."""

    stretches = True  # trained with Resize, keep_ratio: False
    merges_rider = False

    def __init__(self, input_info: TensorInfo, outputs: Sequence[TensorInfo]) -> None:
        self.input = InputTable(input_info, *IMAGENET, rgb=True)
        self._outputs = outputs
        self.classes: int | None = outputs[0].shape[2]

    @classmethod
    def recognise(cls, input_info: TensorInfo, outputs: Sequence[TensorInfo]) -> PicoDetDecoder | None:
        """Return a decoder if the inputs and outputs are those of PicoDet, else None."""
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
    """Turn the weights of the bins [n, 32] (left, top, right, bottom) into distances [n, 4]."""
    weights = np.exp(edges - edges.max(axis=1, keepdims=True)).reshape(-1, 4, _BINS)
    means = weights @ np.arange(_BINS, dtype=np.float32) / weights.sum(axis=2)
    return np.asarray(means, np.float32)


class SsdDecoder:
    """Decodes SSD. Input [1, h, w, 3] RGB; outputs boxes [1, n, 4] (ymin, xmin, ymax, xmax), classes,
    scores, n."""

    classes: int | None = None
    stretches = True  # as in its training pipeline (fixed_shape_resizer)
    merges_rider = False

    def __init__(self, input_info: TensorInfo, outputs: Sequence[TensorInfo], order: Sequence[int]) -> None:
        if input_info.dtype == np.float32:  # trained on -1..1
            self.input = InputTable(input_info, (127.5,), (127.5,), rgb=True)
        else:  # the bytes of the picture; int8 stores 128 as 0
            bytes_as_they_are = replace(input_info, scale=1.0, zero_point=int(np.iinfo(input_info.dtype).min))
            self.input = InputTable(bytes_as_they_are, rgb=True)
        self._outputs = outputs
        self._order = order

    @classmethod
    def recognise(cls, input_info: TensorInfo, outputs: Sequence[TensorInfo]) -> SsdDecoder | None:
        """Return a decoder if the inputs and outputs are those of SSD, else None."""
        if len(outputs) != 4 or len(input_info.shape) != 4 or input_info.shape[3] != 3:
            return None
        ranks = [len(o.shape) for o in outputs]
        # TF1 exports order them boxes, classes, scores, count; TF2 exports scores, boxes, count, classes.
        for order, want in (((0, 1, 2, 3), [3, 2, 2, 1]), ((1, 3, 0, 2), [2, 3, 1, 2])):
            if ranks == want and outputs[order[0]].shape[2] == 4:
                return cls(input_info, outputs, order)
        return None

    def decode(self, outputs: Sequence[Tensor], floor: float) -> Candidates:
        boxes, classes, scores, count = (self._outputs[i].real(outputs[i])[0] for i in self._order)
        rows = np.flatnonzero(scores[: int(count)] >= floor)
        y1_x1_y2_x2 = boxes[rows]
        return Candidates(
            y1_x1_y2_x2[:, (1, 0, 3, 2)],
            scores[rows],
            np.rint(np.nan_to_num(classes[rows], nan=-1.0)).astype(np.intp),
        )


@dataclass(frozen=True, slots=True)
class _Level:
    """The outputs of one stride. ``scores_at`` and ``edges_at`` are indices of outputs."""

    columns: int
    scores_at: int
    edges_at: int
    scores: TensorInfo
    edges: TensorInfo
    cell: Floats  # width and height of a cell in 0..1 of the input, repeated: [w, h, w, h]


class StreetDecoder:
    """Decodes models of ``training/``. Input [1, h, w, 3], BGR, -1..1; two outputs per stride, by name."""

    stretches = False
    merges_rider = True

    def __init__(self, input_info: TensorInfo, levels: Sequence[_Level]) -> None:
        self.input = InputTable(input_info, (127.5,), (127.5,))
        self.classes: int | None = levels[0].scores.shape[1]
        self._levels = levels

    @classmethod
    def recognise(cls, input_info: TensorInfo, outputs: Sequence[TensorInfo]) -> StreetDecoder | None:
        """Return a decoder if the inputs and outputs are those of a model of ``training/``, else None."""
        if len(input_info.shape) != 4 or input_info.shape[3] != 3 or len(outputs) % 2 or not outputs:
            return None
        order = sorted(range(len(outputs)), key=lambda number: outputs[number].name)
        levels = []
        for scores_at, edges_at in zip(order[::2], order[1::2], strict=True):
            scores, edges = outputs[scores_at], outputs[edges_at]
            if len(scores.shape) != 4 or edges.shape != (1, 4, *scores.shape[2:]):
                return None
            rows, columns = scores.shape[2:]
            cell = np.array([1 / columns, 1 / rows] * 2, np.float32)
            levels.append(_Level(columns, scores_at, edges_at, scores, edges, cell))
        return cls(input_info, levels)

    def decode(self, outputs: Sequence[Tensor], floor: float) -> Candidates:
        return Candidates.joined([self._level(outputs, level, floor) for level in self._levels])

    def _level(self, outputs: Sequence[Tensor], level: _Level, floor: float) -> Candidates:
        """Return a stride's candidates: compare the quantised scores first, decode only cells that pass."""
        scores = outputs[level.scores_at][0].reshape(level.scores.shape[1], -1)
        least = level.scores.stored(np.array(floor, np.float32))
        cells = np.flatnonzero(scores.max(axis=0) >= least)
        classes = scores[:, cells].argmax(axis=0)
        edges = level.edges.real(outputs[level.edges_at][0].reshape(4, -1)[:, cells]).T
        middles = np.stack([cells % level.columns, cells // level.columns], axis=1) + 0.5
        corners = np.hstack([middles - edges[:, :2], middles + edges[:, 2:]]) * level.cell
        return Candidates(
            corners.astype(np.float32), level.scores.real(scores[classes, cells]), classes.astype(np.intp)
        )
