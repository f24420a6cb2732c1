"""The agent reads what each camera is, seldom, and says when another device answers at the same address."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from pathlib import Path

import pytest

from edge_agent.commissioning.cameras import CameraOfSite, CamerasFound
from edge_agent.config.model.settings import Camera
from edge_agent.control.camera_identities import AFTER_RECONNECT_S, EVERY_S, CameraIdentities, read_in_process
from edge_agent.core.camera_logins import LoginJournal
from edge_agent.core.clock import SystemClock, read_boot_id
from edge_agent.core.languages import Bilingual
from edge_agent.core.model import CameraState, CameraStatus
from edge_agent.core.secrets import Credentials, Secret
from edge_agent.host.health.camera_identity import find_neighbour_mac, read_identities
from edge_agent.onvif.identity import read_identity
from edge_agent.onvif.web import CameraHttpClient
from edge_agent.wire import CameraIdentity
from edge_agent.wire.inventory import plain_mac
from tests.host.fakes import FakeClock, plant
from tests.testbed.onvif_camera import OnvifCamera

HOST = "127.0.9.31"
RIGHT = Credentials("admin", Secret("right"))
GATE = Camera(id="gate", url=f"rtsp://{HOST}/sub", credentials=RIGHT)
FIRST = CameraIdentity(model="DS-1", firmware="V5.7.3", serial="AAA1", mac="c0:56:e3:00:00:01")
OTHER = CameraIdentity(model="DS-1", firmware="V5.7.3", serial="BBB2", mac="c0:56:e3:00:00:02")


def online(clock: FakeClock, since_mono: float, camera: str = "gate") -> CameraStatus:
    return CameraStatus(camera, CameraState.ONLINE, None, clock.now(), since_mono)


class Site:
    """A camera whose answer the test sets, and the agent's part."""

    def __init__(self, folder: Path, answer: CameraIdentity | None = FIRST) -> None:
        self.clock = FakeClock()
        self.folder = folder
        self.answer = answer
        self.cameras = [GATE]
        self.asked = 0
        self.births = 0
        self.since_mono = self.clock.monotonic()
        self.identities = self.started()

    def started(self) -> CameraIdentities:
        return CameraIdentities(
            self.folder, self.clock, UTC, lambda: self.cameras, self._publish, self.folder, self._read
        )

    def tick(self, seconds: float) -> None:
        self.clock.advance(seconds)
        for _ in range(2):  # the second publishes what the first has read
            self.identities.tick([online(self.clock, self.since_mono)])
            assert self.identities.join(5.0)

    def _publish(self) -> None:
        self.births += 1

    def _read(self, camera: Camera, state_dir: Path) -> CameraIdentity | None:
        self.asked += 1
        return self.answer


