"""Reduces the workload while the gateway is hot: reads sensors, applies the thermal ladder, reports it."""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass
from pathlib import Path

from edge_agent.config.model.boards import Thermal
from edge_agent.control.thermal_ladder import StepChange, ThermalLadder, ThermalReading
from edge_agent.core.clock import Clock, rfc3339, wall_time_of
from edge_agent.core.delivery import EventAppender
from edge_agent.core.facts import Phase, ThermalChange
from edge_agent.core.load_limits import WorkloadLimiter, WorkloadLimits
from edge_agent.events import EventFactory
from edge_agent.host.board.sensors import Thermometer, ThrottleSensors
from edge_agent.wire import ThermalHealth

log = logging.getLogger(__name__)

UNKNOWN_AFTER_S = 10.0
"""A sensor that has not answered for this long is reported."""


@dataclass(frozen=True, slots=True)
class _Episode:
    """The time from the first step up to the last step down: one event."""

    event_id: str
    started_mono: float


class ThermalControl:
    """The main thread calls ``tick`` about once a second; any thread may call ``health``.

    It has sensor readers of its own: a throttling counter is compared with the reader's previous value, so
    the heartbeat's reader and this one would hide changes from each other. vcgencmd is never run.
    """

    def __init__(
        self,
        thermal: Thermal,
        limiter: WorkloadLimiter,
        clock: Clock,
        events: EventFactory,
        outbox: EventAppender,
        sysroot: Path = Path("/"),
    ) -> None:
        self._ladder = None if thermal.ladder is None else ThermalLadder(thermal.ladder)
        self._limiter = limiter
        self._clock = clock
        self._events = events
        self._outbox = outbox
        self._thermometer = Thermometer(sysroot, thermal.sensors)
        self._throttling = ThrottleSensors(sysroot, clock, lambda word: None, thermal.throttled)
        self._episode: _Episode | None = None
        self._since_mono: float | None = None  # start of the current step
        self._reading = ThermalReading(None)
        self._sensor_has_answered = False  # a sensor has answered since start
        self._logged_no_sensor = False
        self._health = ThermalHealth()  # replaced, never changed

    def tick(self) -> None:
        if self._ladder is None:
            return
        now_mono = self._clock.monotonic()
        self._reading = ThermalReading(self._thermometer.read_c(), self._throttling.read().throttled)
        self._sensor_has_answered = self._sensor_has_answered or self._reading.temperature_c is not None
        change = self._ladder.update(now_mono, self._reading)
        if change is not None:
            self._limiter.current = self._ladder.limits
            self._since_mono = now_mono if change.to_step else None
        self._health = self._state(self._ladder, now_mono)
        if change is not None:
            self._report(change, now_mono)

    def end(self) -> None:
        """The agent stops: end the open event."""
        if self._ladder is not None and self._episode is not None:
            self._limiter.current = WorkloadLimits()
            change = StepChange(self._ladder.step, 0, "the agent is stopped")
            self._append(Phase.END, self._episode, change, self._clock.monotonic(), "restart")
            self._episode = None

    def health(self) -> ThermalHealth:
        return self._health

    def _state(self, ladder: ThermalLadder, now_mono: float) -> ThermalHealth:
        limits, since_mono = self._limiter.current, self._since_mono
        since = None if since_mono is None else wall_time_of(self._clock, since_mono).replace(microsecond=0)
        return ThermalHealth(
            step=ladder.step,
            since=None if since is None else rfc3339(since),
            inference_share=limits.inference_share,
            fps_share=limits.fps_share,
            keyframes_only=limits.keyframes_only,
            held=self._unknown_reason(ladder, now_mono),
        )

    def _unknown_reason(self, ladder: ThermalLadder, now_mono: float) -> str | None:
        """Return why the step is not updated. A board without a sensor is only logged: nothing broke."""
        unknown_s = ladder.unknown_s(now_mono)
        if unknown_s is None or unknown_s < UNKNOWN_AFTER_S:
            return None
        if self._sensor_has_answered:
            return f"the temperature sensor has stopped answering, step {ladder.step} stays"
        if not self._logged_no_sensor:
            self._logged_no_sensor = True
            log.warning("heat: no temperature sensor answers; the agent does not react to heat")
        return None

    def _report(self, change: StepChange, now_mono: float) -> None:
        worse = change.to_step > change.from_step
        log.log(logging.WARNING if worse else logging.INFO, "heat: step %d: %s", change.to_step, change.why)
        phase = Phase.UPDATE
        if self._episode is None:
            self._episode, phase = _Episode(f"thermal-{secrets.token_hex(6)}", now_mono), Phase.START
        elif change.to_step == 0:
            phase = Phase.END
        self._append(phase, self._episode, change, now_mono, "over")
        if phase is Phase.END:
            self._episode = None

    def _append(
        self, phase: Phase, episode: _Episode, change: StepChange, now_mono: float, end_reason: str
    ) -> None:
        fact = ThermalChange(
            phase=phase,
            event_id=episode.event_id,
            from_step=change.from_step,
            to_step=change.to_step,
            why=change.why,
            temperature_c=self._reading.temperature_c,
            throttled=self._reading.throttled,
            limits=self._limiter.current,
            started_mono=episode.started_mono,
            at_mono=now_mono,
            end_reason=end_reason,
        )
        self._outbox.append(self._events.thermal(fact))
