"""Assigns cells to objects, and computes the loss.

Each object gets the cells inside its box whose predictions suit it best, by score and overlap together
(task-aligned assignment; Feng et al., TOOD, 2021), on whichever level these are. Scores learn how well a
cell suits its object (quality focal loss, Li et al. 2020), boxes the generalised overlap (Rezatofighi et al.
2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from training.dataset import IGNORE
from training.network import STRIDES, Level

CELLS = 10
"""Most cells of an object. Fewer: duplicates are suppressed by the scores themselves; more: trains faster."""
SCORE_POWER, OVERLAP_POWER = 0.5, 4.0
"""How much the score and the overlap count in the choice of cells."""
CENTRE = 1.0
"""On the finest level, cells within this number of strides of an object's centre may be chosen, too: a small
object may lie between cells."""
BOX_WEIGHT, SCORE_WEIGHT = 2.0, 1.0
LEAST = 0.1
"""Least target of the best cell of an object, so that an object without an overlapping box is learnt."""


@dataclass(frozen=True)
class Truth:
    """The labels of one picture of a batch."""

    boxes: Tensor  # [n, 5]: x1, y1, x2, y2 in pixels, class
    unlabelled: Sequence[tuple[int, float, float]] = ()
    """Classes that are not labelled between two heights, in pixels from the top."""


@dataclass(frozen=True)
class Cells:
    """The cells of all levels, in a row: middles and strides in pixels, each [n]."""

    x: Tensor
    y: Tensor
    stride: Tensor

    @classmethod
    def of(cls, levels: Sequence[Level]) -> Cells:
        parts = []
        for (logits, _), stride in zip(levels, STRIDES, strict=True):
            rows, columns = logits.shape[2:]
            y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
            parts.append(torch.stack([(x + 0.5) * stride, (y + 0.5) * stride, torch.full_like(x, stride)]))
        return cls(*torch.cat([part.flatten(1) for part in parts], 1))


def loss(levels: Sequence[Level], truths: Sequence[Truth]) -> Tensor:
    """Return the mean loss per object's cell, each weighted by how well it suits its object."""
    cells = Cells.of(levels)
    logits = torch.cat([scores.flatten(2) for scores, _ in levels], 2).transpose(1, 2)  # [batch, n, classes]
    edges = torch.cat([reach.flatten(2) for _, reach in levels], 2).transpose(1, 2)  # [batch, n, 4]
    middles = torch.stack([cells.x, cells.y], 1)
    found = torch.cat([middles - edges[..., :2], middles + edges[..., 2:]], 2)
    target, mask = torch.zeros_like(logits), torch.ones_like(logits)
    box_cost, weight = torch.zeros(()), torch.zeros(())
    for number, truth in enumerate(truths):
        _leave_out(mask[number], truth, cells)
        boxes = truth.boxes[truth.boxes[:, 4] != IGNORE]
        chosen, objects, suits = assign(boxes, found[number].detach(), logits[number].detach(), cells)
        if not len(chosen):
            continue
        wanted = boxes[objects]
        target[number, chosen, wanted[:, 4].long()] = suits
        # The other classes of a labelled object are known, too: a rider is not a person.
        mask[number, chosen] = 1
        _, general = overlaps(found[number, chosen], wanted[:, :4])
        box_cost = box_cost + ((1 - general) * suits).sum()
        weight = weight + suits.sum()
    wrong = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    score_cost = (wrong * (target - logits.sigmoid()).abs().pow(2) * mask).sum()
    return (SCORE_WEIGHT * score_cost + BOX_WEIGHT * box_cost) / weight.clamp(min=1.0)


