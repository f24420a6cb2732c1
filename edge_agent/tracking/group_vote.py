"""What a track is called: its sightings vote, weighted by their scores."""

from __future__ import annotations

from edge_agent.core.model import GROUP_OF_LABEL, PERSON, TWO_WHEELER, VEHICLE
from edge_agent.tracking.sightings import Sighting

GROUPS = (TWO_WHEELER, PERSON, VEHICLE)
RIDER_SHARE = 0.2
"""With a COCO model: two-wheeler votes needed per person vote, by weight, to call a track a two-wheeler. A
rider is a person too, so sightings of the person alone say little against the machine; a walker is hardly
ever called one."""
OWN_SHARE = 2.0
"""What two-wheeler votes of the agent's own model count in comparison with person votes: it calls more riders
persons than walkers riders."""
FADE = 0.95  # of every older sighting's weight at each new one: near ones are better than far ones
SWITCH_MARGIN = 1.25  # how much heavier another group or label must be before the track changes its name


class GroupVote:
    """Group and label of one track, and how sure they are."""

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
        self._elect()

    @property
    def score(self) -> float:
        """Mean score of the sightings of the group; 0 without one."""
        count, total, _ = self._scores.get(self.group or "", (0, 0.0, 0.0))
        return total / count if count else 0.0

    @property
    def best_score(self) -> float:
        return self._scores.get(self.group or "", (0, 0.0, 0.0))[2]

    @property
    def evidence(self) -> float:
        """How sure the agreeing sightings are together, 0..1, taken as independent witnesses (noisy-or):
        one at 0.5 says as much as two at 0.3."""
        return 1.0 - self._doubts.get(self.group or "", 1.0)

    @property
    def uses_coco_classes(self) -> bool:
        """Whether the model has COCO's classes, which mean the machine without its rider."""
        return any(
            label != TWO_WHEELER and GROUP_OF_LABEL.get(label) == TWO_WHEELER for label in self._weights
        )

    def _agrees(self, seen: str, group: str) -> bool:
        """Whether a sighting of ``seen`` may be one of ``group``: a rider is a person as well, and a model
        that sees rider and machine as one mistakes walkers for them."""
        if seen == group:
            return True
        return {seen, group} == {PERSON, TWO_WHEELER} and (group == TWO_WHEELER or not self.uses_coco_classes)

    def _elect(self) -> None:
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
        self.label = self._elect_label(self.group)

    def _elect_label(self, group: str) -> str:
        members = sorted(label for label in self._weights if GROUP_OF_LABEL[label] == group)
        best = max(members, key=lambda label: self._weights[label])
        if self.label in members and self._weights[best] <= SWITCH_MARGIN * self._weights[self.label]:
            return self.label
        return best
