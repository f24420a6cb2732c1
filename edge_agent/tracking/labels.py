"""From what a model called things to what they are: one sighting an object, one vote a look.

A small model calls the same motorbike person, motorcycle and car in turn, and it draws the rider and the
machine as two boxes. So detections are first put together to sightings, then every look votes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

from edge_agent.model import GROUP_OF_LABEL, PERSON, TWO_WHEELER, VEHICLE, Box, Detection, Looks
from edge_agent.tracking.association import is_rider_on

SAME_OBJECT_IOU = 0.6  # two boxes of one frame this close are one object, whatever they are called
SAME_GROUP_IOU = 0.45
CUT_MARGIN = 0.015  # of a crop's side: a box this near to its edge probably goes on beyond it

RIDER_SHARE = 0.2
"""Two-wheeler looks needed per person look, by weight, to call a track a two-wheeler. A rider is a person
too, so looks that saw only the person say little against the machine; a walker is hardly ever called one."""
FADE = 0.95  # of every older look's weight at each new look: near looks are better than far ones
SWITCH_MARGIN = 1.25  # how much heavier a new label must be before the track changes its name
TALL = 1.35  # height over width in pixels; nothing with four wheels is seen so narrow
TALL_VEHICLE_WEIGHT = 0.25
TALL_SCORE = 0.75
CUT_WEIGHT = 0.5
SURE_WEIGHT = 1.2  # about two good looks
SURE_SHARE = 0.65


@dataclass(frozen=True, slots=True)
class Sighting:
    """One object as one frame's looks saw it: a detection, or a rider together with the machine."""

    label: str
    group: str
    score: float  # of its best part: that a rider is there is as sure as that a person is
    box: Box
    cut: bool  # a crop's edge runs through it: the box is no outline


Apart = Callable[[Detection, Detection], bool]
"""Whether a person and a machine are known to be two objects: somebody walks past a parked motorbike."""


def sightings(looks: Looks, aspect: float, apart: Apart) -> list[Sighting]:
    """The objects in ``looks``, strongest first; the order of the detections does not matter.

    ``aspect`` is the picture's height over its width. Detections with a label outside
    ``GROUP_OF_LABEL`` are left out.
    """
    known = [d for d in looks.detections if d.group is not None and d.box.area > 0]
    known.sort(key=_strength)
    machines, people, vehicles = (_distinct([d for d in known if d.group == g], looks) for g in _GROUPS)
    pairs = _pair(machines, people, apart)
    taken = {id(rider) for _, riders in pairs for rider in riders}
    seen = [_mounted(machine, riders, looks) for machine, riders in pairs]
    seen += [_sighting(d, looks) for d in people if id(d) not in taken]
    seen += [_vehicle(d, looks, aspect) for d in vehicles]
    seen.sort(key=lambda s: (-s.score, s.box.x1, s.box.y1, s.box.x2, s.box.y2, s.label))
    return _without_doubles(seen)


_GROUPS = (TWO_WHEELER, PERSON, VEHICLE)


def _strength(d: Detection) -> tuple[float, float, float, float, float, str]:
    return (-d.score, d.box.x1, d.box.y1, d.box.x2, d.box.y2, d.label)


def _distinct(detections: Sequence[Detection], looks: Looks) -> list[Detection]:
    """One detection an object of one group, whole ones before those that a crop's edge cut."""
    kept: list[Detection] = []
    for d in sorted(detections, key=lambda d: (is_cut(d.box, looks.looked), *_strength(d))):
        rest_of = [k for k in kept if _same(d.box, k.box, looks)]
        if not rest_of:
            kept.append(d)
    kept.sort(key=_strength)
    return kept


def _same(a: Box, b: Box, looks: Looks) -> bool:
    if a.iou(b) > SAME_GROUP_IOU:
        return True
    small, large = (a, b) if a.area <= b.area else (b, a)
    # A piece of something that another crop shows whole.
    return is_cut(small, looks.looked) and small.inside(large) > 0.7


def _pair(
    machines: Sequence[Detection], people: Sequence[Detection], apart: Apart
) -> list[tuple[Detection, list[Detection]]]:
    """Every machine with the people on it: a machine carries several, a person rides one."""
    riders: dict[int, list[Detection]] = {index: [] for index in range(len(machines))}
    for person in people:
        options = [
            (abs(person.box.centre[0] - m.box.centre[0]) / m.box.width, index)
            for index, m in enumerate(machines)
            if (is_rider_on(person.box, m.box) or person.box.iou(m.box) > SAME_OBJECT_IOU)
            and not apart(person, m)
        ]
        if options:
            riders[min(options)[1]].append(person)
    return [(machine, riders[index]) for index, machine in enumerate(machines)]


def _mounted(machine: Detection, riders: Sequence[Detection], looks: Looks) -> Sighting:
    box, score = machine.box, machine.score
    for rider in riders:
        box, score = box.union(rider.box), max(score, rider.score)
    return Sighting(machine.label, TWO_WHEELER, score, box, is_cut(box, looks.looked))


def _sighting(d: Detection, looks: Looks) -> Sighting:
    return Sighting(d.label, str(d.group), d.score, d.box, is_cut(d.box, looks.looked))


