"""Reduces the workload while the gateway is hot: reads sensors, applies and reports the thermal ladder."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path
from typing import Any

from edge_agent.config.model.boards import Thermal
from edge_agent.control.step_event import StepEvent
from edge_agent.control.thermal_ladder import ThermalLadder, ThermalReading
from edge_agent.core.clock import Clock, rfc3339, wall_time_of
from edge_agent.core.delivery import EventAppender
from edge_agent.core.facts import StepChange
from edge_agent.core.load_limits import WorkloadLimiter, WorkloadLimits
from edge_agent.events import EventFactory
from edge_agent.host.board.sensors import Thermometer, ThrottleSensors
from edge_agent.wire import LoadLimits, ThermalData, ThermalHealth

log = logging.getLogger(__name__)

UNKNOWN_AFTER_S = 10.0  # a sensor that has not answered for this long is reported


class ThermalControl:
    """Applies the thermal ladder. ``tick``: main thread, about once a second; ``health``: any thread.

    Its sensor readers are not those of the heartbeat: a throttling counter is compared with the reader's
    previous value, so a shared reader would hide changes from one user. vcgencmd is never run.
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
        self._event = StepEvent(ThermalData, "thermal", clock, events, outbox)
        self._thermometer = Thermometer(sysroot, thermal.sensors)
        self._throttling = ThrottleSensors(sysroot, clock, lambda word: None, thermal.throttled)
        self._since_mono: float | None = None  # start of the current step
        self._reading = ThermalReading(None)
        self._sensor_has_answered = False  # since the start
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
            self._event.report(change, self._facts())

    def end(self) -> None:
        """End the open event, because the agent stops."""
        if self._ladder is not None and self._event.is_open:
            self._limiter.current = WorkloadLimits()
            change = StepChange(self._ladder.step, 0, "the agent is stopped")
            self._event.report(change, self._facts(), "restart")

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
        """Return why the step is not updated, or None. A board that never had a sensor is only logged."""
        unknown_s = ladder.unknown_s(now_mono)
        if unknown_s is None or unknown_s < UNKNOWN_AFTER_S:
            return None
        if self._sensor_has_answered:
            return f"the temperature sensor has stopped answering, step {ladder.step} stays"
        if not self._logged_no_sensor:
            self._logged_no_sensor = True
            log.warning("heat: no temperature sensor answers; the agent does not react to heat")
        return None

    def _facts(self) -> dict[str, Any]:
        """Return the fields of a thermal event."""
        limits = LoadLimits(**dataclasses.asdict(self._limiter.current))
        reading = self._reading
        return {"temperature_c": reading.temperature_c, "throttled": reading.throttled, "limits": limits}