def assign(boxes: Tensor, found: Tensor, logits: Tensor, cells: Cells) -> tuple[Tensor, Tensor, Tensor]:
    """Return the chosen cells [k], the index [k] of the object of each in ``boxes``, and how well it suits it
    [k], 0..1.

    ``boxes``: [m, 5]; ``found``: predicted boxes [n, 4]; ``logits``: [n, classes]. A cell that suits two
    objects gets the one that it overlaps more. The best cell of an object counts as much as its overlap.
    """
    if not len(boxes):
        nothing = torch.empty(0, dtype=torch.long)
        return nothing, nothing, torch.empty(0)
    overlap = _all_overlaps(boxes[:, :4], found)  # [m, n]
    score = logits.sigmoid()[:, boxes[:, 4].long()].T
    possible = _inside(boxes, cells)
    fitting = (score.pow(SCORE_POWER) * overlap.pow(OVERLAP_POWER) + 1e-9) * possible
    best = fitting.topk(min(CELLS, fitting.shape[1]), 1)
    chosen = torch.zeros_like(possible).scatter_(1, best.indices, best.values > 0)
    among = torch.where(chosen, overlap + 1e-6, -1.0)
    objects = among.argmax(0)
    taken = chosen.any(0).nonzero()[:, 0]
    objects = objects[taken]
    fit = torch.zeros_like(fitting)
    fit[objects, taken] = fitting[objects, taken]
    top = fit.amax(1, keepdim=True).clamp(min=1e-9)
    highest = torch.where(fit > 0, overlap, 0.0).amax(1, keepdim=True).clamp(min=LEAST)
    return taken, objects, (fit / top * highest)[objects, taken].clamp(max=1.0)


def overlaps(found: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Intersection over union and its generalised form, each [n], of boxes [n, 4] in pairs."""
    meet = (torch.minimum(found[:, 2:], wanted[:, 2:]) - torch.maximum(found[:, :2], wanted[:, :2])).clamp(0)
    hull = torch.maximum(found[:, 2:], wanted[:, 2:]) - torch.minimum(found[:, :2], wanted[:, :2])
    both = meet.prod(1)
    union = (found[:, 2:] - found[:, :2]).prod(1) + (wanted[:, 2:] - wanted[:, :2]).prod(1) - both + 1e-6
    around = hull.prod(1) + 1e-6
    return both / union, both / union - (around - union) / around


def _all_overlaps(boxes: Tensor, found: Tensor) -> Tensor:
    """Intersection over union of each of ``boxes`` [m, 4] with each of ``found`` [n, 4]: [m, n]."""
    low = torch.maximum(boxes[:, None, :2], found[None, :, :2])
    high = torch.minimum(boxes[:, None, 2:], found[None, :, 2:])
    both = (high - low).clamp(0).prod(2)
    areas = [(each[:, 2:] - each[:, :2]).clamp(0).prod(1) for each in (boxes, found)]
    return both / (areas[0][:, None] + areas[1][None] - both + 1e-6)


def _inside(boxes: Tensor, cells: Cells) -> Tensor:
    """Whether a cell's middle is in a box, or near its middle: [boxes, cells]."""
    x1, y1, x2, y2 = boxes[:, :4].T[:, :, None]
    inside = (cells.x > x1) & (cells.x < x2) & (cells.y > y1) & (cells.y < y2)
    near = ((x1 + x2) / 2 - cells.x).abs() < CENTRE * cells.stride
    near &= ((y1 + y2) / 2 - cells.y).abs() < CENTRE * cells.stride
    return inside | (near & (cells.stride == STRIDES[0]))


def _leave_out(mask: Tensor, truth: Truth, cells: Cells) -> None:
    """Exclude unlabelled classes and ignored boxes from the loss. ``mask``: [cells, classes]."""
    for kind, top, bottom in truth.unlabelled:
        mask[(cells.y >= top) & (cells.y < bottom), kind] = 0
    for x1, y1, x2, y2, kind in truth.boxes.tolist():
        if kind == IGNORE:
            mask[(cells.x > x1) & (cells.x < x2) & (cells.y > y1) & (cells.y < y2)] = 0
