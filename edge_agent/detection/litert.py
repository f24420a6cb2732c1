"""TFLite models on LiteRT, or on its predecessor tflite_runtime where only that is installed.

The one module that knows the runtime; what it raises leaves here as DetectorError.
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

from edge_agent.detection.detector import Fit, ModelInfo, floors, interpolation, refine
from edge_agent.detection.labels import read_labels
from edge_agent.detection.mapped import forget_read_pages, mapped_name, own_copy
from edge_agent.detection.picodet import PicoDetDecoder
from edge_agent.detection.ssd import SsdDecoder
from edge_agent.detection.tensors import Decoder, Tensor, TensorInfo, describe
from edge_agent.detection.yolox import YoloxDecoder
from edge_agent.errors import DetectorError
from edge_agent.model import Detection

if TYPE_CHECKING:
    from edge_agent.model import Colour

log = logging.getLogger(__name__)

_IDENTIFIER = b"TFL3"  # TFLite's FlatBuffers file identifier, at byte 4
_SMALLEST_BYTES = 1024
_LARGEST_BYTES = 256 * 1024 * 1024  # larger than any model a gateway can run several times a second
_IOU = 0.5
_PAD = 114  # YOLOX's training pad value


class LiteRtDetector:
    """One model file. The constructor loads it and runs it once; DetectorError says what is wrong with it."""

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
        _check_size(path)
        try:
            with own_copy(path) as file:
                self.model = ModelInfo(path.stem, _digest(path, file))
                self._runtime, mapped = _Runtime(path, file, threads, delegate), mapped_name(file)
        except OSError as error:
            raise DetectorError(f"{path}: the model cannot be read: {error.strerror}") from error
        self.degraded = self._runtime.degraded
        self._decoder = _decoder(path, self._runtime.input, self._runtime.outputs)
        self._labels = read_labels(path, self._decoder.classes)
        self._floors = floors(self._labels, min_score)
        self.labels = frozenset(labels) & frozenset(self._labels)
        if not self.labels:
            raise DetectorError(f"{path}: knows none of the configured labels {', '.join(labels)}")
        self.side_per_object = self._decoder.side_per_object
        width, height = self._decoder.input_size
        self.input_size = (width, height)
        self._resized = np.full((height, width, 3), _PAD, np.uint8)
        self._filled = (width, height)
        self.detect(self._resized.copy())  # the first inference allocates; better now than on a frame
        forget_read_pages(mapped)  # the runtime has packed the weights for itself

    def detect(self, crop: Colour) -> list[Detection]:
        size = (crop.shape[1], crop.shape[0])
        fit = self._decoder.fit(size)
        outputs = self._runtime.run(self._decoder, self._prepare(crop, fit))
        try:
            raw = self._decoder.decode(outputs, self._labels, self._floors)
        except (IndexError, ValueError, OverflowError) as error:
            raise DetectorError(f"{self._path}: output cannot be read: {error}") from error
        in_crop = [Detection(d.label, d.score, fit.to_crop(d.box)) for d in raw]
        return refine(in_crop, size, self.labels, _IOU, self._decoder.same)

    def _prepare(self, crop: Colour, fit: Fit) -> Tensor:
        """``crop`` scaled into the one buffer of the input's size, padded where it does not reach."""
        if self._filled != (fit.width, fit.height):
            self._resized[:] = _PAD
            self._filled = (fit.width, fit.height)
        cv2.resize(
            crop,
            (fit.width, fit.height),
            dst=self._resized[: fit.height, : fit.width],
            interpolation=interpolation(crop, fit),
        )
        return self._resized


class _Runtime:
    """The interpreter: one input, some outputs. It maps ``file``, a copy of ``path``; to hold the model as
    bytes costs 4 MB that nobody reads twice."""

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
        except (ValueError, RuntimeError, TypeError, SystemError) as error:
            raise DetectorError(f"{path}: the model cannot be loaded: {_first_line(error)}") from error
        if len(inputs) != 1:
            raise DetectorError(f"{path}: {len(inputs)} inputs ({describe(inputs)}); one picture is expected")
        self.input = inputs[0]
        self._input = self._interpreter.tensor(self.input.index)

    def _on_delegate(self, module: Any, threads: int, delegate: str | None) -> Any:
        """The model on the accelerator; None when none is configured or it does not work here."""
        if delegate is None:
            return None
        try:
            # load_delegate leaves a half-made object that complains in its __del__, so try the library first.
            if not hasattr(ctypes.CDLL(delegate), "tflite_plugin_create_delegate"):
                raise OSError("no TFLite delegate in it")
            return _interpreter(module, self._file, threads, [module.load_delegate(delegate)])
        except (OSError, ValueError, RuntimeError) as error:
            self.degraded = f"delegate {delegate} cannot be used ({_first_line(error)}): running on the CPU"
            log.warning("detector: %s", self.degraded)
            return None

    def run(self, decoder: Decoder, resized: Tensor) -> list[Tensor]:
        """One inference. The outputs are copies, in the model's order."""
        try:
            # No view of the input may be alive while the interpreter runs: it would refuse.
            decoder.write(resized, self._input())
            self._interpreter.invoke()
            return [self._interpreter.get_tensor(o.index) for o in self.outputs]
        except (ValueError, RuntimeError) as error:
            raise DetectorError(f"{self._path}: inference failed: {_first_line(error)}") from error


def _interpreter(module: Any, path: Path, threads: int, delegates: list[Any] | None) -> Any:
    made = module.Interpreter(model_path=str(path), num_threads=threads, experimental_delegates=delegates)
    made.allocate_tensors()
    return made


def _check_size(path: Path) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise DetectorError(f"{path}: the model cannot be read: {error.strerror}") from error
    if not _SMALLEST_BYTES <= size <= _LARGEST_BYTES:
        raise DetectorError(f"{path}: {size} bytes is no model that can be used here")


def _digest(path: Path, copy: Path) -> str:
    """SHA-256 of what runs, checked as far as keeps the C++ runtime from aborting on what is no model."""
    with copy.open("rb") as file:
        identifier = file.read(8)[4:]
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if identifier != _IDENTIFIER:
        raise DetectorError(f"{path}: not a TFLite model (identifier {identifier!r} instead of b'TFL3')")
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
        raise DetectorError(
            f"no TFLite runtime: install ai-edge-litert, or edge-agent[tflite-runtime] ({error})"
        ) from error
    if int(np.__version__.split(".")[0]) >= 2:
        # It imports under numpy 2 and fails only inside Interpreter(), with a text about _ARRAY_API.
        raise DetectorError(
            f"tflite_runtime needs numpy 1, here is {np.__version__}: install ai-edge-litert, or 'numpy<2'"
        )
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


def _decoder(path: Path, input_info: TensorInfo, outputs: Sequence[TensorInfo]) -> Decoder:
    for kind in (SsdDecoder, YoloxDecoder, PicoDetDecoder):
        if (decoder := kind.recognise(input_info, outputs)) is not None:
            return decoder
    raise DetectorError(
        f"{path}: no known kind of detection model: input {input_info}; outputs {describe(outputs)}; "
        "known are SSD with TFLite_Detection_PostProcess, raw YOLOX and raw PicoDet"
    )


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
