"""A day's rhythm: when there is more to tell, and when less. Pure."""

from __future__ import annotations

import random

HOURLY = (
    *(0.2, 0.1, 0.1, 0.1, 0.2, 0.7),
    *(1.5, 2.0, 1.6, 1.3, 1.3, 1.6),
    *(1.5, 1.1, 1.1, 1.3, 1.8, 2.2),
    *(1.8, 1.4, 1.1, 0.8, 0.5, 0.3),
)
"""From midnight on, of the mean. Not measured: two peaks, a quiet night."""
MEAN = sum(HOURLY) / len(HOURLY)
DAY_S = 86_400.0


class SimulatedDay:
    """Begins at ``begins_at_h`` and goes by ``factor`` times as fast as the clock."""

    def __init__(self, begins_at_h: float, factor: float) -> None:
        self._begins_at_h = begins_at_h
        self._factor = factor

    def hour(self, elapsed_s: float) -> float:
        """0 to 24, after so many seconds of the clock."""
        return (self._begins_at_h + elapsed_s * self._factor / 3600.0) % 24.0

    def weight(self, elapsed_s: float) -> float:
        """How much is going on, 1 on average; straight lines from hour to hour."""
        hour = self.hour(elapsed_s)
        whole = int(hour) % 24
        share = hour - int(hour)
        return (HOURLY[whole] * (1 - share) + HOURLY[(whole + 1) % 24] * share) / MEAN

    def per_s(self, elapsed_s: float, per_day: float) -> float:
        """How often something happens by the clock that happens so often a day."""
        return per_day / DAY_S * self._factor * self.weight(elapsed_s)

    def gap_s(self, elapsed_s: float, per_day: float, dice: random.Random) -> float:
        """Until the next time, by the clock; as rare things come by chance."""
        rate = self.per_s(elapsed_s, per_day)
        return dice.expovariate(rate) if rate > 0 else DAY_S
