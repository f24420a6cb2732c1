"""Runs TFLite models on LiteRT, or on its predecessor tflite_runtime where only that is installed.

Only this module uses the runtime; it turns the runtime's errors into DetectorError.
"""

from __future__ import annotations

import ctypes
import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from edge_agent.core.errors import DetectorError
from edge_agent.core.model import GROUP_OF_LABEL, TWO_WHEELER, Box, Detection, accepted_labels
from edge_agent.core.problems import ProblemText, problem_text
from edge_agent.detection.detector import InputFit, ModelInfo
from edge_agent.detection.model_decoders import PicoDetDecoder, SsdDecoder, StreetDecoder, YoloxDecoder
from edge_agent.detection.model_file import forget_read_pages, mapped_name, private_copy, read_labels
from edge_agent.detection.tensors import (
    PAD,
    Candidates,
    InputTable,
    ModelDecoder,
    Tensor,
    TensorInfo,
    describe,
)

if TYPE_CHECKING:
    from edge_agent.core.model import Colour

log = logging.getLogger(__name__)

_IDENTIFIER = b"TFL3"  # TFLite's FlatBuffers file identifier, at byte 4
_SMALLEST_BYTES = 1024
_LARGEST_BYTES = 256 * 1024 * 1024  # more than any model that a gateway can run several times a second
_SAME_OBJECT_IOU = 0.5
_MAX_CANDIDATES = 300  # the best ones; even a picture full of riders has no more objects
_NMS_OFFSET = 2.0  # in input widths; two-wheelers are shifted by it, so that they suppress no riders

_ODD_TENSORS = (ArithmeticError, LookupError, TypeError, ValueError, cv2.error)
"""Errors of numpy and OpenCV for tensors of an unexpected shape or type."""


class LiteRtDetector:
    """One model file. The constructor loads the model and runs it once; raises DetectorError."""

    def __init__(
        self,
        path: Path,
        labels: Sequence[str],
        min_score: float,
        threads: int = 1,
        delegate: str | None = None,
    ) -> None:
        self.name = path.stem
        self._path = path
        self._floor = min_score
        self.model, self._runtime, mapped = open_model(path, threads, delegate)
        self.degraded = self._runtime.degraded
        try:
            self._decoder = _decoder(path, self._runtime.input, self._runtime.outputs)
        except _ODD_TENSORS as error:
            reason = problem_text("detector-tensors", file=str(path), error=_first_line(error))
            raise DetectorError(reason) from error
        self._labels = read_labels(path, self._decoder.classes)
        self.labels = accepted_labels(labels) & frozenset(self._labels)
        if not self.labels:
            raise DetectorError(problem_text("detector-labels-unknown", file=str(path), labels=list(labels)))
        self._wanted = np.array([label in self.labels for label in self._labels])
        self._two_wheeled = np.array([GROUP_OF_LABEL.get(label) == TWO_WHEELER for label in self._labels])
        width, height = self.input_size = self._decoder.input.size
        self.detect(np.full((height, width, 3), PAD, np.uint8))  # the first inference allocates: do it now
        forget_read_pages(mapped)  # the runtime has its own packed copy of the weights

    def fit(self, size: tuple[int, int]) -> InputFit:
        whole = self._decoder.input.size
        return InputFit(*whole) if self._decoder.stretches else InputFit.letterbox(size, whole)

    def detect(self, pixels: Colour) -> list[Detection]:
        fit = self.fit((pixels.shape[1], pixels.shape[0]))
        outputs = self._runtime.run(self._decoder.input, _fitted(pixels, fit))
        try:
            with np.errstate(all="ignore"):  # NaN boxes are removed later
                return self._named(self._decoder.decode(outputs, self._floor), fit)
        except _ODD_TENSORS as error:
            reason = problem_text("detector-output", file=str(self._path), error=_first_line(error))
            raise DetectorError(reason) from error

    def _named(self, found: Candidates, fit: InputFit) -> list[Detection]:
        """Return one detection for each object of a wanted class, with boxes in 0..1 of the picture."""
        width, height = self._decoder.input.size
        boxes = (found.boxes * np.tile((width / fit.width, height / fit.height), 2)).clip(0.0, 1.0)
        # removes boxes with NaN: each comparison with NaN is false
        real = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
        known = np.flatnonzero(real & (found.classes >= 0) & (found.classes < len(self._labels)))
        best = known[np.argsort(-found.scores[known], kind="stable")[:_MAX_CANDIDATES]]
        boxes, scores, classes = boxes[best], found.scores[best].clip(0.0, 1.0), found.classes[best]
        kept = self._without_duplicates(boxes, scores, classes)
        kept = kept[self._wanted[classes[kept]]]
        return [
            Detection(self._labels[number], score, Box(*box))
            for number, score, box in zip(
                classes[kept].tolist(), scores[kept].tolist(), boxes[kept].tolist(), strict=True
            )
        ]

    def _without_duplicates(self, boxes: Tensor, scores: Tensor, classes: Tensor) -> Tensor:
        """Return the indices of the best box of each object (non-maximum suppression). It works over all
        classes: a truck must suppress a car even if trucks are not configured. Only a rider may be both a
        person and a vehicle."""
        if not len(boxes):
            return np.empty(0, np.intp)
        corners = np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]]).astype(np.float64)
        if not self._decoder.merges_rider:
            corners[self._two_wheeled[classes], 0] += _NMS_OFFSET
        kept = cv2.dnn.NMSBoxes(corners.tolist(), scores.tolist(), 0.0, _SAME_OBJECT_IOU)
        return np.asarray(kept, np.intp).ravel()


