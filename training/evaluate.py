"""Evaluates a model on pictures of places that were not used for training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from training.dataset import CLASSES, IGNORE, Boxes, Image, Item, Source
from training.predict import Floats

SMALLEST = 20.0
"""Pixels of the longer edge in a picture of 640 pixels width; smaller objects are ignored."""
MATCH = 0.5  # intersection over union
HEIGHTS = ((0.0, 40.0), (40.0, 100.0), (100.0, 10_000.0))
"""Groups of object heights, in pixels of a picture of 640 pixels width."""
LOWEST = 0.05  # threshold of the candidates for average precision

Detect = Callable[[Image, float], Floats]


@dataclass
class Counted:
    """The counts of one class in one group of pictures."""

    objects: int = 0
    scores: list[float] = field(default_factory=list)  # of the detections
    right: list[bool] = field(default_factory=list)  # whether each was one of the objects

    def recall(self, threshold: float) -> float:
        hits = sum(right for right, score in zip(self.right, self.scores, strict=True) if score >= threshold)
        return hits / self.objects if self.objects else float("nan")

    def precision(self, threshold: float) -> float:
        kept = [right for right, score in zip(self.right, self.scores, strict=True) if score >= threshold]
        return sum(kept) / len(kept) if kept else float("nan")

    def average_precision(self) -> float:
        """Area under the curve of precision over recall, all points."""
        if not self.objects:
            return float("nan")
        right = self._best_first()
        best = np.maximum.accumulate(self._precisions(right)[::-1])[::-1]
        return float((best * right).sum() / self.objects)

    def recall_at(self, precision: float) -> float:
        """The greatest recall at any score at which the precision is at least this."""
        if not self.objects:
            return float("nan")
        right = self._best_first()
        return float(right.cumsum()[self._precisions(right) >= precision].max(initial=0) / self.objects)

    def _best_first(self) -> NDArray[np.bool_]:
        return np.array(self.right, bool)[np.argsort(self.scores)[::-1]]

    @staticmethod
    def _precisions(right: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Precision of the best detection, the best two, and so on."""
        return right.cumsum() / np.arange(1, len(right) + 1)


@dataclass
class Result:
    """Figures by group of pictures and class, and the confusion matrix."""

    counted: dict[tuple[str, str], Counted] = field(default_factory=dict)
    taken_for: dict[tuple[str, str], int] = field(default_factory=dict)
    """(true class, class of the best detection over it, or "nothing") to objects, at the threshold."""

    def of(self, group: str, kind: str) -> Counted:
        return self.counted.setdefault((group, kind), Counted())


def evaluate(
    detect: Detect,
    items: Sequence[Item],
    sources: dict[str, Source],
    threshold: float,
    overlap: float = MATCH,
) -> Result:
    """Groups: ``all``, the light, the place, crops of background, and the object's height (recall only).

    ``overlap``: intersection over union from which a detection is right; a lower one tolerates inexact
    labels.
    Some objects are not labelled: detections that only a teacher confirms count neither as right nor as
    wrong.
    """
    result = Result()
    for item in items:
        image = item.image()
        truth = _truth(item, image)
        labelled = [n for n, name in enumerate(CLASSES) if name not in sources[item.set].unlabelled]
        found = detect(image, LOWEST)
        counting = _Counting(truth, image.shape[1], overlap)
        groups = (
            ("crops",) if sources[item.set].crops else (f"light: {item.light}", f"place: {item.place}", "all")
        )
        counting.count(result, groups, found, labelled)
        counting.confuse(result, found[found[:, 4] >= threshold])
    return result


def _truth(item: Item, image: Image) -> Boxes:
    boxes = item.boxes(image.shape[1], image.shape[0])
    own = len(replace(item, taught=None).boxes(1, 1))
    boxes[own:, 4] = IGNORE
    return boxes


