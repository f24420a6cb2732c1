"""Recovery without a broker: with root's real program, and with a real broker that is stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from edge_agent import config
from edge_agent.config.model.settings import Settings
from edge_agent.control.reachability import ReachabilityProbe
from edge_agent.control.recovery import FILE, RecoveryControl
from edge_agent.control.recovery_ladder import HOUR_S
from edge_agent.host.health.degraded import healing_lines
from edge_agent.wire import HealingHealth, HealingStep
from tests.events.parts import maker, valid
from tests.host.fakes import FakeClock
from tests.mqtt.conftest import MakeGateway, mqtt_settings
from tests.mqtt.conftest import gateway as gateway
from tests.systemd.test_heal import EDGE_HEAL, Root
from tests.testbed.agent import write_config
from tests.testbed.gears import EventCollector
from tests.testbed.mosquitto import Mosquitto, wait_until


class Session:
    def __init__(self) -> None:
        self.online, self.reconnects = True, 0

    def reconnect(self) -> None:
        self.reconnects += 1


class Answering(ReachabilityProbe):
    """A probe whose result the test sets."""

    def __init__(self, *answered: str, can_tell: bool = True) -> None:
        super().__init__((), ())
        self.answered, self._can_tell, self.asked = answered, can_tell, 0

    @property
    def is_conclusive(self) -> bool:
        return self._can_tell

    def start(self) -> None:
        self.asked += 1

    def result(self) -> tuple[str, ...]:
        return self.answered


class Box:
    """The control on a fake file system, with root's real program for its requests."""

    def __init__(self, folder: Path, *, root_there: bool = True) -> None:
        self.root, self.root_there = Root(folder / "root"), root_there
        self.settings = settings(folder)
        self.clock, self.session, self.collected = FakeClock(), Session(), EventCollector()
        self.witnesses, self.up_s = Answering(), 48 * HOUR_S
        self.start("boot-1")
        self.wait(0.1)

    def start(self, boot_id: str) -> None:
        self.control = RecoveryControl(
            self.settings,
            self.session,
            self.clock,
            boot_id,
            maker(),
            self.collected,
            self.root.folder,
            self.witnesses,
        )

    def wait(self, hours: float) -> HealingHealth:
        """Ticks every minute, or every ten for a long time; starts root's program for each request."""
        step_s = 60 if hours <= 1 else 600
        for _ in range(round(hours * 3600 / step_s)):
            self.clock.advance(step_s)
            self.up_s += step_s
            self.control.tick()
            if self.root_there:
                self._serve()
        return self.control.health()

    def _serve(self) -> None:
        for action, name in EDGE_HEAL.REQUESTS.items():
            if (self.root.requests / name).exists():
                self.root.up(self.up_s)
                EDGE_HEAL.heal(action, self.root.folder)

    def tried(self, step: str) -> list[tuple[str, str]]:
        record = json.loads((self.settings.state_dir / FILE).read_bytes())
        return [(t["outcome"], t["detail"]) for t in record["tried"] if t["step"] == step]

    @property
    def events(self) -> list[dict[str, Any]]:
        return self.collected.events


def settings(folder: Path, healing: dict[str, float] | None = None) -> Settings:
    found = config.load(write_config(folder, cameras=[], broker_port=1, healing=healing or {}))
    found.state_dir.mkdir(parents=True, exist_ok=True)
    return found


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_a_dead_modem_is_reset_the_box_rebooted_and_all_of_it_told_when_the_broker_is_back(box: Box) -> None:
    box.root.configure(reset=[[box.root.program("usr/bin/modem", f"echo reset >> {box.root.ran}")]])
    box.session.online = False
    health = box.wait(6)
    assert box.session.reconnects >= 4
    assert box.tried("reset") == [("done", f"{box.root.folder}/usr/bin/modem")]
    assert health.without_s == pytest.approx(6 * HOUR_S, abs=900)
    assert next(healing_lines(health)).startswith("broker: not connected for 5.8 h; tried last: re")
    box.wait(10)
    assert box.root.done.count("--no-block reboot") == 1
    assert [outcome for outcome, _ in box.tried("reboot")] == ["done"]
    box.up_s = 60.0
    box.start("boot-2")
    box.session.online = True
    assert box.wait(0.1) == HealingHealth()
    (event,) = box.events
    valid(json.dumps(event).encode())
    assert (event["type"], event["severitytext"]) == ("vn.thaibinh.edge.healing.v1", "WARN")
    steps = [tried["step"] for tried in event["data"]["tried"]]
    assert {"reconnect", "reset", "reboot"} == set(steps)
    assert event["data"]["without_s"] == pytest.approx(16 * HOUR_S, abs=900)
    assert lasted(event["data"]) == pytest.approx(event["data"]["without_s"], abs=1)
    box.wait(1)
    assert len(box.events) == 1


def lasted(data: dict[str, Any]) -> float:
    """Seconds, by its two moments."""
    since, back = (datetime.fromisoformat(data[key]) for key in ("since_at", "back_at"))
    return (back - since).total_seconds()


def test_root_reboots_once_a_day_however_often_the_agent_asks(box: Box, tmp_path: Path) -> None:
    box.root.configure()
    box.settings = settings(tmp_path, {"reconnect_h": 0, "reset_h": 0})
    box.start("boot-1")
    box.up_s, box.session.online = 0.0, False
    box.wait(31)
    collected = [outcome for outcome, _ in box.tried("reboot")]
    assert collected[0] == "refused", "the box had been up for less than a day"
    assert box.root.done == ["--no-block reboot"] * collected.count("done")
    assert box.root.done, "and then it was"


