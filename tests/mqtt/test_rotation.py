"""Certificates rotate in two slots: the one in force stays until a broker has accepted the next one."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from edge_agent.config.model.settings import Mqtt
from edge_agent.core.delivery import StoredEvent
from edge_agent.mqtt.connect_errors import ConnectError, ConnectErrorKind
from edge_agent.mqtt.tls.rotation import IDLE_WITHIN_S, CertificateRotation, certificate_in_force
from tests.mqtt.conftest import Gateway, MakeGateway, mqtt_settings
from tests.testbed.mosquitto import Certificate, Mosquitto, Received, Subscriber, wait_until
from tests.testbed.tls_folder import HOST, PAST, Fleet, Tls, strict_broker

OFFLINE = b'"reason":"reconnecting with the next certificate"'


@dataclass
class Slots(Tls):
    """The slots of a gateway of ``fleet``, in the folder of its state."""

    fleet: Fleet

    @property
    def state_dir(self) -> Path:
        return self.folder.parent

    def renew(self) -> None:
        self.put(self.fleet.authority.issue("dt-001"))

    def settings(self, port: int = 1) -> Mqtt:
        ca, cert, key = (self.folder / name for name in ("ca.crt", "client.crt", "client.key"))
        return replace(mqtt_settings(port, tls=True), ca_file=ca, cert_file=cert, key_file=key)

    def rotation(
        self, port: int = 1, spread_s: float = 0.0, idle_within_s: float = IDLE_WITHIN_S
    ) -> CertificateRotation:
        settings = replace(self.settings(port), spread_s=spread_s)
        return CertificateRotation(settings, "dt-001", self.state_dir, idle_within_s=idle_within_s)


@pytest.fixture
def tls(fleet: Fleet, tmp_path: Path) -> Slots:
    made = Slots(tmp_path / "tls", fleet)
    made.put(fleet.gateway, fleet.authority.cert, slot=".")
    return made


@dataclass
class Site:
    box: Gateway
    broker: Mosquitto
    centre: Subscriber
    rotation: CertificateRotation

    def send(self, count: int = 20) -> None:
        self.box.append(count)

    @contextmanager
    def under_load(self) -> Iterator[list[StoredEvent]]:
        """Append an event every few milliseconds while the ``with`` lasts; yields the list of them."""
        sent: list[StoredEvent] = []
        enough = threading.Event()

        def flow() -> None:
            while not enough.wait(0.003):
                sent.extend(self.box.append())

        thread = threading.Thread(target=flow, name="load")
        thread.start()
        try:
            yield sent
        finally:
            enough.set()
            thread.join()

    def sessions(self) -> int:
        return self.broker.log.count(" as dt-001 ")

    def wait_for_session(self, number: int) -> None:
        wait_until(lambda: self.sessions() >= number, what=f"session {number}")
        self.box.wait_online()

    def received(self) -> list[bytes]:
        return [message.payload for message in self.centre.events()]

    def states(self) -> list[Received]:
        return self.centre.on("/up/state")


@contextmanager
def at_broker(tls: Slots, gateway: MakeGateway, *lines: str, ca: Path | None = None) -> Iterator[Site]:
    """A gateway at a broker that requires certificates, and a subscriber to its events."""
    known = ca or tls.fleet.authority.cert
    with strict_broker(tls.state_dir, tls.fleet.server, known, *lines) as (broker, centre):
        rotation = tls.rotation(broker.port, idle_within_s=0.2)
        with gateway(tls.settings(broker.port), rotation=rotation) as box:
            box.wait_online()
            yield Site(box, broker, centre, rotation)


def test_a_next_certificate_is_tried_and_then_in_force_without_loss(tls: Slots, gateway: MakeGateway) -> None:
    with at_broker(tls, gateway) as site:
        old = site.rotation.in_force
        with site.under_load() as sent:
            for number in range(2, 5):
                tls.renew()
                site.box.later(1.1)
                site.wait_for_session(number)
                assert site.rotation.in_force != old
                assert certificate_in_force(old, tls.state_dir) == site.rotation.in_force, "others know it"
                tls.promote()
                site.box.later(1.1)
                wait_until(lambda: site.rotation.in_force == old, what="the first slot again")
        wait_until(lambda: site.box.outbox.depth == 0, what="an empty outbox")
        assert len(sent) > 20
        assert set(site.received()) == {event.payload for event in sent}, "every event, whenever it came"
        assert site.sessions() == 4, "the move of the files costs no session"
        assert [state for state in site.states() if OFFLINE in state.payload and state.retained] == []
        assert sum(OFFLINE in state.payload for state in site.states()) == 3
        assert not [state for state in site.states() if b"connection lost" in state.payload]


def revoked(fleet: Fleet, crl: Path, broker: Mosquitto) -> Certificate:
    made = fleet.authority.issue("dt-001")
    fleet.authority.write_crl(crl, [made])
    broker.reload()
    return made


def other_key(fleet: Fleet) -> Certificate:
    return Certificate(fleet.authority.issue("dt-001").cert, fleet.gateway.key)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda f: f.authority.issue("dt-002"), "is dt-002's and not dt-001's"),
        (lambda f: f.stranger.issue("dt-001"), "does not come from the CA in"),
        (lambda f: f.authority.issue("dt-001", valid=PAST), "has expired"),
        (other_key, "key values mismatch"),
        (lambda f: Certificate(f.gateway.key, f.gateway.key), "not a usable pair"),
    ],
    ids=["wrong name", "wrong CA", "expired", "wrong key", "no certificate"],
)
def test_what_cannot_work_is_not_tried(make: Callable[[Fleet], Certificate], words: str, tls: Slots) -> None:
    tls.put(make(tls.fleet))
    rotation = tls.rotation()
    rotation.check_files(0.0)
    assert words in (rotation.notice or "")
    assert not rotation.wants_change(100.0, idle=True)
    assert rotation.choose(101.0) == tls.settings()


def test_a_revoked_next_certificate_is_refused_and_the_old_is_back(tls: Slots, gateway: MakeGateway) -> None:
    crl = tls.state_dir / "crl.pem"
    tls.fleet.authority.write_crl(crl)
    with at_broker(tls, gateway, f"crlfile {crl}") as site:
        old = site.rotation.in_force
        site.send()
        tls.put(revoked(tls.fleet, crl, site.broker))
        site.send()
        site.box.later(1.1)
        site.wait_for_session(2)
        assert site.rotation.in_force == old
        assert "revoked; the old one is, next try in 1 h" in (site.rotation.notice or "")
        site.send()
        wait_until(lambda: site.box.outbox.depth == 0, what="an empty outbox")
        every = {b'{"sequence":"%016d"}' % number for number in range(1, 61)}
        wait_until(lambda: set(site.received()) == every, what="every event")

        site.box.later(3601)  # and again, slowly
        site.wait_for_session(3)
        assert "next try in 2 h" in (site.rotation.notice or "")

        tls.renew()  # another certificate is tried at once
        site.box.later(1.1)
        site.wait_for_session(4)
        assert site.rotation.in_force != old
        assert site.rotation.notice is None


def test_the_next_certificate_is_the_way_out_if_the_old_is_refused(tls: Slots, gateway: MakeGateway) -> None:
    """A gateway that was off for two years: its certificate has expired, the one in the next slot is
    valid."""
    tls.put(tls.fleet.authority.issue("dt-001", valid=PAST), slot=".")
    tls.renew()
    with tls.fleet.broker(tls.state_dir) as broker:
        # Without a refusal the next certificate would be tried in months.
        rotation = tls.rotation(broker.port, spread_s=1e6)
        first = rotation.in_force
        with gateway(tls.settings(broker.port), rotation=rotation) as box:
            box.wait_for_error("our certificate has expired")
            box.later(130)
            box.wait_online()
            assert rotation.in_force != first


def test_a_kill_at_any_moment_leaves_a_slot_that_is_let_in(tls: Slots) -> None:
    """An agent that starts after any step of root's move uses the same certificate."""
    new = tls.fleet.authority.issue("dt-001")
    tls.put(new, tls.fleet.authority.cert)
    first = tls.settings()
    rotation = tls.rotation()
    rotation.choose(0.0)
    # A power cut before CONNACK: nothing was recorded, the old one is used again.
    assert certificate_in_force(first, tls.state_dir) == first
    rotation.choose(1.0)
    rotation.connected(2.0)
    for name in ("client.key", "ca.crt", "client.crt"):
        shown = tls.rotation().choose(0.0)
        assert shown.cert_file is not None
        assert shown.key_file is not None
        assert shown.cert_file.read_bytes() == new.cert.read_bytes()
        assert shown.key_file.read_bytes() == new.key.read_bytes()
        (tls.folder / "next" / name).replace(tls.folder / name)
    assert tls.rotation().choose(0.0) == first
    assert (tls.folder / "client.crt").read_bytes() == new.cert.read_bytes()


