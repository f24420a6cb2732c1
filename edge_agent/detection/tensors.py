"""A model's inputs and outputs for the decoders, independent of the runtime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.core.printable import printable

MAX_DESCRIBED = 12  # tensors
PAD = 114  # grey level around a picture, with which YOLOX and the models of training/ are trained

Tensor = NDArray[Any]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """Describes one input or output tensor. A ``scale`` of 0 means that it is not quantised."""

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    scale: float
    zero_point: int

    def __str__(self) -> str:
        return f"{printable(self.name[:60])} {list(self.shape)} {self.dtype.name}"

    def real(self, values: Tensor) -> Floats:
        """Dequantise ``values``."""
        if self.scale == 0.0:
            return values.astype(np.float32, copy=False)
        return (values.astype(np.float32) - np.float32(self.zero_point)) * np.float32(self.scale)

    def stored(self, values: Floats) -> Tensor:
        """Quantise ``values`` to the form in which the tensor stores them."""
        if self.scale == 0.0:
            return np.asarray(values, self.dtype)
        limits = np.iinfo(self.dtype)
        steps = np.rint(values / self.scale) + self.zero_point
        return np.asarray(steps.clip(limits.min, limits.max), self.dtype)


def describe(tensors: Sequence[TensorInfo]) -> str:
    """Return a list of the first tensors for health and logs: a model may have thousands."""
    more = [f"{len(tensors) - MAX_DESCRIBED} more"] if len(tensors) > MAX_DESCRIBED else []
    return ", ".join([*map(str, tensors[:MAX_DESCRIBED]), *more]) or "none"


IMAGENET = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
"""Mean and standard deviation of red, green and blue, 0..255, of many published models."""


class InputTable:
    """Writes a BGR picture into a model's input; one table look-up per byte scales and quantises."""

    def __init__(
        self,
        info: TensorInfo,
        mean: Sequence[float] = (0.0,),
        std: Sequence[float] = (1.0,),
        rgb: bool = False,
    ) -> None:
        """The model expects ``(byte - mean) / std``: one value each, or one per channel, in the
        order of the model: red first if ``rgb``, else blue."""
        self.planar = info.shape[1] == 3 and info.shape[3] != 3
        height, width = info.shape[2:4] if self.planar else info.shape[1:3]
        self.size = (width, height)
        self._rgb = rgb
        levels = np.arange(256, dtype=np.float32)[:, None, None]
        wanted = (levels - np.array(mean, np.float32)) / np.array(std, np.float32)
        self._table = info.stored(np.asarray(wanted, np.float32))  # [256, 1, 1 or 3]
        self._pad = self._table[PAD, 0]

    def write(self, picture: Tensor, tensor: Tensor) -> None:
        """Write ``picture`` (height, width, 3; uint8; BGR; at most as large as the input) into ``tensor``, in
        place, at the top left; the rest becomes grey. The runtime overwrites its input: all of it is written.
        """
        height, width = picture.shape[:2]
        rows = tensor[0].transpose(1, 2, 0) if self.planar else tensor[0]  # [height, width, 3]
        rows[height:] = rows[:height, width:] = self._pad
        if self._rgb:
            picture = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
        if not self.planar and width == rows.shape[1]:
            cv2.LUT(picture, self._table, dst=rows[:height])
        else:
            rows[:height, :width] = cv2.LUT(picture, self._table)


@dataclass(frozen=True, slots=True)
class Candidates:
    """Detections before suppression: one object may have several of them."""

    boxes: Floats  # [n, 4], x1 y1 x2 y2 in 0..1 of the model's input
    scores: Floats  # [n]
    classes: NDArray[np.intp]  # [n]

    @classmethod
    def joined(cls, parts: Sequence[Candidates]) -> Candidates:
        return cls(
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.classes for part in parts]),
        )


class ModelDecoder(Protocol):
    """The input and output format of one family of models."""

    @property
    def input(self) -> InputTable: ...

    @property
    def classes(self) -> int | None:
        """Number of classes in the output; None if the output does not show it."""

    @property
    def stretches(self) -> bool:
        """Whether pictures are stretched to fill the input, as in training; else they are padded."""

    @property
    def merges_rider(self) -> bool:
        """Whether the model returns a rider and the vehicle as one object, not as a person and a vehicle."""

    def decode(self, outputs: Sequence[Tensor], floor: float) -> Candidates:
        """Decode the outputs, in the model's order; return all candidates that score at least ``floor``."""
