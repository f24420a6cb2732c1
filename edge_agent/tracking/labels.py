"""From what a model called things to what they are: one sighting an object, one vote a look.

A small model calls the same motorbike person, motorcycle and car in turn, and it draws the rider and the
machine as two boxes. So detections are first put together to sightings, then every look votes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from edge_agent.model import GROUP_OF_LABEL, PERSON, TWO_WHEELER, VEHICLE, Box, Detection
from edge_agent.tracking.association import is_rider_on

SAME_OBJECT_IOU = 0.6  # two boxes of one frame this close are one object, whatever they are called
SAME_GROUP_IOU = 0.45
PART_INSIDE = 0.6  # of a two-wheeler's box within another's: that of the machine in that of machine and rider

RIDER_SHARE = 0.2
"""Two-wheeler looks needed per person look, by weight, to call a track a two-wheeler. A rider is a person
too, so looks that saw only the person say little against the machine; a walker is hardly ever called one."""
FADE = 0.95  # of every older look's weight at each new look: near looks are better than far ones
SWITCH_MARGIN = 1.25  # how much heavier a new label must be before the track changes its name
TALL = 1.35  # height over width in pixels; nothing with four wheels is seen so narrow
TALL_VEHICLE_WEIGHT = 0.25
TALL_SCORE = 0.75
SURE_WEIGHT = 1.2  # about two good looks
SURE_SHARE = 0.65


@dataclass(frozen=True, slots=True)
class Sighting:
    """One object as one frame's looks saw it: a detection, or a rider together with the machine.

    ``parts`` are the labels that were seen with their scores, the one that names the whole first.
    """

    parts: tuple[tuple[str, float], ...]
    group: str
    box: Box

    @property
    def label(self) -> str:
        return self.parts[0][0]

    @property
    def score(self) -> float:
        """Of its best part: that a rider is there is as sure as that a person is."""
        return max(score for _, score in self.parts)

    @property
    def votes(self) -> list[tuple[str, float]]:
        """One look has one vote, as heavy as its score: divided among what it named."""
        total = sum(score for _, score in self.parts)
        return [(label, self.score * score / total) for label, score in self.parts]


Apart = Callable[[Detection, Detection], bool]
"""Whether a person and a machine are known to be two objects: somebody walks past a parked motorbike."""


def sightings(detections: Sequence[Detection], aspect: float, apart: Apart) -> list[Sighting]:
    """The objects in one frame's ``detections``, strongest first; their order does not matter.

    ``aspect`` is the picture's height over its width. Detections with a label outside
    ``GROUP_OF_LABEL`` are left out.
    """
    known = [d for d in detections if d.group is not None and d.box.area > 0]
    known.sort(key=_strength)
    machines, people, vehicles = (_distinct([d for d in known if d.group == g]) for g in _GROUPS)
    pairs = _pair(machines, people, apart)
    taken = {id(rider) for _, riders in pairs for rider in riders}
    seen = [_mounted(machine, riders) for machine, riders in pairs]
    seen += [Sighting(((d.label, d.score),), PERSON, d.box) for d in people if id(d) not in taken]
    seen += [_vehicle(d, aspect) for d in vehicles]
    seen.sort(key=lambda s: (-s.score, s.box.x1, s.box.y1, s.box.x2, s.box.y2, s.label))
    return _without_doubles(seen)


_GROUPS = (TWO_WHEELER, PERSON, VEHICLE)


def _strength(d: Detection) -> tuple[float, float, float, float, float, str]:
    return (-d.score, d.box.x1, d.box.y1, d.box.x2, d.box.y2, d.label)


def _distinct(detections: Sequence[Detection]) -> list[Detection]:
    """One detection an object of one group, as strong as the strongest of it."""
    kept: list[Detection] = []
    for d in detections:
        same = next((i for i, k in enumerate(kept) if _same(d, k)), None)
        if same is None:
            kept.append(d)
        elif d.group == TWO_WHEELER:
            kept[same] = replace(kept[same], box=_outline(kept[same].box, d.box))
    return kept


def _same(a: Detection, b: Detection) -> bool:
    if a.box.iou(b.box) > SAME_GROUP_IOU:
        return True
    # The machine alone, and the rider on it as one; people may well stand before each other.
    return a.group == TWO_WHEELER and max(a.box.inside(b.box), b.box.inside(a.box)) > PART_INSIDE


def _outline(a: Box, b: Box) -> Box:
    """Of two boxes on one two-wheeler: both where one is a part, else the stronger one's, ``a``."""
    return a if a.iou(b) > SAME_GROUP_IOU else a.union(b)