@dataclass(frozen=True)
class _Counting:
    """Counts the detections of one picture."""

    truth: Boxes
    width: int
    overlap: float

    @property
    def _least(self) -> float:
        return SMALLEST * self.width / 640

    def count(self, result: Result, groups: Iterable[str], found: Floats, labelled: Sequence[int]) -> None:
        truth = self.truth
        ignored = truth[(truth[:, 4] == IGNORE) | (_longer(truth) < self._least)]
        for kind in labelled:
            wanted = truth[(truth[:, 4] == kind) & (_longer(truth) >= self._least)]
            of_kind = found[found[:, 5] == kind]
            matched = self._matched(of_kind, wanted)
            large = _longer(of_kind) >= self._least
            fair = [
                n
                for n, box in enumerate(of_kind)
                if matched[n] >= 0 or (large[n] and not _inside(box, ignored))
            ]
            for group in groups:
                counted = result.of(group, CLASSES[kind])
                counted.objects += len(wanted)
                counted.scores += [float(of_kind[n, 4]) for n in fair]
                counted.right += [matched[n] >= 0 for n in fair]
            self._count_heights(result, CLASSES[kind], wanted, of_kind, matched)

    def _count_heights(
        self, result: Result, kind: str, wanted: Boxes, found: Floats, matched: Sequence[int]
    ) -> None:
        tall = (wanted[:, 3] - wanted[:, 1]) * 640 / self.width
        for low, high in HEIGHTS:
            chosen = set(((tall >= low) & (tall < high)).nonzero()[0].tolist())
            counted = result.of(f"height: {low:.0f} to {high:.0f}", kind)
            counted.objects += len(chosen)
            hits = [n for n in range(len(found)) if matched[n] in chosen]
            counted.scores += [float(found[n, 4]) for n in hits]
            counted.right += [True] * len(hits)

    def confuse(self, result: Result, found: Floats) -> None:
        for box in self.truth[(self.truth[:, 4] != IGNORE) & (_longer(self.truth) >= self._least)]:
            over = [n for n, overlap in enumerate(_overlaps(box, found)) if overlap >= self.overlap]
            name = CLASSES[int(found[max(over, key=lambda n: float(found[n, 4])), 5])] if over else "nothing"
            key = (CLASSES[int(box[4])], name)
            result.taken_for[key] = result.taken_for.get(key, 0) + 1

    def _matched(self, found: Floats, wanted: Boxes) -> list[int]:
        """Return the object of each detection, best first; -1: none, or an object that was already found."""
        free, out = set(range(len(wanted))), []
        for box in found:
            overlap = _overlaps(box, wanted)
            best = max(free, key=lambda n: float(overlap[n]), default=-1)
            hit = best >= 0 and overlap[best] >= self.overlap
            out.append(best if hit else -1)
            if hit:
                free.discard(best)
        return out


def _inside(box: Floats, ignored: Boxes) -> bool:
    """Return whether half of the box is inside an ignored box."""
    if not len(ignored):
        return False
    meet = np.minimum(box[2:4], ignored[:, 2:4]) - np.maximum(box[:2], ignored[:, :2])
    area = max(1.0, float((box[2] - box[0]) * (box[3] - box[1])))
    return bool((meet.clip(0).prod(axis=1) / area > 0.5).any())


def _overlaps(box: Floats, others: Floats) -> Floats:
    """Intersection over union, [n]."""
    meet = (np.minimum(box[2:4], others[:, 2:4]) - np.maximum(box[:2], others[:, :2])).clip(0).prod(axis=1)
    own = (box[2] - box[0]) * (box[3] - box[1])
    area = (others[:, 2] - others[:, 0]) * (others[:, 3] - others[:, 1])
    return np.asarray(meet / (own + area - meet + 1e-6), np.float32)


def _longer(boxes: Floats) -> Floats:
    """Return the longer of the two edges of each box."""
    return np.asarray(np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]), np.float32)
