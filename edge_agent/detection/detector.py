"""What a detector is, and how a picture lies in its input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from edge_agent.core.model import Detection

if TYPE_CHECKING:
    from edge_agent.core.model import Colour


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Which model names the objects; goes into every event."""

    name: str
    sha256: str | None  # None: a detector without a file


class ObjectDetector(Protocol):
    """Finds objects in a picture or a part of one. Not thread-safe: one thread at a time calls ``detect``."""

    @property
    def name(self) -> str: ...

    @property
    def model(self) -> ModelInfo: ...

    @property
    def labels(self) -> frozenset[str]:
        """Labels it can return: what counts for the configured ones, as far as the model knows it."""
        ...

    @property
    def degraded(self) -> str | None:
        """One line for health when it runs, but not as configured."""
        ...

    @property
    def input_size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        ...

    def fit(self, size: tuple[int, int]) -> InputFit:
        """How pixels of ``size`` (width, height) lie in the input. Whoever scales anyway scales to it."""
        ...

    def detect(self, pixels: Colour) -> list[Detection]:
        """Objects in ``pixels`` (height, width, 3; uint8; BGR), best first, boxes in 0..1 of them.

        Only configured labels at or above the least score, without doubles; a model with the classes of
        COCO gives a rider as a person and as a machine. Raises DetectorError when the inference failed.
        """
        ...


@dataclass(frozen=True, slots=True)
class InputFit:
    """Pixels of the input that a picture fills, from the top left; the rest is padding."""

    width: int
    height: int

    @classmethod
    def letterbox(cls, size: tuple[int, int], input_size: tuple[int, int]) -> InputFit:
        """Keep the aspect; pad right or below. Sizes are (width, height)."""
        scale = min(input_size[0] / size[0], input_size[1] / size[1])
        width = min(input_size[0], max(1, round(size[0] * scale)))
        height = min(input_size[1], max(1, round(size[1] * scale)))
        return cls(width, height)
