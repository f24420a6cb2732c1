"""The thermal ladder: how far a hot gateway reduces its work to go on reporting. Without clock and I/O.

step 1  fewer inferences
step 2  ... and fewer frames are analysed
step 3  ... and only keyframes are decoded

A step up is immediate, and may skip steps. A step down goes one step only, and only after the temperature has
been below the threshold by the hysteresis for a while. The caller passes the readings and their time.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from edge_agent.config.model.boards import ThermalSteps
from edge_agent.core.facts import StepChange
from edge_agent.core.load_limits import WorkloadLimits
from edge_agent.core.problems import problem_text

READINGS = 3  # consecutive readings that must be above a threshold: a single one may be wrong
THROTTLED_READINGS = 5
"""Number of consecutive readings that count as throttling: event counters also rise for a moment only."""
THROTTLED_DWELL_S = 600.0
"""Time for which step 1 remains after throttling. Throttling at a low temperature usually means a weak power
supply: it returns with the next load, and must not be reported every minute."""
AGAIN_S = 900.0
MAX_DWELL_FACTOR = 16
"""A step up within ``AGAIN_S`` of a step down doubles the dwell time, up to this factor: a gateway heated by
its own load would otherwise go up and down all day, with an event each time."""
TOP = 3


@dataclass(frozen=True, slots=True)
class ThermalReading:
    """One reading of the sensors. None: the board does not report the value."""

    temperature_c: float | None
    throttled: bool | None = None


class ThermalLadder:
    """Computes one gateway's step. Call ``update`` about once a second; unknown values change nothing."""

    def __init__(self, ladder: ThermalSteps) -> None:
        self._ladder = ladder
        self._step = 0
        self._recent_c: deque[float] = deque(maxlen=READINGS)
        self._cool_since_mono: float | None = None
        self._unknown_since_mono: float | None = None
        self._dwell_s = ladder.dwell_s
        self._down_mono: float | None = None  # time of the last step down
        self._throttled_readings = 0
        self._throttled_until_mono: float | None = None

    @property
    def step(self) -> int:
        """The present step, 0 (no limits) to 3."""
        return self._step

    @property
    def limits(self) -> WorkloadLimits:
        """The limits on the current step."""
        ladder, step = self._ladder, self._step
        return WorkloadLimits(
            inference_share=ladder.inference_share if step >= 1 else 1.0,
            fps_share=ladder.fps_share if step >= 2 else 1.0,
            keyframes_only=step >= TOP,
        )

    def unknown_s(self, now_mono: float) -> float | None:
        """Return the seconds for which the temperature has been unknown; None: it can be read now."""
        return None if self._unknown_since_mono is None else now_mono - self._unknown_since_mono

    def update(self, now_mono: float, reading: ThermalReading) -> StepChange | None:
        """Return the change of the step that a reading causes, if any."""
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
        """Return the highest step whose threshold all recent readings have reached."""
        if len(self._recent_c) < READINGS:
            return 0
        coolest_c = min(self._recent_c)
        return sum(coolest_c >= threshold_c for threshold_c in self._ladder.thresholds_c)

    def _floor(self, now_mono: float) -> int:
        """Return the lowest allowed step: 1 while the board throttles itself, and for a while after."""
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
        longest_s = MAX_DWELL_FACTOR * self._ladder.dwell_s
        self._dwell_s = min(2 * self._dwell_s, longest_s) if again else self._ladder.dwell_s
        threshold_c = self._ladder.thresholds_c[step - 1]
        if celsius is None or celsius < threshold_c:
            return self._go(step, problem_text("board-throttles"))
        return self._go(
            step, problem_text("temperature-up", celsius=round(celsius, 1), step=step, limit=threshold_c)
        )

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
        cooler = {"celsius": round(celsius, 1), "limit": over_c, "seconds": round(self._dwell_s)}
        return self._go(self._step - 1, problem_text("temperature-down", **cooler))

    def _go(self, step: int, why: str) -> StepChange:
        change = StepChange(self._step, step, why)
        self._step, self._cool_since_mono = step, None
        return change
