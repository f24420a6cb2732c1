"""The baselines of one camera: by day, by night, by infrared light.

What a camera usually shows in one kind of light, without what moves through it.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.tamper.features.frame_features import FrameFeatureExtractor, FrameFeatures

if TYPE_CHECKING:
    from edge_agent.core.model import Gray
    from edge_agent.tamper.features.baseline_comparison import BaselineComparison
    from edge_agent.tamper.features.frame_features import Plane


FIRST_LOOKS = 9  # their median is the first baseline: what passes through is in no pixel most of the time
SLOWEST_S = 600.0  # a baseline follows the season, the sun and what is parked with this time constant
MOVES = 10.0  # grey levels from one look to the next; such a pixel teaches nothing
FAR, OF_FAR = 25.0, 0.1
"""A pixel so many grey levels away is most likely a thing that stands there: it teaches slower."""
_OF_USUAL = 1 / 60.0  # per look
_LONGEST_S = 10.0  # what one look may teach for, however long the one before it is ago
_SKETCH_EVERY = 10  # looks; the sketch of a mean that hardly moves does not have to be fresh


class Baseline:
    """A running mean of quiet pixels, and the usual values of what is compared with it. One thread."""

    def __init__(
        self,
        sketcher: FrameFeatureExtractor,
        mean: Plane,
        *,
        looks: int = FIRST_LOOKS,
        kept: float | None = None,
        fine_energy: float | None = None,
    ) -> None:
        self._extractor = sketcher
        self.mean = mean  # float32, the scale of ``Sketcher.size``
        self.looks = looks  # it has learnt from
        self.kept = kept  # usual ``Likeness.kept``; None: not known yet
        self.fine_energy = fine_energy  # usual ``Likeness.fine_energy``: noise and traffic are in it
        self.features: FrameFeatures = sketcher.extract(mean)

    @classmethod
    def of(cls, sketcher: FrameFeatureExtractor, pictures: list[Gray]) -> Baseline:
        """From the first pictures."""
        return cls(sketcher, np.median(np.stack(pictures), axis=0).astype(np.float32), looks=len(pictures))

    @property
    def usual_matching(self) -> float:
        """As far as it is known; a street full of people keeps less of itself than a yard."""
        return 0.8 if self.kept is None else max(self.kept, 0.3)

    @property
    def usual_fine_energy(self) -> float:
        return 1.0 if self.fine_energy is None else max(self.fine_energy, 0.2)

    def learn(self, small: Gray, before: Gray, likeness: BaselineComparison, elapsed_s: float) -> None:
        """From a look that is judged good; ``before`` is the look before it, ``elapsed_s`` the time since it
        learnt last."""
        self.looks += 1
        share = max(1.0 / self.looks, min(elapsed_s, _LONGEST_S) / SLOWEST_S)
        quiet = cv2.compare(cv2.absdiff(small, before), MOVES, cv2.CMP_LT)  # type: ignore[call-overload]
        away = cv2.absdiff(small, cv2.convertScaleAbs(self.mean))
        near = cv2.compare(away, FAR, cv2.CMP_LT)  # type: ignore[call-overload]
        cv2.accumulateWeighted(small, self.mean, share, mask=cv2.bitwise_and(quiet, near))
        cv2.accumulateWeighted(
            small, self.mean, share * OF_FAR, mask=cv2.bitwise_and(quiet, cv2.bitwise_not(near))
        )
        if self.looks < 3 * FIRST_LOOKS or self.looks % _SKETCH_EVERY == 0:
            self.features = self._extractor.extract(self.mean)
        self.kept = _followed(self.kept, likeness.matching)
        self.fine_energy = _followed(self.fine_energy, likeness.fine_energy)


def _followed(usual: float | None, value: float) -> float:
    return value if usual is None else usual + _OF_USUAL * (value - usual)


NIGHT_BELOW, DAY_ABOVE = 55.0, 75.0  # mean luma; in between the light keeps its name


class LightCondition(StrEnum):
    DAY = "day"
    NIGHT = "night"
    INFRARED = "infrared"


def light_of(mean: float, mono: bool, now: LightCondition | None) -> LightCondition:
    if mono:
        return LightCondition.INFRARED
    if mean < NIGHT_BELOW:
        return LightCondition.NIGHT
    if mean > DAY_ABOVE or now not in (LightCondition.DAY, LightCondition.NIGHT):
        return LightCondition.DAY
    return now


class Baselines:
    """One baseline is ``active``; the others wait for their light. One thread."""

    def __init__(self, sketcher: FrameFeatureExtractor) -> None:
        self.extractor = sketcher
        self.light: LightCondition | None = None
        """Of the active baseline."""
        self._baselines: dict[LightCondition, Baseline] = {}
        self._new: list[Gray] = []  # pictures of a baseline that is being learnt

    @property
    def active(self) -> Baseline | None:
        return None if self.light is None else self._baselines[self.light]

    def others(self) -> Iterator[tuple[LightCondition, Baseline]]:
        for light, baseline in self._baselines.items():
            if light is not self.light:
                yield light, baseline

    def items(self) -> Iterator[tuple[LightCondition, Baseline]]:
        yield from self._baselines.items()

    def add(self, light: LightCondition, baseline: Baseline) -> None:
        self._baselines[light] = baseline

    def activate(self, light: LightCondition) -> None:
        self.light = light
        self._new = []

    def learn_first(self, small: Gray, light: LightCondition) -> bool:
        """Collect pictures of a new baseline; True when it is made and in use."""
        self._new.append(small)
        if len(self._new) < FIRST_LOOKS:
            return False
        self._baselines[light] = Baseline.of(self.extractor, self._new)
        self.activate(light)
        return True

    def stop_learning(self) -> None:
        """What has been collected does not belong together."""
        self._new = []

    def forget(self) -> None:
        self._baselines.clear()
        self.light = None
        self._new = []