def test_the_ca_is_changed_in_steps_that_never_cut_the_box_off(tls: Slots, gateway: MakeGateway) -> None:
    fleet, tmp_path = tls.fleet, tls.state_dir
    young = fleet.stranger
    both = tmp_path / "both.crt"
    both.write_bytes(fleet.authority.cert.read_bytes() + young.cert.read_bytes())
    alone = tmp_path / "young.crt"
    alone.write_bytes(young.cert.read_bytes())
    server = Certificate(tmp_path / "broker.crt", tmp_path / "broker.key")
    shutil.copy(fleet.server.cert, server.cert)
    shutil.copy(fleet.server.key, server.key)
    tls.fleet = replace(fleet, server=server)
    with at_broker(tls, gateway, ca=both) as site:
        old = site.rotation.in_force

        def step(number: int, own: Certificate, ca: Path) -> None:
            site.send()
            tls.put(own, ca)
            site.box.later(1.1)
            site.wait_for_session(number)
            wait_until(lambda: site.rotation.in_force != old, what="the next slot")
            tls.promote()
            site.box.later(1.1)
            wait_until(lambda: site.rotation.in_force == old, what="the first slot again")

        step(2, fleet.gateway, both)  # the box trusts both
        issued = young.issue("broker", san=HOST)
        shutil.copy(issued.cert, server.cert)
        shutil.copy(issued.key, server.key)
        site.broker.reload()  # the broker's certificate is the young CA's
        step(3, young.issue("dt-001"), both)  # the box's, too
        step(4, young.issue("dt-001"), alone)  # the old one is no longer trusted
        site.send()
        wait_until(lambda: site.box.outbox.depth == 0, what="an empty outbox")
        every = {b'{"sequence":"%016d"}' % number for number in range(1, 81)}
        wait_until(lambda: set(site.received()) == every, what="every event")

        # A CA that did not issue the broker's certificate never comes into force.
        tls.put(young.issue("dt-001"), fleet.authority.cert)
        site.box.later(1.1)
        wait_until(lambda: site.rotation.notice is not None, what="a notice")
        site.box.wait_online()
        assert site.rotation.in_force == old


