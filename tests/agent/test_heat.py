"""A gateway that gets hot reduces its work, reports it, and resumes all work when it is cool."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_agent import config
from edge_agent.commands.handlers.search import GatewayLimits
from edge_agent.config.model.boards import Thermal, ThermalSteps
from edge_agent.control.thermal import ThermalControl
from edge_agent.core.load_limits import WorkloadLimiter, WorkloadLimits
from edge_agent.host.health.degraded import thermal_lines
from edge_agent.wire import ThermalHealth
from tests.agent.inside import AgentInside
from tests.events.parts import GATEWAY, maker, valid
from tests.host.fakes import PI_4, FakeClock, plant
from tests.outbox.parts import outbox_in
from tests.testbed.agent import file_camera, wait_until, write_config
from tests.testbed.gears import EventCollector
from tests.testbed.mosquitto import Mosquitto, Subscriber

ZONE = "sys/class/thermal/thermal_zone0/temp"
QUICK = ThermalSteps(70, 75, 80, hysteresis_c=4, dwell_s=0, inference_share=0.05, fps_share=0.4)
THERMAL = Thermal(75, 80, ("cpu-thermal",), (), QUICK)


def heat(sysroot: Path, celsius: float) -> None:
    plant(sysroot, {ZONE: f"{celsius * 1000:.0f}\n"})


class Box:
    """The control with a real sysfs tree and a fake clock."""

    def __init__(self, sysroot: Path, thermal: Thermal = THERMAL) -> None:
        self.sysroot = plant(sysroot, PI_4)
        self.clock, self.allowance, self.collected = FakeClock(), WorkloadLimiter(), EventCollector()
        self.control = ThermalControl(thermal, self.allowance, self.clock, maker(), self.collected, sysroot)

    def at(self, celsius: float | None, seconds: int = 3) -> ThermalHealth:
        if celsius is None:
            (self.sysroot / ZONE).unlink(missing_ok=True)
        else:
            heat(self.sysroot, celsius)
        for _ in range(seconds):
            self.control.tick()
            self.clock.advance(1.0)
        return self.control.health()

    def lines(self) -> list[str]:
        return list(thermal_lines(self.control.health(), self.clock.now(), GATEWAY.timezone))

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event["data"] for event in self.collected.events]


def test_from_45_to_90_degrees_and_back_each_step_is_allowed_shown_and_told(tmp_path: Path) -> None:
    ladder = replace(QUICK, dwell_s=60, inference_share=0.5, fps_share=0.5)
    box = Box(tmp_path, replace(THERMAL, ladder=ladder))
    seen: list[tuple[int, int, WorkloadLimits]] = []
    for celsius in (*range(45, 91), *range(90, 44, -1)):
        health = box.at(celsius, 30)
        if not seen or seen[-1][0] != health.step:
            seen.append((health.step, celsius, box.allowance.current))
    half, third, all_ = WorkloadLimits(0.5), WorkloadLimits(0.5, 0.5), WorkloadLimits(0.5, 0.5, True)
    assert seen == [
        (0, 45, WorkloadLimits()),
        (1, 70, half),
        (2, 75, third),
        (3, 80, all_),
        (2, 73, third),  # below 76 for a minute
        (1, 68, half),
        (0, 63, WorkloadLimits()),
    ]
    collected = [(e["phase"], e["from_step"], e["to_step"], e["end_reason"]) for e in box.events]
    assert collected == [
        ("start", 0, 1, None),
        ("update", 1, 2, None),
        ("update", 2, 3, None),
        ("update", 3, 2, None),
        ("update", 2, 1, None),
        ("end", 1, 0, "over"),
    ]
    assert len({e["event_id"] for e in box.events}) == 1
    assert [event["severitytext"] for event in box.collected.events] == ["WARN"] * 3 + ["INFO"] * 3
    assert {event["subject"] for event in box.collected.events} == {"gateway"}
    assert box.events[2]["temperature_c"] == 80.0
    assert box.events[2]["limits"] == {"inference_share": 0.5, "fps_share": 0.5, "keyframes_only": True}
    for event in box.collected.events:
        valid(json.dumps(event).encode())


def test_health_has_a_line_for_the_step_and_none_when_it_is_over(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.at(60)
    assert (box.control.health(), box.lines()) == (ThermalHealth(), [])
    box.at(90)
    assert box.lines() == ["hot: keyframes only since 12:03 (step 3 of 3)"]
    box.at(50, 10)
    assert (box.control.health(), box.lines()) == (ThermalHealth(), [])


def test_a_sensor_that_vanishes_leaves_the_step_as_it_is_and_says_so(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.at(76)
    assert box.at(None, 5).held is None, "a reading that failed is no news"
    health = box.at(None, 100)
    assert (health.step, health.held) == (2, "the temperature sensor has stopped answering, step 2 stays")
    assert box.lines()[1] == "heat: the temperature sensor has stopped answering, step 2 stays"
    assert box.at(76, 1).held is None
    assert len(box.events) == 1


def test_a_box_without_a_sensor_does_everything_and_is_not_degraded(tmp_path: Path) -> None:
    box = Box(tmp_path)
    assert box.at(None, 200) == ThermalHealth()
    assert (box.lines(), box.events, box.allowance.current) == ([], [], WorkloadLimits())


def test_a_stop_ends_what_is_open(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.at(72)
    box.control.end()
    steps = [("start", None, 1), ("end", "restart", 0)]
    assert [(e["phase"], e["end_reason"], e["to_step"]) for e in box.events] == steps


def test_after_a_crash_the_next_start_ends_it(tmp_path: Path) -> None:
    sysroot = plant(tmp_path / "root", PI_4)
    with outbox_in(tmp_path / "state") as outbox:
        control = ThermalControl(THERMAL, WorkloadLimiter(), FakeClock(), maker(), outbox, sysroot)
        heat(sysroot, 78)
        for _ in range(3):
            control.tick()
    with outbox_in(tmp_path / "state") as outbox:
        (left_open,) = outbox.left_open()
        outbox.append(maker().left_open(left_open))
        assert outbox.left_open() == []
        start, end = (valid(event.payload) for event in outbox.pending(9))
    assert end["data"]["event_id"] == start["data"]["event_id"]
    assert end["subject"] == "gateway"
    wanted = {"phase": "end", "from_step": 2, "to_step": 0, "end_reason": "restart"}
    assert {key: end["data"][key] for key in wanted} == wanted
    assert end["data"]["limits"] == {"inference_share": 1.0, "fps_share": 1.0, "keyframes_only": False}


def test_an_agent_that_gets_hot_does_less_and_everything_again_when_it_is_cool(
    tmp_path: Path, walker: Path, broker: Mosquitto, centre: Subscriber
) -> None:
    """One camera with constant movement, on a gateway whose sensor the test heats."""
    sysroot = plant(tmp_path / "root", PI_4)
    camera = file_camera(walker) | {"analyse": {"fps": 5, "gear": "full"}}
    path = write_config(tmp_path, cameras=[camera], broker_port=broker.port, profile="raspberry-pi-4")
    settings = config.load(path)
    detector = replace(settings.detector, budget_per_s=5.0)
    settings = replace(settings, profile=replace(settings.profile, thermal=THERMAL), detector=detector)

    def cam(beat: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = beat["cameras"]["cam-1"]
        return found

    with AgentInside(path, settings, sysroot=sysroot) as agent:

        def inferences() -> int:
            return int(agent.beat()["detector"]["inferences"])

        agent.wait_for(lambda beat: cam(beat)["analysed_fps"] >= 3 and cam(beat)["gear"] == "full", "frames")
        before, begun = inferences(), time.monotonic()
        agent.wait_for(lambda beat: beat["detector"]["inferences"] >= before + 6, "six inferences")
        took_s = time.monotonic() - begun
        heat(sysroot, 72)
        agent.wait_for(lambda beat: beat["thermal"]["step"] == 1, "step 1")
        before, begun = inferences(), time.monotonic()
        wait_until(lambda: time.monotonic() - begun >= took_s, what="the same time to pass")
        hot = inferences() - before
        fps = cam(agent.beat())["analysed_fps"]
        heat(sysroot, 88)
        agent.wait_for(
            lambda beat: cam(beat)["gear"] == "idle" and cam(beat)["analysed_fps"] < 0.7 * fps,
            "keyframes only",
        )
        shown = agent.beat()
        heat(sysroot, 45)
        agent.wait_for(lambda beat: cam(beat)["analysed_fps"] > 0.75 * fps, "all pictures again")
        again = agent.beat()
    collected = [e for e in centre.on("/up/event/gateway") if b".thermal.v1" in e.payload]
    assert hot <= 3 + 0.25 * took_s, "a quarter of one a second, and what was saved or under way"
    assert shown["thermal"]["step"] == 3
    assert any(line.startswith("hot: keyframes only since") for line in shown["degraded"])
    assert shown["cameras"]["cam-1"]["state"] == "online"
    assert (again["thermal"]["step"], again["cameras"]["cam-1"]["gear"]) == (0, "full")
    assert again["cameras"]["cam-1"]["reconnects"] == 0
    data = [valid(message.payload)["data"] for message in collected]
    steps = [("start", 1), ("update", 3), ("update", 2), ("update", 1), ("end", 0)]
    assert [(each["phase"], each["to_step"]) for each in data] == steps


def test_a_waiting_command_knows_the_step_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked every second for up to 64 searches, on a gateway that is hot already."""
    agent = AgentInside(write_config(tmp_path, cameras=[], broker_port=1883, detector="none")).agent

    def refuse() -> None:
        raise AssertionError("a heartbeat was made")

    monkeypatch.setattr(agent._heartbeats, "make", refuse)
    assert agent.commands._limits() == GatewayLimits(0, False, agent._clock_accepted())
