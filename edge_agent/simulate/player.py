"""Lets things happen to some gateways, each at its time: the thread that stands for their agents' own."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Sequence
from functools import partial

from edge_agent.clock import Clock
from edge_agent.device.heartbeat import next_interval_s
from edge_agent.loop import Loop
from edge_agent.simulate.gateway import SimulatedGateway
from edge_agent.simulate.happenings import EVENTS_EACH, Going
from edge_agent.simulate.rhythm import Day
from edge_agent.simulate.scenario import PowerCut, RollingRestart, Scenario, WardOutage

FIRST_BEAT_S = 5.0
LONGEST_FAULT_S = 120.0
TEND_EVERY_S = 5.0
PATIENCE_S = 0.5


class Player:
    """The gateways are used by its thread alone, from ``start`` to ``join``."""

    def __init__(
        self, name: str, gateways: Sequence[SimulatedGateway], scenario: Scenario, clock: Clock
    ) -> None:
        self.loop = Loop(name, self._run)
        self.behind_s = 0.0  # how late the latest thing was done
        self.most_behind_s = 0.0
        self._gateways = gateways
        self._scenario = scenario
        self._clock = clock
        self._day = Day(scenario.begins_at_h, scenario.time_factor)
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._began_mono = 0.0
        self._quiet = False
        self._open: dict[int, tuple[SimulatedGateway, Going]] = {}

    def start(self) -> None:
        self.loop.start()

    def be_quiet(self) -> None:
        """Nothing new happens from now on; what is going on ends. Any thread."""
        self._quiet = True

    def stop(self) -> None:
        self.loop.stop()

    def join(self, timeout_s: float) -> bool:
        return self.loop.join(timeout_s)

    # --- its thread ---

    def _run(self, loop: Loop) -> None:
        self._began_mono = self._clock.monotonic()
        for gateway in self._gateways:
            gateway.start()
            self._plan(gateway)
        self._plan_faults()
        while not loop.stopping:
            loop.beat()
            self._do_what_is_due(loop)
            if self._quiet and self._open:
                self._end_all()
            next_mono = self._due[0][0] if self._due else self._clock.monotonic() + PATIENCE_S
            loop.wait(min(PATIENCE_S, max(0.0, next_mono - self._clock.monotonic())))
        self._end_all()

    def _do_what_is_due(self, loop: Loop) -> None:
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
        self._plan_happening(gateway)
        self._plan_camera_fault(gateway)
        self._after(gateway.dice.uniform(0.0, FIRST_BEAT_S), partial(self._beat, gateway))
        self._after(gateway.dice.uniform(0.0, TEND_EVERY_S), partial(self._tend, gateway))

    def _plan_happening(self, gateway: SimulatedGateway) -> None:
        per_day = self._scenario.events_per_camera_day * len(gateway.site.cameras) / EVENTS_EACH
        if per_day > 0:
            gap_s = self._day.gap_s(self._elapsed_s, per_day, gateway.dice)
            self._after(gap_s, partial(self._happen, gateway))

    def _happen(self, gateway: SimulatedGateway) -> None:
        if self._quiet:
            return
        going = gateway.happen()
        if going is not None:
            number = next(self._order)
            self._open[number] = gateway, going
            self._after(going.lasts_s, partial(self._end, number))
        self._plan_happening(gateway)

    def _end(self, number: int) -> None:
        found = self._open.pop(number, None)
        if found is not None:
            gateway, going = found
            gateway.end(going)

    def _end_all(self) -> None:
        for number in list(self._open):
            self._end(number)

    def _plan_camera_fault(self, gateway: SimulatedGateway) -> None:
        per_day = self._scenario.camera_faults_per_day * len(gateway.site.cameras)
        if per_day > 0:
            gap_s = self._day.gap_s(self._elapsed_s, per_day, gateway.dice)
            self._after(gap_s, partial(self._lose_camera, gateway))

    def _lose_camera(self, gateway: SimulatedGateway) -> None:
        if self._quiet:
            return
        camera = gateway.lose_camera()
        if camera is not None:
            lasts_s = gateway.dice.uniform(5.0, LONGEST_FAULT_S)
            self._after(lasts_s, partial(gateway.find_camera, camera))
        self._plan_camera_fault(gateway)

    def _beat(self, gateway: SimulatedGateway) -> None:
        gateway.beat(self._day.hour(self._elapsed_s))
        self._after(
            next_interval_s(self._scenario.heartbeat_s, gateway.dice.uniform), partial(self._beat, gateway)
        )

    def _tend(self, gateway: SimulatedGateway) -> None:
        gateway.tend()
        self._after(TEND_EVERY_S, partial(self._tend, gateway))

    # --- what goes wrong ---

    def _plan_faults(self) -> None:
        for fault in self._scenario.faults:
            match fault:
                case WardOutage(at_s=at_s, for_s=for_s, ward=ward):
                    cut_off = [each for each in self._gateways if each.site.ward == ward]
                    self._at(at_s, partial(_each, cut_off, SimulatedGateway.pull_cable))
                    self._at(at_s + for_s, partial(_each, cut_off, SimulatedGateway.plug_in))
                case PowerCut(at_s=at_s, for_s=for_s, wards=wards):
                    dark = [each for each in self._gateways if not wards or each.site.ward in wards]
                    self._at(at_s, partial(self._cut_power, dark))
                    for each in dark:
                        boots_s = each.dice.uniform(0.0, self._scenario.boot_s)
                        self._at(at_s + for_s + boots_s, each.power_on)
                case RollingRestart(at_s=at_s, every_s=every_s):
                    for each in self._gateways:
                        self._at(at_s + each.site.number * every_s, partial(_restart, each))

    def _cut_power(self, gateways: Sequence[SimulatedGateway]) -> None:
        """All in the same moment; only then it is waited for each."""
        for gateway in gateways:
            gateway.begin_stop(abrupt=True)
        dark = {id(gateway) for gateway in gateways}
        self._open = {number: each for number, each in self._open.items() if id(each[0]) not in dark}
        _each(gateways, SimulatedGateway.end_stop)


def _each(gateways: Sequence[SimulatedGateway], what: Callable[[SimulatedGateway], None]) -> None:
    for gateway in gateways:
        what(gateway)


def _restart(gateway: SimulatedGateway) -> None:
    gateway.begin_stop()
    gateway.end_stop()
    gateway.power_on("restart")
