"""Compares the passages of a clip with its marks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import atan2, degrees, hypot

from bench.passages.marks import Mark, MarkedClip, PlaceRow
from bench.passages.run import ClipRun
from edge_agent.passages.passage import Passage, Side
from edge_agent.passages.path import AT_SIDE

NEAR = 0.1  # mean distance of the two paths, widths of the picture
MIN_SHARED = 0.25  # of the time of the shorter of the two
MARGIN_S = 0.5  # the marked seconds are that exact
MAX_TURN = 45.0  # degrees between the two directions
NO_NAME = "none"


@dataclass(frozen=True, slots=True)
class Pair:
    """A mark and a passage at the same time and place."""

    mark: Mark
    passage: Passage
    shared_s: float
    distance: float
    turn: float | None  # degrees between the directions; None: one of them has none

    @property
    def same_group(self) -> bool:
        return self.mark.group == self.passage.group

    @property
    def same_direction(self) -> bool:
        return self.mark.turns or (self.turn is not None and self.turn <= MAX_TURN)

    @property
    def order(self) -> tuple[bool, bool, float]:
        """Better pairs first."""
        return not self.same_group, not self.same_direction, -self.shared_s / (0.03 + self.distance)


@dataclass
class ClipScore:
    """What was found of one clip."""

    marks: int = 0
    directed: int = 0  # marks with a direction
    directed_right: int = 0
    sides: int = 0  # entries and exits at the left, right or bottom side of objects found
    sides_right: int = 0
    right: int = 0  # group and direction
    group_only: int = 0  # found, with another direction
    other_group: int = 0
    missed: int = 0
    doubled: int = 0  # passages of an object that has one already
    false: int = 0  # passages without an object
    passages: int = 0
    parts: int = 0
    parts_named: int = 0
    parts_right: int = 0
    claims: Counter[str] = field(default_factory=Counter)  # light -> parts of passages with a colour
    confusion: dict[str, Counter[tuple[str, str]]] = field(default_factory=dict)
    """Light -> (marked term, first term of the program) -> parts."""
    remarks: list[str] = field(default_factory=list)

    def add(self, other: ClipScore) -> None:
        """Add another clip's counts."""
        for name in self.__dataclass_fields__:
            value = getattr(other, name)
            if isinstance(value, int):
                setattr(self, name, getattr(self, name) + value)
        self.claims += other.claims
        for light, counts in other.confusion.items():
            self.confusion.setdefault(light, Counter()).update(counts)


def score(clip: MarkedClip, run: ClipRun) -> ClipScore:
    """Pair each mark with at most one passage, and count."""
    passages = [p for p in run.passages if p.ended_mono > clip.from_s and p.started_mono < clip.to_s]
    pairs = all_pairs(clip, run)
    chosen = assign([p for p in pairs if not p.mark.optional])
    total = ClipScore(marks=sum(not m.optional for m in clip.marks), passages=len(passages))
    for mark in clip.marks:
        if not mark.optional:
            _count(total, mark, chosen.get(id(mark)))
    _count_others(total, clip, passages, pairs, [pair.passage for pair in chosen.values()])
    for passage in passages:
        total.claims[passage.light] += sum(bool(part.colours) for part in passage.colours)
    return total


def all_pairs(clip: MarkedClip, run: ClipRun) -> list[Pair]:
    """Each mark with each passage at its time and place, better pairs first."""
    pairs = (_pair(mark, passage, run.aspect) for mark in clip.marks for passage in run.passages)
    return sorted((pair for pair in pairs if pair is not None), key=lambda pair: pair.order)


def assign(pairs: Sequence[Pair]) -> dict[int, Pair]:
    """The best pair of each mark (by ``id``); a passage counts for one mark."""
    chosen: dict[int, Pair] = {}
    used: set[int] = set()
    for pair in pairs:
        if id(pair.mark) not in chosen and id(pair.passage) not in used:
            chosen[id(pair.mark)] = pair
            used.add(id(pair.passage))
    return chosen


