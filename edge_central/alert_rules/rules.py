"""What an alert rule is: a measure, a bound, and for how long. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.core.model import Severity
from edge_central.alert_rules.measures import Measure, Measurement


@dataclass(frozen=True, slots=True)
class AlertRule:
    """``above`` and ``below`` are of measures with a number; the others are so or not."""

    id: str
    measure: Measure
    severity: Severity
    for_s: float  # it must be so for this long
    clear_s: float  # and well for this long, before the alert is over
    above: float | None = None
    below: float | None = None
    clear: float | None = None  # an open alert is well from here on; the bound itself where none is given
    version: str = ""  # that boxes should have; empty: the fleet's newest
    enabled: bool = True

    def is_ill(self, reading: Measurement, is_open: bool) -> bool:
        """What is not known is no reason for an alert."""
        if reading.value is None:
            return False
        at = self.clear if is_open else None
        if self.above is not None:
            return reading.value > (self.above if at is None else at)
        if self.below is not None:
            return reading.value < (self.below if at is None else at)
        return reading.value > 0

    def words(self, reading: Measurement) -> str:
        """Why, one line for humans."""
        if self.above:
            return f"{reading.text}, above {self.above:g}"
        if self.below:
            return f"{reading.text}, below {self.below:g}"
        return reading.text


@dataclass(frozen=True, slots=True)
class AlertSettings:
    rules: tuple[AlertRule, ...]  # those that are switched on
    boot_grace_s: float  # a box that came back is not asked about its cameras for so long
