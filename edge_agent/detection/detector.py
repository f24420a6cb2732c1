"""The interface of a detector, and how a picture is fitted into its input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from edge_agent.core.model import Detection

if TYPE_CHECKING:
    from edge_agent.core.model import Colour


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The model that labels the objects; every event contains it."""

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
        """Labels that it can return: those labels of the model that are accepted for the configured ones."""

    @property
    def degraded(self) -> str | None:
        """One line for health if the detector runs, but not as configured."""

    @property
    def input_size(self) -> tuple[int, int]:
        """Width and height in pixels."""

    def fit(self, size: tuple[int, int]) -> InputFit:
        """Return how a picture of ``size`` (width, height) fits into the input. A caller that scales anyway
        should scale to this size."""

    def detect(self, pixels: Colour) -> list[Detection]:
        """Return objects in ``pixels`` (height, width, 3; uint8; BGR), best first, with boxes in 0..1.

        Only configured labels at or above the minimum score are returned, without duplicates. With COCO's
        classes, a rider is a person and a vehicle. Raises DetectorError when the inference failed.
        """


@dataclass(frozen=True, slots=True)
class InputFit:
    """The part of the input that a picture fills, in pixels from the top left; the rest is padding."""

    width: int
    height: int

    @classmethod
    def letterbox(cls, size: tuple[int, int], input_size: tuple[int, int]) -> InputFit:
        """Keep the aspect ratio, and pad at the right or below. Sizes are (width, height)."""
        scale = min(input_size[0] / size[0], input_size[1] / size[1])
        width = min(input_size[0], max(1, round(size[0] * scale)))
        height = min(input_size[1], max(1, round(size[1] * scale)))
        return cls(width, height)
