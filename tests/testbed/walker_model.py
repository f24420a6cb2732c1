"""A detector for drawn people: a model file like the one that ships, with weights set by hand.

The shipped model's results on drawings change with each training, so tests of the stages after detection use
this one. It detects what is dark, narrow and 150 of 360 pixels high. To rewrite the file, in an environment
with ``.[training]``:

    python -m tests.testbed.walker_model
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

WALKER_MODEL = Path(__file__).with_name("walker.tflite")
SIZE = (320, 192)  # width and height of the input
DARK = 0.35  # below the middle grey of -1..1: coats are 0.6 to 0.7 below, the place is at most 0.15
CELLS = (3, 11)  # width and height of the upright window that is summed, in cells of 8 pixels
# Extent of a person around the middle of the dark area, in cells.
LEFT, TOP, RIGHT, BOTTOM = 2.4, 5.1, 2.4, 4.3
AROUND = (13, 5)  # height and width in cells; only the best match inside is a person
SLIGHT = 0.01  # a weight of zero would be quantised together with its bias


def make(path: Path) -> None:
    import litert_torch
    import numpy as np
    import torch
    from ai_edge_quantizer import quantizer, recipe
    from torch import nn

    def fixed(weight: Any, bias: list[float]) -> nn.Conv2d:
        weight = torch.as_tensor(weight, dtype=torch.float32)
        outs, ins, *kernel = weight.shape
        conv = nn.Conv2d(ins, outs, tuple(kernel), padding=tuple(k // 2 for k in kernel))
        conv.weight.data, conv.bias.data = weight, torch.tensor(bias)
        return conv

    class Upright(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dark = fixed(-torch.ones(1, 3, 1, 1) / 3, [-DARK])
            window = torch.full((3, 1, CELLS[1], CELLS[0]), -SLIGHT)
            window[0] = 1.2  # a person; nothing is ever a two-wheeler or a vehicle
            window[0, :, (1, -2)], window[0, :, (0, -1)] = 0.6, -1.8  # sharper at head and feet
            self.score = fixed(window, [-4.6, -9.0, -9.0])
            self.nothing = fixed(torch.full((3, 1, 1, 1), -SLIGHT), [-9.0] * 3)
            self.edges = fixed(torch.full((4, 1, 1, 1), SLIGHT), [LEFT, TOP, RIGHT, BOTTOM])

        def forward(self, x: Any) -> list[Any]:
            out = []
            cells = nn.functional.avg_pool2d(self.dark(x).relu(), 8)
            for score in (self.score, self.nothing, self.nothing):
                logits = score(cells)
                best = nn.functional.max_pool2d(
                    logits, AROUND, stride=1, padding=(AROUND[0] // 2, AROUND[1] // 2)
                )
                out += [(logits - 20.0 * (best - logits)).sigmoid(), self.edges(cells)]
                cells = nn.functional.avg_pool2d(cells, 2)
            return out

    rng = np.random.default_rng(1)
    pictures = [_picture(rng) for _ in range(20)]
    sample = torch.zeros(1, 3, SIZE[1], SIZE[0])
    network = litert_torch.to_channel_last_io(Upright().eval(), args=[0])
    floating = path.with_suffix(".float.tflite")
    litert_torch.convert(network, (sample.permute(0, 2, 3, 1).contiguous(),)).export(str(floating))
    quantising = quantizer.Quantizer(str(floating), recipe.static_wi8_ai8())
    scales = quantising.calibrate({"serving_default": [{"args_0": one} for one in pictures]})
    path.write_bytes(quantising.quantize(scales).quantized_model)
    floating.unlink()
    about = {
        "labels": ["person", "two-wheeler", "vehicle"],
        "strides": [8, 16, 32],
        "width": SIZE[0],
        "height": SIZE[1],
    }
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(zipfile.ZipInfo("edge_agent_model.json"), json.dumps(about))


def _picture(rng: Any) -> Any:
    """A grey place with a person in it, in the format of the input: [1, height, width, 3], -1..1."""
    import numpy as np

    from tests.testbed.walker import draw_person

    picture = rng.integers(100, 180, (SIZE[1], SIZE[0], 3)).astype(np.uint8)
    draw_person(picture, int(rng.integers(0, SIZE[0])), foot=150, height=75, phase=float(rng.uniform(0, 6)))
    picture[0, 0], picture[0, 1] = 0, 255  # the whole range
    return picture[None].astype(np.float32) / 127.5 - 1


if __name__ == "__main__":
    make(WALKER_MODEL)
