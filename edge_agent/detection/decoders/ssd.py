"""Models that end in TFLite_Detection_PostProcess: boxes, classes, scores, count.

Source: the custom operator's documentation in TensorFlow's ``detection_postprocess.cc``. It has
already done its own suppression per class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edge_agent.detection.decoders.tensors import Candidates, InputTable, Tensor, TensorInfo


class SsdDecoder:
    """Input [1, h, w, 3] RGB; outputs boxes [1, n, 4] (ymin, xmin, ymax, xmax), classes, scores, n."""

    classes: int | None = None
    stretches = True  # as its training pipeline (fixed_shape_resizer)
    merges_rider = False

    def __init__(self, input_info: TensorInfo, outputs: Sequence[TensorInfo], order: Sequence[int]) -> None:
        if input_info.dtype == np.float32:  # trained on -1..1
            self.input = InputTable(input_info, (127.5,), (127.5,), rgb=True)
        else:  # the bytes themselves, with int8 their zero moved from 128 to 0
            bytes_as_they_are = replace(input_info, scale=1.0, zero_point=int(np.iinfo(input_info.dtype).min))
            self.input = InputTable(bytes_as_they_are, rgb=True)
        self._outputs = outputs
        self._order = order

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

    def decode(self, outputs: Sequence[Tensor], floor: float) -> Candidates:
        boxes, classes, scores, count = (self._outputs[i].real(outputs[i])[0] for i in self._order)
        rows = np.flatnonzero(scores[: int(count)] >= floor)
        y1_x1_y2_x2 = boxes[rows]
        return Candidates(
            y1_x1_y2_x2[:, (1, 0, 3, 2)],
            scores[rows],
            np.rint(np.nan_to_num(classes[rows], nan=-1.0)).astype(np.intp),
        )
