"""Assigns cells to objects, and computes the loss.

Cells near the centre of an object are assigned to it, on the level for the object's size (FCOS). Scores
learn the overlap that the predicted box has (quality focal loss, Li et al. 2020), boxes the generalised
overlap (Rezatofighi et al. 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from training.dataset import IGNORE
from training.network import STRIDES, Level

LEVEL_SIZES = {8: (0.0, 56.0), 16: (40.0, 120.0), 32: (90.0, 1e9)}
"""Stride to the range of the longer edge in pixels of the objects of the level; the ranges overlap on
purpose.
"""
CENTRE = 1.3
"""Cells within this number of strides of an object's centre are assigned to it."""
BOX_WEIGHT = 2.0


@dataclass(frozen=True)
class Truth:
    """The labels of one picture of a batch."""

    boxes: Tensor  # [n, 5]: x1, y1, x2, y2 in pixels, class
    unlabelled: Sequence[tuple[int, float, float]] = ()
    """Classes that are not labelled between two heights, in pixels from the top."""


def loss(levels: Sequence[Level], truths: Sequence[Truth]) -> Tensor:
    """Return the mean loss per assigned cell."""
    score_cost, box_cost, count = torch.zeros(()), torch.zeros(()), 0
    for (logits, edges), stride in zip(levels, STRIDES, strict=True):
        x, y = _middles(logits.shape[2], logits.shape[3], stride)
        target, mask = torch.zeros_like(logits), torch.ones_like(logits)
        for number, truth in enumerate(truths):
            _leave_out(mask[number], truth, x, y)
            cells, objects = assign(truth.boxes, x, y, stride)
            if not len(cells):
                continue
            rows, columns = cells[:, 0], cells[:, 1]
            wanted = truth.boxes[objects]
            reach = edges[number, :, rows, columns].T
            at = torch.stack([x[rows, columns], y[rows, columns]], 1)
            found = torch.cat([at - reach[:, :2], at + reach[:, 2:]], 1)
            overlap, general = overlaps(found, wanted[:, :4])
            target[number, wanted[:, 4].long(), rows, columns] = overlap.detach().clamp(0.1, 1.0)
            mask[number, :, rows, columns] = (
                1  # the other classes of a labelled object are known, too: a rider is not a person
            )
            box_cost = box_cost + (1 - general).sum()
            count += len(cells)
        wrong = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
        score_cost = score_cost + (wrong * (target - logits.sigmoid()).abs().pow(2) * mask).sum()
    return (score_cost + BOX_WEIGHT * box_cost) / max(1, count)


def assign(boxes: Tensor, x: Tensor, y: Tensor, stride: int) -> tuple[Tensor, Tensor]:
    """Return the assigned cells [k, 2] (row, column), and the index [k] of the object of each in ``boxes``.

    Of two objects at one cell the smaller one wins. An object between cells gets the nearest one.
    """
    sizes = torch.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    low, high = LEVEL_SIZES[stride]
    wanted = ((boxes[:, 4] != IGNORE) & (sizes >= low) & (sizes <= high)).nonzero()[:, 0]
    if not len(wanted):
        return torch.empty(0, 2, dtype=torch.long), wanted
    x1, y1, x2, y2 = boxes[wanted, :4].T[:, :, None, None]
    middle_x, middle_y, reach = (x1 + x2) / 2, (y1 + y2) / 2, CENTRE * stride
    inside = (x > torch.maximum(x1, middle_x - reach)) & (x < torch.minimum(x2, middle_x + reach))
    inside &= (y > torch.maximum(y1, middle_y - reach)) & (y < torch.minimum(y2, middle_y + reach))
    between = ~inside.flatten(1).any(1)
    row = (middle_y.flatten() / stride).long().clamp(0, x.shape[0] - 1)
    column = (middle_x.flatten() / stride).long().clamp(0, x.shape[1] - 1)
    inside[between, row[between], column[between]] = True
    areas = torch.where(inside, (x2 - x1) * (y2 - y1), torch.inf)
    cells = inside.any(0).nonzero()
    return cells, wanted[areas.argmin(0)[cells[:, 0], cells[:, 1]]]


def overlaps(found: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Intersection over union and its generalised form, each [n], of boxes [n, 4] in pairs."""
    meet = (torch.minimum(found[:, 2:], wanted[:, 2:]) - torch.maximum(found[:, :2], wanted[:, :2])).clamp(0)
    hull = torch.maximum(found[:, 2:], wanted[:, 2:]) - torch.minimum(found[:, :2], wanted[:, :2])
    both = meet.prod(1)
    union = (found[:, 2:] - found[:, :2]).prod(1) + (wanted[:, 2:] - wanted[:, :2]).prod(1) - both + 1e-6
    around = hull.prod(1) + 1e-6
    return both / union, both / union - (around - union) / around


def _leave_out(mask: Tensor, truth: Truth, x: Tensor, y: Tensor) -> None:
    """Exclude unlabelled classes and ignored boxes from the loss."""
    for kind, top, bottom in truth.unlabelled:
        mask[kind, (y >= top) & (y < bottom)] = 0
    for x1, y1, x2, y2, kind in truth.boxes.tolist():
        if kind == IGNORE:
            mask[:, (x > x1) & (x < x2) & (y > y1) & (y < y2)] = 0


def _middles(rows: int, columns: int, stride: int) -> tuple[Tensor, Tensor]:
    """Pixel coordinates of the middles of a level's cells, each [rows, columns]."""
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    return (x + 0.5) * stride, (y + 0.5) * stride