def _count(total: ClipScore, mark: Mark, pair: Pair | None) -> None:
    total.directed += not mark.turns
    where = f"{mark.group} {mark.from_s:g} to {mark.to_s:g} s from ({mark.path[0][1]:g}, {mark.path[0][2]:g})"
    if pair is None:
        total.missed += 1
        total.remarks.append(f"missed: {where}")
    elif not pair.same_group:
        total.other_group += 1
        total.remarks.append(f"group {pair.passage.group}: {where}")
    elif not pair.same_direction:
        total.group_only += 1
        total.remarks.append(
            f"direction {pair.passage.direction_deg}, turned by {pair.turn}: {where};"
            f" passage {pair.passage.started_mono:.1f} to {pair.passage.ended_mono:.1f} s"
        )
    else:
        total.right += 1
        total.directed_right += not mark.turns
        for point, side in ((mark.path[0], pair.passage.entry), (mark.path[-1], pair.passage.exit)):
            marked = _sides(point)
            total.sides += bool(marked)
            total.sides_right += side in marked
    if pair is not None and pair.same_group:
        _count_colours(total, mark, pair.passage, where)


def _count_colours(total: ClipScore, mark: Mark, passage: Passage, where: str) -> None:
    named = {part.part: [share.colour for share in part.colours] for part in passage.colours}
    confusion = total.confusion.setdefault(passage.light, Counter())
    for part, terms in mark.colours.items():
        colours = named.get(part, [])
        total.parts += 1
        total.parts_named += bool(colours)
        right = any(colour in terms for colour in colours)
        total.parts_right += right
        first = colours[0] if colours else NO_NAME
        confusion[first if first in terms else terms[0], first] += 1
        if not right:
            total.remarks.append(f"colour {part} {'/'.join(terms)}, named {colours}: {where}")


def _count_others(
    total: ClipScore,
    clip: MarkedClip,
    passages: Sequence[Passage],
    pairs: Sequence[Pair],
    used: Sequence[Passage],
) -> None:
    """Count the passages that belong to no mark, or to one that has its passage."""
    taken = {id(p) for p in used}
    near: dict[int, list[Pair]] = {}
    for pair in pairs:
        near.setdefault(id(pair.passage), []).append(pair)
    for passage in passages:
        if id(passage) in taken:
            continue
        mean_y = sum(point.y for point in passage.path) / len(passage.path)
        candidates = near.get(id(passage), [])
        middle_s = (passage.started_mono + passage.ended_mono) / 2
        if any(pair.mark.optional for pair in candidates) or mean_y < clip.unmarked_above:
            continue
        if not clip.from_s <= middle_s <= clip.to_s:
            continue
        kind = "doubled" if candidates else "false"
        total.doubled += bool(candidates)
        total.false += not candidates
        first, last = passage.path[0], passage.path[-1]
        total.remarks.append(
            f"{kind}: {passage.group} {passage.started_mono:.1f} to {passage.ended_mono:.1f} s,"
            f" ({first.x:.2f}, {first.y:.2f}) to ({last.x:.2f}, {last.y:.2f})"
        )


def _pair(mark: Mark, passage: Passage, aspect: float) -> Pair | None:
    """The pair, if the two shared time and place."""
    points = [(passage.started_mono + point.after_s, point.x, point.y) for point in passage.path]
    (from_s, *first), (to_s, *last) = mark.path[0], mark.path[-1]
    marked = [(from_s - MARGIN_S, first[0], first[1]), *mark.path, (to_s + MARGIN_S, last[0], last[1])]
    shared_s, distance = PlaceRow(marked).distance(PlaceRow(points), aspect)
    shorter_s = min(mark.to_s - mark.from_s, passage.ended_mono - passage.started_mono)
    if shared_s < max(0.1, MIN_SHARED * shorter_s) or distance > NEAR:
        return None
    return Pair(mark, passage, shared_s, distance, _turn(mark, passage, aspect))


def _sides(point: tuple[float, float, float]) -> set[Side]:
    """The sides that an object with its foot at ``point`` may touch; the top is not known from the foot."""
    _, x, y = point
    near = {Side.LEFT: x, Side.RIGHT: 1 - x, Side.BOTTOM: 1 - y}
    return {side for side, gap in near.items() if gap <= AT_SIDE}


def _turn(mark: Mark, passage: Passage, aspect: float) -> float | None:
    (_, x1, y1), (_, x2, y2) = mark.path[0], mark.path[-1]
    dx, dy = x2 - x1, (y2 - y1) * aspect
    if passage.direction_deg is None or hypot(dx, dy) == 0:
        return None
    return abs((passage.direction_deg - degrees(atan2(dx, -dy)) + 180) % 360 - 180)
