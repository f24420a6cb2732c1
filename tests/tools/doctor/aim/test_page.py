"""The page over real HTTP, on a real RTSP camera."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.config.model.settings import Settings
from edge_agent.core.clock import SystemClock
from edge_agent.core.errors import EdgeAgentError
from edge_agent.tools.doctor.aim.analysis import AimAnalysis
from edge_agent.tools.doctor.aim.pages import AimPages
from edge_agent.tools.local_page.access import LIFE_S, TRIES, AccessGate, PageAddress
from edge_agent.tools.local_page.server import MAX_REQUESTS, PageServer
from tests.host.fakes import FakeClock
from tests.testbed.agent import wait_until, write_config
from tests.testbed.clips import make_clip
from tests.testbed.rtsp import RtspServer
from tests.tools.doctor.aim.parts import LOOPBACK, Phone, page, walker_camera, watching


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, AimAnalysis]]:
    with walker_camera(tmp_path_factory.mktemp("aim")) as config, watching(config) as found:
        yield found


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def gate(clock: FakeClock) -> AccessGate:
    return AccessGate(clock)


@pytest.fixture
def server(watched: tuple[Settings, AimAnalysis], gate: AccessGate) -> Iterator[PageServer]:
    with page(*watched, gate) as server:
        yield server


@pytest.fixture
def phone(server: PageServer, gate: AccessGate) -> Phone:
    """The one that typed the code."""
    phone = Phone(server)
    phone.type_code(gate.code)
    return phone


def test_without_the_code_there_is_a_form_and_nothing_else(server: PageServer) -> None:
    phone = Phone(server)
    assert b'name="code"' in phone.ask("/").body
    assert [phone.ask(path).status for path in ("/view", "/site", "/nothing")] == [403, 403, 403]


def test_the_code_opens_the_page_for_one_phone(server: PageServer, gate: AccessGate) -> None:
    phone, other = Phone(server), Phone(server)
    assert phone.type_code("000000" if gate.code != "000000" else "000001").status == 403
    opened = phone.type_code(gate.code)
    assert (opened.status, opened.headers["Location"]) == (303, "/")
    assert "HttpOnly; SameSite=Strict" in opened.headers["Set-Cookie"]
    assert b"<canvas" in phone.ask("/").body
    refused = other.type_code(gate.code)
    assert (refused.status, other.cookie) == (403, None)
    assert b'data-say="taken"' in refused.body


def test_the_page_needs_nothing_from_elsewhere(phone: Phone) -> None:
    for path in ("/", "/aim.js", "/words.js", "/aim.css"):
        answer = phone.ask(path)
        assert answer.status == 200
        assert b"//" not in answer.body.replace(b"\n//", b"\n"), "no address of anything else"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")


def test_somebody_who_walks_by_is_shown_with_his_size(phone: Phone) -> None:
    site = phone.ask("/site").body
    assert b'"place"' in site
    assert b'"path"' in site
    after = 0
    for _ in range(80):
        answer = phone.ask(f"/view?after={after}")
        after = answer.view.get("number", after)
        people = [thing for thing in answer.view.get("things", ()) if thing["label"] == "person"]
        if people and people[0]["px"][1] >= 100:
            break
    (person,) = people
    assert 110 <= person["px"][1] <= 200, "150 pixels were drawn"
    assert person["verdict"] == "good"
    assert answer.view["size"] == [640, 360]
    assert answer.view["light"] == "lit"
    assert answer.view["trouble"] is None


def test_what_is_private_is_black_in_the_picture(phone: Phone) -> None:
    picture = cv2.imdecode(np.frombuffer(phone.ask("/view").body, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    private, rest = picture[:104, 518:], picture[:, :500]
    assert private.max() < 40, "but for what JPEG adds"
    assert rest.mean() > 100


def test_a_view_is_newer_than_the_last_one(phone: Phone) -> None:
    numbers = [phone.ask("/view").view["number"]]
    numbers += [phone.ask(f"/view?after={numbers[0]}").view["number"]]
    assert numbers[1] > numbers[0]


def test_after_fifteen_minutes_it_is_gone(phone: Phone, clock: FakeClock) -> None:
    assert phone.ask("/view").status == 200
    clock.advance(LIFE_S)
    assert [phone.ask(path).status for path in ("/", "/view", "/aim.js")] == [410, 410, 410]


def test_after_five_wrong_codes_it_is_gone(server: PageServer, gate: AccessGate) -> None:
    phone = Phone(server)
    for number in range(TRIES):
        phone.type_code(f"{(int(gate.code) + 1 + number) % 1_000_000:06}")
    assert phone.type_code(gate.code).status == 410


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example", ""])
def test_a_name_pointed_at_the_box_opens_nothing(server: PageServer, gate: AccessGate, host: str) -> None:
    port = urllib.parse.urlsplit(server.urls[0]).port
    reported = Phone(server).ask("/", form=f"code={gate.code}", Host=host.format(port=port))
    assert reported.status == 421
    assert not gate.is_claimed


@pytest.mark.parametrize("origin", ["http://evil.example", "null"])
def test_no_other_page_may_send_the_form(server: PageServer, gate: AccessGate, origin: str) -> None:
    assert Phone(server, Origin=origin).type_code(gate.code).status == 403
    assert not gate.is_claimed


@pytest.mark.parametrize("length", ["101", "-1", "many", "99999999999999999999"])
def test_a_form_of_another_length_is_not_read(server: PageServer, length: str) -> None:
    reported = Phone(server).ask("/", form="code=1", **{"Content-Length": length})
    assert reported.status == 400


def test_a_stranger_gets_no_answer(watched: tuple[Settings, AimAnalysis], gate: AccessGate) -> None:
    elsewhere = PageAddress(LOOPBACK.address, ipaddress.ip_network("192.168.1.0/24"))
    with page(*watched, gate, elsewhere) as server, pytest.raises((OSError, http.client.HTTPException)):
        Phone(server).ask("/")


def test_sockets_that_drip_do_not_block_the_page_and_are_a_few_at_once(server: PageServer) -> None:
    host, port = "127.0.0.1", urllib.parse.urlsplit(server.urls[0]).port
    dripping = [socket.create_connection((host, port or 0), timeout=10) for _ in range(2 * MAX_REQUESTS)]
    for connection in dripping:
        connection.sendall(b"G")
    for _ in range(3):
        assert Phone(server).ask("/").status == 200
    # The oldest connections had to make room.
    assert [connection.recv(1) for connection in dripping[:MAX_REQUESTS]] == [b""] * MAX_REQUESTS
    for connection in dripping:
        connection.close()


@pytest.mark.parametrize("odd", ["Transfer-Encoding: chunked", "Content-Length: 9"])
def test_a_form_with_two_lengths_is_refused(server: PageServer, odd: str) -> None:
    place = urllib.parse.urlsplit(server.urls[0])
    with socket.create_connection((str(place.hostname), place.port or 0), timeout=10) as connection:
        head = f"POST / HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Length: 6\r\n{odd}\r\n\r\n"
        connection.sendall(head.encode() + b"code=1")
        assert b" 400 " in connection.recv(100)


def test_a_port_that_is_taken_is_told(watched: tuple[Settings, AimAnalysis], server: PageServer) -> None:
    settings, watch = watched
    port = urllib.parse.urlsplit(server.urls[0]).port or 0
    gate = AccessGate(SystemClock())
    pages = AimPages(settings.cameras[0], watch, gate)
    with pytest.raises(EdgeAgentError, match="another run of this page may be open"):
        PageServer([LOOPBACK], port, pages, gate)


def test_a_camera_that_is_lost_is_told_and_comes_back(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", size=(320, 180))
    with RtspServer({"/s": clip}) as camera:
        config = write_config(tmp_path, cameras=[{"id": "cam-1", "url": camera.url("/s")}])
        gate = AccessGate(SystemClock())
        with watching(config) as (settings, watch), page(settings, watch, gate) as server:
            phone = Phone(server)
            phone.type_code(gate.code)
            number = phone.ask("/view").view["number"]
            camera.kill()
            wait_until(lambda: "refuses" in (phone.ask("/view").view["trouble"] or ""), what="reported")
            camera.start()
            wait_until(lambda: phone.ask("/view").view["trouble"] is None, what="back")
            assert phone.ask(f"/view?after={number}").view["number"] > number