def open_model(path: Path, threads: int, delegate: str | None) -> tuple[ModelInfo, LiteRtRuntime, str]:
    """Load a model file. Returns also its mapping's name, for ``forget_read_pages``. Raises DetectorError."""
    _check_size(path)
    try:
        with private_copy(path) as file:
            model = ModelInfo(path.stem, _digest(path, file))
            return model, LiteRtRuntime(path, file, threads, delegate), mapped_name(file)
    except OSError as error:
        raise DetectorError(_unreadable(path, error)) from error


class LiteRtRuntime:
    """Runs TFLite's interpreter, with one input and some outputs. It maps ``file``, a copy of ``path``:
    passing the model as bytes would need 4 MB more for bytes that are never read again."""

    def __init__(self, path: Path, file: Path, threads: int, delegate: str | None) -> None:
        module = _import_runtime()
        self._path, self._file = path, file
        self.degraded: str | None = None
        try:
            self._interpreter = self._on_delegate(module, threads, delegate) or _interpreter(
                module, file, threads, None
            )
            inputs = [_info(d) for d in self._interpreter.get_input_details()]
            self.outputs = [_info(d) for d in self._interpreter.get_output_details()]
        except (ValueError, RuntimeError, TypeError, SystemError, MemoryError) as error:
            reason = problem_text("detector-not-loaded", file=str(path), error=_first_line(error))
            raise DetectorError(reason) from error
        if len(inputs) != 1:
            figures = {"count": len(inputs), "inputs": describe(inputs)}
            raise DetectorError(problem_text("detector-inputs", file=str(path), **figures))
        self.input = inputs[0]
        self._input = self._interpreter.tensor(self.input.index)

    def _on_delegate(self, module: Any, threads: int, delegate: str | None) -> Any:
        """Return the interpreter on the accelerator; None if none is configured or it does not work."""
        if delegate is None:
            return None
        try:
            # If load_delegate fails, its object raises in __del__, so try the library first.
            if not hasattr(ctypes.CDLL(delegate), "tflite_plugin_create_delegate"):
                raise OSError("no TFLite delegate in it")
            return _interpreter(module, self._file, threads, [module.load_delegate(delegate)])
        except (OSError, ValueError, RuntimeError) as error:
            self.degraded = problem_text("detector-delegate", delegate=delegate, error=_first_line(error))
            log.warning("detector: %s", self.degraded)
            return None

    def run(self, table: InputTable, pixels: Tensor) -> list[Tensor]:
        """Run one inference. The outputs are copies, in the model's order. Raises DetectorError."""
        try:
            # The interpreter refuses to run while a view of its input is alive.
            table.write(pixels, self._input())
            self._interpreter.invoke()
            return [self._interpreter.get_tensor(o.index) for o in self.outputs]
        except (*_ODD_TENSORS, RuntimeError) as error:
            reason = problem_text("detector-inference", file=str(self._path), error=_first_line(error))
            raise DetectorError(reason) from error


