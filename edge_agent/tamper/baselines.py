"""The baselines of one camera: its usual view by day, night and infrared light, without moving objects."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edge_agent.tamper.frame_features import FrameFeatureExtractor, FrameFeatures

if TYPE_CHECKING:
    from edge_agent.core.model import Gray
    from edge_agent.tamper.baseline_comparison import BaselineComparison
    from edge_agent.tamper.frame_features import Plane


FIRST_SAMPLES = 9  # their median is the first baseline; a passing object covers no pixel in most of them
TIME_CONSTANT_S = 600.0  # time constant with which a baseline follows the sun, the season and parked vehicles
MOVES = 10.0  # grey levels between two analyses; a pixel that changes by more is not learned
FAR, FAR_SHARE = 25.0, 0.1
"""A pixel that differs from the baseline by ``FAR`` grey levels most likely shows a standing object, so it is
learned more slowly, by the factor ``FAR_SHARE``."""
_USUAL_SHARE = 1 / 60.0  # weight of one analysis in the usual values of comparisons
_MAX_ELAPSED_S = 10.0  # longer pauses between two analyses count as this long
_EXTRACT_EVERY = 10  # analyses; the mean changes so slowly that its features need not be recomputed each time


class Baseline:
    """A running mean of quiet pixels, and the usual values of comparisons with it. For one thread."""

    def __init__(
        self,
        extractor: FrameFeatureExtractor,
        mean: Plane,
        *,
        samples: int = FIRST_SAMPLES,
        kept: float | None = None,
        fine_energy: float | None = None,
    ) -> None:
        self._extractor = extractor
        self.mean = mean  # float32, at the scale of ``FrameFeatureExtractor.size``
        self.samples = samples  # number of pictures from which the baseline has learned
        self.kept = kept  # usual ``BaselineComparison.matching``; None: not known yet
        self.fine_energy = fine_energy  # usual ``BaselineComparison.fine_energy``, with noise and traffic
        self.features: FrameFeatures = extractor.extract(mean)

    @classmethod
    def of(cls, extractor: FrameFeatureExtractor, pictures: list[Gray]) -> Baseline:
        return cls(extractor, np.median(np.stack(pictures), axis=0).astype(np.float32), samples=len(pictures))

    @property
    def usual_matching(self) -> float:
        """Usual share of matching tiles; lower for a street full of people than for a yard."""
        return 0.8 if self.kept is None else max(self.kept, 0.3)

    @property
    def usual_fine_energy(self) -> float:
        return 1.0 if self.fine_energy is None else max(self.fine_energy, 0.2)

    def learn(self, small: Gray, before: Gray, comparison: BaselineComparison, elapsed_s: float) -> None:
        """Learn from a picture that is judged good. ``before``: the picture of the last analysis.
        ``elapsed_s``: time since the baseline learned last."""
        self.samples += 1
        share = max(1.0 / self.samples, min(elapsed_s, _MAX_ELAPSED_S) / TIME_CONSTANT_S)
        quiet = cv2.compare(cv2.absdiff(small, before), MOVES, cv2.CMP_LT)  # type: ignore[call-overload]
        away = cv2.absdiff(small, cv2.convertScaleAbs(self.mean))
        near = cv2.compare(away, FAR, cv2.CMP_LT)  # type: ignore[call-overload]
        cv2.accumulateWeighted(small, self.mean, share, mask=cv2.bitwise_and(quiet, near))
        cv2.accumulateWeighted(
            small, self.mean, share * FAR_SHARE, mask=cv2.bitwise_and(quiet, cv2.bitwise_not(near))
        )
        if self.samples < 3 * FIRST_SAMPLES or self.samples % _EXTRACT_EVERY == 0:
            self.features = self._extractor.extract(self.mean)
        self.kept = _updated_usual(self.kept, comparison.matching)
        self.fine_energy = _updated_usual(self.fine_energy, comparison.fine_energy)


def _updated_usual(usual: float | None, value: float) -> float:
    return value if usual is None else usual + _USUAL_SHARE * (value - usual)


NIGHT_BELOW, DAY_ABOVE = 55.0, 75.0  # mean luma; between the two the light condition does not change


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
    """One baseline per light condition; one of them is ``active``. For one thread."""

    def __init__(self, extractor: FrameFeatureExtractor) -> None:
        self.extractor = extractor
        self.light: LightCondition | None = None  # the light condition of the active baseline
        self._baselines: dict[LightCondition, Baseline] = {}
        self._new: list[Gray] = []  # pictures of a baseline that is being learned

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
        """Collect pictures of a new baseline; True when it is complete and active."""
        self._new.append(small)
        if len(self._new) < FIRST_SAMPLES:
            return False
        self._baselines[light] = Baseline.of(self.extractor, self._new)
        self.activate(light)
        return True

    def stop_learning(self) -> None:
        """Drop the collected pictures, because they do not show the same view."""
        self._new = []

    def forget(self) -> None:
        self._baselines.clear()
        self.light = None
        self._new = []
