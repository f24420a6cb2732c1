"""Turns detections into sightings, one for each object, and lets a track's sightings vote on its label.

Models with COCO's classes return a rider and the vehicle as two boxes, and label the same motorbike person,
motorcycle and car in turn. The agent's own model returns one box for both, which needs no merging.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from edge_agent.core.model import GROUP_OF_LABEL, PERSON, TWO_WHEELER, VEHICLE, Box, Detection

MAX_DETECTIONS = 100
"""Limit for one frame: a junction full of riders has 50. A faulty model must not slow down the camera."""
SAME_OBJECT_IOU = 0.6  # two boxes of one frame from this IoU on are one object, whatever their labels
SAME_GROUP_IOU = 0.45  # the same for two boxes of one group
PART_INSIDE = 0.6  # a two-wheeler's box inside another by this share: the vehicle, inside vehicle and rider
WHOLE_INSIDE = 0.85  # the same for two boxes of one group other than people
CLEARLY_WEAKER = 0.7  # ratio of scores of a duplicate; two people, one behind the other, score about the same
TALL = 1.35  # height over width in pixels; no vehicle with four wheels looks so narrow
TALL_VEHICLE_WEIGHT = 0.25
TALL_SCORE = 0.75


@dataclass(frozen=True, slots=True)
class Sighting:
    """One object in the detections of one frame: a single detection, or a rider merged with the vehicle."""

    label: str
    score: float  # of its best part
    group: str
    box: Box
    weight: float  # of its vote for ``label``
    as_person: float = 0.0  # weight of its vote for a person, if a rider was seen


Apart = Callable[[Detection, Detection], bool]
"""Whether a person and a two-wheeler are two objects, as when a person walks past a parked one."""


def sightings(detections: Sequence[Detection], aspect: float, apart: Apart) -> list[Sighting]:
    """Return the objects in one frame's ``detections``, highest score first, whatever the order of input.

    ``aspect`` is the picture's height over its width. Detections without a group are dropped, and the weakest
    ones beyond ``MAX_DETECTIONS``.
    """
    known = sorted(_sound(detections), key=_strongest_first)[:MAX_DETECTIONS]
    machines, people, vehicles = (
        _distinct([d for d in known if d.group == group]) for group in (TWO_WHEELER, PERSON, VEHICLE)
    )
    riders_of = _pair(machines, people, apart)
    taken = {id(rider) for _, riders in riders_of for rider in riders}
    seen = [_mounted(machine, riders) for machine, riders in riders_of]
    seen += [Sighting(d.label, d.score, PERSON, d.box, d.score) for d in people if id(d) not in taken]
    seen += [_vehicle(d, aspect) for d in vehicles]
    seen.sort(key=_strongest_first)
    return _without_duplicates(seen)


def _sound(detections: Iterable[Detection]) -> Iterator[Detection]:
    """Yield the valid detections, with boxes clipped to the picture."""
    for d in detections:
        box = d.box.clipped()
        if d.group is not None and box.area > 0 and 0 < d.score <= 1:
            yield d if box is d.box else replace(d, box=box)


def is_rider_on(person: Box, machine: Box) -> bool:
    """Whether ``person`` sits on ``machine``: above it, in line with it, overlapping.

    The feet of a person who walks beside the machine are as low as its wheels, and to its side.
    """
    if abs(person.centre[0] - machine.centre[0]) > 0.4 * max(person.width, machine.width):
        return False
    if not 0.35 <= person.height / max(machine.height, 1e-9) <= 3.0:
        return False
    above = person.centre[1] < machine.centre[1] + 0.1 * machine.height
    seated = machine.y1 < person.y2 < machine.y2 + 0.25 * machine.height
    return above and seated and person.y1 < machine.y1 + 0.35 * machine.height


def _strongest_first(one: Detection | Sighting) -> tuple[float, float, float, float, float, str]:
    return -one.score, one.box.x1, one.box.y1, one.box.x2, one.box.y2, one.label


def _distinct(detections: Sequence[Detection]) -> list[Detection]:
    """One detection for each object of one group, with the highest score of its detections."""
    kept: list[Detection] = []
    for d in detections:
        same = next((i for i, k in enumerate(kept) if _same(d, k)), None)
        if same is None:
            kept.append(d)
        elif _is_machine(d) and d.box.iou(kept[same].box) <= SAME_GROUP_IOU:
            kept[same] = replace(kept[same], box=kept[same].box.union(d.box))
    return kept


def _same(a: Detection, b: Detection) -> bool:
    if a.box.iou(b.box) > SAME_GROUP_IOU:
        return True
    # A box of the vehicle alone, and one of vehicle and rider; or a box of a part, or around a second object.
    # Not for people, who may overlap each other.
    least = PART_INSIDE if _is_machine(a) else WHOLE_INSIDE
    return a.group != PERSON and max(a.box.inside(b.box), b.box.inside(a.box)) > least


def _is_machine(d: Detection) -> bool:
    """Whether the label means the two-wheeler without its rider, as in COCO."""
    return d.group == TWO_WHEELER and d.label != TWO_WHEELER


def _pair(
    machines: Sequence[Detection], people: Sequence[Detection], apart: Apart
) -> list[tuple[Detection, list[Detection]]]:
    """Each two-wheeler with its riders. A rider belongs to the two-wheeler below that is most in line."""
    riders: dict[int, list[Detection]] = {index: [] for index in range(len(machines))}
    duplicates: set[int] = set()
    for person in people:
        near = [
            i
            for i, m in enumerate(machines)
            if _is_machine(m)
            and (person.box.iou(m.box) > SAME_OBJECT_IOU or is_rider_on(person.box, m.box))
            and not apart(person, m)  # last: it compares the boxes with all tracks
        ]
        same = [i for i in near if person.box.iou(machines[i].box) > SAME_OBJECT_IOU]
        below = [i for i in near if i not in same]
        if below:
            # The rider was also detected as a two-wheeler. Since the real one is below, this is a duplicate.
            duplicates.update(same)
        if options := below or same:
            riders[min(options, key=lambda i: _sideways_offset(person, machines[i]))].append(person)
    return [(m, riders[i]) for i, m in enumerate(machines) if riders[i] or i not in duplicates]


def _sideways_offset(person: Detection, machine: Detection) -> float:
    return abs(person.box.centre[0] - machine.box.centre[0]) / machine.box.width


def _mounted(machine: Detection, riders: Sequence[Detection]) -> Sighting:
    if not riders:
        return Sighting(machine.label, machine.score, TWO_WHEELER, machine.box, machine.score)
    box = machine.box
    for rider in riders:
        box = box.union(rider.box)
    rider_score = max(rider.score for rider in riders)
    score = max(machine.score, rider_score)
    # One inference has one vote of the weight ``score``, divided between the two labels.
    part = score / (machine.score + rider_score)
    return Sighting(machine.label, score, TWO_WHEELER, box, machine.score * part, rider_score * part)


def _vehicle(d: Detection, aspect: float) -> Sighting:
    """Weigh down tall boxes: distant riders are often called car, with a low score, in a tall box."""
    tall = aspect * d.box.height > TALL * d.box.width and d.score < TALL_SCORE
    return Sighting(d.label, d.score, VEHICLE, d.box, d.score * (TALL_VEHICLE_WEIGHT if tall else 1.0))


def _without_duplicates(seen: Sequence[Sighting]) -> list[Sighting]:
    """Drop duplicates of a stronger sighting: another label, a part of it, or a box around two objects."""
    kept: list[Sighting] = []
    for s in seen:
        if not any(_is_duplicate(s, k) for k in kept):
            kept.append(s)
    return kept


def _is_duplicate(weak: Sighting, strong: Sighting) -> bool:
    iou = weak.box.iou(strong.box)
    if iou > SAME_OBJECT_IOU:
        return True
    if iou <= 0 or weak.score > CLEARLY_WEAKER * strong.score:
        return False
    return iou > SAME_GROUP_IOU or max(weak.box.inside(strong.box), strong.box.inside(weak.box)) > PART_INSIDE


GROUPS = (TWO_WHEELER, PERSON, VEHICLE)
RIDER_SHARE = 0.2
"""With a COCO model: weight of two-wheeler votes needed, per weight of person votes, to call a track a
two-wheeler. A rider is a person too, so sightings of the person alone say little against a two-wheeler; a
walker is hardly ever called a two-wheeler."""
OWN_SHARE = 2.0
"""Factor for two-wheeler votes of the agent's own model: it mistakes riders for walkers more often than
walkers for riders."""
FADE = 0.95  # factor for older votes at each new one: recent sightings are usually nearer and better
SWITCH_MARGIN = 1.25  # another group or label must be this much heavier before the track changes


class GroupVote:
    """The vote on the group and label of one track."""

    def __init__(self) -> None:
        self._weights: dict[str, float] = {}  # by label
        self._scores: dict[str, tuple[int, float, float]] = {}  # by group: count, sum, best
        self._doubts = dict.fromkeys(GROUPS, 1.0)  # product of 1 - score over the sightings that agree
        self.label: str | None = None
        self.group: str | None = None
        self.count = 0

    def add(self, sighting: Sighting) -> None:
        """Count one sighting."""
        for label in self._weights:
            self._weights[label] *= FADE
        for label, weight in ((sighting.label, sighting.weight), (PERSON, sighting.as_person)):
            if weight > 0:
                self._weights[label] = self._weights.get(label, 0.0) + weight
        count, total, best = self._scores.get(sighting.group, (0, 0.0, 0.0))
        self._scores[sighting.group] = count + 1, total + sighting.score, max(best, sighting.score)
        for group in GROUPS:
            if self._agrees(sighting.group, group):
                self._doubts[group] *= 1.0 - sighting.score
        self.count += 1
        self._choose()

    @property
    def score(self) -> float:
        """Mean score of the sightings of the group; 0 without one."""
        count, total, best = self._scores.get(self.group or "", (0, 0.0, 0.0))
        # A sum of equal numbers is rounded, and their mean could exceed them.
        return min(best, total / count) if count else 0.0

    @property
    def best_score(self) -> float:
        return self._scores.get(self.group or "", (0, 0.0, 0.0))[2]

    @property
    def evidence(self) -> float:
        """Combined score of the agreeing sightings, 0..1, as if they were independent (noisy-or): one of 0.5
        counts as much as two of 0.3."""
        return 1.0 - self._doubts.get(self.group or "", 1.0)

    @property
    def uses_coco_classes(self) -> bool:
        """Whether the model has COCO's classes, which mean the two-wheeler without its rider."""
        return any(
            label != TWO_WHEELER and GROUP_OF_LABEL.get(label) == TWO_WHEELER for label in self._weights
        )

    def _agrees(self, seen: str, group: str) -> bool:
        """Whether a sighting of group ``seen`` supports ``group``: a rider is a person as well, and a model
        that returns rider and vehicle as one object mistakes some walkers for riders."""
        if seen == group:
            return True
        return {seen, group} == {PERSON, TWO_WHEELER} and (group == TWO_WHEELER or not self.uses_coco_classes)

    def _choose(self) -> None:
        groups = dict.fromkeys(GROUPS, 0.0)
        for label, weight in self._weights.items():
            groups[GROUP_OF_LABEL[label]] += weight
        if self.uses_coco_classes and groups[TWO_WHEELER] >= RIDER_SHARE * groups[PERSON]:
            groups[TWO_WHEELER] += groups[PERSON]
            groups[PERSON] = 0.0
        elif not self.uses_coco_classes:
            groups[TWO_WHEELER] *= OWN_SHARE
        best = max(GROUPS, key=lambda group: groups[group])
        if self.group is None or groups[best] > SWITCH_MARGIN * groups[self.group]:
            self.group = best
        self.label = self._choose_label(self.group)

    def _choose_label(self, group: str) -> str:
        members = sorted(label for label in self._weights if GROUP_OF_LABEL[label] == group)
        best = max(members, key=lambda label: self._weights[label])
        if self.label in members and self._weights[best] <= SWITCH_MARGIN * self._weights[self.label]:
            return self.label
        return best
