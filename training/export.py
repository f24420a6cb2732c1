"""Converts trained weights to the int8 TFLite file that the agent loads, calibrated on real pictures."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from training.dataset import CLASSES, Image
from training.network import STRIDES, Detector
from training.predict import METADATA
from training.train import as_input, checkpoint

HIGHEST_LOGIT = np.float32(2)
"""Each score can reach sigmoid(2) = 0.88; the ranges of the model that ships end at 2.1 to 2.9.

The range of scores must not depend on the light of the calibration pictures: with those of dark streets the
largest logit was 0.14, and no score of the int8 file passed 0.53.
"""


class Exported(nn.Module):
    """The exported computation: for each stride scores 0..1 and distances in strides.

    In pixels the distances of one stride are up to four times those of another, and one scale of int8 would
    have to fit both.
    """

    def __init__(self, network: Detector) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> list[Tensor]:
        out: list[Tensor] = []
        for (logits, edges), stride in zip(self.network(x), STRIDES, strict=True):
            out += [logits.sigmoid(), edges / stride]
        return out


def load_average(path: Path) -> tuple[Detector, int]:
    """Load the network of a checkpoint with its averaged weights, and its step."""
    with checkpoint(path) as kept:
        network = Detector(kept["plan"]["width"])
        network.load_state_dict(kept["average"])
        return network.eval(), int(kept["step"])


def export(network: Detector, size: tuple[int, int], calibration: Sequence[Image], path: Path) -> None:
    """Write the int8 model.

    ``size``: width and height of its input; ``calibration``: pictures of that size.
    """
    import litert_torch
    from ai_edge_quantizer import quantizer, recipe

    sample = (as_input([np.zeros((size[1], size[0], 3), np.uint8)]).contiguous(),)
    channels_last = litert_torch.to_channel_last_io(Exported(network).eval(), args=[0])
    floating = path.with_suffix(".float.tflite")
    litert_torch.convert(channels_last, (sample[0].permute(0, 2, 3, 1).contiguous(),)).export(str(floating))
    quantising = quantizer.Quantizer(str(floating), recipe.static_wi8_ai8())
    path.write_bytes(quantising.quantize(_ranges(floating, calibration)).quantized_model)
    for made in (path, floating):  # the second one to measure the effect of quantisation
        _describe(made, size)


def _ranges(floating: Path, calibration: Sequence[Image]) -> dict[str, Any]:
    """Return the minimum and maximum of each tensor over all pictures.

    The quantiser's own choice is a mean over pictures: where most hold few objects no score passed 0.5, and
    no box four strides from its middle.
    """
    from ai_edge_quantizer import calibrator, recipe, recipe_manager
    from ai_edge_quantizer.utils import qsv_utils

    how = recipe_manager.RecipeManager()
    how.load_quantization_recipe(recipe.static_wi8_ai8())
    calibrating = calibrator.Calibrator(str(floating), 1, qsv_update_func=qsv_utils.min_max_update)
    inputs = [{"args_0": image[None].astype(np.float32) / 127.5 - 1} for image in calibration]
    calibrating.calibrate({"serving_default": inputs}, how)
    found: dict[str, Any] = calibrating.get_model_qsvs()
    return _widened(found, _logits(floating))


def _logits(model: Path) -> list[str]:
    """Return the names of the tensors of a TFLite file that become scores."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(model))
    names = {tensor["index"]: tensor["name"] for tensor in interpreter.get_tensor_details()}
    operators = interpreter._get_ops_details()  # there is no public list of the operators
    return [names[one["inputs"][0]] for one in operators if one["op_name"] == "LOGISTIC"]


def _widened(found: dict[str, Any], logits: Sequence[str]) -> dict[str, Any]:
    """Return the ranges, of ``logits`` up to ``HIGHEST_LOGIT`` at least."""
    wide = {name: {**found[name], "max": np.maximum(found[name]["max"], HIGHEST_LOGIT)} for name in logits}
    return {**found, **wide}


def _describe(path: Path, size: tuple[int, int]) -> None:
    about = {"labels": list(CLASSES), "strides": list(STRIDES), "width": size[0], "height": size[1]}
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(zipfile.ZipInfo(METADATA), json.dumps(about))  # ZipInfo: no clock in the file