def test_a_camera_is_read_when_it_connects_then_daily_and_the_birth_is_sent_again(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.tick(1)
    assert site.asked == 0, "it has just connected"
    site.tick(5)
    site.tick(600)
    assert (site.asked, site.births) == (1, 1)
    assert site.identities.identities() == {"gate": FIRST}
    assert read_identities(tmp_path, {"gate": HOST}) == {"gate": FIRST}
    assert read_identities(tmp_path, {"gate": "127.0.9.99"}) == {}
    site.tick(EVERY_S)
    assert (site.asked, site.births) == (2, 1)
    site.cameras = [replace(GATE, url="rtsp://127.0.9.99/sub")]
    assert site.identities.identities() == {}, "another address was configured"


def test_a_camera_that_keeps_reconnecting_is_read_once_an_hour(tmp_path: Path) -> None:
    site = Site(tmp_path)
    for _ in range(12):
        site.since_mono = site.clock.monotonic()
        site.tick(AFTER_RECONNECT_S / 6)
    assert site.asked == 2


def test_a_camera_at_another_address_is_read_at_once(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.tick(6)
    site.cameras, site.answer = [replace(GATE, url="rtsp://127.0.9.99/sub")], OTHER
    site.since_mono = site.clock.monotonic()
    site.tick(6)
    assert (site.asked, site.identities.identities()) == (2, {"gate": OTHER})


def test_another_serial_number_at_the_same_address_is_reported_for_a_week(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.tick(10)
    assert list(site.identities.lines()) == []
    site.answer = OTHER
    site.tick(EVERY_S)
    site.identities = site.started()  # a restart forgets nothing
    (line,) = site.identities.lines()
    assert "camera gate: another device answers" in line
    assert "serial number AAA1 -> BBB2" in line
    assert site.identities.identities() == {"gate": OTHER}
    site.clock.advance(7 * 86_400 + 1)
    assert list(site.identities.lines()) == []


def test_a_camera_without_a_login_is_recognised_by_its_mac(tmp_path: Path) -> None:
    table = "IP address HW type Flags HW address Mask Device\n{host} 0x1 0x2 {mac} * eth0\n"
    plant(tmp_path, {"proc/self/net/arp": table.format(host=HOST, mac="c0:56:e3:00:00:01")})
    site = Site(tmp_path, answer=None)
    site.tick(10)
    assert site.identities.identities() == {"gate": CameraIdentity(mac="c0:56:e3:00:00:01")}
    plant(tmp_path, {"proc/self/net/arp": table.format(host=HOST, mac="c0:56:e3:00:00:02")})
    site.tick(EVERY_S)
    assert "MAC c0:56:e3:00:00:01 -> c0:56:e3:00:00:02" in next(site.identities.lines())


def test_what_a_camera_said_stays_while_it_cannot_be_asked(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.tick(10)
    site.answer = None
    site.tick(EVERY_S)
    assert site.identities.identities() == {"gate": FIRST}
    assert list(site.identities.lines()) == []


@pytest.mark.parametrize(
    ("text", "mac"),
    [
        ("C0-56-E3-00-00-01", "c0:56:e3:00:00:01"),
        ("00:00:00:00:00:00", None),
        ("c0:56:e3:00:00:01\n<script>", None),
        ("", None),
    ],
)
def test_a_mac_has_one_form(text: str, mac: str | None) -> None:
    assert plain_mac(text) == mac


def test_without_the_kernels_table_there_is_no_mac(tmp_path: Path) -> None:
    assert find_neighbour_mac("10.0.0.11", tmp_path) is None
    assert find_neighbour_mac("camera.local", tmp_path) is None


# --- what cameras answer ---


@pytest.mark.parametrize(
    ("vendor", "auth"), [("hikvision", "wss"), ("dahua", "wss"), ("other", "wss"), ("other", "digest")]
)
def test_each_interface_gives_model_firmware_serial_and_mac(tmp_path: Path, vendor: str, auth: str) -> None:
    with OnvifCamera(HOST, vendor=vendor, auth=auth) as camera:
        journal = LoginJournal(tmp_path, SystemClock(), read_boot_id())
        base = f"http://{HOST}:{camera.port}"
        with CameraHttpClient(HOST, journal) as web:
            found = read_identity(web, base, camera.device_url, SystemClock(), RIGHT)
    assert (found.model, found.firmware, found.serial, found.mac) == (
        *(camera.model, camera.firmware, camera.serial),
        camera.mac.lower(),
    )
    assert camera.failed_logins == 0


def test_the_agent_asks_in_a_process_of_its_own_and_a_wrong_password_counts(tmp_path: Path) -> None:
    with OnvifCamera(HOST, vendor="dahua") as simulated:
        camera = replace(GATE, http_port=simulated.port)
        found = read_in_process(camera, tmp_path)
        assert found is not None
        assert found.serial == simulated.serial
        wrong = replace(camera, credentials=Credentials("admin", Secret("wrong")))
        assert [read_in_process(wrong, tmp_path) for _ in range(3)] == [None] * 3
        assert simulated.failed_logins == 2
    assert read_in_process(replace(camera, credentials=None), tmp_path) is None


@pytest.mark.parametrize("garbage", [b"", b"<x>", b"\xff" * 5000, b"serialNumber=" + b"A" * 100_000])
def test_nonsense_is_no_identity_or_a_bounded_one(tmp_path: Path, garbage: bytes) -> None:
    with OnvifCamera(HOST, garbage=garbage) as simulated:
        assert read_in_process(replace(GATE, http_port=simulated.port), tmp_path) is None


def test_a_claim_has_the_mac_of_each_camera_in_the_network(tmp_path: Path) -> None:
    row = f"{HOST} 0x1 0x2 c0:56:e3:00:00:01 * eth0\n"
    plant(tmp_path, {"proc/self/net/arp": f"IP address HW type Flags HW address Mask Device\n{row}"})
    said = Bilingual("it answers", "trả lời")
    places = (("a", HOST), ("b", ""))
    found = CamerasFound(
        tuple(CameraOfSite(name, name, fits=True, said=said, address=at) for name, at in places)
    )
    assert [each.mac for each in found.wire(tmp_path)] == ["c0:56:e3:00:00:01", None]
