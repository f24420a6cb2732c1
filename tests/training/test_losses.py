"""Which cells are assigned to which object; gradients of the network."""

from __future__ import annotations

import torch

from training.losses import Cells, assign
from training.network import STRIDES, Convolution

SIZE = 128
NEAR, LARGE = [20.0, 20, 36, 44, 0], [40.0, 40, 120, 120, 2]


def cells() -> Cells:
    shapes = [SIZE // stride for stride in STRIDES]
    return Cells.of([(torch.zeros(1, 3, n, n), torch.zeros(1, 4, n, n)) for n in shapes])


def exact(where: Cells, boxes: torch.Tensor) -> torch.Tensor:
    """Predictions: each cell the box of the object that it is in, else a small one."""
    middles = torch.stack([where.x, where.y], 1)
    found = torch.cat([middles - 4, middles + 4], 1)
    for box in boxes:
        inside = (middles > box[:2]).all(1) & (middles < box[2:4]).all(1)
        found[inside] = box[:4]
    return found


def test_cells_inside_an_object_that_predict_it_are_chosen_on_any_level() -> None:
    where, boxes = cells(), torch.tensor([NEAR, LARGE])
    chosen, objects, suits = assign(boxes, exact(where, boxes), torch.zeros(len(where.x), 3), where)
    for cell, number in zip(chosen, objects, strict=True):
        x1, y1, x2, y2 = boxes[number, :4]
        assert x1 - STRIDES[0] < where.x[cell] < x2 + STRIDES[0]
        assert y1 - STRIDES[0] < where.y[cell] < y2 + STRIDES[0]
    assert set(objects.tolist()) == {0, 1}
    assert suits.max() > 0.99


def test_an_object_between_cells_gets_one() -> None:
    where, boxes = cells(), torch.tensor([[8.5, 8.5, 11.5, 11.5, 1]])
    found = torch.zeros(len(where.x), 4)
    chosen, _, suits = assign(boxes, found, torch.zeros(len(where.x), 3), where)
    assert len(chosen)
    assert (suits > 0).all()


def test_an_ill_fitting_cell_counts_less_than_a_fitting_one() -> None:
    where, boxes = cells(), torch.tensor([LARGE])
    found = exact(where, boxes)
    worse = ((where.x > 40) & (where.x < 80)).nonzero()[:, 0]
    found[worse, 2] -= 30
    chosen, _, suits = assign(boxes, found, torch.zeros(len(where.x), 3), where)
    among = torch.isin(chosen, worse)
    assert not among.any() or suits[among].max() < suits[~among].min()


def test_without_objects_nothing_is_chosen() -> None:
    where = cells()
    none = torch.empty(0, 5)
    assert not len(assign(none, torch.zeros(len(where.x), 4), torch.zeros(len(where.x), 3), where)[0])


def test_a_depthwise_convolution_with_stride_2_has_exact_gradients_in_bfloat16() -> None:
    torch.manual_seed(0)
    layer = Convolution(8, 8, 3, 2, 1, groups=8, bias=False)
    picture, weights = torch.rand(2, 8, 32, 32).bfloat16(), torch.randn(2, 8, 16, 16).bfloat16()
    gradients = []
    for short in (False, True):
        layer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=short):
            out = layer(picture if short else picture.float())
        assert out.dtype == (torch.bfloat16 if short else torch.float32)
        (out * weights).sum().backward()
        assert layer.weight.grad is not None
        gradients.append(layer.weight.grad.clone())
    torch.testing.assert_close(*gradients, rtol=1e-5, atol=1e-4)
