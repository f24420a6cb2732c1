"""Counts confirmed tracks against ground truth, in the terms of CLEAR MOT and IDF1.

Bernardin and Stiefelhagen, "Evaluating Multiple Object Tracking Performance", 2008; Ristani et al.,
"Performance Measures and a Data Set for Multi-Target, Multi-Camera Tracking", 2016. A pair matches from
``MIN_IOU`` on; it is low because an inference often sees the rider without the wheels. A match of the last
frame is kept, as CLEAR MOT requires.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.tracking.truth import Marked
from edge_agent.core.model import Track
from edge_agent.tracking.association import FORBIDDEN, assign

MIN_IOU = 0.3


@dataclass(frozen=True, slots=True)
class Step:
    """One analysed frame: its number in the file, its time, and the confirmed tracks on it."""

    frame: int
    mono: float
    tracks: tuple[Track, ...]


@dataclass
class Score:
    """The score. ``fragments``: object number -> track ids. ``merges``: track id -> object numbers."""

    objects: int = 0
    in_time: int = 0  # right group within the limit
    found: int = 0  # right group ever
    confirm_s: list[float] = field(default_factory=list)  # from the first demanded frame, of those found
    fragments: dict[int, list[str]] = field(default_factory=dict)
    merges: dict[str, list[int]] = field(default_factory=dict)
    false: list[str] = field(default_factory=list)  # confirmed tracks of the group on no marked object
    missed: list[int] = field(default_factory=list)
    boxes: int = 0
    matched: int = 0
    false_boxes: int = 0
    switches: int = 0
    idf1: float = 0.0

    @property
    def mota(self) -> float:
        wrong = self.boxes - self.matched + self.false_boxes + self.switches
        return 1.0 - wrong / self.boxes if self.boxes else 0.0


class Scorer:
    """Collects every analysed frame, then computes the ``Score``."""

    def __init__(
        self,
        truth: Mapping[int, Sequence[Marked]],
        group: str,
        limit_s: float = 2.0,
        least_s: float = 0.75,
        lowest_foot: float = 0.0,
    ) -> None:
        """Objects of ``truth`` that are marked for at least ``least_s`` have to be found.

        Tracks of the group whose foot never came below ``lowest_foot`` (0..1 of the height) are too far
        away to have been marked and so are not false; nor are objects that stood there before, which make no
        event.
        """
        self._truth = truth
        self._group = group
        self._limit_s, self._least_s, self._lowest_foot = limit_s, least_s, lowest_foot
        self._held: dict[int, str] = {}
        self._last_id: dict[int, str] = {}
        self._together: dict[tuple[int, str], int] = Counter()
        self._first: dict[int, float] = {}
        self._last: dict[int, float] = {}
        self._right: dict[int, float] = {}
        self._near: set[str] = set()
        self._lengths: dict[str, int] = Counter()
        self._spans: dict[int, int] = Counter()
        self._on_marked: set[str] = set()
        self._score = Score()

    def add(self, step: Step) -> None:
        marked = list(self._truth.get(step.frame, ()))
        tracks = [t for t in step.tracks if t.seen_now]
        pairs = self._match(marked, tracks)
        for index, thing in enumerate(marked):
            if thing.demanded:
                self._first.setdefault(thing.number, step.mono)
                self._last[thing.number] = step.mono
                self._score.boxes += 1
                self._spans[thing.number] += 1
            if index in pairs:
                self._count(thing, pairs[index], step.mono)
        taken = {t.id for t in pairs.values()}
        self._on_marked |= taken
        for track in tracks:
            arrived = not track.parked_before
            if arrived and track.group == self._group and track.box.y2 >= self._lowest_foot:
                self._near.add(track.id)
                if track.id not in taken:
                    self._score.false_boxes += 1
        self._held = {marked[i].number: t.id for i, t in pairs.items()}

    def _match(self, marked: Sequence[Marked], tracks: Sequence[Track]) -> dict[int, Track]:
        costs = []
        for thing in marked:
            held = self._held.get(thing.number)
            row = []
            for track in tracks:
                iou = thing.box.iou(track.box)
                row.append(FORBIDDEN if iou < MIN_IOU else 1 - iou - (1.0 if track.id == held else 0.0))
            costs.append([c if c == FORBIDDEN else c + 1.0 for c in row])
        return {i: tracks[j] for i, j in assign(costs, alone=10.0)} if tracks and marked else {}

    def _count(self, thing: Marked, track: Track, mono: float) -> None:
        if not thing.demanded:
            return
        self._score.matched += 1
        self._together[thing.number, track.id] += 1
        self._lengths[track.id] += 1
        if self._last_id.get(thing.number, track.id) != track.id:
            self._score.switches += 1
        self._last_id[thing.number] = track.id
        if track.group == self._group:
            self._right.setdefault(thing.number, mono)

    def score(self) -> Score:
        s = self._score
        demanded = [n for n in self._first if self._last[n] - self._first[n] >= self._least_s]
        s.objects = len(demanded)
        for number in demanded:
            right = self._right.get(number)
            if right is None:
                s.missed.append(number)
                continue
            s.found += 1
            s.confirm_s.append(right - self._first[number])
            s.in_time += s.confirm_s[-1] <= self._limit_s
        s.fragments, s.merges = self._split_and_merged(set(demanded))
        s.false = sorted(self._near - self._on_marked)
        s.idf1 = self._idf1()
        return s

    def _split_and_merged(self, demanded: set[int]) -> tuple[dict[int, list[str]], dict[str, list[int]]]:
        """Splits and merges. A track counts for an object from two matched frames on: one may be a chance
        match."""
        ids, numbers = defaultdict(list), defaultdict(list)
        for (number, track_id), frames in sorted(self._together.items()):
            if frames >= 2 and number in demanded:
                ids[number].append(track_id)
                numbers[track_id].append(number)
        return (
            {n: found for n, found in ids.items() if len(found) > 1},
            {t: found for t, found in numbers.items() if len(found) > 1},
        )

    def _idf1(self) -> float:
        numbers, ids = sorted(self._spans), sorted(self._lengths)
        if not numbers or not ids:
            return 0.0
        costs = [
            [1000.0 - self._together[n, t] if self._together[n, t] else FORBIDDEN for t in ids]
            for n in numbers
        ]
        right = sum(self._together[numbers[i], ids[j]] for i, j in assign(costs, alone=1e6))
        wrong_boxes = self._score.false_boxes
        return 2 * right / (sum(self._spans.values()) + sum(self._lengths.values()) + wrong_boxes)
