"""Boxes that were judged one by one on enlarged crops: they replace a set's labels, which are often wrong.

A large vision model judged them, not people (docs/decisions/0103). Each line of ``checked.txt`` has one
picture and its boxes: ``SET/NAME ANSWER x1 y1 x2 y2 ANSWER x1 …``. The answers are those of
``answers.KEYS``, the corners are 0..1 of the picture. Other boxes were not judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float32]  # [n, 5]: x1, y1, x2, y2 in pixels, class

CHECKED = Path(__file__).with_name("checked.txt")
SAME_IOU = 0.5
"""From this overlap on, a label belongs to the object of the checked box."""
NOTHING = -1.0
NO_BOXES: Boxes = np.empty((0, 5), np.float32)
CLASS_OF = {"p": 0.0, "t": 1.0, "v": 2.0, "w": 3.0, "n": NOTHING}


@cache
def read_checked(path: Path = CHECKED) -> Mapping[str, Boxes]:
    """Read the checked boxes, corners in 0..1, of each picture, by ``SET/NAME``. ``NOTHING``: no object."""
    found = {}
    for line in path.read_text(encoding="ascii").splitlines():
        name, *words = line.split()
        rows = [[*map(float, words[n + 1 : n + 5]), CLASS_OF[words[n]]] for n in range(0, len(words), 5)]
        found[name] = np.array(rows, np.float32).reshape(-1, 5)
    return found


def corrected(labels: Boxes, checked: Boxes) -> Boxes:
    """Return ``labels`` with the checked boxes instead of those of the same objects."""
    added = checked[checked[:, 4] != NOTHING]
    return np.concatenate([labels[~are_of(labels, checked)], added])


def are_of(boxes: Boxes, checked: Boxes) -> NDArray[np.bool_]:
    """Whether each box [n, 4 or more columns] is of an object in ``checked``: [n]."""
    if not len(checked) or not len(boxes):
        return np.zeros(len(boxes), bool)
    low = np.maximum(boxes[:, None, :2], checked[None, :, :2])
    high = np.minimum(boxes[:, None, 2:4], checked[None, :, 2:4])
    both = (high - low).clip(0).prod(axis=2)
    areas = [(each[:, 2:4] - each[:, :2]).prod(axis=1) for each in (boxes, checked)]
    return np.asarray((both > SAME_IOU * (areas[0][:, None] + areas[1][None] - both)).any(axis=1))
