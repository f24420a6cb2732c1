"""The detector: depthwise-separable convolutions to strides 8, 16 and 32, a small neck, anchor-free heads.

Each cell of a level gives scores of the classes and the distances to the four edges of its object (FCOS, Tian
et al. 2019). ``width`` scales all channels; 24 gives 0.53 million parameters.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.dataset import CLASSES

STRIDES = (8, 16, 32)
PRIOR = 0.01
"""Score of every cell before training: nearly all cells are background (Lin et al. 2017)."""

Level = tuple[Tensor, Tensor]
"""Of one stride: logits [batch, classes, rows, columns]; distances in pixels [batch, 4, rows, columns]: left,
top, right, bottom."""


def _conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
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
    """Scores or distances of one level."""

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_separable(channels, channels), _separable(channels, channels))
        self.last = nn.Conv2d(channels, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.last(self.body(x)))


class Detector(nn.Module):
    def __init__(self, width: int = 24, classes: int = len(CLASSES)) -> None:
        super().__init__()
        w, neck = width, width * 3
        self.stem = nn.Sequential(_conv(3, w, 3, 2), _separable(w, w * 2, 2), Residual(w * 2))
        self.stage8 = nn.Sequential(_separable(w * 2, w * 4, 2), Residual(w * 4), Residual(w * 4))
        deep = [Residual(w * 6) for _ in range(3)]
        self.stage16 = nn.Sequential(_separable(w * 4, w * 6, 2), *deep)
        self.stage32 = nn.Sequential(_separable(w * 6, w * 8, 2), Residual(w * 8), Residual(w * 8))
        self.lateral = nn.ModuleList([_conv(w * k, neck, 1) for k in (4, 6, 8)])
        self.merge = nn.ModuleList([Residual(neck) for _ in STRIDES])
        self.down = nn.ModuleList([_separable(neck, neck, 2) for _ in STRIDES[1:]])
        self.scores = nn.ModuleList([Head(neck, classes) for _ in STRIDES])
        self.edges = nn.ModuleList([Head(neck, 4) for _ in STRIDES])
        for head in self.scores:
            nn.init.constant_(cast(Head, head).last.bias, -torch.log(torch.tensor(1 / PRIOR - 1)).item())

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
        return [
            (score(level).float(), functional.softplus(edge(level).float()) * stride)
            for level, score, edge, stride in zip(
                (p8, p16, p32), self.scores, self.edges, STRIDES, strict=True
            )
        ]
