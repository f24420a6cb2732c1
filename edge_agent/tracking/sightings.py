"""Turns detections into sightings, one for each object, and lets a track's sightings vote on its label.

Models with COCO's classes return a rider and the vehicle as two boxes, and label the same motorbike person,
motorcycle and car in turn. The agent's own model returns one box for both, which needs no merging.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from edge_agent.core.model import GROUP_OF_LABEL, PERSON, TWO_WHEELER, VEHICLE, Box, Detection

MAX_DETECTIONS = 100
"""Limit for one frame: a faulty model must not slow down the camera. A junction full of riders has 50."""
SAME_OBJECT_IOU = 0.6  # two boxes of one frame above this IoU are one object, whatever their labels
SAME_GROUP_IOU = 0.45  # two boxes of one group above this IoU are one object
PART_INSIDE = 0.6  # two boxes of two-wheelers are one object if this share of one is inside the other
WHOLE_INSIDE = 0.85  # the same share for two boxes of vehicles, or of two-wheelers with their riders
NEAR_HEIGHT = 0.5  # of the picture; a person of this height may be detected in parts
PART_HEIGHT = 0.75  # a part of a person has less than this share of the height
CLEARLY_WEAKER = 0.7  # a duplicate has less than this share of the score; two people score about the same
TALL = 1.35  # height over width in pixels; no vehicle with four wheels looks so narrow
TALL_VEHICLE_WEIGHT = 0.25
TALL_SCORE = 0.75


@dataclass(frozen=True, slots=True)
class Sighting:
    """One object in the detections of one frame: one detection, or a two-wheeler merged with its riders."""

    label: str
    score: float  # the highest score of its detections
    group: str
    box: Box
    weight: float  # weight of its vote for ``label``
    as_person: float = 0.0  # weight of its vote for a person, if a rider was detected


Apart = Callable[[Detection, Detection], bool]
"""Returns whether a person and a two-wheeler are separate, as when a person walks past a motorcycle."""


class Tracked(Protocol):
    """Returns whether a track that is probably an object has about this box; with ``group``, one of it."""

    def __call__(self, box: Box, group: str | None = None) -> bool: ...


def sightings(
    detections: Sequence[Detection], aspect: float, apart: Apart, tracked: Tracked
) -> list[Sighting]:
    """Return the objects in one frame's ``detections`` (in any order), highest score first.

    ``aspect`` is the picture's height over its width. Invalid detections, those without a group, and the
    weakest beyond ``MAX_DETECTIONS`` are dropped.
    """
    known = sorted(_sound(detections), key=_strongest_first)[:MAX_DETECTIONS]
    machines, people, vehicles = (
        _distinct([d for d in known if d.group == group]) for group in (TWO_WHEELER, PERSON, VEHICLE)
    )
    people = _whole_people(people, tracked)
    riders_of = _pair(machines, people, apart)
    taken = {id(rider) for _, riders in riders_of for rider in riders}
    seen = [_mounted(machine, riders) for machine, riders in riders_of]
    seen += [Sighting(d.label, d.score, PERSON, d.box, d.score) for d in people if id(d) not in taken]
    seen += [_vehicle(d, aspect) for d in vehicles]
    seen.sort(key=_strongest_first)
    return _without_duplicates(seen, tracked)


def _sound(detections: Iterable[Detection]) -> Iterator[Detection]:
    """Yield the valid detections, with boxes clipped to the picture."""
    for d in detections:
        box = d.box.clipped()
        if d.group is not None and box.area > 0 and 0 < d.score <= 1:
            yield d if box is d.box else replace(d, box=box)


def is_rider_on(person: Box, machine: Box) -> bool:
    """Return whether ``person`` sits on ``machine``: above it, in line with it, and overlapping it.

    A person who walks beside the machine has feet as low as its wheels, and is to its side.
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
    """Return one detection per object; ``detections`` are of one group, the highest score first. A merged
    two-wheeler without its rider gets the union of both boxes."""
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
    # One box is inside the other: it is a two-wheeler without its rider, or a part of the object, or the
    # larger box is around two objects. Not tested for people, because one person may overlap another.
    least = PART_INSIDE if _is_machine(a) else WHOLE_INSIDE
    return a.group != PERSON and max(a.box.inside(b.box), b.box.inside(a.box)) > least


def _whole_people(people: list[Detection], tracked: Tracked) -> list[Detection]:
    """Return ``people`` without heads and legs of a person near the camera, who gets their score.

    A model detects a person of half the picture's height in parts, too, often with a higher score. But a
    large box that scores less than a person inside it, where no object is tracked, is usually false.
    """
    near = [d for d in people if d.box.height > NEAR_HEIGHT and (_is_best(d, people) or tracked(d.box))]
    if not near:
        return people
    whole = [d for d in people if not any(_is_part_of(d.box, other.box) for other in near)]
    return [
        replace(d, score=max(p.score for p in people if p is d or _is_part_of(p.box, d.box))) for d in whole
    ]


def _is_best(whole: Detection, people: Sequence[Detection]) -> bool:
    return not any(p.score > whole.score and _is_part_of(p.box, whole.box) for p in people)


