"""Random data from the network and from files never raises an unexpected error."""

from __future__ import annotations

import unicodedata
from contextlib import suppress
from http.server import BaseHTTPRequestHandler

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.config.fields import tree
from edge_agent.core.camera_logins import LoginJournal
from edge_agent.core.clock import SystemClock
from edge_agent.core.errors import CameraSetupError
from edge_agent.core.secrets import Credentials, Secret
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
from tests.testbed.small_server import HttpServer

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
        super().__init__(HOST, LoginJournal(None, SystemClock(), "boot"))
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
                model = panel.identity().model or ""
                assert clean(model, 200) == model


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
    streams = (DiscoveredStream("sub", url, reported=True),)
    found = DiscoveredCamera(HOST, DiscoveryState.READY, Vendor.OTHER, clean(model), streams=streams)
    node, problems = tree.parse(as_yaml([DropInEntry("cam-1", found)], user, "now").encode(), "x.yaml")
    assert problems == []
    assert isinstance(node, tree.Mapping)
    cameras = node.entries["cameras"].value
    assert isinstance(cameras, tree.Sequence)
    (camera,) = cameras.items
    assert isinstance(camera, tree.Mapping)
    values = {key: entry.value for key, entry in camera.entries.items()}
    result = {key: value.text for key, value in values.items() if isinstance(value, tree.Scalar)}
    assert result == {"id": "cam-1", "url": url, "username": user, "password_file": "credentials/cam-1"}


@pytest.mark.parametrize(
    ("base", "port"),
    [
        (f"http://{HOST}:8080", 8080),
        (f"http://{HOST}:80", None),
        (f"http://{HOST}", None),
        (f"https://{HOST}:443", None),
        (f"http://{HOST}:x", None),
        ("http://[", None),
    ],
)
def test_a_drop_in_has_the_port_of_a_web_page_that_was_found_elsewhere(base: str, port: int | None) -> None:
    streams = (DiscoveredStream("sub", f"rtsp://{HOST}/1", reported=True),)
    found = DiscoveredCamera(HOST, DiscoveryState.READY, Vendor.OTHER, "", streams=streams, base=base)
    written = as_yaml([DropInEntry("cam-1", found)], None, "now")
    assert (f"    http_port: {port}\n" in written) if port else ("http_port" not in written)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_any_two_urls_can_be_compared(one: str, other: str) -> None:
    with suppress(ValueError):  # urlsplit rejects it
        same_stream(f"rtsp://{HOST}/{one}", f"rtsp://{HOST}/{other}")


# --- logins, where they are counted ---


class WantsBasic(HttpServer):
    def __init__(self) -> None:
        super().__init__(host="127.0.9.20")
        self.shown: list[str | None] = []

    def respond(self, request: BaseHTTPRequestHandler) -> None:
        self.shown.append(request.headers.get("Authorization"))
        request.send_response(401)
        request.send_header("WWW-Authenticate", 'Basic realm="camera"')
        request.end_headers()


def test_a_password_is_never_sent_in_clear_and_to_no_other_host() -> None:
    with (
        WantsBasic() as server,
        CameraHttpClient("127.0.9.20", LoginJournal(None, SystemClock(), "boot")) as web,
    ):
        for url in (f"{server.origin}/ISAPI/System/time", "http://127.0.9.21/"):
            with pytest.raises(CameraSetupError):
                web.ask("GET", url, login=LOGIN)
    assert server.shown == [None]
