"""Runs a TFLite model that turns a picture into one vector, its embedding."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.core.errors import DetectorError
from edge_agent.core.problems import problem_text
from edge_agent.detection.litert import open_model
from edge_agent.detection.tensors import IMAGENET, Floats, InputTable, TensorInfo, describe

if TYPE_CHECKING:
    from edge_agent.core.model import Colour

MIN_SIDE, MAX_SIDE = 16, 512
MIN_DIMENSIONS, MAX_DIMENSIONS = 8, 1020
"""As float16 with eight bytes more, the longest vector has 2,048 bytes."""

PIXELS: Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "0..1": ((0.0,), (255.0,)),
    "-1..1": ((127.5,), (127.5,)),
    "0..255": ((0.0,), (1.0,)),
    "imagenet": IMAGENET,
}
"""How a model reads a byte of the picture: as ``(byte - mean) / std``. One value each, or one each for red,
green and blue."""


class EmbeddingModel:
    """One model file. The constructor loads it and runs it once; raises DetectorError. Not thread-safe."""

    def __init__(self, path: Path, pixels: str, bgr: bool = False) -> None:
        self._path = path
        self.info, self._runtime, _ = open_model(path, threads=1, delegate=None)
        self._output = self._only_vector()
        self.dimensions = math.prod(self._output.shape)
        mean, std = (values[::-1] if bgr else values for values in PIXELS[pixels])
        self._table = InputTable(self._picture_input(), mean, std, rgb=not bgr)
        self.input_size = self._table.size  # width, height in pixels
        width, height = self.input_size
        ramp = np.linspace(0, 255, width * height * 3).reshape(height, width, 3)
        self.embed(ramp.astype(np.uint8))

    def embed(self, picture: Colour) -> Floats:
        """Return a picture's vector, (dimensions,) of length 1. The picture is stretched to fill the input,
        as in the training of models for re-identification. Raises DetectorError."""
        # Area averaging keeps the mean colours when a picture is made smaller, and is linear otherwise.
        filled = cv2.resize(picture, self.input_size, interpolation=cv2.INTER_AREA)
        (output,) = self._runtime.run(self._table, filled)
        vector = self._output.real(output).ravel()
        length = float(np.linalg.norm(vector.astype(np.float64)))
        if not (math.isfinite(length) and length > 0):
            raise DetectorError(problem_text("embedding-empty", file=str(self._path)))
        return np.asarray(vector / length, np.float32)

    def _picture_input(self) -> TensorInfo:
        info = self._runtime.input
        planar = len(info.shape) == 4 and info.shape[1] == 3 and info.shape[3] != 3
        sides = info.shape[2:] if planar else info.shape[1:3]
        is_picture = len(info.shape) == 4 and info.shape[0] == 1 and (planar or info.shape[3] == 3)
        if not (is_picture and all(MIN_SIDE <= side <= MAX_SIDE for side in sides)):
            limits = {"low": MIN_SIDE, "high": MAX_SIDE}
            raise DetectorError(
                problem_text("embedding-input", file=str(self._path), input=str(info), **limits)
            )
        return info

    def _only_vector(self) -> TensorInfo:
        outputs = self._runtime.outputs
        if len(outputs) == 1:
            shape = outputs[0].shape
            longest = max(shape, default=0)
            if (
                shape[:1] == (1,)
                and math.prod(shape) == longest
                and MIN_DIMENSIONS <= longest <= MAX_DIMENSIONS
            ):
                return outputs[0]
        limits = {"low": MIN_DIMENSIONS, "high": MAX_DIMENSIONS}
        raise DetectorError(
            problem_text("embedding-output", file=str(self._path), outputs=describe(outputs), **limits)
        )
