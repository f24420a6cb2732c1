"""Whether events arrive at the centre: a running agent sends one, and the doctor waits for its
confirmation."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from edge_agent.core.delivery import EventProgress, SelfTestReport
from edge_agent.host.local_api import control
from edge_agent.tools.doctor.checks.delivery import delivery_result
from edge_agent.tools.doctor.run import DoctorEnvironment
from tests.testbed.agent import AgentProcess, wait_until, write_config
from tests.testbed.ingest import Ingest
from tests.testbed.mosquitto import Mosquitto, Subscriber
from tests.tools.doctor.conftest import Told, examined

IMPATIENT = DoctorEnvironment(confirmed_within_s=1.0)


def site(folder: Path, broker: Mosquitto, delivery: str) -> Path:
    mqtt = {"brokers": [broker.url], "spread_s": 0, "delivery": delivery}
    return write_config(folder, detector="none", mqtt=mqtt)


def judged(reported: Told) -> tuple[str, str, bool]:
    line = reported.line("broker/delivery")
    return line.finding, line.level, "broker/delivery" in reported.red


def connected(agent: AgentProcess) -> None:
    wait_until(lambda: (agent.status() or {}).get("connected"), what="a session")


def test_doctor_passes_only_while_the_centre_confirms(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker, Ingest(broker.port) as centre:
        config = site(tmp_path, broker, "confirmed")
        with AgentProcess(config) as agent:
            connected(agent)
            good = examined(config)
            centre.mute = True
            mute = examined(config, "--lang", "en", environment=IMPATIENT)
    assert judged(good) == ("delivery-confirmed", "green", False)
    assert judged(mute) == ("delivery-unconfirmed", "red", True)
    assert "the centre has not confirmed it within 1 s" in mute.line("broker/delivery").said


@pytest.mark.parametrize(
    ("progress", "unread", "finding"),
    [
        ("waiting", True, "delivery-no-subscriber"),  # it waits behind events without a subscriber
        ("waiting", False, "delivery-unsent"),
        ("at-broker", True, "delivery-broker"),  # a client has subscribed since the status was read
        ("refused", True, "delivery-refused"),
    ],
)
def test_an_event_behind_others_without_a_subscriber_is_not_said_to_be_slow(
    progress: EventProgress, unread: bool, finding: str
) -> None:
    report = SelfTestReport(True, False, "e/31", progress)
    assert delivery_result(report, 15.0, confirmed=False, unread=unread).finding == finding


class OfTomorrow(msgspec.Struct, frozen=True, tag="of-tomorrow"):
    """A request that the running agent does not know."""

    gateway: str
    test_id: str


def test_a_broker_that_takes_it_is_no_confirmation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Mosquitto(tmp_path) as broker:
        config = site(tmp_path, broker, "broker")
        with AgentProcess(config) as agent, Subscriber(broker.port, "tb/v1/+/+/up/event/#") as centre:
            connected(agent)
            reported = examined(config, "--lang", "en")
            wait_until(lambda: centre.messages, what="the test event")
            monkeypatch.setattr(control, "SelfTestRequest", OfTomorrow)
            old_agent = examined(config)
    assert judged(reported) == ("delivery-broker", "red", True)
    assert judged(old_agent) == ("delivery-not-asked", "red", True), "one that knows no self-test"
    event = json.loads(centre.messages[-1].payload)
    number = f"{event['epoch']}/{int(event['sequence'])}"
    assert number in reported.line("broker/delivery").said, "what to ask the centre for"
