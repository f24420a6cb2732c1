"""Detections of an exported model on whole pictures, with the runtime of the gateways."""

from __future__ import annotations

import json
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.core.model import Box
from edge_agent.detection.darkness import brightened, is_visible
from training.augment import PAD
from training.dataset import DataError, Image

Floats = NDArray[np.float32]
METADATA = "edge_agent_model.json"
"""Appended to the model file as a zip entry, as TFLite's own metadata are: labels, strides, input size."""
MOST = 300
"""Maximum number of candidates for the suppression of duplicates."""


@dataclass(frozen=True)
class Fitted:
    """A picture in a model's input."""

    image: Image
    scale: float  # pixels of the model's input for one of the picture
    dark: Image | None  # the scaled picture before it was brightened; None: it was not dark

    def shows(self, box: Floats) -> bool:
        """Return whether the box (x1, y1, x2, y2 in pixels of the input) shows more than brightened noise."""
        if self.dark is None:
            return True
        height, width = self.dark.shape[:2]
        return is_visible(self.dark, Box(*(box / (width, height, width, height)).tolist()))


def fit(image: Image, width: int, height: int) -> Fitted:
    """The picture scaled into the input, at the top left, the rest grey; brightened if it is dark."""
    scale = min(width / image.shape[1], height / image.shape[0])
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    out = np.full((height, width, 3), PAD[0], np.uint8)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    scaled = np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)
    out[: size[1], : size[0]] = bright = brightened(scaled)
    return Fitted(out, scale, None if bright is scaled else scaled)


def described(path: Path) -> tuple[int, int, list[int]]:
    """Width and height of the input, and the strides. Raises DataError for what `export` did not make."""
    try:
        with zipfile.ZipFile(path) as archive:
            about = json.loads(archive.read(METADATA))
            return about["width"], about["height"], about["strides"]
    except (zipfile.BadZipFile, OSError, LookupError, TypeError, ValueError) as error:
        raise DataError(f"{path} is no whole model of `python -m training export`: {error}") from error


class Model:
    def __init__(self, path: Path, threads: int = 1) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self.width, self.height, self.strides = described(path)
        self._interpreter = Interpreter(model_path=str(path), num_threads=threads)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]
        self._outputs = sorted(self._interpreter.get_output_details(), key=lambda one: str(one["name"]))

    def detect(self, image: Image, threshold: float) -> Floats:
        """[n, 6]: x1, y1, x2, y2 in pixels of ``image``, score, class; best first."""
        fitted = fit(image, self.width, self.height)
        self._interpreter.set_tensor(self._input["index"], self._quantised(fitted.image[None]))
        self._interpreter.invoke()
        levels = [self._output(one) for one in self._outputs]
        found = [
            decode(levels[2 * n], levels[2 * n + 1], stride, threshold)
            for n, stride in enumerate(self.strides)
        ]
        boxes = suppress(np.concatenate(found), threshold)
        boxes = boxes[np.array([fitted.shows(box) for box in boxes[:, :4]], bool)]
        boxes[:, :4] /= fitted.scale
        return np.asarray(boxes, np.float32)

    def milliseconds(self, runs: int = 30) -> float:
        """CPU time of one inference, median."""
        spent = []
        for _ in range(runs):
            begun = time.process_time()
            self._interpreter.invoke()
            spent.append(time.process_time() - begun)
        return float(np.median(spent)) * 1000

    def _quantised(self, images: NDArray[np.uint8]) -> NDArray[np.int8] | Floats:
        """-1..1 in the steps of the model's input; as it is for a model that is not quantised."""
        scale, zero = self._input["quantization"]
        values = images.astype(np.float32) / 127.5 - 1
        return np.asarray((values / scale + zero).round().clip(-128, 127), np.int8) if scale else values

    def _output(self, details: dict[str, Any]) -> Floats:
        """[rows, columns, values] of one output, as numbers."""
        scale, zero = details["quantization"]
        steps = self._interpreter.get_tensor(details["index"])[0].astype(np.float32)
        values = (steps - zero) * scale if scale else steps
        return np.asarray(values.transpose(1, 2, 0), np.float32)


def decode(scores: Floats, edges: Floats, stride: int, threshold: float) -> Floats:
    """Candidates [n, 6] of one level.

    ``scores``: [rows, columns, classes]; ``edges``: [rows, columns, 4] in strides.
    """
    best = scores.max(axis=2)
    rows, columns = (best > threshold).nonzero()
    x, y = (columns + 0.5) * stride, (rows + 0.5) * stride
    left, top, right, bottom = edges[rows, columns].T * stride
    kinds = scores[rows, columns].argmax(axis=1)
    return np.stack([x - left, y - top, x + right, y + bottom, best[rows, columns], kinds], 1).astype(
        np.float32
    )


def suppress(boxes: Floats, threshold: float, overlap: float = 0.5) -> Floats:
    """Keep the best of boxes that overlap by more than ``overlap``, independent of class: a rider is one
    object.
    """
    boxes = boxes[boxes[:, 4].argsort()[::-1][:MOST]]
    if not len(boxes):
        return boxes
    corners = np.hstack([boxes[:, :2], boxes[:, 2:4] - boxes[:, :2]])
    kept = cv2.dnn.NMSBoxes(corners.tolist(), boxes[:, 4].tolist(), threshold, overlap)
    return boxes[np.asarray(kept, np.intp).ravel()]
