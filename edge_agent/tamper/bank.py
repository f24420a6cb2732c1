"""The baselines of one camera: by day, by night, by infrared light."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING

from edge_agent.tamper.baseline import FIRST_LOOKS, Baseline
from edge_agent.tamper.features.sketch import FrameFeatureExtractor

if TYPE_CHECKING:
    from edge_agent.core.model import Gray

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