def _vehicle(d: Detection, looks: Looks, aspect: float) -> Sighting:
    """Riders far away are often called car, weakly, in a box that only a car seen from above has."""
    tall = aspect * d.box.height > TALL * d.box.width and d.score < TALL_SCORE
    return Sighting(
        d.label,
        VEHICLE,
        d.score * (TALL_VEHICLE_WEIGHT if tall else 1.0),
        d.box,
        is_cut(d.box, looks.looked),
    )


def _without_doubles(seen: Sequence[Sighting]) -> list[Sighting]:
    """The stronger of two sightings of different groups that lie on each other."""
    kept: list[Sighting] = []
    for s in seen:
        if all(s.box.iou(k.box) <= SAME_OBJECT_IOU for k in kept):
            kept.append(s)
    return kept


def is_cut(box: Box, looked: Sequence[Box]) -> bool:
    """Whether no crop shows ``box`` whole with a margin; the picture's own edges do not count as cuts.

    With no crop given (a detector that always sees the whole picture) nothing is cut.
    """
    return bool(looked) and not any(_shows_whole(crop, box) for crop in looked)


def _shows_whole(crop: Box, box: Box) -> bool:
    dx, dy = CUT_MARGIN * crop.width, CUT_MARGIN * crop.height
    return (
        (box.x1 > crop.x1 + dx or crop.x1 <= 0.001)
        and (box.y1 > crop.y1 + dy or crop.y1 <= 0.001)
        and (box.x2 < crop.x2 - dx or crop.x2 >= 0.999)
        and (box.y2 < crop.y2 - dy or crop.y2 >= 0.999)
        and box.inside(crop) > 0.9
    )


class LabelVote:
    """What a track is called, voted by its looks, weighted by their scores."""

    def __init__(self) -> None:
        self._weights: dict[str, float] = {}
        self._scores: dict[str, list[float]] = {}
        self._doubts: dict[str, float] = {}  # product of 1 - score over the looks that said so
        self.label: str | None = None
        self.group: str | None = None
        self.looks = 0

    def add(self, sighting: Sighting) -> None:
        """Count one look."""
        weight = sighting.score * (CUT_WEIGHT if sighting.cut else 1.0)
        for label in self._weights:
            self._weights[label] *= FADE
        self._weights[sighting.label] = self._weights.get(sighting.label, 0.0) + weight
        count, total, best = self._scores.get(sighting.label, [0.0, 0.0, 0.0])
        self._scores[sighting.label] = [
            count + 1,
            total + sighting.score,
            max(best, sighting.score),
        ]
        self._doubts[sighting.label] = self._doubts.get(sighting.label, 1.0) * (1.0 - sighting.score)
        self.looks += 1
        self._elect()

    def absorb(self, other: LabelVote) -> None:
        """Take over the looks of a track that turned out to be the same object."""
        for label, weight in other._weights.items():
            self._weights[label] = self._weights.get(label, 0.0) + weight
            mine, theirs = self._scores.get(label, [0.0, 0.0, 0.0]), other._scores[label]
            self._scores[label] = [mine[0] + theirs[0], mine[1] + theirs[1], max(mine[2], theirs[2])]
            self._doubts[label] = self._doubts.get(label, 1.0) * other._doubts[label]
        self.looks += other.looks
        if self._weights:
            self._elect()

    @property
    def score(self) -> float:
        """Mean score of the looks that voted for the label; 0 without one."""
        count, total, _ = self._scores.get(self.label or "", [0.0, 0.0, 0.0])
        return total / count if count else 0.0

    @property
    def best_score(self) -> float:
        return self._scores.get(self.label or "", [0.0, 0.0, 0.0])[2]

    @property
    def evidence(self) -> float:
        """How sure the agreeing looks are together, 0..1, taken as independent witnesses (noisy-or): one
        look at 0.5 says as much as two at 0.3."""
        return 1.0 - prod(doubt for label, doubt in self._doubts.items() if self._agrees(label))

    @property
    def weight(self) -> float:
        """Weight of the looks that agree with the group; a person on a machine agrees with it."""
        return sum(w for label, w in self._weights.items() if self._agrees(label))

    @property
    def share(self) -> float:
        """Agreeing part of all looks' weight, 0..1."""
        total = sum(self._weights.values())
        return self.weight / total if total > 0 else 0.0

    @property
    def sure(self) -> bool:
        """Whether more looks would hardly change the group."""
        return self.looks >= 2 and self.weight >= SURE_WEIGHT and self.share >= SURE_SHARE

    def _agrees(self, label: str) -> bool:
        group = GROUP_OF_LABEL[label]
        return group == self.group or (self.group == TWO_WHEELER and group == PERSON)

    def _elect(self) -> None:
        groups = dict.fromkeys(_GROUPS, 0.0)
        for label, weight in self._weights.items():
            groups[GROUP_OF_LABEL[label]] += weight
        if groups[TWO_WHEELER] >= RIDER_SHARE * groups[PERSON] and groups[TWO_WHEELER] > 0:
            groups[TWO_WHEELER] += groups[PERSON]
            groups[PERSON] = 0.0
        best = max(_GROUPS, key=lambda g: groups[g])
        if self.group is None or groups[best] > SWITCH_MARGIN * groups[self.group]:
            self.group = best
        self.label = self._elect_label(self.group)

    def _elect_label(self, group: str) -> str:
        members = sorted(label for label in self._weights if GROUP_OF_LABEL[label] == group)
        best = max(members, key=lambda label: self._weights[label])
        current = self.label
        if current in members and self._weights[best] <= SWITCH_MARGIN * self._weights[current]:
            return current
        return best
