"""The decoder for the models of ``training/``, among them the shipped one. They are anchor-free.

For each stride there are two outputs: scores 0..1 [1, classes, rows, columns], and distances from the cell's
middle to the edges, in strides, [1, 4, rows, columns] (``training/export.py``). A rider with the vehicle is
one object.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_agent.detection.decoders.tensors import Candidates, Floats, InputTable, Tensor, TensorInfo


@dataclass(frozen=True, slots=True)
class _Level:
    """One stride. ``scores_at`` and ``edges_at`` are indices of outputs."""

    columns: int
    scores_at: int
    edges_at: int
    scores: TensorInfo
    edges: TensorInfo
    cell: Floats  # width and height of a cell in 0..1 of the input, twice


class StreetDecoder:
    """Input [1, h, w, 3], BGR, -1..1; two outputs for each stride, in the order of their names."""

    stretches = False
    merges_rider = True

    def __init__(self, input_info: TensorInfo, levels: Sequence[_Level]) -> None:
        self.input = InputTable(input_info, (127.5,), (127.5,))
        self.classes: int | None = levels[0].scores.shape[1]
        self._levels = levels

    @classmethod
    def recognise(cls, input_info: TensorInfo, outputs: Sequence[TensorInfo]) -> StreetDecoder | None:
        """A decoder when the signature fits, else None."""
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
        """Compare the stored (quantised) scores first, and decode only the few cells that pass."""
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
