"""Random data from the network and from files never raises an unexpected error."""

from __future__ import annotations

import os
import threading
import unicodedata
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.config.fields import tree
from edge_agent.core.clock import SystemClock
from edge_agent.core.errors import CameraSetupError
from edge_agent.core.secrets import Credentials, Secret
from edge_agent.onvif.logins import LoginLedger, LoginsUsedUp
from edge_agent.onvif.soap import Onvif
from edge_agent.onvif.web import CameraHttpClient, CameraResponse, clean
from edge_agent.tools.cameras.dahua import Dahua
from edge_agent.tools.cameras.discovered import (
    DiscoveredCamera,
    DiscoveredStream,
    DiscoveryState,
    Vendor,
    same_stream,
)
from edge_agent.tools.cameras.drop_in import DropInEntry, as_yaml
from edge_agent.tools.cameras.isapi import Isapi
from edge_agent.tools.cameras.probing import parse_sadp, scope_value
from edge_agent.tools.cameras.setup_interface import PlainOnvif

HOST = "10.0.0.11"
LOGIN = Credentials("admin", Secret("right"))
URL = f"rtsp://{HOST}/Streaming/Channels/102"

# Random text, and random text in the tags that are parsed.
_TAGS = ["Activated", "IPv4Address", "HttpPort", "maxFrameRate", "GovLength", "videoCodecType", "localTime"]
_XML = st.builds(
    lambda tag, text: f"<ProbeMatch><{tag}>{text}</{tag}></ProbeMatch>".encode(errors="replace"),
    st.sampled_from(_TAGS),
    st.text(max_size=40),
)
ANSWERS = st.one_of(st.binary(max_size=200), _XML)


class AnsweringWeb(CameraHttpClient):
    """Gives the same answer to every request, without a network."""

    def __init__(self, body: bytes) -> None:
        super().__init__(HOST, LoginLedger(None, SystemClock(), "boot"))
        self._body = body

    def ask(self, method: str, url: str, **_: object) -> CameraResponse:
        return CameraResponse(200, self._body, "")


@settings(max_examples=60, deadline=None)
@given(ANSWERS)
def test_whatever_a_camera_answers_is_settings_or_an_error_of_ours(body: bytes) -> None:
    with AnsweringWeb(body) as web:
        onvif = PlainOnvif(HOST, Onvif(web, f"http://{HOST}/onvif", SystemClock(), LOGIN))
        base = f"http://{HOST}"
        for panel, url in ((Isapi(web, base, LOGIN), URL), (Dahua(web, base, LOGIN), URL), (onvif, URL)):
            with suppress(CameraSetupError):
                panel.stream(url)
            with suppress(CameraSetupError):
                panel.set_stream(url, 50)
            with suppress(CameraSetupError):
                assert clean(panel.model(), 200) == panel.model()


@settings(max_examples=150, deadline=None)
@given(ANSWERS)
def test_whatever_answers_the_search_is_a_device_near_by_or_nothing(data: bytes) -> None:
    device = parse_sadp(data, "8.8.8.8")
    assert device is None or device.host.startswith(("10.", "172.", "192.168.", "169.254."))


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_clean_text_is_one_printable_line(text: str) -> None:
    found = clean(text)
    assert all(unicodedata.category(c)[0] not in "C" and c not in "\u2028\u2029" for c in found)
    assert len(found.splitlines()) <= 1
    assert scope_value([f"onvif://www.onvif.org/name/{text}"], "name").isprintable()


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80), st.text(max_size=80), st.text(min_size=1, max_size=20).map(clean).filter(bool))
def test_a_drop_in_says_what_was_found_whatever_the_names_are(model: str, path: str, user: str) -> None:
    url = f"rtsp://{HOST}/{clean(path)}"
    found = DiscoveredCamera(
        HOST,
        DiscoveryState.READY,
        Vendor.OTHER,
        clean(model),
        streams=(DiscoveredStream("sub", url, reported=True),),
    )
    node, problems = tree.parse(as_yaml([DropInEntry("cam-1", found)], user, "now").encode(), "x.yaml")
    assert problems == []
    assert isinstance(node, tree.Mapping)
    cameras = node.entries["cameras"].value
    assert isinstance(cameras, tree.Sequence)
    (camera,) = cameras.items
    assert isinstance(camera, tree.Mapping)
    result = {
        key: entry.value.text for key, entry in camera.entries.items() if isinstance(entry.value, tree.Scalar)
    }
    assert result == {"id": "cam-1", "url": url, "username": user, "password_file": "credentials/cam-1"}


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_any_two_urls_can_be_compared(one: str, other: str) -> None:
    with suppress(ValueError):  # urlsplit rejects it
        same_stream(f"rtsp://{HOST}/{one}", f"rtsp://{HOST}/{other}")


