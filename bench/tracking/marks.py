"""Scores tracks against persons marked by hand on every 20th frame of vtest.avi: how many persons have a
confirmed track, and how many confirmed tracks match no person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.tracking.truth import Marked
from edge_agent.core.model import PERSON, Box, Track, TrackState
from edge_agent.tracking.association import FORBIDDEN, assign

TRUTH = Path(__file__).parents[2] / "tests/tracking/data/vtest.gt.csv"
"""Boxes that a model found on enlarged tiles; each was checked by eye and corrected or removed, and missing
boxes were added. A person who is almost hidden need not have a track."""
SIZE = (768, 576)
MIN_IOU = 0.5


class MarkScorer:
    """Scores the tracks of each frame; frames without marks do not count."""

    def __init__(self, truth: Mapping[int, Sequence[Marked]]) -> None:
        self._truth = truth
        self.demanded = self.found = self.given = self.right = 0

    def add(self, frame: int, tracks: Sequence[Track]) -> None:
        marked = self._truth.get(frame)
        if marked is None:
            return
        boxes = [
            t.box for t in tracks if t.confirmed and t.group == PERSON and t.state is not TrackState.LOST
        ]
        pairs = _pairs([m.box for m in marked], boxes)
        for index, one in enumerate(marked):
            self.demanded += one.demanded
            self.found += one.demanded and index in pairs
        spare = [m.box for m in marked if not m.demanded]
        for column, box in enumerate(boxes):
            right = column in pairs.values()
            ignored = any(box.intersection(s) > 0.3 * min(box.area, s.area) for s in spare)
            if right or not ignored:
                self.given += 1
                self.right += right

    @property
    def recall(self) -> float:
        return self.found / self.demanded if self.demanded else 0.0

    @property
    def precision(self) -> float:
        return self.right / self.given if self.given else 0.0


def _pairs(marked: Sequence[Box], given: Sequence[Box]) -> dict[int, int]:
    if not given:
        return {}
    ious = [[m.iou(g) for g in given] for m in marked]
    return dict(assign([[FORBIDDEN if iou < MIN_IOU else 1.0 - iou for iou in row] for row in ious]))