def test_a_broker_that_is_away_reboots_nobody_while_the_network_is_well(box: Box) -> None:
    box.root.configure(reset=[[box.root.program("usr/bin/modem", f"echo reset >> {box.root.ran}")]])
    box.witnesses.answered = ("the name server of mqtt.example.vn",)
    box.session.online = False
    health = box.wait(30)
    assert box.root.done == []
    why = "the network is well: the name server of mqtt.example.vn answers"
    assert box.tried("reboot")[-1] == ("held", why)
    assert health.tried
    box.session.online = True
    box.wait(0.1)
    assert box.events[0]["severitytext"] == "WARN"


def test_who_cannot_ask_anybody_resets_the_modem_and_does_not_reboot(box: Box) -> None:
    box.root.configure(reset=[[box.root.program("usr/bin/modem", f"echo reset >> {box.root.ran}")]])
    box.witnesses._can_tell = False
    box.session.online = False
    box.wait(16)
    assert set(box.root.done) == {"reset"}
    assert "set healing.witnesses" in box.tried("reboot")[-1][1]


def test_a_session_that_is_back_while_the_probes_run_resets_nothing(box: Box) -> None:
    box.root.configure(reset=[[box.root.program("usr/bin/modem", f"echo reset >> {box.root.ran}")]])
    box.session.online = False
    while not box.witnesses.asked:
        box.wait(1 / 60)
    box.session.online = True
    box.clock.advance(20)
    box.control.tick()
    assert not list(box.root.requests.iterdir())
    assert box.tried("reset") == []


def test_without_roots_part_the_request_is_withdrawn_and_the_reason_told(tmp_path: Path) -> None:
    box = Box(tmp_path, root_there=False)
    box.session.online = False
    box.wait(6)
    why = "root's part does not answer: is edge-agent-heal.path enabled?"
    assert box.tried("reset") == [("no-answer", why)]
    assert not list(box.root.requests.iterdir())


def test_without_a_run_directory_nothing_is_asked(tmp_path: Path) -> None:
    box = Box(tmp_path, root_there=False)
    box.root.requests.rmdir()
    box.root.requests.parent.rmdir()
    box.session.online = False
    box.wait(6)
    assert box.tried("reset") == [("no-answer", "cannot ask root: No such file or directory")]


def test_a_stop_takes_the_request_along_and_a_start_goes_on_with_the_outage(tmp_path: Path) -> None:
    box = Box(tmp_path, root_there=False)
    box.session.online = False
    while not list(box.root.requests.iterdir()):
        box.wait(1 / 60)
    box.control.end()
    assert not list(box.root.requests.iterdir())
    box.start("boot-1")
    assert box.wait(1 / 60).without_s > 4 * HOUR_S
    assert box.tried("reset")[-1][0] == "asked"
    box.session.online = True
    box.wait(0.1)
    assert box.events[0]["data"]["tried"][-1]["outcome"] == "no-answer"


def test_off_is_off(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.settings = settings(tmp_path, {"reconnect_h": 0, "reset_h": 0, "reboot_h": 0})
    box.start("boot-1")
    box.session.online = False
    box.wait(20)
    box.session.online = True
    box.wait(0.1)
    assert (box.session.reconnects, box.root.done, box.events) == (0, [], [])


def test_a_broker_that_is_stopped_and_one_that_takes_its_place(tmp_path: Path, gateway: MakeGateway) -> None:
    with Mosquitto(tmp_path / "1") as first, Mosquitto(tmp_path / "2") as second:
        second.kill()
        with gateway(mqtt_settings(first.port, second.port)) as site:
            alone = settings(tmp_path)
            alone = replace(alone, mqtt=replace(alone.mqtt, brokers=mqtt_settings(first.port).brokers))
            collected = EventCollector()
            control = RecoveryControl(alone, site.publisher, site.clock, "boot", maker(), collected, tmp_path)

            def until(true: Callable[[], object]) -> None:
                """A clock that moves two minutes every hundredth of a second."""

                def looked() -> bool:
                    site.later(120.0)
                    control.tick()
                    return bool(true())

                wait_until(looked)

            def held() -> list[HealingStep]:
                return [tried for tried in control.health().tried if tried.outcome == "held"]

            site.wait_online()
            until((alone.state_dir / FILE).exists)
            first.kill()
            until(held)
            assert held()[0].step == "reset"
            assert held()[0].detail == f"the network is well: 127.0.0.1:{first.port} answers", "it refuses"
            second.start()
            until(lambda: collected.events)
            data = collected.events[0]["data"]
            assert data["tried"][0]["step"] == "reconnect"
            assert data["without_s"] > 4 * HOUR_S


def test_a_reconnect_tries_the_next_broker_and_keeps_a_session(tmp_path: Path, gateway: MakeGateway) -> None:
    with Mosquitto(tmp_path / "1") as silent, Mosquitto(tmp_path / "2") as broker:
        silent.freeze()
        with gateway(mqtt_settings(silent.port, broker.port)) as site:
            site.publisher.reconnect()  # connecting would time out only after 45 s
            site.wait_online()
            session = site.publisher.session
            site.publisher.reconnect()
            site.append()
            wait_until(lambda: site.outbox.depth == 0 or site.publisher.health().inflight == 0)
            assert site.publisher.session == session