# --- logins, where they are counted ---


def test_a_password_is_never_sent_in_clear() -> None:
    shown: list[str | None] = []

    class WantsBasic(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shown.append(self.headers.get("Authorization"))
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="camera"')
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return

    with HTTPServer(("127.0.9.20", 0), WantsBasic) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        url = f"http://127.0.9.20:{server.server_address[1]}/ISAPI/System/time"
        with (
            CameraHttpClient("127.0.9.20", LoginLedger(None, SystemClock(), "boot")) as web,
            pytest.raises(CameraSetupError),
        ):
            web.ask("GET", url, login=LOGIN)
        thread.join()
    assert shown == [None]


def test_credentials_go_to_no_other_host() -> None:
    with (
        CameraHttpClient(HOST, LoginLedger(None, SystemClock(), "boot")) as web,
        pytest.raises(CameraSetupError),
    ):
        web.ask("GET", "http://10.0.0.12/", login=LOGIN)


def test_a_login_counts_before_it_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "logins.json"
    for _ in range(2):  # two runs that are killed before an answer arrives
        LoginLedger(path, SystemClock(), "boot").begin(HOST, "digest /ISAPI")
    with pytest.raises(LoginsUsedUp):
        LoginLedger(path, SystemClock(), "boot").begin(HOST, "wss /onvif")


def test_a_login_that_was_accepted_is_free_until_it_is_refused(tmp_path: Path) -> None:
    ledger = LoginLedger(tmp_path / "logins.json", SystemClock(), "boot")
    for _ in range(10):
        ledger.begin(HOST, "wss /onvif")
        ledger.accepted(HOST, "wss /onvif")
    ledger.refused(HOST, "wss /onvif")
    with pytest.raises(LoginsUsedUp):
        ledger.begin(HOST, "wss /onvif")


def test_failures_of_an_earlier_boot_count_for_the_first_hour_of_this_one(tmp_path: Path) -> None:
    class Uptime(SystemClock):
        def __init__(self, mono: float) -> None:
            self.mono = mono

        def monotonic(self) -> float:
            return self.mono

    path = tmp_path / "logins.json"
    for way in ("a", "b"):
        LoginLedger(path, Uptime(90_000.0), "boot 1").begin(HOST, way)
    with pytest.raises(LoginsUsedUp):
        LoginLedger(path, Uptime(60.0), "boot 2").begin(HOST, "a")
    LoginLedger(path, Uptime(3700.0), "boot 2").begin(HOST, "a")


def test_a_book_that_cannot_be_read_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "logins.json"
    path.write_bytes(b"\x00{{{")
    ledger = LoginLedger(path, SystemClock(), "boot")
    ledger.begin(HOST, "a")
    ledger.begin(HOST, "b")
    with pytest.raises(LoginsUsedUp):
        ledger.begin(HOST, "c")


def test_a_link_in_the_way_of_the_lock_is_not_followed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = tmp_path / "other"
    other.write_text("of somebody else")
    (tmp_path / ".logins.json.lock").symlink_to(other)
    LoginLedger(tmp_path / "logins.json", SystemClock(), "boot").begin(HOST, "a")
    assert other.read_text() == "of somebody else"
    assert "failed logins are not remembered" in caplog.text


def test_a_lock_that_cannot_be_had_stops_no_login_and_two_are_still_the_most(tmp_path: Path) -> None:
    (tmp_path / ".logins.json.lock").mkdir()
    os.mkfifo(tmp_path / ".fifo.json.lock")
    for name in ("logins.json", "fifo.json"):
        ledger = LoginLedger(tmp_path / name, SystemClock(), "boot")
        ledger.begin(HOST, "a")
        ledger.begin(HOST, "b")
        with pytest.raises(LoginsUsedUp):
            ledger.begin(HOST, "c")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write for another user")
def test_what_root_keeps_is_of_use_to_the_folders_owner(tmp_path: Path) -> None:
    os.chown(tmp_path, 4711, 4712)
    LoginLedger(tmp_path / "logins.json", SystemClock(), "boot").begin(HOST, "a")
    owners = {path.name: (path.stat().st_uid, path.stat().st_gid) for path in tmp_path.iterdir()}
    assert owners == {"logins.json": (4711, 4712), ".logins.json.lock": (4711, 4712)}
