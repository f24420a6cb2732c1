"""A model's inputs and outputs as the decoders see them, whatever runtime they come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edge_agent.detection.detector import Fit
from edge_agent.model import Detection

Tensor = NDArray[Any]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One input or output. ``scale`` 0 means: not quantised."""

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    scale: float
    zero_point: int

    def __str__(self) -> str:
        return f"{self.name} {list(self.shape)} {self.dtype.name}"

    def real(self, values: Tensor) -> Floats:
        """What quantised ``values`` stand for."""
        if self.scale == 0.0:
            return values.astype(np.float32, copy=False)
        return (values.astype(np.float32) - np.float32(self.zero_point)) * np.float32(self.scale)


def describe(tensors: Sequence[TensorInfo]) -> str:
    return ", ".join(str(t) for t in tensors) or "none"


class Decoder(Protocol):
    """How one family of models wants its input and writes its output."""

    @property
    def classes(self) -> int | None:
        """How many classes the output has, or None when it does not tell."""
        ...

    @property
    def input_size(self) -> tuple[int, int]:
        """Width, height."""
        ...

    @property
    def side_per_object(self) -> float:
        """See ``Detector.side_per_object``."""
        ...

    def fit(self, crop_size: tuple[int, int]) -> Fit: ...

    def write(self, resized: Tensor, tensor: Tensor) -> None:
        """Put ``resized`` (input height, input width, 3; uint8; BGR) into the input ``tensor`` in place."""
        ...

    def decode(
        self, outputs: Sequence[Tensor], labels: Sequence[str], floors: Sequence[float]
    ) -> list[Detection]:
        """Outputs in the model's order -> detections, boxes in 0..1 of the model's *input*.

        ``labels`` and the least scores ``floors`` are by class number.
        """
        ...

    def same(self, better: Detection, other: Detection) -> bool:
        """Whether two overlapping detections may be one object."""
        ...
