"""A teacher that labels what a set leaves unlabelled: PicoDet-S, trained on COCO, on enlarged tiles.

It detects a distant pedestrian only in an enlarged picture, so pictures are cut into tiles that overlap by
half.
Confident detections become labels; uncertain ones become ignored boxes, which are not used for training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge_agent.detection.darkness import brightened, only_visible
from edge_agent.detection.litert import LiteRtDetector
from training.checked import NO_BOXES, are_of
from training.dataset import CLASSES, IGNORE, Boxes, Image, Item, Source
from training.predict import Floats, suppress

LABELS = {
    "person": 0,
    "bicycle": 1,
    "motorcycle": 1,
    "car": 2,
    "bus": 2,
    "truck": 2,
    "two-wheeler": 1,
    "vehicle": 2,
}
"""Labels of COCO, and of the model that ships, to the numbers of our classes."""
TILES = (240, 400)
"""Pixels of a tile's edge in a picture of 768 pixels width; the whole picture is a tile, too."""
SURE = (0.5, 0.4, 0.5)
"""Score from which a box of each class becomes a label."""
UNSURE = 0.2
"""Score from which a box is ignored. Lower: fewer missed pedestrians count as background, but less is learnt.
"""
MARGIN = 4  # pixels: a box that touches a tile's inner edge is cut off
OVERLOOKED = 0.6
"""Score from which a box becomes a label although its set does label the class and has none there."""
PERSON, TWO_WHEELER = 0, 1
SLIM = 2.2
"""Height to width of a body: a slimmer "two-wheeler" may be a pedestrian."""
RIDING = 0.5  # share of a person's box that lies in the two-wheeler's

Label = Callable[[Image], Floats]


class Teacher:
    """Any model that the agent can load and that knows COCO's labels."""

    def __init__(self, path: Path) -> None:
        self._detector = LiteRtDetector(path, list(LABELS), UNSURE)

    def label(self, image: Image) -> Floats:
        """[n, 6]: x1, y1, x2, y2 in pixels, score, class of ours; from ``UNSURE`` on."""
        boxes = np.concatenate(
            [self._in_tile(image, *tile) for tile in tiles(image.shape[1], image.shape[0])]
        )
        kept = [suppress(boxes[boxes[:, 5] == kind], UNSURE, 0.45) for kind in range(len(CLASSES))]
        return merge_riders(_without_parts(np.concatenate(kept)))

    def _in_tile(self, image: Image, left: int, top: int, right: int, bottom: int) -> Floats:
        width, height = right - left, bottom - top
        part = np.ascontiguousarray(image[top:bottom, left:right])
        bright = brightened(part)
        found = only_visible(self._detector.detect(bright), part, bright)
        rows = [
            (
                one.box.x1 * width,
                one.box.y1 * height,
                one.box.x2 * width,
                one.box.y2 * height,
                one.score,
                LABELS[one.label],
            )
            for one in found
            if one.score >= UNSURE
        ]
        boxes = np.array(rows, np.float32).reshape(-1, 6)
        whole = _not_cut_off(boxes, (left, top, right, bottom), (image.shape[1], image.shape[0]))
        return np.asarray(boxes[whole] + np.array([left, top, left, top, 0, 0]), np.float32)


def tiles(width: int, height: int) -> Iterator[tuple[int, int, int, int]]:
    """Left, top, right, bottom of the whole picture and of the tiles that cover it twice."""
    yield 0, 0, width, height
    for wanted in TILES:
        side = min(width, height, round(wanted * width / 768))
        columns, rows = (max(1, round(2 * (length - side) / side) + 1) for length in (width, height))
        for top in np.linspace(0, height - side, rows, dtype=int).tolist():
            for left in np.linspace(0, width - side, columns, dtype=int).tolist():
                yield left, top, left + side, top + side


def merge_riders(found: Floats) -> Floats:
    """Combine a two-wheeler and its rider into one box; the rider is not a separate person.

    A rider stands out above the machine and shares its middle; a pedestrian beside it does not.
    """
    kinds = found[:, 5]
    machines, persons, rest = found[kinds == 1], found[kinds == 0], found[kinds == 2]
    free = np.ones(len(persons), bool)
    for machine in machines:
        for n in (free & _rides(persons, machine)).nonzero()[0]:
            machine[:2] = np.minimum(machine[:2], persons[n, :2])
            machine[2:4] = np.maximum(machine[2:4], persons[n, 2:4])
            free[n] = False
    return np.concatenate([machines, persons[free], rest])


def _rides(persons: Floats, machine: Floats) -> Any:
    width, height = machine[2] - machine[0], machine[3] - machine[1]
    middle, feet = (persons[:, 0] + persons[:, 2]) / 2, persons[:, 3]
    beside = np.abs(middle - (machine[0] + machine[2]) / 2) > 0.45 * width
    over = np.minimum(persons[:, 2], machine[2]) - np.maximum(persons[:, 0], machine[0])
    wide = over > RIDING * np.minimum(persons[:, 2] - persons[:, 0], width)
    seated = (feet > machine[1] + 0.2 * height) & (feet < machine[3] + 0.1 * height)
    return wide & seated & ~beside & (persons[:, 1] < machine[1] + 0.3 * height)


