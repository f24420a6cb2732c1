"""Findings about a real mosquitto with TLS and an access list, which a running agent does not notice."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from edge_agent.config import load
from edge_agent.host.health.clock_sync import KernelSync
from edge_agent.tools.doctor.checks.broker import check_certificates
from edge_agent.tools.doctor.run import DoctorEnvironment
from edge_agent.tools.doctor.words import level_of
from tests.host.fakes import FakeClock
from tests.testbed.agent import AgentProcess, wait_until, write_config
from tests.testbed.mosquitto import Authority, Certificate, Mosquitto, Subscriber
from tests.testbed.tls_folder import Fleet, make_fleet
from tests.tools.doctor.conftest import environment_of, examined

OWN_ONLY = "pattern write tb/v1/+/%u/up/#\npattern read tb/v1/+/%u/down/#\n"
EVERYTHING = "pattern readwrite #\n"
ANOTHER_WARD = "pattern write tb/v1/bo-xuyen/%u/up/#\n"
FUTURE = ("20990101000000Z", "20990201000000Z")
PAST = ("20200101000000Z", "20200201000000Z")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    return make_fleet(tmp_path_factory.mktemp("certificates"))


def broker_of(
    fleet: Fleet, folder: Path, acl: str, server: Certificate | None = None, more: tuple[str, ...] = ()
) -> Mosquitto:
    (folder / "acl").write_text(acl)
    lines = (f"acl_file {folder / 'acl'}", *more)
    shown, ca = server or fleet.server, fleet.authority.cert
    return Mosquitto(folder, *lines, certificate=shown, ca=ca, mutual=True, anonymous=False)


def site(folder: Path, *brokers: str, **mqtt: object) -> Path:
    """The configuration of a site without cameras."""
    mqtt |= {"brokers": brokers}
    return write_config(folder, detector="none", mqtt=mqtt)


def config_of(fleet: Fleet, folder: Path, port: int, own: Certificate | None = None) -> Path:
    shown = own or fleet.gateway
    files = {"ca_file": fleet.authority.cert, "cert_file": shown.cert, "key_file": shown.key}
    tls = {name: str(path) for name, path in files.items()}
    return site(folder, f"mqtts://127.0.0.1:{port}", spread_s=0, **tls)


def login(folder: Path, password: str) -> dict[str, str]:
    secret = folder / "mqtt.pass"
    secret.write_text(password)
    secret.chmod(0o600)
    return {"username": "dt-001", "password_file": str(secret)}


@pytest.mark.parametrize(
    ("acl", "finding", "level"),
    [
        (OWN_ONLY, "rights-good", "green"),
        (EVERYTHING, "rights-open", "red"),
        (ANOTHER_WARD, "rights-none", "red"),
    ],
)
def test_what_the_gateway_may_write_is_tried(
    fleet: Fleet, tmp_path: Path, acl: str, finding: str, level: str
) -> None:
    with broker_of(fleet, tmp_path, acl) as broker:
        reported = examined(config_of(fleet, tmp_path, broker.port))
    assert reported.finding("broker") == "broker-good"
    assert (reported.finding("broker/rights"), reported.line("broker/rights").level) == (finding, level)
    assert (reported.finding("broker/delivery"), reported.code) == ("delivery-no-agent", 1)


@pytest.mark.parametrize(
    ("own", "finding"),
    [
        (lambda f, _: f.authority.issue("dt-001", valid=PAST), "broker-own_expired"),
        (lambda _, folder: Authority(folder, "other CA").issue("dt-001"), "broker-own_rejected"),
    ],
    ids=["expired", "another CA"],
)
def test_a_bad_certificate_of_ours_is_told_by_what_is_wrong_with_it(
    fleet: Fleet, tmp_path: Path, own: Callable[[Fleet, Path], Certificate], finding: str
) -> None:
    with broker_of(fleet, tmp_path, OWN_ONLY) as broker:
        reported = examined(config_of(fleet, tmp_path, broker.port, own(fleet, tmp_path)))
    assert reported.finding("broker") == finding


def test_a_clock_in_1970_is_the_clocks_fault_and_not_the_certificates(fleet: Fleet, tmp_path: Path) -> None:
    """For the real clock this certificate is what today's is for a clock in 1970: not yet valid."""
    server = fleet.authority.issue("broker", san="IP:127.0.0.1", valid=FUTURE)
    clock = FakeClock(datetime(1970, 1, 1, 0, 1, tzinfo=UTC))
    booted = DoctorEnvironment(clock, kernel=lambda: KernelSync(False, 0.0))
    with broker_of(fleet, tmp_path, OWN_ONLY, server) as broker:
        config = config_of(fleet, tmp_path, broker.port)
        at_boot = examined(config, "--lang", "en", environment=booted)
        later = examined(config)
    assert (at_boot.finding("clock"), at_boot.finding("broker")) == ("clock-not-set", "broker-clock_not_set")
    assert at_boot.red == ["clock", "agent"]
    assert at_boot.finding("certificate") == "certificate-unjudged"
    assert "1970-01-01" in at_boot.line("clock").said
    assert later.finding("clock") == "clock-synced"
    assert later.finding("broker") == "broker-server_not_yet_valid"


