"""The power of a camera that has been unreachable for long is switched off and on, rarely and reported."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from edge_agent.config.model.camera_parts import PoePort
from edge_agent.config.model.settings import Camera
from edge_agent.control import camera_power
from edge_agent.control.camera_power import FILE, CameraPower, camera_answers
from edge_agent.core.model import CameraState, CameraStatus, Cause
from edge_agent.core.problems import CATALOGUE
from edge_agent.core.secrets import Secret
from edge_agent.host.system.switch_port import PowerSwitch, SwitchFailed, SwitchPort
from tests.events.parts import maker, valid
from tests.host.fakes import FakeClock
from tests.testbed.gears import EventCollector
from tests.testbed.poe_switch import COMMUNITY, PoeSwitch, is_installed

POE = PoePort(switch="10.0.0.2", port=5, password=Secret("community"), after_min=30, per_day=2, off_s=0.01)
GATE = Camera(id="gate", url="rtsp://10.0.0.11/sub", poe=POE)


class FakeSwitch:
    """A switch whose behaviour the test sets; ``states`` are those that were set."""

    def __init__(self) -> None:
        self.states: list[bool] = []
        self.on = True
        self.answers = True
        self.fails_to_switch_on = 0

    def is_on(self) -> bool:
        if not self.answers:
            raise SwitchFailed("switch 10.0.0.2: Timeout")
        return self.on

    def set_power(self, on: bool) -> None:
        if on and self.fails_to_switch_on:
            self.fails_to_switch_on -= 1
            raise SwitchFailed("switch 10.0.0.2: Timeout")
        self.on = on
        self.states.append(on)


class Site:
    """One camera at one switch."""

    def __init__(self, folder: Path, camera: Camera = GATE, switch: PowerSwitch | None = None) -> None:
        self.folder = folder
        self.camera = camera
        self.clock, self.collected = FakeClock(mono=100_000.0), EventCollector()
        self.switch = FakeSwitch()
        self.power_switch = switch or self.switch
        self.something_answers = False
        self.state, self.cause = CameraState.OFFLINE, Cause.UNREACHABLE
        self.since_mono = self.clock.monotonic()
        self.start("boot-1")

    def start(self, boot_id: str) -> None:
        events = maker(self.clock)
        self.control = CameraPower(
            *(self.folder, self.clock, boot_id, UTC, lambda: [self.camera], events, self.collected),
            switch=lambda poe: self.power_switch,
            answers=lambda camera: self.something_answers,
        )

    def wait(self, minutes: float) -> None:
        for _ in range(round(minutes / 5)):
            self.clock.advance(300)
            status = CameraStatus("gate", self.state, self.cause, self.clock.now(), self.since_mono)
            self.control.tick([status])
            assert self.control.join(5.0)

    @property
    def lines(self) -> list[str]:
        return [str(line) for line in self.control.lines()]


def test_nothing_is_switched_while_that_cannot_be_stored(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.touch()  # not even root can write below a file
    site = Site(folder)
    site.wait(30)
    assert site.switch.states == [], "a power cut now would leave the port off for ever"
    assert "the state directory cannot be written" in site.lines[0]
    folder.unlink()
    folder.mkdir()
    site.wait(30)
    assert site.switch.states == [False, True], "the attempt before was none"


def test_nothing_is_switched_before_the_record_survives_a_power_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, synced = Site(tmp_path), list[list[bool]]()
    monkeypatch.setattr(camera_power, "sync_folder", lambda folder: synced.append(list(site.switch.states)))
    site.wait(30)
    assert synced == [[]]
    assert site.switch.states == [False, True]


def test_the_reason_is_vietnamese_too_also_after_a_restart(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.something_answers = True
    site.wait(30)
    site.start("boot-1")
    (line,) = site.control.lines()
    assert str(line).endswith("something answers at its address")
    said = CATALOGUE.say(line.problem, "vi")
    assert said is not None
    assert said.endswith("tại địa chỉ của camera vẫn có máy trả lời"), said


def test_a_switch_that_never_answers_does_not_keep_another_camera_from_its_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera_power, "ON_ATTEMPTS", 1)
    dead, good = FakeSwitch(), FakeSwitch()
    dead.fails_to_switch_on = 99
    yard = replace(GATE, id="yard", poe=replace(POE, switch="10.0.0.3"))
    site = Site(tmp_path)
    site.control = CameraPower(
        *(tmp_path, site.clock, "boot-1", UTC, lambda: [GATE, yard], maker(site.clock), site.collected),
        switch=lambda poe: good if poe.switch == "10.0.0.3" else dead,
        answers=lambda camera: False,
    )
    site.clock.advance(1800)
    for _ in range(3):
        now = site.clock.now()
        site.control.tick(
            [CameraStatus(each, site.state, site.cause, now, site.since_mono) for each in ("gate", "yard")]
        )
        site.control.stop()  # do not wait for the pauses
        assert site.control.join(5.0)
    assert dead.states == [False]
    assert good.states == [False, True]


def test_a_camera_that_is_removed_from_the_configuration_has_no_line(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.wait(30)
    assert site.lines
    site.camera = replace(GATE, id="yard")
    assert site.lines == []


def test_the_port_of_a_dead_camera_is_switched_and_reported_when_it_is_back(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.wait(25)
    assert site.switch.states == []
    site.wait(5)
    assert site.switch.states == [False, True]
    assert "camera gate: unreachable, its switch port was switched off and on at" in site.lines[0]
    assert site.collected.events == [], "the camera is still away"
    site.state = CameraState.STARTING  # its first attempt after a restart of the agent
    status = CameraStatus("gate", site.state, None, site.clock.now(), site.clock.monotonic())
    site.control.tick([status])
    assert site.collected.events == []
    site.state, site.cause = CameraState.ONLINE, Cause.ENDED
    site.wait(5)
    (event,) = site.collected.events
    data = valid(json.dumps(event).encode())["data"]
    assert (data["camera"], data["without_s"]) == ("gate", 35 * 60)
    assert [(step["step"], step["outcome"], step["after_s"]) for step in data["tried"]] == [
        ("poe", "done", 1800)
    ]
    assert site.lines == []
    site.wait(60)
    assert len(site.collected.events) == 1


def test_it_is_switched_at_most_so_often_a_day_over_restarts_and_boots(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.wait(3 * 60)
    assert site.switch.states == [False, True] * 2
    site.start("boot-1")
    site.wait(20 * 60)
    assert site.switch.states == [False, True] * 2
    site.clock.mono = site.since_mono = 60.0
    site.start("boot-2")
    site.wait(23 * 60)
    assert site.switch.states == [False, True] * 2
    site.wait(2 * 60)
    assert site.switch.states == [False, True] * 4


def something_answers(site: Site) -> None:
    site.something_answers = True


def switched_off_by_hand(site: Site) -> None:
    site.switch.on = False


def silent_switch(site: Site) -> None:
    site.switch.answers = False


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (something_answers, "something answers at its address"),
        (switched_off_by_hand, "port 5 is switched off at the switch"),
        (silent_switch, "its switch gave no answer"),
    ],
)
def test_it_is_not_switched_while(tmp_path: Path, given: Callable[[Site], None], line: str) -> None:
    site = Site(tmp_path)
    given(site)
    site.wait(6 * 60)
    assert site.switch.states == []
    assert line in site.lines[0]


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause is not Cause.UNREACHABLE])
def test_a_camera_that_answers_in_any_way_is_left_alone(tmp_path: Path, cause: Cause) -> None:
    site = Site(tmp_path)
    site.cause = cause
    site.wait(6 * 60)
    assert site.switch.states == []
    assert site.lines == []


def test_a_camera_without_poe_in_the_configuration_is_left_alone(tmp_path: Path) -> None:
    site = Site(tmp_path, replace(GATE, poe=None))
    site.wait(6 * 60)
    assert site.switch.states == []


def test_a_port_that_was_left_off_by_a_killed_agent_is_switched_on_at_the_next_start(tmp_path: Path) -> None:
    site = Site(tmp_path)
    (tmp_path / FILE).write_text(json.dumps({"cameras": {"gate": {"is_off": True}}}))
    site.switch.on = False
    site.start("boot-2")
    site.wait(5)
    assert site.switch.on
    assert json.loads((tmp_path / FILE).read_text())["cameras"]["gate"]["is_off"] is False


def test_an_agent_that_is_killed_while_it_switches_has_counted_that(tmp_path: Path) -> None:
    class Deadly(FakeSwitch):
        def set_power(self, on: bool) -> None:
            raise RuntimeError("killed")

    site = Site(tmp_path, switch=Deadly())
    site.wait(30)
    stored = json.loads((tmp_path / FILE).read_text())["cameras"]["gate"]
    assert (stored["is_off"], len(stored["cycled"])) == (True, 1)


def test_switching_on_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_power, "ON_EVERY_S", 0.01)
    site = Site(tmp_path)
    site.switch.fails_to_switch_on = 3
    site.wait(30)
    assert site.switch.states == [False, True]
    site.switch.fails_to_switch_on = 100
    site.wait(30)
    assert not site.switch.on
    assert "switching its port" in site.lines[0]
    site.switch.fails_to_switch_on = 0
    site.wait(5)
    assert site.switch.on


def test_a_stop_while_the_port_is_off_switches_it_on(tmp_path: Path) -> None:
    site = Site(tmp_path, replace(GATE, poe=replace(POE, off_s=60)))
    site.clock.advance(1800)
    status = CameraStatus("gate", site.state, site.cause, site.clock.now(), site.since_mono)
    site.control.tick([status])
    site.control.stop()
    assert site.control.join(5.0)
    assert site.switch.states == [False, True]


def test_a_connection_or_a_refusal_is_an_answer() -> None:
    with socket.create_server(("127.0.9.43", 0)) as server:
        port = server.getsockname()[1]
        assert camera_answers(replace(GATE, url=f"rtsp://127.0.9.43:{port}/sub"))
    assert camera_answers(replace(GATE, url=f"rtsp://127.0.9.43:{port}/sub")), "refused"


@pytest.mark.skipif(not is_installed(), reason="Debian's snmp and snmpd are not installed")
def test_with_a_real_switch_the_port_goes_off_and_on(tmp_path: Path) -> None:
    with PoeSwitch(tmp_path / "switch") as switch:
        poe: Any = replace(POE, switch=switch.address, password=Secret(COMMUNITY))
        site = Site(tmp_path, replace(GATE, poe=poe), SwitchPort(poe))
        site.wait(30)
        assert switch.power(5) == [1, 2, 1]
        switch.set_by_hand(5, 2)
        site.wait(30)
        assert switch.power(5) == [1, 2, 1, 2]
        assert "switched off at the switch" in site.lines[0]
