"""What the page gives without the code, and what it refuses; the server is tested with the aiming page."""

from __future__ import annotations

import json
import socket
import ssl
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError

import pytest

from edge_agent.commissioning.identity import open_identity
from edge_agent.commissioning.page.aiming import AimingRun
from edge_agent.commissioning.page.gate import LabelGate
from edge_agent.commissioning.page.pages import CommissionPages
from edge_agent.core.clock import SystemClock
from edge_agent.tools.local_page.server import PageServer
from edge_agent.wire.claims import check_character
from tests.commissioning.prepared_box import CODE, prepared_box
from tests.commissioning.steps import steps_of
from tests.tools.doctor.aim.parts import LOOPBACK


class Browser:
    """Keeps its cookie, and does not check the certificate, as a technician who goes on."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._tls = ssl._create_unverified_context()
        self.cookie = ""

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        sent = {"Cookie": self.cookie, **headers}
        request = urllib.request.Request(self.url + path, body, sent)
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=self._tls), _NoRedirect())
        try:
            with opener.open(request, timeout=20) as answer:
                return answer.status, answer.read()
        except HTTPError as error:
            self.cookie = (error.headers.get("Set-Cookie") or self.cookie).partition(";")[0]
            return error.code, error.read()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    steps = steps_of(prepared_box(tmp_path, 8883, ["rtsp://127.0.0.1:1/2"]))
    clock = SystemClock()
    gate = LabelGate(clock, CODE)
    pages = CommissionPages(steps, AimingRun(steps.box.paths.config, clock, gate), lambda: None)
    server = PageServer([LOOPBACK], 0, pages, gate, tls=steps.box.identity.tls_context())
    server.start()
    try:
        yield Browser(server.urls[0])
    finally:
        server.stop()


def test_without_the_code_there_is_a_form_and_nothing_else(browser: Browser, tmp_path: Path) -> None:
    box = tmp_path / "box"
    words = open_identity(box / "etc/edge-agent/serial", box / "var/lib/edge-agent-commission").words
    for path in ("/", "/s/dt-001-r"):
        page = browser.ask(path)[1]
        assert b'name="code"' in page
        assert page.index(words.encode()) < page.index(b"<form"), "compared before the code is typed"
    assert [browser.ask(path)[0] for path in ("/state", "/aim/cam-1/", "/nothing")] == [403, 403, 403]
    for path in ("/site", "/claim", "/undo", "/photo", "/near"):
        assert browser.ask(path, b"{}")[0] == 403, path


def test_the_code_opens_the_page_at_the_label_s_address(browser: Browser) -> None:
    assert browser.ask("/s/dt-001-r", b"code=00000000")[0] == 403
    assert browser.ask("/s/dt-001-r", f"code={CODE}".encode())[0] == 303
    assert browser.cookie.startswith("commission=")
    assert b"claim-form" in browser.ask("/s/dt-001-r")[1]
    state = json.loads(browser.ask("/state")[1])
    assert (state["state"], state["site"]) == ("unclaimed", None)
    assert "code" not in state


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/site", b"[]", 400),
        ("/site", b'{"label": 3}', 400),
        ("/site", b"\xff", 400),
        ("/site", b'{"label": "dt-009-x"}', 409),
        ("/claim", b'{"by": "x", "passwords": {}}', 409),
        ("/near", b'{"latitude": 91, "longitude": 0, "accuracy_m": 1}', 400),
        ("/photo", b"no picture", 409),
        ("/state", b"{}", 400),
    ],
)
def test_a_request_out_of_bounds_is_refused(browser: Browser, path: str, body: bytes, status: int) -> None:
    browser.ask("/", f"code={CODE}".encode())
    assert browser.ask(path, body)[0] == status


def test_a_large_body_is_not_read(browser: Browser) -> None:
    browser.ask("/", f"code={CODE}".encode())
    assert browser.ask("/site", b"{}", **{"Content-length": "20001"})[0] == 400


def test_a_phone_that_still_sends_a_refused_body_sees_the_answer(browser: Browser) -> None:
    host = browser.url.removeprefix("https://")
    tls = ssl._create_unverified_context()
    plain = socket.create_connection((LOOPBACK.host, int(host.rpartition(":")[2])), 20)
    with plain, tls.wrap_socket(plain) as phone:
        phone.sendall(f"POST /photo HTTP/1.1\r\nHost: {host}\r\nContent-Length: 200000\r\n\r\n".encode())
        for _ in range(4):
            time.sleep(0.05)  # as over a slow radio
            phone.sendall(bytes(50_000))
        assert phone.recv(1000).startswith(b"HTTP/1.0 403")


def test_no_other_page_may_take_a_step(browser: Browser) -> None:
    browser.ask("/", f"code={CODE}".encode())
    assert browser.ask("/undo", b"{}", Origin="https://evil.example")[0] == 403


def test_the_sites_next_to_the_phone_have_labels_that_fit(browser: Browser) -> None:
    browser.ask("/", f"code={CODE}".encode())
    status, body = browser.ask("/near", b'{"latitude": 20.4563, "longitude": 106.3366, "accuracy_m": 9}')
    assert status == 200
    first, second = json.loads(body)["sites"]
    assert (first["label"], first["metres"]) == (f"dt-002-{check_character('dt-002')}", 0)
    assert second["metres"] > 1000


def test_a_client_without_tls_does_not_stop_the_page(browser: Browser) -> None:
    with pytest.raises(OSError):
        urllib.request.urlopen(browser.url.replace("https", "http"), timeout=5)
    assert browser.ask("/")[0] == 200