def test_of_several_brokers_one_that_is_away_is_no_fault(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker:
        reported = examined(site(tmp_path, "mqtt://127.0.0.1:1", broker.url))
    assert (reported.finding("broker-1"), reported.finding("broker-2")) == ("broker-spare", "broker-plain")


def test_what_a_running_agent_says_is_said_once(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker:
        brokers = [broker.url, f"mqtt://localhost:{broker.port}", "mqtt://127.0.0.1:1"]
        config = site(tmp_path, *brokers, spread_s=0)
        with AgentProcess(config) as agent:
            wait_until(lambda: (agent.status() or {}).get("connected"), what="a session")
            reported = examined(config, "--accept", "broker=as the agent says")
    found = [(line.check, line.finding) for line in reported.doctor.lines if line.check.startswith("broker")]
    assert found == [
        ("broker-1", "broker-plain"),
        ("broker-2", "broker-plain"),
        ("broker-3", "broker-spare"),
        ("broker/rights", "rights-open"),  # this broker has no access list
        ("broker/delivery", "delivery-no-subscriber"),
    ]


NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("valid", "finding", "level"),
    [
        (("20260101000000Z", "20261225120000Z"), "certificate-good", "green"),  # 30 days
        (("20260101000000Z", "20261225110000Z"), "certificate-ending", "yellow"),  # an hour less
        (("20260101000000Z", "20261125120001Z"), "certificate-ending", "yellow"),
        (("20260101000000Z", "20261125120000Z"), "certificate-expired", "red"),
        (FUTURE, "certificate-early", "red"),
    ],
)
def test_how_long_our_certificate_is_valid(
    fleet: Fleet, tmp_path: Path, valid: tuple[str, str], finding: str, level: str
) -> None:
    mqtt = load(config_of(fleet, tmp_path, 1, fleet.authority.issue("dt-001", valid=valid))).mqtt
    own, _ = check_certificates(mqtt, NOW, clock_trusted=True)
    assert (own.check, own.finding, level_of(own)) == ("certificate", finding, level)
    unset, _ = check_certificates(mqtt, NOW, clock_trusted=False)
    assert (unset.finding, level_of(unset)) == ("certificate-unjudged", "skipped")


def test_of_a_ca_file_the_certificate_that_ends_last_counts(fleet: Fleet, tmp_path: Path) -> None:
    """While a CA is exchanged the file contains the old one too, in any order."""
    old = Authority(tmp_path, "old CA", valid=PAST).cert.read_text()
    both = tmp_path / "ca.crt"
    mqtt = replace(load(config_of(fleet, tmp_path, 1)).mqtt, ca_file=both)
    now = datetime.now(UTC)
    for content, finding in (
        (old + fleet.authority.cert.read_text(), "certificate-ending"),  # the test bed's lasts two days
        (fleet.authority.cert.read_text() + old, "certificate-ending"),
        (old, "certificate-expired"),
        ("no certificate", "certificate-unread"),
    ):
        both.write_text(content)
        _, authority = check_certificates(mqtt, now, clock_trusted=True)
        assert (authority.check, authority.finding) == ("certificate/ca", finding)


def test_without_tls_there_is_no_line_for_certificates(tmp_path: Path) -> None:
    mqtt = load(site(tmp_path, "mqtt://127.0.0.1:1")).mqtt
    assert check_certificates(mqtt, NOW, clock_trusted=True) == []


@pytest.mark.parametrize(("acl", "finding"), [(OWN_ONLY, "rights-good"), (ANOTHER_WARD, "rights-none")])
def test_a_running_agent_tries_what_it_may_write_and_keeps_its_session(
    fleet: Fleet, tmp_path: Path, acl: str, finding: str
) -> None:
    """At a broker that uses the certificate's name as client id, as the role's broker does."""
    with broker_of(fleet, tmp_path, acl, more=("use_username_as_clientid true",)) as broker:
        config = config_of(fleet, tmp_path, broker.port)
        with AgentProcess(config) as agent:
            wait_until(lambda: (agent.status() or {}).get("connected"), what="a session")
            reported = examined(config)
            status = agent.status()
    assert status is not None
    assert (status["connected"], status["heartbeat"]["mqtt"]["reconnects"]) == (True, 0)
    assert reported.finding("agent") == "agent-running"
    assert (reported.finding("broker"), reported.finding("broker/rights")) == ("broker-good", finding)
    assert broker.log.count(" as dt-001 (") == 1, broker.log


def test_an_agent_that_is_not_let_in_says_why(fleet: Fleet, tmp_path: Path) -> None:
    with broker_of(fleet, tmp_path, OWN_ONLY, more=("clientid_prefixes bx-",)) as broker:
        config = config_of(fleet, tmp_path, broker.port)
        with AgentProcess(config) as agent:
            agent.wait_for_status(lambda beat: beat["mqtt"]["last_error"], "a refusal")
            reported = examined(config, "--lang", "en", environment=environment_of(session_within_s=1.0))
        alone = examined(config)
    assert (reported.finding("broker/rights"), reported.red) == ("session-refused", ["broker/rights"])
    assert "no right to connect" in reported.line("broker/rights").said
    assert alone.finding("broker") == "broker-not_authorised"


def test_an_agent_that_is_about_to_connect_is_waited_for(tmp_path: Path) -> None:
    """A technician runs this right after the start, or after a session was lost."""
    with Mosquitto(tmp_path) as broker:
        config = site(tmp_path, broker.url, spread_s=8)
        with AgentProcess(config) as agent:
            wait_until(agent.status, what="the agent")
            assert examined(config).finding("broker/rights") == "rights-open"


@pytest.mark.parametrize("named_after_the_user", [False, True])
def test_what_waits_for_the_gateway_still_waits(tmp_path: Path, named_after_the_user: bool) -> None:
    command = "tb/v1/de-tham/dt-001/down/cmd/reboot"
    lines = ["use_username_as_clientid true"] if named_after_the_user else []
    with Mosquitto(tmp_path, *lines) as broker:
        config = site(tmp_path, broker.url, **login(tmp_path, "any"))
        gateway_of = partial(Subscriber, client_id="dt-001", username="dt-001", password="any")
        with gateway_of(broker.port, command):
            pass  # the gateway was online once, and is offline now
        with Subscriber(broker.port, "nothing", username="centre", password="any") as centre:
            centre.publish(command, b"do it")
        reported = examined(config)
        with gateway_of(broker.port, command) as gateway:
            gateway.wait_for(lambda: bool(gateway.messages))
    # This broker has no access list: the test was made.
    assert reported.finding("broker/rights") == "rights-open"
    assert [message.payload for message in gateway.messages] == [b"do it"]


def test_a_wrong_broker_password_is_told(tmp_path: Path) -> None:
    with Mosquitto(tmp_path, anonymous=False) as broker:
        config = site(tmp_path, broker.url, **login(tmp_path, "wrong"))
        reported = examined(config, "--lang", "en")
    assert reported.finding("broker") == "broker-not_authorised"
    assert "wrong user name or password" in reported.line("broker").said


def test_without_the_password_no_login_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Mosquitto(tmp_path, anonymous=False) as broker:
        unread = {"username": "dt-001", "password_file": str(tmp_path / "not for this user")}
        config = site(tmp_path, broker.url, **unread)
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        reported = examined(config)
        assert "dt-001" not in broker.log
    assert reported.finding("broker/rights") == "rights-unread"