def _pair(
    machines: Sequence[Detection], people: Sequence[Detection], apart: Apart
) -> list[tuple[Detection, list[Detection]]]:
    """Every machine with the people on it: a machine carries several, a person rides one."""
    riders: dict[int, list[Detection]] = {index: [] for index in range(len(machines))}
    named_twice: set[int] = set()
    for person in people:
        near = [i for i, machine in enumerate(machines) if not apart(person, machine)]
        same = [i for i in near if person.box.iou(machines[i].box) > SAME_OBJECT_IOU]
        below = [i for i in near if i not in same and is_rider_on(person.box, machines[i].box)]
        if below:
            # The machine itself was seen: the rider, named as a machine as well, is no second one.
            named_twice.update(same)
        if options := below or same:
            riders[min(options, key=lambda i: _aside(person, machines[i]))].append(person)
    return [(m, riders[i]) for i, m in enumerate(machines) if riders[i] or i not in named_twice]


def _aside(person: Detection, machine: Detection) -> float:
    return abs(person.box.centre[0] - machine.box.centre[0]) / machine.box.width


def _mounted(machine: Detection, riders: Sequence[Detection]) -> Sighting:
    box, parts = machine.box, [(machine.label, machine.score)]
    for rider in riders:
        box = box.union(rider.box)
    if riders:
        parts.append((PERSON, max(rider.score for rider in riders)))
    return Sighting(tuple(parts), TWO_WHEELER, box)


def _vehicle(d: Detection, aspect: float) -> Sighting:
    """Riders far away are often called car, weakly, in a box that only a car seen from above has."""
    tall = aspect * d.box.height > TALL * d.box.width and d.score < TALL_SCORE
    return Sighting(((d.label, d.score * (TALL_VEHICLE_WEIGHT if tall else 1.0)),), VEHICLE, d.box)


def _without_doubles(seen: Sequence[Sighting]) -> list[Sighting]:
    """The stronger of two sightings of different groups that lie on each other."""
    kept: list[Sighting] = []
    for s in seen:
        if all(s.box.iou(k.box) <= SAME_OBJECT_IOU for k in kept):
            kept.append(s)
    return kept


def _agrees(label: str, group: str | None) -> bool:
    """Whether a look that said ``label`` may have seen one of ``group``: a rider is a person as well."""
    return GROUP_OF_LABEL[label] == group or (group == TWO_WHEELER and label == PERSON)


@dataclass(slots=True)
class _Scores:
    """Of the looks that voted for one label."""

    count: int = 0
    total: float = 0.0
    best: float = 0.0

    def add(self, score: float) -> None:
        self.absorb(_Scores(1, score, score))

    def absorb(self, other: _Scores) -> None:
        self.count += other.count
        self.total += other.total
        self.best = max(self.best, other.best)


class LabelVote:
    """What a track is called, voted by its looks, weighted by their scores."""

    def __init__(self) -> None:
        self._weights: dict[str, float] = {}
        self._scores: dict[str, _Scores] = {}
        self._doubts = dict.fromkeys(_GROUPS, 1.0)  # product of 1 - score over the looks that agree
        self.label: str | None = None
        self.group: str | None = None
        self.looks = 0

    def add(self, sighting: Sighting) -> None:
        """Count one look."""
        for label in self._weights:
            self._weights[label] *= FADE
        for label, weight in sighting.votes:
            self._weights[label] = self._weights.get(label, 0.0) + weight
        for label, score in {**dict(sighting.parts), sighting.label: sighting.score}.items():
            self._scores.setdefault(label, _Scores()).add(score)
        for group in _GROUPS:
            agreeing = [score for label, score in sighting.parts if _agrees(label, group)]
            self._doubts[group] *= 1.0 - max(agreeing, default=0.0)
        self.looks += 1
        self._elect()

    def absorb(self, other: LabelVote) -> None:
        """Take over the looks of a track that turned out to be the same object."""
        for label, weight in other._weights.items():
            self._weights[label] = self._weights.get(label, 0.0) + weight
        for label, theirs in other._scores.items():
            self._scores.setdefault(label, _Scores()).absorb(theirs)
        for group, doubt in other._doubts.items():
            self._doubts[group] *= doubt
        self.looks += other.looks
        if self._weights:
            self._elect()

    @property
    def score(self) -> float:
        """Mean score of the looks that voted for the label; 0 without one."""
        scores = self._scores.get(self.label or "")
        return scores.total / scores.count if scores else 0.0

    @property
    def best_score(self) -> float:
        scores = self._scores.get(self.label or "")
        return scores.best if scores else 0.0

    @property
    def evidence(self) -> float:
        """How sure the agreeing looks are together, 0..1, taken as independent witnesses (noisy-or): one
        look at 0.5 says as much as two at 0.3."""
        return 1.0 - self._doubts.get(self.group or "", 1.0)

    @property
    def weight(self) -> float:
        """Weight of the looks that agree with the group; a person on a machine agrees with it."""
        return sum(w for label, w in self._weights.items() if _agrees(label, self.group))

    @property
    def share(self) -> float:
        """Agreeing part of all looks' weight, 0..1."""
        total = sum(self._weights.values())
        return self.weight / total if total > 0 else 0.0

    @property
    def sure(self) -> bool:
        """Whether more looks would hardly change the group."""
        return self.looks >= 2 and self.weight >= SURE_WEIGHT and self.share >= SURE_SHARE

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