def _fitted(pixels: Colour, fit: InputFit) -> Tensor:
    """Return ``pixels`` in the size of ``fit``; themselves if they have it."""
    if pixels.shape[:2] == (fit.height, fit.width):
        return pixels
    # Area averaging costs 7 times as much; down to half the size linear sampling skips no pixel.
    how = cv2.INTER_AREA if pixels.shape[1] > 2 * fit.width else cv2.INTER_LINEAR
    return cv2.resize(pixels, (fit.width, fit.height), interpolation=how)


def _interpreter(module: Any, path: Path, threads: int, delegates: list[Any] | None) -> Any:
    made = module.Interpreter(model_path=str(path), num_threads=threads, experimental_delegates=delegates)
    made.allocate_tensors()
    return made


def _check_size(path: Path) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise DetectorError(_unreadable(path, error)) from error
    if not _SMALLEST_BYTES <= size <= _LARGEST_BYTES:
        raise DetectorError(problem_text("detector-file-size", file=str(path), bytes=size))


def _unreadable(path: Path, error: OSError) -> ProblemText:
    return problem_text("detector-file-unreadable", file=str(path), error=str(error.strerror))


def _digest(path: Path, copy: Path) -> str:
    """Return the file's SHA-256. Raises DetectorError if it is no TFLite file: the runtime would abort."""
    with copy.open("rb") as file:
        identifier = file.read(8)[4:]
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if identifier != _IDENTIFIER:
        raise DetectorError(problem_text("detector-not-tflite", file=str(path), identifier=repr(identifier)))
    return digest


def _import_runtime() -> Any:
    try:
        from ai_edge_litert import interpreter
    except ImportError:
        return _import_predecessor()
    return interpreter


def _import_predecessor() -> Any:
    try:
        from tflite_runtime import interpreter
    except ImportError as error:
        raise DetectorError(problem_text("detector-no-runtime", error=str(error))) from error
    if int(np.__version__.split(".")[0]) >= 2:
        # tflite_runtime imports under numpy 2, but Interpreter() fails with a text about _ARRAY_API.
        raise DetectorError(problem_text("detector-numpy", version=np.__version__))
    return interpreter


def _info(detail: dict[str, Any]) -> TensorInfo:
    scale, zero_point = detail["quantization"]
    return TensorInfo(
        index=int(detail["index"]),
        name=str(detail["name"]),
        shape=tuple(int(n) for n in detail["shape"]),
        dtype=np.dtype(detail["dtype"]),
        scale=float(scale),
        zero_point=int(zero_point),
    )


def _decoder(path: Path, input_info: TensorInfo, outputs: Sequence[TensorInfo]) -> ModelDecoder:
    for kind in (StreetDecoder, SsdDecoder, YoloxDecoder, PicoDetDecoder):
        if (decoder := kind.recognise(input_info, outputs)) is not None:
            return decoder
    tensors = {"input": str(input_info), "outputs": describe(outputs)}
    raise DetectorError(problem_text("detector-unknown-kind", file=str(path), **tensors))


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
