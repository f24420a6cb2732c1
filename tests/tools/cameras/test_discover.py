"""Which cameras are found, what is reported of them, and how often the search logs in."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from edge_agent.core.camera_logins import LoginJournal
from edge_agent.core.clock import SystemClock
from edge_agent.core.secrets import Credentials, Secret
from edge_agent.onvif.web import CameraHttpClient, NoAnswer
from edge_agent.tools.cameras.discovered import DiscoveredCamera, DiscoveryState, Vendor
from edge_agent.tools.cameras.messages import fact
from edge_agent.tools.cameras.probing import Ports, parse_subnet
from edge_agent.tools.cameras.search import Discovery, Search
from tests.testbed.onvif_camera import OnvifCamera
from tests.testbed.onvif_network import CameraNetwork

RIGHT = Credentials("admin", Secret("right"))
WRONG = Credentials("admin", Secret("wrong"))


def discovery(journal: LoginJournal | None = None) -> Discovery:
    return Discovery(journal or LoginJournal(None, SystemClock(), "boot"), SystemClock(), lambda _: None)


def search(
    *cameras: OnvifCamera, subnet: str | None = None, more: tuple[bytes, ...] = (), listen_s: float = 0.25
) -> dict[str, DiscoveredCamera]:
    ports = Ports(cameras[0].port, cameras[0].rtsp_port) if len(cameras) == 1 else Ports(1, 1)
    where = Search(parse_subnet(subnet) if subnet else None, ["127.0.0.1"], ports, listen_s=listen_s)
    with CameraNetwork(cameras, more):
        return {found.host: found for found in discovery().search(where)}


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def test_cameras_are_found_by_multicast_with_vendor_and_model_and_without_a_login(stack: ExitStack) -> None:
    hikvision = stack.enter_context(OnvifCamera("127.0.9.1"))
    dahua = stack.enter_context(OnvifCamera("127.0.9.2", vendor="dahua", model="IPC-HFW2431S"))
    found = search(hikvision, dahua)
    # Multicast reaches the whole machine: cameras of a test that runs at the same time answer too.
    one, two = found[hikvision.host], found[dahua.host]
    assert (one.vendor, one.model) == (Vendor.HIKVISION, "DS-2CD2143G2-I")
    assert (two.vendor, two.model) == (Vendor.DAHUA, "Dahua IPC-HFW2431S")
    assert one.state is two.state is DiscoveryState.READY
    assert hikvision.logins == dahua.logins == []


def test_stream_urls_are_the_vendors_until_the_camera_tells_its_own(stack: ExitStack) -> None:
    camera = stack.enter_context(OnvifCamera("127.0.9.1"))
    before = search(camera)["127.0.9.1"]
    after = discovery().log_in(before, RIGHT)
    at = f"rtsp://127.0.9.1:{camera.rtsp_port}/Streaming/Channels"
    assert [(s.url, s.reported) for s in before.streams] == [(f"{at}/101", False), (f"{at}/102", False)]
    assert [(s.url, s.reported, s.codec, s.width, s.keyframe_s, s.smart) for s in after.streams] == [
        (f"{at}/101", True, "H265", 2688, 4.0, True),
        (f"{at}/102", True, "H265", 640, 4.0, True),
    ]


def test_streams_of_any_vendor_are_told_by_onvif_at_the_address_that_was_asked(stack: ExitStack) -> None:
    camera = stack.enter_context(OnvifCamera("127.0.9.1", vendor="other"))
    found = discovery().log_in(search(camera)["127.0.9.1"], RIGHT)
    at = f"rtsp://127.0.9.1:{camera.rtsp_port}/live"
    assert [(s.url, s.reported, s.codec, s.width, s.keyframe_s) for s in found.streams] == [
        (f"{at}/main?unicast=true&proto=Onvif", True, "H265", 2688, 4.0),
        (f"{at}/sub?unicast=true&proto=Onvif", True, "H265", 640, 4.0),
    ]


@pytest.mark.parametrize("vendor", ["hikvision", "dahua"])
def test_the_cameras_own_users_count_not_those_of_onvif(stack: ExitStack, vendor: str) -> None:
    camera = stack.enter_context(OnvifCamera("127.0.9.1", vendor=vendor, onvif_password="another"))
    found = discovery().log_in(search(camera)["127.0.9.1"], RIGHT)
    assert [stream.reported for stream in found.streams] == [True, True]
    assert camera.failed_logins == 0


def test_a_camera_without_a_password_is_recognised_by_its_own_word(stack: ExitStack) -> None:
    camera = stack.enter_context(OnvifCamera("127.0.9.1", activated=False, onvif=False))
    found = search(camera)["127.0.9.1"]
    assert (found.state, found.vendor) == (DiscoveryState.NOT_ACTIVATED, Vendor.HIKVISION)
    assert fact("not-activated") in found.known
    assert discovery().log_in(found, RIGHT) is found
    assert camera.logins == []


@pytest.mark.parametrize(
    ("vendor", "path"),
    [("hikvision", "/Streaming/Channels/102"), ("dahua", "/cam/realmonitor?channel=1&subtype=1")],
)
def test_a_camera_with_onvif_off_is_found_on_its_subnet(stack: ExitStack, vendor: str, path: str) -> None:
    camera = stack.enter_context(OnvifCamera("127.0.9.1", vendor=vendor, onvif=False))
    found = search(camera, subnet="127.0.9.0/30")["127.0.9.1"]
    assert found.state is DiscoveryState.ONVIF_OFF
    assert found.vendor == vendor.capitalize()
    assert fact("onvif-off") in found.guessed
    assert found.streams[1].url == f"rtsp://127.0.9.1:{camera.rtsp_port}{path}"
    assert camera.logins == []


def test_a_host_that_only_speaks_rtsp_is_perhaps_a_camera_and_a_web_server_is_none(stack: ExitStack) -> None:
    rtsp_only = stack.enter_context(OnvifCamera("127.0.9.1", vendor="other", onvif=False, vendor_api=False))
    where = Search(parse_subnet("127.0.9.0/30"), [], Ports(1, rtsp_only.rtsp_port), 0.0)
    (found,) = discovery().search(where)
    assert (found.state, found.streams) == (DiscoveryState.NOT_SURE, ())
    no_rtsp = Search(parse_subnet("127.0.9.0/30"), [], Ports(rtsp_only.port, 1), 0.0)
    assert discovery().search(no_rtsp) == []


@pytest.mark.parametrize("auth", ["wss", "digest"])
def test_one_login_is_enough_whichever_way_the_camera_wants_it(stack: ExitStack, auth: str) -> None:
    camera = stack.enter_context(OnvifCamera("127.0.9.1", vendor="other", auth=auth))
    camera.clock_offset_s = -7 * 3600
    found = discovery().log_in(search(camera)["127.0.9.1"], RIGHT)
    assert [stream.reported for stream in found.streams] == [True, True]
    assert camera.failed_logins == 0
    assert found.clock is not None
    assert found.clock.offset_s == pytest.approx(-7 * 3600, abs=1.5)


@pytest.mark.parametrize(
    ("vendor", "auth"), [("hikvision", "wss"), ("dahua", "wss"), ("other", "wss"), ("other", "digest")]
)
def test_a_wrong_password_is_shown_twice_an_hour_at_most_over_all_runs(
    stack: ExitStack, tmp_path: Path, vendor: str, auth: str
) -> None:
    camera = stack.enter_context(OnvifCamera("127.0.9.1", vendor=vendor, auth=auth, lock_after=3))
    found = search(camera)["127.0.9.1"]
    clock = SteppedClock()
    for _ in range(5):
        again = discovery(LoginJournal(tmp_path, clock, "boot")).log_in(found, WRONG)
        assert again.state is DiscoveryState.LOGIN_REFUSED
    assert camera.failed_logins == 2
    assert not camera.locked
    clock.mono += 3601
    discovery(LoginJournal(tmp_path, clock, "boot")).log_in(found, WRONG)
    assert camera.failed_logins == 3


def test_right_passwords_use_nothing_up(stack: ExitStack, tmp_path: Path) -> None:
    camera = stack.enter_context(OnvifCamera("127.0.9.1"))
    found = search(camera)["127.0.9.1"]
    for _ in range(5):
        journal = LoginJournal(tmp_path, SystemClock(), "boot")
        assert discovery(journal).log_in(found, RIGHT).streams[0].reported
    assert camera.failed_logins == 0


def test_an_older_camera_without_media2_is_read_too(stack: ExitStack) -> None:
    camera = stack.enter_context(OnvifCamera("127.0.9.1", vendor="other", media2=False))
    found = discovery().log_in(search(camera)["127.0.9.1"], RIGHT)
    assert [stream.url.rpartition("/")[2].partition("?")[0] for stream in found.streams] == ["main", "sub"]


HOSTILE = {
    "billion laughs": b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><x>&b;</x>',
    "not xml": b"\x00\xff<<<",
    "cut off": b"<Envelope><Body><ProbeMatches>",
    "deep": b"<a>" * 20000,
    "empty": b"",
}


@pytest.mark.parametrize("answer", HOSTILE.values(), ids=HOSTILE)
def test_faulty_answers_are_told_and_end_nothing(stack: ExitStack, answer: bytes) -> None:
    good = stack.enter_context(OnvifCamera("127.0.9.1"))
    bad = stack.enter_context(OnvifCamera("127.0.9.2", vendor="other", model="Bad", garbage=answer))
    found = search(good, bad, more=(answer,), listen_s=1.5)  # 60 kB of nonsense take time to arrive
    assert found["127.0.9.1"].state is DiscoveryState.READY
    assert found["127.0.9.2"].state is DiscoveryState.NOT_SURE
    assert found["127.0.9.2"].advice


def test_an_answer_without_end_is_cut(stack: ExitStack) -> None:
    endless = b"<a>" + b" " * 3_000_000
    big = stack.enter_context(OnvifCamera("127.0.9.1", vendor="other", model="Big", garbage=endless))
    assert search(big)["127.0.9.1"].state is DiscoveryState.NOT_SURE


def test_names_that_would_break_a_terminal_or_yaml_are_cleaned(stack: ExitStack) -> None:
    model = "X%1b%5b2J%0a-%20id:%20evil%E2%80%AEgpj%00"
    camera = stack.enter_context(OnvifCamera("127.0.9.1", vendor="other", model=model))
    assert search(camera)["127.0.9.1"].model == "Acme X [2J - id: evil gpj"


def test_a_device_that_names_foreign_addresses_sends_nobody_there(stack: ExitStack) -> None:
    camera = stack.enter_context(OnvifCamera("127.0.9.1"))
    forged = (
        b'<e><ProbeMatch xmlns="d"><XAddrs>http://203.0.113.9/x http://evil.example/ http://0.0.0.0/ '
        b"http://[::1]:bad/ ftp://10.0.0.1/</XAddrs></ProbeMatch></e>"
    )
    assert list(search(camera, more=(forged,))) == ["127.0.9.1"]


def test_a_host_that_accepts_and_says_nothing_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.tools.cameras.search.SEARCH_TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.9.3", 0)) as silent:
        port = silent.getsockname()[1]
        where = Search(parse_subnet("127.0.9.3/32"), [], Ports(port, 1), 0.0)
        assert discovery().search(where) == []
        silent.setblocking(False)
        connections = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                silent.accept()[0].close()
                connections += 1
    assert connections == 2  # the sweep, and one query


def test_a_byte_now_and_then_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.onvif.web.WHOLE_TIMEOUT_S", 0.5)
    closing = threading.Event()

    def drip(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, contextlib.suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            while not closing.wait(0.05):
                connection.sendall(b"x")

    with socket.create_server(("127.0.9.3", 0)) as server:
        thread = threading.Thread(target=drip, args=(server,))
        thread.start()
        began_mono = time.monotonic()
        journal = LoginJournal(None, SystemClock(), "boot")
        with CameraHttpClient("127.0.9.3", journal) as web, pytest.raises(NoAnswer):
            web.ask("GET", f"http://127.0.9.3:{server.getsockname()[1]}/")
        took_s = time.monotonic() - began_mono
        closing.set()
        thread.join()
    assert took_s < 2


class SteppedClock(SystemClock):
    def __init__(self) -> None:
        self.mono = 10_000.0

    def monotonic(self) -> float:
        return self.mono