def complete(labelled: Boxes, found: Floats, unlabelled: Sequence[int], checked: Boxes = NO_BOXES) -> Boxes:
    """The set's own boxes, the teacher's of the classes that the set leaves out, and what to ignore.

    A sure person inside an ignored box is labelled: sets ignore uncertain pedestrians. What the
    teacher finds elsewhere of a class that the set does label was overlooked: it is labelled where the
    teacher is surer, else ignored. A label of the set that the teacher contradicts is ignored. The teacher's
    findings of ``checked`` objects are not used.
    """
    found = found[~are_of(found, checked)]
    by_eye = are_of(labelled, checked)
    rows = [box if sure else _or_ignored(box, found) for box, sure in zip(labelled, by_eye, strict=True)]
    known, unsure = labelled[labelled[:, 4] != IGNORE], labelled[labelled[:, 4] == IGNORE]
    for box in found:
        kind = int(box[5])
        if not _covered(box, known):
            wanted = kind in unlabelled or (kind == PERSON and _covered(box, unsure))
            sure = box[4] >= (SURE[kind] if wanted else OVERLOOKED)
            rows.append(np.array([*box[:4], kind if sure else IGNORE], np.float32))
    return np.asarray(rows, np.float32).reshape(-1, 5)


def _or_ignored(label: Floats, found: Floats) -> Floats:
    """The label; ignored where the teacher is sure of another class there, and sees nothing of the label's.

    A teacher often sees the rider and not the machine: its word against a two-wheeler counts for slim boxes
    only.
    """
    kind = int(label[4])
    there = found[_intersection_over_union(label[:4], found[:, :4]) > 0.5]
    slim = label[3] - label[1] > SLIM * (label[2] - label[0])
    trusted = there[[kind != TWO_WHEELER or int(box[5]) != PERSON or bool(slim) for box in there]]
    sure = any(box[4] >= SURE[int(box[5])] for box in trusted)
    if kind == IGNORE or not sure or (there[:, 5] == kind).any():
        return label
    return np.array([*label[:4], IGNORE], np.float32)


def _covered(box: Floats, known: Boxes) -> bool:
    """Return whether the set has a label there: a rider in a two-wheeler's box, a driver in a car's."""
    if not len(known):
        return False
    meet = (np.minimum(box[2:4], known[:, 2:4]) - np.maximum(box[:2], known[:, :2])).clip(0).prod(axis=1)
    own = max(1.0, float((box[2:4] - box[:2]).prod()))
    return bool((meet / own > RIDING).any() or (_intersection_over_union(box, known) > 0.4).any())


def _intersection_over_union(box: Floats, others: Floats) -> Floats:
    meet = (np.minimum(box[2:4], others[:, 2:4]) - np.maximum(box[:2], others[:, :2])).clip(0).prod(axis=1)
    both = (box[2:4] - box[:2]).prod() + (others[:, 2:4] - others[:, :2]).prod(axis=1)
    return np.asarray(meet / np.maximum(1.0, both - meet), np.float32)


def _not_cut_off(boxes: Floats, tile: tuple[int, int, int, int], size: tuple[int, int]) -> Any:
    left, top, right, bottom = tile
    near = np.ones(len(boxes), bool)
    if left > 0:
        near &= boxes[:, 0] > MARGIN
    if top > 0:
        near &= boxes[:, 1] > MARGIN
    if right < size[0]:
        near &= boxes[:, 2] < right - left - MARGIN
    if bottom < size[1]:
        near &= boxes[:, 3] < bottom - top - MARGIN
    return near


def _without_parts(boxes: Floats) -> Floats:
    """Remove boxes inside a better box of the same class, for example a torso in one tile."""
    kept: list[Floats] = []
    for box in boxes[boxes[:, 4].argsort()[::-1]]:
        own = max(1.0, float((box[2:4] - box[:2]).prod()))
        inside = any(
            other[5] == box[5]
            and (np.minimum(box[2:4], other[2:4]) - np.maximum(box[:2], other[:2])).clip(0).prod() > 0.8 * own
            for other in kept
        )
        if not inside:
            kept.append(box)
    return np.asarray(kept, np.float32).reshape(-1, 6)


def teach(label: Label, items: Sequence[Item], sources: dict[str, Source], folder: Path) -> Iterator[Item]:
    """Write the labels of each picture as ``folder``/SET/NAME.txt, and yield it; what is there stays."""
    for item in items:
        path = folder / item.set / f"{item.path.stem}.txt"
        if path.exists():
            continue
        image = item.image()
        height, width = image.shape[:2]
        unlabelled = [CLASSES.index(name) for name in sources[item.set].unlabelled]
        boxes = complete(item.boxes(width, height), label(image), unlabelled, item.checked(width, height))
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_text("\n".join(_line(box, width, height) for box in boxes), encoding="ascii")
        fresh.replace(path)  # a kill in between leaves no partial file
        yield item


def _line(box: Floats, width: int, height: int) -> str:
    x1, y1, x2, y2, kind = (float(value) for value in box)
    middle, size = ((x1 + x2) / 2 / width, (y1 + y2) / 2 / height), ((x2 - x1) / width, (y2 - y1) / height)
    return f"{int(kind)} {middle[0]:.6f} {middle[1]:.6f} {size[0]:.6f} {size[1]:.6f}"
