"""The next step of a rollout by the gateways' health; without a broker."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from edge_agent.tools.gateways.fleet_status import FleetStatus
from edge_agent.tools.rollout.rollout import Rollout, RolloutOptions, RolloutStopped
from tests.edge_central.parts import FakeGateway

SHA, OLD = "ab" * 32, "cd" * 32
OPTIONS = RolloutOptions(
    stages=("1", "2", "100%"), shadow_s=100.0, share=0.1, probation_s=1000.0, soak_s=50.0, answer_s=20.0
)
TRIED: dict[str, Any] = {"phase": "tried", "sha256": SHA, "objects": 412, "agreement": 0.93}


class Fleet:
    """Gateways that execute each command at once, except where a test sets another answer."""

    def __init__(self, count: int, options: RolloutOptions = OPTIONS) -> None:
        self.mono = 1000.0
        self.board = FleetStatus("tb/v1")
        self.asked: list[tuple[str, str]] = []
        self.lines: list[str] = []
        self.names = [f"dt-{number:03}" for number in range(1, count + 1)]
        self.obey = True
        for name in self.names:
            self.says(name)
        self.rollout = Rollout(
            self.board, {"manifest": "m", "url": "https://h/m.tflite", "bytes": 2000}, SHA, options,
            self.send, self.lines.append,
        )  # fmt: skip

    def says(
        self, name: str, state: str = "online", runs: str = OLD, *, heartbeat_too: bool = True, **model: Any
    ) -> None:
        box = FakeGateway(name)
        topic, birth = box.birth("s")
        document = json.loads(birth) | {"detector": {"name": "street", "model_sha256": runs}}
        heartbeat_topic, heartbeat = box.heartbeat("s")
        health = json.loads(heartbeat) | {"model": model}
        for at, payload in (
            box.state(state, "s"),
            (topic, json.dumps(document).encode()),
            (heartbeat_topic, json.dumps(health).encode()),
        ):
            if (state == "online" and heartbeat_too) or not at.endswith("heartbeat"):
                self.board.receive(at, payload, False, self.mono, 0)

    def send(self, key: tuple[str, str], args: dict[str, Any]) -> None:
        name, action = key[1], args["action"]
        self.asked.append((name, action))
        if not self.obey:
            return
        self.rollout.answer(key, action, "running", "ok", "")
        self.rollout.answer(key, action, "succeeded", "ok", "")
        if action == "try":
            self.says(name, **TRIED)
        else:
            self.says(name, runs=SHA, phase="probation")

    def begin(self) -> None:
        self.rollout.begin(list(self.board.gateways), self.mono)

    def steps(self, seconds: float) -> bool:
        done = False
        for _ in range(round(seconds)):
            self.mono += 1
            done = self.rollout.step(self.mono)
        return done

    def switched(self) -> list[str]:
        return [name for name, action in self.asked if action == "switch"]


def test_stage_by_stage_each_after_the_one_before_has_run_the_model_for_a_while() -> None:
    fleet = Fleet(5)
    fleet.begin()
    fleet.steps(50)
    assert fleet.switched() == ["dt-001"]
    fleet.steps(10)
    assert fleet.switched() == ["dt-001", "dt-002", "dt-003"]
    assert fleet.steps(130)
    assert fleet.switched() == fleet.names


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (
            {**TRIED, "refusal": "the two models agree on 0.20 of the objects"},
            "the gateway does not use the model: the two models agree on 0.20",
        ),
        (
            {"reverted": SHA, "reverted_at": "t", "why": "street-b: cam-1: 3 objects"},
            "gave up the model: street-b",
        ),
    ],
)
def test_the_first_gateway_that_does_not_take_it_stops_everything(model: dict[str, Any], why: str) -> None:
    fleet = Fleet(3)
    fleet.obey = False
    fleet.begin()
    fleet.steps(3)
    fleet.says("dt-001", **model)
    fleet.rollout.answer(("de-tham", "dt-001"), "try", "succeeded", "ok", "")
    with pytest.raises(RolloutStopped, match=why):
        fleet.steps(3)
    assert fleet.asked == [("dt-001", "try")]


def test_a_fall_back_in_an_earlier_stage_stops_a_later_one() -> None:
    fleet = Fleet(5)
    fleet.begin()
    fleet.steps(70)
    fleet.says("dt-001", reverted=SHA, reverted_at="t", why="counts")
    with pytest.raises(RolloutStopped, match="de-tham/dt-001: gave up the model: counts"):
        fleet.steps(100)
    assert len(fleet.switched()) == 3


def test_an_answer_that_refuses_or_does_not_come_stops_it() -> None:
    fleet = Fleet(2)
    fleet.obey = False
    fleet.begin()
    fleet.steps(2)
    with pytest.raises(RolloutStopped, match="dt-001: try rejected: no operator here has the key"):
        fleet.rollout.answer(
            ("de-tham", "dt-001"), "try", "rejected", "bad-signature", "no operator here has the key"
        )
    fleet = Fleet(2)
    fleet.obey = False
    fleet.begin()
    with pytest.raises(RolloutStopped, match="try had no effect within 20 s"):
        fleet.steps(25)


def test_a_gateway_that_takes_no_model_is_left_out() -> None:
    fleet = Fleet(3)
    fleet.begin()
    fleet.obey = False
    fleet.steps(2)
    fleet.rollout.answer(("de-tham", "dt-001"), "try", "rejected", "not-possible", "detector.model is none")
    fleet.obey = True
    assert fleet.steps(130)
    assert (fleet.switched(), fleet.rollout.left) == (["dt-002", "dt-003"], ["de-tham/dt-001"])


def test_a_gateway_that_has_seen_too_little_is_left_out_until_it_is_tried_again() -> None:
    few = {
        **TRIED,
        "objects": 12,
        "refusal": "the model in force saw only 12 objects, at least 100 are needed",
    }
    fleet = Fleet(2)
    fleet.says("dt-001", **few)
    fleet.begin()
    assert fleet.steps(60)
    assert (fleet.switched(), fleet.rollout.left) == (["dt-002"], ["de-tham/dt-001"])
    fleet = Fleet(1, replace(OPTIONS, again=True))
    fleet.says("dt-001", **few)
    fleet.begin()
    assert fleet.steps(60)
    assert fleet.asked == [("dt-001", "try"), ("dt-001", "switch")]


def test_a_second_run_goes_on_where_the_gateways_are() -> None:
    fleet = Fleet(4)
    fleet.says("dt-001", runs=SHA, phase="probation")
    fleet.says("dt-002", **TRIED)
    fleet.says("dt-004", state="offline")
    fleet.begin()
    assert fleet.rollout.left == ["de-tham/dt-004"]
    fleet.steps(40)
    assert fleet.asked == [], "the one that runs it is watched first"
    assert fleet.steps(80)
    assert fleet.asked == [("dt-002", "switch"), ("dt-003", "try"), ("dt-003", "switch")]


def test_a_gateway_that_goes_in_its_stage_is_waited_for() -> None:
    fleet = Fleet(2)
    fleet.begin()
    fleet.steps(10)
    fleet.says("dt-001", state="offline")
    fleet.steps(15)
    fleet.says("dt-001", runs=SHA, phase="probation")
    assert fleet.steps(110)
    fleet = Fleet(2)
    fleet.begin()
    fleet.steps(10)
    fleet.says("dt-001", state="offline")
    with pytest.raises(RolloutStopped, match="went offline in its stage"):
        fleet.steps(30)


def test_what_was_given_up_is_tried_again_only_when_asked_for() -> None:
    gave_up: dict[str, Any] = {"reverted": SHA, "reverted_at": "t", "why": "counts"}
    fleet = Fleet(1)
    fleet.says("dt-001", **gave_up)
    fleet.begin()
    with pytest.raises(RolloutStopped, match="gave up the model"):
        fleet.steps(2)
    fleet = Fleet(1, replace(OPTIONS, again=True))
    fleet.says("dt-001", **gave_up)
    fleet.begin()
    assert fleet.steps(60)
    assert fleet.switched() == ["dt-001"]


@pytest.mark.parametrize("begins_in_force", [False, True])
def test_the_heartbeat_after_a_fall_back_says_why_and_nothing_is_sent_before(begins_in_force: bool) -> None:
    fleet = Fleet(1, replace(OPTIONS, soak_s=100.0))
    if begins_in_force:
        fleet.says("dt-001", runs=SHA, phase="probation", sha256=SHA)
    fleet.begin()
    fleet.steps(10)
    asked = list(fleet.asked)
    fleet.says("dt-001", heartbeat_too=False)
    fleet.steps(30)
    assert fleet.asked == asked
    fleet.says("dt-001", reverted=SHA, reverted_at="t", why="counts")
    with pytest.raises(RolloutStopped, match="gave up the model: counts"):
        fleet.steps(1)


@pytest.mark.parametrize("again", [False, True])
def test_a_lost_reply_does_not_end_it(again: bool) -> None:
    """The gateway's own reports say that it has tried the model."""
    fleet = Fleet(1, replace(OPTIONS, again=again))
    if again:
        fleet.says("dt-001", **TRIED, refusal="too few")
    fleet.begin()
    fleet.obey = False
    fleet.steps(5)
    assert fleet.asked == [("dt-001", "try")]
    fleet.rollout.answer(("de-tham", "dt-001"), "try", "running", "ok", "")
    if again:
        fleet.says("dt-001", phase="shadow", sha256=SHA)
        fleet.steps(5)
    fleet.obey = True
    fleet.says("dt-001", **TRIED)
    assert fleet.steps(60)
    assert fleet.switched() == ["dt-001"]
