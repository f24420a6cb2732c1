"""Triggers the events and faults of some gateways, each at its time, on one thread."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from edge_agent.core.clock import Clock
from edge_agent.core.worker import SupervisedThread
from edge_agent.host.health.heartbeat import next_interval_s
from edge_agent.tools.simulate.event_generator import EVENTS_EACH, OngoingEvent, SimulatedDay
from edge_agent.tools.simulate.gateway import SimulatedGateway
from edge_agent.tools.simulate.scenario import PowerOutage, RollingRestart, Scenario, WardOutage

FIRST_BEAT_S = 5.0
MAX_FAULT_S = 120.0
TICK_EVERY_S = 5.0
MAX_WAIT_S = 0.5


class GatewayRunner:
    """Runs simulated gateways on its own thread, from ``start`` to ``join``."""

    def __init__(
        self, name: str, gateways: Sequence[SimulatedGateway], scenario: Scenario, clock: Clock
    ) -> None:
        self.loop = SupervisedThread(name, self._run)
        self.behind_s = 0.0  # how late the latest action was
        self.most_behind_s = 0.0
        self._gateways = gateways
        self._scenario = scenario
        self._clock = clock
        self._day = SimulatedDay(scenario.begins_at_h, scenario.time_factor)
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._began_mono = 0.0
        self._quiet = False
        self.settled = False
        """True when no more actions will follow. Any thread may read it."""
        self._open: dict[int, tuple[SimulatedGateway, OngoingEvent]] = {}
        self._offline_cameras: dict[int, tuple[SimulatedGateway, str]] = {}  # cameras that will come back
        self._faults = 0  # number of faults in progress

    def drain(self) -> None:
        """Start no more events; ``settled`` once those in progress end. Any thread may call it."""
        self._quiet = True

    # --- called on the runner's thread ---

    def _run(self, loop: SupervisedThread) -> None:
        self._began_mono = self._clock.monotonic()
        for gateway in self._gateways:
            gateway.start()
            self._plan(gateway)
        self._plan_faults()
        while not loop.stopping:
            loop.beat()
            self._do_what_is_due(loop)
            if self._quiet:
                self._end_all()
                self.settled = not self._faults
            next_mono = self._due[0][0] if self._due else self._clock.monotonic() + MAX_WAIT_S
            loop.wait(min(MAX_WAIT_S, max(0.0, next_mono - self._clock.monotonic())))

    def _do_what_is_due(self, loop: SupervisedThread) -> None:
        while self._due and self._due[0][0] <= self._clock.monotonic() and not loop.stopping:
            due_mono, _, action = heapq.heappop(self._due)
            self.behind_s = self._clock.monotonic() - due_mono
            self.most_behind_s = max(self.most_behind_s, self.behind_s)
            loop.beat()
            action()

    @property
    def _elapsed_s(self) -> float:
        return self._clock.monotonic() - self._began_mono

    def _after(self, delay_s: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self._clock.monotonic() + delay_s, next(self._order), action))

    def _at(self, at_s: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self._began_mono + at_s, next(self._order), action))

    def _plan(self, gateway: SimulatedGateway) -> None:
        self._plan_event(gateway)
        if self._scenario.alarms_per_day:
            per_day = self._scenario.alarms_per_day * len(gateway.site.cameras) / self._scenario.cameras
            self._plan_alarm(gateway, self._day.times(per_day, gateway.alarm_rng))
        self._plan_camera_fault(gateway)
        self._after(gateway.rng.uniform(0.0, FIRST_BEAT_S), partial(self._send_heartbeat, gateway))
        self._after(gateway.rng.uniform(0.0, TICK_EVERY_S), partial(self._tick, gateway))

    def _plan_event(self, gateway: SimulatedGateway) -> None:
        per_day = self._scenario.events_per_camera_day * len(gateway.site.cameras) / EVENTS_EACH
        if per_day > 0:
            gap_s = self._day.gap_s(self._elapsed_s, per_day, gateway.rng)
            self._after(gap_s, partial(self._begin_event, gateway))

    def _begin_event(self, gateway: SimulatedGateway) -> None:
        if self._quiet:
            return
        self._plan_end(gateway, gateway.begin_event())
        self._plan_event(gateway)

    def _plan_alarm(self, gateway: SimulatedGateway, times: Iterator[float]) -> None:
        self._at(next(times), partial(self._begin_alarm, gateway, times))

    def _begin_alarm(self, gateway: SimulatedGateway, times: Iterator[float]) -> None:
        if self._quiet:
            return
        self._plan_end(gateway, gateway.begin_alarm())
        self._plan_alarm(gateway, times)

    def _plan_end(self, gateway: SimulatedGateway, going: OngoingEvent | None) -> None:
        if going is not None:
            number = next(self._order)
            self._open[number] = gateway, going
            self._after(going.lasts_s, partial(self._end_event, number))

    def _end_event(self, number: int) -> None:
        found = self._open.pop(number, None)
        if found is not None:
            gateway, going = found
            gateway.end_event(going)

    def _end_all(self) -> None:
        for number in list(self._open):
            self._end_event(number)
        for number in list(self._offline_cameras):
            self._restore_camera(number)

    def _plan_camera_fault(self, gateway: SimulatedGateway) -> None:
        per_day = self._scenario.camera_faults_per_day * len(gateway.site.cameras)
        if per_day > 0:
            gap_s = self._day.gap_s(self._elapsed_s, per_day, gateway.rng)
            self._after(gap_s, partial(self._lose_camera, gateway))

    def _lose_camera(self, gateway: SimulatedGateway) -> None:
        if self._quiet:
            return
        camera = gateway.lose_camera()
        if camera is not None:
            number = next(self._order)
            self._offline_cameras[number] = gateway, camera
            self._after(gateway.rng.uniform(5.0, MAX_FAULT_S), partial(self._restore_camera, number))
        self._plan_camera_fault(gateway)

    def _restore_camera(self, number: int) -> None:
        found = self._offline_cameras.pop(number, None)
        if found is not None:
            gateway, camera = found
            gateway.restore_camera(camera)

    def _send_heartbeat(self, gateway: SimulatedGateway) -> None:
        gateway.send_heartbeat(self._day.hour(self._elapsed_s))
        self._after(
            next_interval_s(self._scenario.heartbeat_s, gateway.rng.uniform),
            partial(self._send_heartbeat, gateway),
        )

    def _tick(self, gateway: SimulatedGateway) -> None:
        gateway.tick()
        self._after(TICK_EVERY_S, partial(self._tick, gateway))

    def _plan_faults(self) -> None:
        for fault in self._scenario.faults:
            match fault:
                case WardOutage(at_s=at_s):
                    self._at(at_s, partial(self._begin_ward_outage, fault))
                case PowerOutage(at_s=at_s):
                    self._at(at_s, partial(self._begin_power_outage, fault))
                case RollingRestart(at_s=at_s, every_s=every_s):
                    for each in self._gateways:
                        self._at(at_s + each.site.number * every_s, partial(self._restart, each))

    def _begin_ward_outage(self, fault: WardOutage) -> None:
        if self._quiet:
            return
        gateways = [each for each in self._gateways if each.site.ward == fault.ward]
        _do(each.pull_cable for each in gateways)
        self._ends_at(fault.at_s + fault.for_s, partial(_do, [each.plug_in for each in gateways]))

    def _begin_power_outage(self, fault: PowerOutage) -> None:
        if self._quiet:
            return
        dark = [each for each in self._gateways if not fault.wards or each.site.ward in fault.wards]
        for each in dark:
            boots_s = each.rng.uniform(0.0, self._scenario.boot_s)
            self._ends_at(fault.at_s + fault.for_s + boots_s, each.power_on)
        self._cut_power(dark)

    def _restart(self, gateway: SimulatedGateway) -> None:
        if self._quiet:
            return
        gateway.begin_stop()
        gateway.end_stop()
        gateway.power_on("restart")

    def _ends_at(self, at_s: float, action: Callable[[], None]) -> None:
        self._faults += 1
        self._at(at_s, partial(self._end_fault, action))

    def _end_fault(self, action: Callable[[], None]) -> None:
        action()
        self._faults -= 1

    def _cut_power(self, gateways: Sequence[SimulatedGateway]) -> None:
        """Cut the power of all gateways at the same moment, and only then wait for each."""
        for gateway in gateways:
            gateway.begin_stop(abrupt=True)
        dark = {id(gateway) for gateway in gateways}
        self._open = {number: each for number, each in self._open.items() if id(each[0]) not in dark}
        _do(each.end_stop for each in gateways)


def _do(actions: Iterable[Callable[[], None]]) -> None:
    for action in actions:
        action()
