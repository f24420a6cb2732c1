"""The detector: depthwise-separable convolutions to strides 8, 16 and 32, a small neck, anchor-free heads.

Each cell of a level gives scores of the classes and the distances to the four edges of its object (FCOS, Tian
et al. 2019). ``width`` scales all channels; 16 gives 0.58 million parameters.
"""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.dataset import CLASSES

STRIDES = (8, 16, 32)
WIDTH = 16
PRIOR = 0.01
"""Score of every cell before training: nearly all cells are background (Lin et al. 2017)."""

SHARPNESS = 8.0
"""Of the softplus that trains distances: at most 0.09 strides above the ReLU that is exported."""

Level = tuple[Tensor, Tensor]
"""Of one stride: logits [batch, classes, rows, columns]; distances in pixels [batch, 4, rows, columns]: left,
top, right, bottom."""


class Convolution(nn.Conv2d):
    """Computes with float32 where bfloat16 is slower.

    In bfloat16 the gradients of depthwise convolutions with stride 2 take 47 of the 187 ms of a step of 8
    windows, in float32 4 ms (PyTorch 2.13).
    """

    def forward(self, x: Tensor) -> Tensor:
        if self.groups == 1 or self.stride == (1, 1) or not torch.is_autocast_enabled("cpu"):
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float()).to(x.dtype)


def _conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        Convolution(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(inplace=True),
    )


def _separable(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(_conv(inputs, inputs, 3, stride, inputs), _conv(inputs, outputs, 1))


class Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_conv(channels, channels, 1), _separable(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        return x + cast(Tensor, self.body(x))


class Head(nn.Module):
    """Scores of the classes and distances to the edges, of one level."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_separable(channels, channels), _separable(channels, channels))
        self.scores = nn.Conv2d(channels, classes, 1)
        self.edges = nn.Conv2d(channels, 4, 1)
        nn.init.constant_(cast(Tensor, self.scores.bias), -math.log(1 / PRIOR - 1))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.body(x)
        return self.scores(features), self.edges(features)


class Detector(nn.Module):
    """Few channels at high resolution, where a channel costs most and contributes least."""

    def __init__(self, width: int = WIDTH, classes: int = len(CLASSES)) -> None:
        super().__init__()
        w, neck = width, width * 4
        self.stem = nn.Sequential(_conv(3, w, 3, 2), _separable(w, w * 2, 2))
        self.stage8 = nn.Sequential(_separable(w * 2, w * 6, 2), Residual(w * 6), Residual(w * 6))
        deep = [Residual(w * 10) for _ in range(3)]
        self.stage16 = nn.Sequential(_separable(w * 6, w * 10, 2), *deep)
        self.stage32 = nn.Sequential(_separable(w * 10, w * 14, 2), Residual(w * 14), Residual(w * 14))
        self.lateral = nn.ModuleList([_conv(w * k, neck, 1) for k in (6, 10, 14)])
        self.merge = nn.ModuleList([Residual(neck) for _ in STRIDES])
        self.down = nn.ModuleList([_separable(neck, neck, 2) for _ in STRIDES[1:]])
        self.heads = nn.ModuleList([Head(neck, classes) for _ in STRIDES])

    def forward(self, x: Tensor) -> list[Level]:
        """``x``: [batch, 3, height, width], BGR, -1..1; height and width are multiples of 32."""
        at8 = self.stage8(self.stem(x))
        at16 = self.stage16(at8)
        at32 = self.stage32(at16)
        p32 = self.lateral[2](at32)
        p16 = self.merge[1](self.lateral[1](at16) + functional.interpolate(p32, scale_factor=2.0))
        p8 = self.merge[0](self.lateral[0](at8) + functional.interpolate(p16, scale_factor=2.0))
        p16 = p16 + self.down[0](p8)
        p32 = self.merge[2](p32 + self.down[1](p16))
        found = [head(level) for head, level in zip(self.heads, (p8, p16, p32), strict=True)]
        return [
            (scores.float(), self._distances(edges.float()) * stride)
            for (scores, edges), stride in zip(found, STRIDES, strict=True)
        ]

    def _distances(self, edges: Tensor) -> Tensor:
        """Distances to the edges of an object, not negative. In training a gradient remains below 0.

        A softplus with ``SHARPNESS`` 1 in the exported file is an exponential and a logarithm in 8 bits:
        distances below 2.5 strides had steps of 0.3 strides.
        """
        return functional.softplus(edges, SHARPNESS) if self.training else functional.relu(edges)
