"""A gateway near the limit of its SIM card sends less, reports it, and sends everything in the new month."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from edge_agent import config
from edge_agent.config.model.settings import Uplink, UplinkKind
from edge_agent.control.uplink import FILE, UplinkControl
from edge_agent.host.health.degraded import uplink_lines
from edge_agent.host.local_api.status import run_status
from edge_agent.uplink.usage import DataUsage, TrafficClass
from edge_agent.wire import UplinkHealth
from tests.agent.inside import AgentInside
from tests.events.parts import GATEWAY, maker, valid
from tests.host.fakes import FakeClock
from tests.outbox.parts import outbox_in
from tests.testbed.agent import write_config
from tests.testbed.billing import days_old_period
from tests.testbed.gears import EventCollector
from tests.testbed.mosquitto import Mosquitto, Subscriber

SIM = Uplink(UplinkKind.SIM, 3 * 10**9, 1, 25_000)
TENTH = datetime(2026, 11, 10, 17, tzinfo=UTC)  # midnight of the 11th in Thái Bình


class Box:
    """The control with the real counters and a fake clock."""

    def __init__(self, folder: Path, uplink: Uplink = SIM, now: datetime = TENTH) -> None:
        self.folder, self.uplink, self.trusted = folder, uplink, True
        self.clock, self.collected = FakeClock(now), EventCollector()
        self.start()

    def start(self) -> None:
        file, zone, reset_day = self.folder / "usage.json", GATEWAY.timezone, self.uplink.reset_day
        self.usage = DataUsage(file, zone, self.clock, lambda: self.trusted, reset_day=reset_day)
        self.control = UplinkControl(
            self.uplink, self.folder, self.clock, self.usage, maker(), self.collected
        )

    def stop(self) -> None:
        self.control.end()
        self.usage.save()

    def spend(self, size_mb: float) -> UplinkHealth:
        self.usage.sent(TrafficClass.MEDIA, round(size_mb * 1e6))
        self.control.tick()
        return self.control.health()

    def wait(self, **span: float) -> UplinkHealth:
        self.clock.advance(timedelta(**span).total_seconds())
        self.control.tick()
        return self.control.health()

    @property
    def lines(self) -> list[str]:
        return list(uplink_lines(self.control.health()))

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event["data"] for event in self.collected.events]


def test_each_step_is_in_force_shown_and_told_and_the_reset_day_takes_all_back(tmp_path: Path) -> None:
    box = Box(tmp_path)
    seen = []
    for size_mb in (900, 1200, 450, 300):
        health = box.spend(size_mb)
        seen.append((health.step, box.control.pace.step, health.held, box.control.heartbeat_s(30)))
    assert seen == [
        (0, 0, [], 30),
        (1, 1, ["media"], 30),  # 900 MB left for 20 days: 0.45 of an even use
        (2, 2, ["media", "info"], 30),
        (3, 3, ["media", "info", "heartbeat"], 300),
    ]
    assert box.lines == [
        "uplink: 2,850 of 3,000 MB used, pictures and events of severity info wait, heartbeats are slow "
        "until 2026-12-01 (step 3 of 3)"
    ]
    health = box.wait(days=20)
    assert (health.step, health.used_bytes, health.period_from, box.lines) == (0, 0, "2026-12-01", [])
    assert box.control.heartbeat_s(30) == 30
    collected = [(e["phase"], e["from_step"], e["to_step"], e["end_reason"]) for e in box.events]
    steps = [("start", 0, 1, None), ("update", 1, 2, None), ("update", 2, 3, None), ("end", 3, 0, "over")]
    assert collected == steps
    assert [event["severitytext"] for event in box.collected.events] == ["WARN", "WARN", "WARN", "INFO"]
    assert box.events[1]["why"] == "2,550 MB of 3,000 MB used, 20.0 days left"
    assert box.events[0]["forecast_bytes"] is None, "it has been counted for less than a day"
    for event in box.collected.events:
        valid(json.dumps(event).encode())


def test_a_restart_goes_on_where_it_was_and_tells_it(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.spend(2100)
    box.stop()
    box.start()
    assert box.control.pace.step == 1, "before the first look"
    box.wait(seconds=1)
    collected = [(e["phase"], e["from_step"], e["to_step"], e["end_reason"]) for e in box.events]
    assert collected == [("start", 0, 1, None), ("end", 1, 0, "restart"), ("start", 0, 1, None)]
    box.wait(hours=1)
    assert len(box.events) == 3


def test_after_a_crash_the_next_start_ends_it(tmp_path: Path) -> None:
    box = Box(tmp_path)
    with outbox_in(tmp_path / "state") as outbox:
        box.control = UplinkControl(SIM, tmp_path, box.clock, box.usage, maker(), outbox)
        box.spend(2100)
    with outbox_in(tmp_path / "state") as outbox:
        (left_open,) = outbox.left_open()
        outbox.append(maker().left_open(left_open))
        assert outbox.left_open() == []
        start, end = (valid(event.payload)["data"] for event in outbox.pending(9))
    assert end["event_id"] == start["event_id"]
    assert (end["phase"], end["from_step"], end["to_step"], end["held"]) == ("end", 1, 0, [])


def test_a_boot_without_a_clock_keeps_the_step_and_one_set_over_the_reset_day_ends_it(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.spend(2900)
    box.stop()
    box.clock, box.trusted = FakeClock(datetime(1970, 1, 1, tzinfo=UTC)), False
    box.start()
    assert box.wait(hours=3).step == 3
    box.clock.jump(datetime(2026, 12, 3, tzinfo=UTC))
    box.trusted = True
    assert box.wait(seconds=1).step == 0
    assert box.events[-1]["phase"] == "end"
    assert json.loads((tmp_path / FILE).read_text())["step"] == 0


def test_a_boot_without_a_clock_writes_nothing_and_keeps_the_start_of_the_step(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.spend(2100)
    box.stop()
    box.trusted = False
    box.start()
    since = box.wait(seconds=1).since
    written = (tmp_path / FILE).stat().st_mtime_ns
    assert box.wait(seconds=60).since == since
    assert (tmp_path / FILE).stat().st_mtime_ns == written


def test_a_clock_that_steps_about_the_reset_day_does_not_make_it_flap(tmp_path: Path) -> None:
    box = Box(tmp_path, now=datetime(2026, 11, 30, 16, 59, 30, tzinfo=UTC))  # 23:59:30 there
    box.spend(2999)
    box.wait(minutes=1)
    for _ in range(20):
        box.clock.jump(box.clock.now() - timedelta(minutes=2))
        box.wait(minutes=1)
        box.clock.jump(box.clock.now() + timedelta(minutes=2))
        box.wait(minutes=1)
    assert [e["phase"] for e in box.events] == ["start", "end"]


def test_without_a_budget_nothing_is_held_and_health_is_as_ever(tmp_path: Path) -> None:
    box = Box(tmp_path, Uplink())
    box.spend(1e6)
    assert (box.control.health(), box.control.pace.step, box.events) == (UplinkHealth(), 0, [])


def test_a_whole_agent_near_its_cap_tells_it(tmp_path: Path, broker: Mosquitto, centre: Subscriber) -> None:
    period = days_old_period()
    sim = {"kind": "sim", "monthly_bytes": "3GB", "reset_day": period.day}
    path = write_config(tmp_path, broker_port=broker.port, uplink=sim)
    settings = config.load(path)
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    today = datetime.now(settings.gateway.timezone).date()
    record = {"first_day": period.isoformat(), "used": {"media": 2_999_000_000}}
    counted = {"day": today.isoformat(), "today": {}, "month": {}, "period": record}
    (settings.state_dir / "usage.json").write_text(json.dumps(counted))
    with AgentInside(path) as agent:
        centre.wait_for(lambda: bool(centre.events()), 15)
        (event,) = [json.loads(message.payload) for message in centre.events()]
        assert event["type"] == "vn.thaibinh.edge.uplink.v1"
        assert (event["data"]["phase"], event["data"]["to_step"]) == ("start", 3)
        beat = agent.beat()
        assert beat["uplink"]["held"] == ["media", "info", "heartbeat"]
        assert any(line.startswith("uplink: 2,999 of 3,000 MB used") for line in beat["degraded"])
        text = io.StringIO()
        assert run_status(settings, False, text) == 0
        assert "2,999 of 3,000 MB since" in text.getvalue()
