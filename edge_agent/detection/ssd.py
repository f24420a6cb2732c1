"""Models that end in TFLite_Detection_PostProcess: boxes, classes, scores, count.

Source: the custom operator's documentation in TensorFlow's ``detection_postprocess.cc``. It has
already done its own suppression per class.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from edge_agent.detection.detector import Fit, same_label
from edge_agent.detection.tensors import Tensor, TensorInfo
from edge_agent.model import Box, Detection


class SsdDecoder:
    """Input [1, h, w, 3] RGB; outputs boxes [1, n, 4] (ymin, xmin, ymax, xmax), classes, scores, n."""

    classes: int | None = None
    # Riders of the reference street found at score 0.5, by side: 1.6 92 %, 2 87, 3 83, 4 71, 5 42.
    side_per_object = 2.0

    def __init__(self, input_info: TensorInfo, outputs: Sequence[TensorInfo], order: Sequence[int]) -> None:
        self._input = input_info
        self._outputs = outputs
        self._boxes, self._classes, self._scores, self._count = order
        _, height, width, _ = input_info.shape
        self.input_size = (width, height)
        self._rgb = np.empty((height, width, 3), np.uint8)

    @classmethod
    def recognise(cls, input_info: TensorInfo, outputs: Sequence[TensorInfo]) -> SsdDecoder | None:
        """A decoder when the signature fits, else None."""
        if len(outputs) != 4 or len(input_info.shape) != 4 or input_info.shape[3] != 3:
            return None
        ranks = [len(o.shape) for o in outputs]
        # TF1 exports order them boxes, classes, scores, count; TF2 exports scores, boxes, count, classes.
        for order, want in (((0, 1, 2, 3), [3, 2, 2, 1]), ((1, 3, 0, 2), [2, 3, 1, 2])):
            if ranks == want and outputs[order[0]].shape[2] == 4:
                return cls(input_info, outputs, order)
        return None

    def fit(self, crop_size: tuple[int, int]) -> Fit:
        # The training pipeline (fixed_shape_resizer) stretches, so the model knows stretched objects.
        return Fit.stretch(self.input_size)

    def write(self, resized: Tensor, tensor: Tensor) -> None:
        if tensor.dtype == np.uint8:
            cv2.cvtColor(resized, cv2.COLOR_BGR2RGB, dst=tensor[0])
            return
        cv2.cvtColor(resized, cv2.COLOR_BGR2RGB, dst=self._rgb)
        if tensor.dtype == np.int8:  # the same picture with the zero moved from 128 to 0
            np.subtract(self._rgb, 128, out=tensor[0], dtype=np.int16, casting="unsafe")
        else:  # float models are trained on -1..1
            np.multiply(self._rgb, 1 / 127.5, out=tensor[0], casting="unsafe")
            tensor[0] -= 1.0

    def decode(
        self, outputs: Sequence[Tensor], labels: Sequence[str], floors: Sequence[float]
    ) -> list[Detection]:
        boxes, classes, scores, count = (
            self._outputs[i].real(outputs[i])[0]
            for i in (self._boxes, self._classes, self._scores, self._count)
        )
        found: list[Detection] = []
        for i in range(min(int(count), len(scores))):
            number = round(float(classes[i]))
            if 0 <= number < len(labels) and scores[i] >= floors[number]:
                y1, x1, y2, x2 = (float(v) for v in boxes[i])
                score = min(1.0, float(scores[i]))
                found.append(Detection(labels[number], score, Box(x1, y1, x2, y2)))
        return found

    def same(self, better: Detection, other: Detection) -> bool:
        return same_label(better, other)
