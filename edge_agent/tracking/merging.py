"""Two tracks on one object become one: a rider and the machine, a blob and what a look found in it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import hypot

from edge_agent.model import PERSON, TWO_WHEELER
from edge_agent.tracking.association import affinity, is_rider_on, size_ratio
from edge_agent.tracking.overlap import overlaps
from edge_agent.tracking.trail import Trail

TOGETHER_S = 0.5  # people who cross overlap as well, but not for long at one speed
SAME_SPEED = 0.4  # own sizes a second
BLOB_INSIDE = 0.6


class Doubles:
    """Remembers how long pairs of tracks have been lying on each other."""

    def __init__(self) -> None:
        self._since: dict[tuple[int, int], float] = {}
        self._apart: set[tuple[int, int]] = set()  # have been seen side by side: two objects for good

    def find(self, trails: Sequence[Trail], now: float) -> list[tuple[Trail, Trail]]:
        """Pairs (keep, drop), each track in at most one of them."""
        boxes = [t.box for t in trails]
        overlapping = [(i, j) for i, j, _ in overlaps(boxes, boxes) if i < j]
        self._note_apart(trails, overlapping)
        pairs: list[tuple[Trail, Trail]] = []
        close: dict[tuple[int, int], float] = {}
        used: set[int] = set()
        for i, j in overlapping:
            first, second = trails[i], trails[j]
            key = (first.number, second.number)
            if used.intersection(key):
                continue
            if not (_is_blob_of(first, second) or _is_blob_of(second, first)):
                if key in self._apart or not _lie_together(first, second, now):
                    continue
                close[key] = self._since.get(key, now)
                if now - close[key] < TOGETHER_S:
                    continue
            pairs.append(_ranked(first, second))
            used.update(key)
        self._since = close
        return pairs

    def _note_apart(self, trails: Sequence[Trail], overlapping: Sequence[tuple[int, int]]) -> None:
        live = {t.number for t in trails}
        self._apart = {pair for pair in self._apart if live.issuperset(pair)}
        named = [i for i, t in enumerate(trails) if t.vote.label is not None and t.seen_now]
        for i, j in set(combinations(named, 2)).difference(overlapping):
            self._apart.add((trails[i].number, trails[j].number))


def _is_blob_of(blob: Trail, other: Trail) -> bool:
    """Whether ``blob`` is unlabelled motion that ``other`` explains."""
    if blob.vote.label is not None or other.patch is not None:
        return False
    if other.vote.label is None and blob.number < other.number:
        return False
    return blob.box.inside(other.box) >= BLOB_INSIDE or blob.box.iou(other.box) >= 0.5


def _lie_together(a: Trail, b: Trail, now: float) -> bool:
    """Whether two labelled tracks move as one and no single frame showed them as two."""
    if a.vote.label is None or b.vote.label is None or (a.patch is None) != (b.patch is None):
        return False
    if a.sighted_mono == b.sighted_mono == now:
        return False
    if affinity(a.vote.group, b.vote.group) < 0.9:
        return a.box.iou(b.box) > 0.6 and _relative_speed(a, b) < SAME_SPEED
    overlap = a.box.iou(b.box) >= 0.45 or (_inside(a, b) >= 0.75 and size_ratio(a.box, b.box) < 4)
    return (overlap or _ride(a, b)) and _relative_speed(a, b) < SAME_SPEED


def _ride(a: Trail, b: Trail) -> bool:
    if {a.vote.group, b.vote.group} != {PERSON, TWO_WHEELER} or a.patch is not None:
        return False
    person, machine = (a, b) if a.vote.group == PERSON else (b, a)
    return is_rider_on(person.box, machine.box)


def _inside(a: Trail, b: Trail) -> float:
    return max(a.box.inside(b.box), b.box.inside(a.box))


def _relative_speed(a: Trail, b: Trail) -> float:
    width = max((a.box.width + b.box.width) / 2, 1e-6)
    height = max((a.box.height + b.box.height) / 2, 1e-6)
    return hypot((a.velocity[0] - b.velocity[0]) / width, (a.velocity[1] - b.velocity[1]) / height)


def _ranked(a: Trail, b: Trail) -> tuple[Trail, Trail]:
    """The confirmed one, then the labelled one, then the older one stays."""

    def rank(t: Trail) -> tuple[bool, bool, int]:
        return (not t.confirmed, t.vote.label is None, t.number)

    return (a, b) if rank(a) <= rank(b) else (b, a)
