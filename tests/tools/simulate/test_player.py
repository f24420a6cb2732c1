"""When a runner is settled: everything that began has ended, faults too."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, cast

import pytest

from edge_agent.core.clock import SystemClock
from edge_agent.tools.simulate.event_generator import OngoingEvent
from edge_agent.tools.simulate.gateway import SimulatedGateway
from edge_agent.tools.simulate.runner import GatewayRunner
from edge_agent.tools.simulate.scenario import PowerOutage, Scenario, SimulatedSite, WardOutage
from tests.testbed.mosquitto import wait_until

PATIENCE_S = 20.0
FOR_EVER_S = 1_000.0


class Told:
    """Replaces a gateway and records the calls."""

    def __init__(self) -> None:
        self.site = SimulatedSite(1, "sim-001", "de-tham", ("cam-1",))
        self.rng = random.Random(1)
        self.begun = self.ended = 0
        self.blind = 0
        self.words: list[str] = []

    def begin_event(self) -> OngoingEvent:
        self.begun += 1
        return cast("OngoingEvent", type("Lasting", (), {"lasts_s": FOR_EVER_S})())

    def end_event(self, _: OngoingEvent) -> None:
        self.ended += 1

    def lose_camera(self) -> str:
        self.blind += 1
        return "cam-1"

    def restore_camera(self, _: str) -> None:
        self.blind -= 1

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: self.words.append(name)


@pytest.fixture
def gateway() -> Told:
    return Told()


@pytest.fixture
def player(gateway: Told, request: pytest.FixtureRequest) -> Iterator[GatewayRunner]:
    often = 86_400.0 * 100
    faults = getattr(request, "param", ())
    scenario = Scenario(events_per_camera_day=often, camera_faults_per_day=often, faults=faults)
    made = GatewayRunner("player", [cast("SimulatedGateway", gateway)], scenario, SystemClock())
    made.loop.start()
    yield made
    made.loop.stop()
    assert made.loop.join(PATIENCE_S)


def test_what_goes_on_ends_before_it_says_that_nothing_does(player: GatewayRunner, gateway: Told) -> None:
    wait_until(lambda: gateway.begun > gateway.ended and gateway.blind > 0, PATIENCE_S, "something")
    assert not player.settled
    player.drain()
    wait_until(lambda: player.settled, PATIENCE_S, "the end of all of it")
    assert gateway.begun == gateway.ended > 0
    assert gateway.blind == 0


CUT = PowerOutage(at_s=0.0, for_s=2.0)
OUTAGE = WardOutage(at_s=0.0, for_s=2.0, ward="de-tham")


@pytest.mark.parametrize(
    ("player", "began", "over"),
    [((CUT,), "end_stop", "power_on"), ((OUTAGE,), "pull_cable", "plug_in")],
    indirect=["player"],
)
def test_a_fault_once_begun_is_awaited(player: GatewayRunner, gateway: Told, began: str, over: str) -> None:
    wait_until(lambda: began in gateway.words, PATIENCE_S, "the fault")
    player.drain()
    wait_until(lambda: player.settled, PATIENCE_S + Scenario().boot_s, "the end of the fault")
    assert over in gateway.words


@pytest.mark.parametrize("player", [(PowerOutage(at_s=FOR_EVER_S, for_s=1.0),)], indirect=True)
def test_a_fault_to_come_is_not(player: GatewayRunner, gateway: Told) -> None:
    player.drain()
    wait_until(lambda: player.settled, PATIENCE_S, "the end")
    assert "end_stop" not in gateway.words
