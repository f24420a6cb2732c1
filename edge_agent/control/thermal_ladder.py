"""The thermal ladder: how much less the agent does, so that a hot box goes on reporting.

step 1  fewer inferences
step 2  ... and fewer pictures are analysed
step 3  ... and only keyframes are decoded

Up at once, however many steps; down one at a time, when it has been cooler than the hysteresis for a while.
No thread, no sensor: it is told what was read, and when.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from edge_agent.config.model.boards import ThermalSteps
from edge_agent.core.load_limits import WorkloadLimits

READINGS = 3
"""So many readings in a row have to be above a threshold: a single one may be wrong."""
THROTTLED_READINGS = 5
"""So many in a row say that the board slows itself down: event counters rise for a moment as well."""
THROTTLED_DWELL_S = 600.0
"""Who slows itself down at a low temperature has another trouble, mostly its supply: it comes back as soon as
there is load again, and shall not be told every minute."""
AGAIN_S = 900.0
LONGEST_DWELL = 16
"""Who is hot again so soon after a step down stays twice as long the next time, up to so many dwells: a box
that its own load heats would go up and down all day, with an event each time."""
TOP = 3


@dataclass(frozen=True, slots=True)
class ThermalReading:
    """None: the board does not tell."""

    temperature_c: float | None
    throttled: bool | None = None


@dataclass(frozen=True, slots=True)
class StepChange:
    from_step: int
    to_step: int
    why: str  # one line for humans


class ThermalLadder:
    """One for the box; ``update`` about once a second. What is unknown changes nothing."""

    def __init__(self, ladder: ThermalSteps) -> None:
        self._ladder = ladder
        self._step = 0
        self._recent_c: deque[float] = deque(maxlen=READINGS)
        self._cool_since_mono: float | None = None
        self._unknown_since_mono: float | None = None
        self._dwell_s = ladder.dwell_s
        self._down_mono: float | None = None  # when it went down last
        self._throttled_readings = 0
        self._throttled_until_mono: float | None = None

    @property
    def step(self) -> int:
        """0 (nothing is held back) to 3."""
        return self._step

    @property
    def limits(self) -> WorkloadLimits:
        """What is allowed on the present step."""
        ladder, step = self._ladder, self._step
        return WorkloadLimits(
            inference_share=ladder.inference_share if step >= 1 else 1.0,
            fps_share=ladder.fps_share if step >= 2 else 1.0,
            keyframes_only=step >= TOP,
        )

    def unknown_s(self, now_mono: float) -> float | None:
        """For how long no temperature has been read; None: there is one."""
        return None if self._unknown_since_mono is None else now_mono - self._unknown_since_mono

    def update(self, now_mono: float, reading: ThermalReading) -> StepChange | None:
        """The change that a reading brings, if any."""
        self._note_throttling(now_mono, reading.throttled)
        celsius = reading.temperature_c
        if celsius is None:
            self._recent_c.clear()
            self._cool_since_mono = None
            if self._unknown_since_mono is None:
                self._unknown_since_mono = now_mono
            return self._up(now_mono, self._floor(now_mono), None)
        self._unknown_since_mono = None
        self._recent_c.append(celsius)
        step = max(self._reached(), self._floor(now_mono))
        return self._up(now_mono, step, celsius) or self._down(now_mono, celsius)

    def _reached(self) -> int:
        """The highest step whose threshold all of the last readings have reached."""
        if len(self._recent_c) < READINGS:
            return 0
        coolest_c = min(self._recent_c)
        return sum(coolest_c >= threshold_c for threshold_c in self._ladder.thresholds_c)

    def _floor(self, now_mono: float) -> int:
        """The lowest step that is allowed: 1 while the board slows itself down, and for a while after."""
        until_mono = self._throttled_until_mono
        return 1 if until_mono is not None and now_mono < until_mono else 0

    def _note_throttling(self, now_mono: float, throttled: bool | None) -> None:
        if throttled is None:
            return
        self._throttled_readings = self._throttled_readings + 1 if throttled else 0
        if self._throttled_readings >= THROTTLED_READINGS:
            self._throttled_until_mono = now_mono + THROTTLED_DWELL_S

    def _up(self, now_mono: float, step: int, celsius: float | None) -> StepChange | None:
        if step <= self._step:
            return None
        again = self._down_mono is not None and now_mono - self._down_mono < AGAIN_S
        longest_s = LONGEST_DWELL * self._ladder.dwell_s
        self._dwell_s = min(2 * self._dwell_s, longest_s) if again else self._ladder.dwell_s
        threshold_c = self._ladder.thresholds_c[step - 1]
        if celsius is None or celsius < threshold_c:
            return self._go(step, "the board slows itself down")
        return self._go(step, f"temperature {celsius:.1f} C, step {step} from {threshold_c:g} C on")

    def _down(self, now_mono: float, celsius: float) -> StepChange | None:
        if self._step == 0:
            return None
        over_c = self._ladder.thresholds_c[self._step - 1] - self._ladder.hysteresis_c
        if celsius >= over_c or self._step <= self._floor(now_mono):
            self._cool_since_mono = None
            return None
        if self._cool_since_mono is None:
            self._cool_since_mono = now_mono
        if now_mono - self._cool_since_mono < self._dwell_s:
            return None
        self._down_mono = now_mono
        cooler = f"below {over_c:g} C for {self._dwell_s:.0f} s"
        return self._go(self._step - 1, f"temperature {celsius:.1f} C, {cooler}")

    def _go(self, step: int, why: str) -> StepChange:
        change = StepChange(self._step, step, why)
        self._step, self._cool_since_mono = step, None
        return change