def _is_part_of(part: Box, whole: Box) -> bool:
    is_near = whole.height > NEAR_HEIGHT
    return is_near and part.height < PART_HEIGHT * whole.height and part.inside(whole) > WHOLE_INSIDE


def _is_machine(d: Detection) -> bool:
    """Return whether the label means a two-wheeler without its rider, as in COCO."""
    return d.group == TWO_WHEELER and d.label != TWO_WHEELER


def _pair(
    machines: Sequence[Detection], people: Sequence[Detection], apart: Apart
) -> list[tuple[Detection, list[Detection]]]:
    """Return each two-wheeler with its riders; a rider belongs to the best aligned two-wheeler below."""
    riders: dict[int, list[Detection]] = {index: [] for index in range(len(machines))}
    duplicates: set[int] = set()
    for person in people:
        near = [
            i
            for i, m in enumerate(machines)
            if _is_machine(m)
            and (person.box.iou(m.box) > SAME_OBJECT_IOU or is_rider_on(person.box, m.box))
            and not apart(person, m)  # tested last, because it compares the boxes with all tracks
        ]
        same = [i for i in near if person.box.iou(machines[i].box) > SAME_OBJECT_IOU]
        below = [i for i in near if i not in same]
        if below:
            # The rider was also detected as a two-wheeler: a duplicate, because the real one is below.
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
    """Return a vehicle's sighting. Tall boxes with low scores weigh little: often they are distant riders."""
    tall = aspect * d.box.height > TALL * d.box.width and d.score < TALL_SCORE
    return Sighting(d.label, d.score, VEHICLE, d.box, d.score * (TALL_VEHICLE_WEIGHT if tall else 1.0))


def _without_duplicates(seen: Sequence[Sighting], tracked: Tracked) -> list[Sighting]:
    """Drop duplicates of a stronger sighting: another label, a part, or a box around two objects."""
    kept: list[Sighting] = []
    for s in seen:
        if not any(_is_duplicate(s, k, tracked) for k in kept):
            kept.append(s)
    return kept


def _is_duplicate(weak: Sighting, strong: Sighting, tracked: Tracked) -> bool:
    """Return whether ``weak`` shows the object of ``strong``. A box inside the other is no duplicate if its
    object is known: a person who is followed in front of a vehicle, or a vehicle behind a person."""
    iou = weak.box.iou(strong.box)
    if iou > SAME_OBJECT_IOU:
        return True
    if iou <= 0 or weak.score > CLEARLY_WEAKER * strong.score:
        return False
    if iou > SAME_GROUP_IOU:
        return True
    if max(weak.box.inside(strong.box), strong.box.inside(weak.box)) <= PART_INSIDE:
        return False
    are_apart = VEHICLE in (weak.group, strong.group) and weak.group != strong.group
    return not (are_apart and tracked(weak.box, weak.group))


GROUPS = (TWO_WHEELER, PERSON, VEHICLE)
RIDER_SHARE = 0.2
"""With a COCO model, a track is a two-wheeler if its two-wheeler votes have at least this share of the weight
of its person votes. The share is small, because a rider is also a person, so person votes hardly contradict a
two-wheeler, and such a model hardly ever labels a walker as a two-wheeler."""
OWN_SHARE = 2.0
"""Factor for two-wheeler votes of the agent's own model, because it labels riders as walkers more often than
walkers as riders."""
FADE = 0.95  # each new vote multiplies older ones by this: recent sightings are usually nearer and better
SWITCH_MARGIN = 1.25  # the track changes to another group or label if its weight is this many times larger


class GroupVote:
    """Elects the group and label of one track by the votes of its sightings."""

    def __init__(self) -> None:
        self._weights: dict[str, float] = {}  # by label
        self._scores: dict[str, tuple[int, float, float]] = {}  # by group: count, sum and best of the scores
        self._doubts = dict.fromkeys(GROUPS, 1.0)  # by group: product of 1 - score of agreeing sightings
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
        """Return the mean score of the sightings of the elected group; 0 without sightings of it."""
        count, total, best = self._scores.get(self.group or "", (0, 0.0, 0.0))
        # Because sums are rounded, the mean of equal scores could exceed them.
        return min(best, total / count) if count else 0.0

    @property
    def best_score(self) -> float:
        return self._scores.get(self.group or "", (0, 0.0, 0.0))[2]

    @property
    def evidence(self) -> float:
        """Return the combined score of the agreeing sightings, 0..1, as if they were independent (noisy-or):
        one sighting of 0.5 counts about as much as two of 0.3."""
        return 1.0 - self._doubts.get(self.group or "", 1.0)

    @property
    def uses_coco_classes(self) -> bool:
        """Return whether the model has COCO's classes, which label a two-wheeler without its rider."""
        return any(
            label != TWO_WHEELER and GROUP_OF_LABEL.get(label) == TWO_WHEELER for label in self._weights
        )

    def _agrees(self, seen: str, group: str) -> bool:
        """Return whether a sighting of ``seen`` supports ``group``. A person supports a two-wheeler: a rider
        is a person. A two-wheeler supports a person only with a model that returns rider and vehicle as one
        object, because it labels some walkers as riders."""
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