def test_a_city_that_was_renewed_at_once_does_not_reconnect_at_once(tls: Slots) -> None:
    tls.renew()
    turns = []
    for _ in range(12):
        rotation = tls.rotation(spread_s=30.0)
        rotation.check_files(0.0)
        turns.append(next(s for s in range(601) if rotation.wants_change(float(s), idle=True)))
    assert len(set(turns)) > 8
    assert max(turns) > 300


def test_a_moment_with_nothing_in_flight_is_waited_for_but_not_for_ever(tls: Slots) -> None:
    tls.renew()
    rotation = tls.rotation()
    rotation.check_files(0.0)
    assert rotation.wants_change(1.0, idle=True)
    assert not rotation.wants_change(59.0, idle=False)
    assert rotation.wants_change(61.0, idle=False)


def test_a_try_that_the_network_failed_is_made_again_soon(tls: Slots) -> None:
    tls.renew()
    rotation = tls.rotation()
    assert rotation.choose(0.0) != tls.settings()
    assert rotation.failed(ConnectError(ConnectErrorKind.TIMEOUT, "no answer"), 1.0)
    assert rotation.choose(2.0) == tls.settings()
    assert rotation.notice is None
    assert rotation.choose(61.0) != tls.settings()


def test_a_slot_that_took_the_place_of_the_one_shown_is_not_in_force_for_it(tls: Slots) -> None:
    tls.renew()
    rotation = tls.rotation()
    rotation.choose(0.0)
    tls.renew()  # root, while the connection is being opened
    rotation.check_files(2.0)
    rotation.connected(3.0)
    assert rotation.in_force == tls.settings(), "no broker has seen the newest one"
    assert rotation.choose(4.0) != tls.settings(), "it is tried in its turn"
    rotation.connected(5.0)
    assert rotation.in_force == certificate_in_force(tls.settings(), tls.state_dir) != tls.settings()


def test_a_gateway_whose_certificate_is_revoked_notes_the_refusal(tls: Slots, gateway: MakeGateway) -> None:
    """Then it asks whether its site was withdrawn (control/withdrawal.py)."""
    authority, crl = tls.fleet.authority, tls.state_dir / "crl.pem"
    authority.write_crl(crl)
    with at_broker(tls, gateway, f"crlfile {crl}") as site:
        publisher = site.box.publisher
        assert not publisher.certificate_refused
        authority.write_crl(crl, [tls.fleet.gateway])
        site.broker.reload()
        publisher.break_connection()
        wait_until(lambda: publisher.certificate_refused, what="the refusal")
        authority.write_crl(crl)
        site.broker.reload()
        publisher.reconnect()
        site.box.wait_online()
        wait_until(lambda: not publisher.certificate_refused, what="the session")
