"""Mutual TLS at a real mosquitto, and the error texts when it fails."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.config.model.settings import Mqtt
from edge_agent.mqtt.connect_errors import CertificateFileError
from edge_agent.mqtt.tls.certificates import own_validity
from tests.mqtt.conftest import MakeGateway, mqtt_settings
from tests.testbed.mosquitto import Certificate, Mosquitto, wait_until
from tests.testbed.tls_folder import FUTURE, HOST, PAST, Fleet

Issue = Callable[[Fleet], Certificate]


def tls_settings(fleet: Fleet, port: int, own: Certificate | None = None) -> Mqtt:
    shown, ca = own or fleet.gateway, fleet.authority.cert
    return replace(mqtt_settings(port, tls=True), ca_file=ca, cert_file=shown.cert, key_file=shown.key)


def test_by_mutual_tls_a_certificate_is_the_user(fleet: Fleet, tmp_path: Path, gateway: MakeGateway) -> None:
    acl = tmp_path / "acl"
    acl.write_text("pattern write tb/v1/+/%u/up/#\npattern read tb/v1/+/%u/down/#\n")
    with (
        fleet.broker(tmp_path, f"acl_file {acl}", "tls_version tlsv1.2") as broker,
        gateway(tls_settings(fleet, broker.port)) as box,
    ):
        box.wait_online()
        box.append()
        # There is no subscriber, but the ACL allowed it: 0x10, not 0x87.
        wait_until(lambda: bool(box.outbox.deferrals))
        assert box.publisher.health().no_subscriber
        assert box.publisher.health().refused == 0


@pytest.mark.parametrize(
    ("make_server", "words"),
    [
        # a certificate of another CA
        (lambda f: f.stranger.issue("broker", san=HOST), "issuer we do not know; check mqtt.ca_file"),
        (lambda f: f.authority.issue("broker", san=HOST, valid=PAST), "has expired; renew it there"),
        (
            lambda f: f.authority.issue("broker", san=HOST, valid=FUTURE),
            "is not yet valid; check both clocks",
        ),
        (lambda f: f.authority.issue("broker", san="DNS:other.example"), "does not name 127.0.0.1"),
    ],
    ids=["wrong CA", "expired", "not yet valid", "wrong name"],
)
def test_a_broker_with_a_bad_certificate_is_not_talked_to(
    make_server: Issue, words: str, fleet: Fleet, tmp_path: Path, gateway: MakeGateway
) -> None:
    server = make_server(fleet)
    with (
        fleet.broker(tmp_path, server=server, mutual=False) as broker,
        gateway(tls_settings(fleet, broker.port)) as box,
    ):
        error = box.wait_for_error(words)
        assert "events are kept, next attempt in" in error
        assert not box.publisher.online


@pytest.mark.parametrize("valid", [FUTURE, PAST], ids=["not yet valid", "expired"])
def test_before_the_clock_is_set_the_clock_is_named_and_not_the_certificate(
    valid: tuple[str, str], fleet: Fleet, tmp_path: Path, gateway: MakeGateway
) -> None:
    server = fleet.authority.issue("broker", san=HOST, valid=valid)
    with (
        fleet.broker(tmp_path, server=server, mutual=False) as broker,
        gateway(tls_settings(fleet, broker.port), clock_trusted=lambda: False) as box,
    ):
        assert "certificate of" not in box.wait_for_error("the clock is not set yet")


@pytest.mark.parametrize("version", ["tlsv1.2", "tlsv1.3"])
@pytest.mark.parametrize(
    ("make_own", "words"),
    [
        (lambda f: f.authority.issue("dt-001", valid=PAST), "our certificate has expired; renew it"),
        (lambda f: f.stranger.issue("dt-001"), "does not know who issued our certificate"),
        (None, "mqtt.cert_file"),
    ],
    ids=["expired", "wrong CA", "none"],
)
def test_a_broker_that_rejects_our_certificate_is_quoted(
    make_own: Issue | None, words: str, version: str, fleet: Fleet, tmp_path: Path, gateway: MakeGateway
) -> None:
    with fleet.broker(tmp_path, f"tls_version {version}") as broker:
        settings = tls_settings(fleet, broker.port, make_own(fleet) if make_own else None)
        if make_own is None:
            settings = replace(settings, cert_file=None, key_file=None)
        with gateway(settings) as box:
            box.wait_for_error(words)


def test_a_repaired_certificate_needs_no_restart(fleet: Fleet, tmp_path: Path, gateway: MakeGateway) -> None:
    own = Certificate(tmp_path / "own.pem", tmp_path / "own.key")
    own.cert.write_text("half a file")
    own.key.write_bytes(fleet.gateway.key.read_bytes())
    with fleet.broker(tmp_path) as broker, gateway(tls_settings(fleet, broker.port, own)) as box:
        assert str(own.cert) in box.wait_for_error("not a usable pair")
        own.cert.write_bytes(fleet.gateway.cert.read_bytes())
        box.later(130)
        box.wait_online()


def test_a_certificate_that_root_moves_is_no_crash(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    def is_gone(*_: object) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", is_gone)
    with pytest.raises(CertificateFileError, match="No such file"):
        own_validity(tls_settings(fleet, 1))


def test_a_missing_ca_file_is_named(fleet: Fleet, tmp_path: Path, gateway: MakeGateway) -> None:
    settings = replace(tls_settings(fleet, 1), ca_file=tmp_path / "gone.pem")
    with gateway(settings) as box:
        box.wait_for_error(f"mqtt.ca_file {tmp_path}/gone.pem cannot be read: No such file or directory")


def test_tls_at_a_port_without_it_is_said_so(fleet: Fleet, gateway: MakeGateway, broker: Mosquitto) -> None:
    with gateway(tls_settings(fleet, broker.port)) as box:
        # mosquitto reads the ClientHello as a broken packet and disconnects.
        box.wait_for_error("hung up during the TLS handshake")


def test_a_failed_handshake_leaks_no_socket(fleet: Fleet, tmp_path: Path, gateway: MakeGateway) -> None:
    server = fleet.stranger.issue("broker", san=HOST)
    sockets = Path("/proc/self/fd")
    with (
        fleet.broker(tmp_path, server=server, mutual=False) as broker,
        gateway(tls_settings(fleet, broker.port)) as box,
    ):
        box.wait_for_error("(failure 1 in a row)")
        before = len(list(sockets.iterdir()))
        for number in range(2, 6):
            box.later(130)
            box.wait_for_error(f"(failure {number} in a row)")
        assert len(list(sockets.iterdir())) <= before
