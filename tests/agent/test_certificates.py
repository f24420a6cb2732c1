"""Certificates of a running agent: renewal without a restart, and events before they expire."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from edge_agent.config.loader import load
from edge_agent.control.certificates import CertificateWatch
from edge_agent.host.health.clock_sync import ClockSync, KernelSync
from edge_agent.host.health.degraded import certificate_lines
from tests.events.parts import maker, valid
from tests.host.fakes import TODAY, FakeClock, settings
from tests.testbed.agent import AgentProcess, wait_until, write_config
from tests.testbed.gears import EventCollector
from tests.testbed.mosquitto import Authority, Certificate, Mosquitto
from tests.testbed.synced import COMMAND
from tests.testbed.tls_folder import HOST, Tls, strict_broker


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), valid=("20260101000000Z", "20460101000000Z"))


def until(end: datetime) -> tuple[str, str]:
    return "20260101000000Z", f"{end:%Y%m%d%H%M%SZ}"


class Watched:
    """The watch with real files and a fake clock."""

    def __init__(self, folder: Path, own: Certificate, ca: Path, synced: bool = True) -> None:
        self.clock, self.collected, self.tls = FakeClock(), EventCollector(), Tls(folder / "tls")
        self.folder, self.synced = folder, synced
        self.have(own, ca)

    def start(self) -> None:
        """Create the watch as the agent does; also for a restart."""
        config = write_config(self.folder, cameras=[], broker_port=1, mqtt=self.tls.mqtt(1))
        whole = replace(settings(self.folder), mqtt=load(config).mqtt)
        sync = ClockSync(
            self.folder / "clock.json", self.clock, "boot", kernel=lambda: KernelSync(self.synced, 0.0)
        )
        self.watch = CertificateWatch(whole, self.clock, sync, maker(), self.collected)

    def have(self, own: Certificate, ca: Path) -> None:
        self.tls.put(own, ca, slot=".")
        self.start()

    def after(self, **time: float) -> list[dict[str, Any]]:
        """Events after some time has passed."""
        before = len(self.collected.events)
        self.clock.advance(timedelta(**time).total_seconds())
        self.watch.tick()
        return [dict(event) for event in self.collected.events[before:]]

    def lines(self) -> list[str]:
        return list(certificate_lines(self.watch.health()))


def test_it_is_told_daily_from_30_days_on_as_an_alarm_from_7(tmp_path: Path, authority: Authority) -> None:
    end = TODAY + timedelta(days=32)
    box = Watched(tmp_path, authority.issue("dt-001", valid=until(end)), authority.cert)
    assert box.after(seconds=1) == []
    assert (box.watch.health().client_days, box.lines()) == (31, [])
    (start,) = box.after(days=2.5)
    assert start["data"]["phase"] == "start"
    assert start["data"]["days_left"] == 29
    assert (start["severitytext"], start["subject"]) == ("WARN", "gateway")
    assert box.lines() == ["broker: the certificate ends in 29 days: have the centre renew it"]
    assert box.after(hours=1) == []
    box.start()  # a restart neither ends nor repeats the event
    assert box.after(hours=1) == []
    days = [box.after(hours=24) for _ in range(33)]
    collected = [event for day in days for event in day]
    assert len(collected) == 33, "once a day"
    assert {event["data"]["event_id"] for event in collected} == {start["data"]["event_id"]}
    assert [event["severitytext"] for event in collected].index("ERROR") == 22
    assert [event["data"]["days_left"] for event in collected[21:23]] == [7, 6]
    assert collected[-1]["data"]["why"].startswith("the gateway's certificate expired on 2026-12-26")
    assert box.lines() == ["broker: the certificate has expired, 4 days ago: have the centre renew it"]

    box.tls.put(authority.issue("dt-001"))  # in the next slot: not in force, so the event goes on
    assert box.after(seconds=11) == []
    box.have(authority.issue("dt-001", valid=until(end + timedelta(days=700))), authority.cert)
    (over,) = box.after(seconds=11)
    assert (over["data"]["phase"], over["data"]["end_reason"]) == ("end", "renewed")
    assert over["data"]["started_at"] == start["data"]["started_at"]
    assert over["severitytext"] == "INFO"
    assert box.lines() == []
    for event in box.collected.events:
        valid(json.dumps(event).encode())


def test_without_a_clock_nothing_is_said(tmp_path: Path, authority: Authority) -> None:
    expired = authority.issue("dt-001", valid=until(TODAY - timedelta(days=1)))
    box = Watched(tmp_path, expired, authority.cert, synced=False)
    assert box.after(hours=1) == []
    assert (box.watch.health().client_days, box.lines()) == (None, [])
    box.synced = True
    assert len(box.after(hours=1)) == 1


def test_an_event_that_began_under_a_wrong_time_ends_once_the_time_is_right(
    tmp_path: Path, authority: Authority
) -> None:
    end = TODAY + timedelta(days=300)
    box = Watched(tmp_path, authority.issue("dt-001", valid=until(end)), authority.cert)
    box.clock.jump(end + timedelta(days=1))
    (start,) = box.after(seconds=1)
    box.clock.jump(TODAY)
    (over,) = box.after(seconds=11)
    assert over["data"]["event_id"] == start["data"]["event_id"]
    assert (over["data"]["phase"], over["data"]["end_reason"]) == ("end", "over")
    assert (
        over["data"]["why"] == "the gateway's certificate lasts until 2027-09-20: the clock was wrong before"
    )
    box.start()
    box.clock.jump(end - timedelta(days=5))
    (later,) = box.after(seconds=11)
    assert (later["data"]["phase"], later["severitytext"]) == ("start", "ERROR")
    assert later["data"]["event_id"] != start["data"]["event_id"], "the centre has ended that one"
    for event in box.collected.events:
        valid(json.dumps(event).encode())


def test_a_ca_that_ends_is_told_of_too(tmp_path: Path) -> None:
    end = TODAY + timedelta(days=3)
    old = Authority(tmp_path, valid=until(end))
    box = Watched(tmp_path, old.issue("dt-001", valid=until(end + timedelta(days=700))), old.cert)
    (collected,) = box.after(seconds=1)
    assert (collected["data"]["certificate"], collected["severitytext"]) == ("ca", "ERROR")
    assert box.lines() == ["broker: the CA certificate ends in 2 days: have the centre renew it"]


def test_certificates_rotate_and_every_event_arrives_once(tmp_path: Path, authority: Authority) -> None:
    tls = Tls(tmp_path / "tls")
    tls.put(authority.issue("dt-001"), authority.cert, slot=".")
    server, crl = authority.issue("broker", san=HOST), tmp_path / "crl.pem"
    authority.write_crl(crl)
    with strict_broker(tmp_path, server, authority.cert, f"crlfile {crl}") as (broker, centre):
        gone = [{"id": f"cam-{number}", "url": str(tmp_path / "gone.mp4")} for number in (1, 2, 3)]
        config = write_config(
            tmp_path, cameras=gone, detector="none", broker_port=1, mqtt=tls.mqtt(broker.port)
        )
        with AgentProcess(config) as agent:
            centre.wait_for(lambda: len(centre.events()) == 3, 60)
            put(tls, authority.issue("dt-001"), agent)
            wait_for_session(broker, 2)
            wait_until(lambda: "the broker has accepted it" in agent.log, what="the next slot in force")
            agent.kill()  # before root has moved the files
            agent.start()
            wait_for_session(broker, 3)
            tls.promote()
            bad = authority.issue("dt-001")
            authority.write_crl(crl, [bad])
            broker.reload()
            put(tls, bad, agent)
            shown = agent.wait_for_status(lambda beat: beat["certificates"]["next_trouble"], "the refusal")
            wait_for_session(broker, 4)
            wait_until(lambda: (agent.status() or {}).get("connected"), 60, "the old slot's session")
            assert agent.stop() == 0
        centre.wait_for(lambda: b'"state":"stopped"' in centre.on("/up/state")[-1].payload)
        events = {event["id"]: event for event in map(json.loads, (e.payload for e in centre.events()))}
    assert any("says our certificate is revoked; the old one is" in line for line in shown["degraded"])
    numbers = sorted(int(event["sequence"]) for event in events.values())
    assert numbers == list(range(1, len(numbers) + 1)), "none is missing, none is there twice"
    assert len(numbers) >= 3
    assert len({event["epoch"] for event in events.values()}) == 1


def test_an_agent_tells_of_an_ending_certificate_and_renewal(tmp_path: Path, authority: Authority) -> None:
    now = datetime.now(UTC)
    tls = Tls(tmp_path / "tls")
    ends = authority.issue("dt-001", valid=until(now + timedelta(days=20, hours=1)))
    tls.put(ends, authority.cert, slot=".")
    server = authority.issue("broker", san=HOST)
    with strict_broker(tmp_path, server, authority.cert) as (broker, centre):
        config = write_config(tmp_path, cameras=[], broker_port=1, mqtt=tls.mqtt(broker.port))
        with AgentProcess(config, command=COMMAND) as agent:
            centre.wait_for(lambda: len(centre.events()) == 1, 60)
            put(tls, authority.issue("dt-001", valid=until(now + timedelta(days=397))), agent)
            centre.wait_for(lambda: len(centre.events()) == 2, 60)
            assert agent.stop() == 0
        start, over = (json.loads(event.payload)["data"] for event in centre.events()[:2])
    assert (start["phase"], start["certificate"], start["days_left"]) == ("start", "client", 20)
    assert (over["phase"], over["end_reason"], over["days_left"]) == ("end", "renewed", 396)
    assert over["event_id"] == start["event_id"]


def put(tls: Tls, own: Certificate, agent: AgentProcess) -> None:
    """A reload wakes the publisher, which would check by itself within ten seconds."""
    tls.put(own)
    agent.process.send_signal(signal.SIGHUP)


def wait_for_session(broker: Mosquitto, number: int) -> None:
    wait_until(lambda: broker.log.count(" as dt-001 ") >= number, 60, f"session {number}")
