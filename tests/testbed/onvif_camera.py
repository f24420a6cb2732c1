"""A camera that answers as real ones do: ONVIF with WS-Security or HTTP digest, ISAPI, Dahua's CGI, RTSP.

with OnvifCamera("127.0.9.1", vendor="hikvision", password="right") as camera:
    ...
    assert camera.failed_logins <= 2

Every interface reads and writes the same ``streams``. Like a real camera it locks an account after
``lock_after`` refused logins; each request with wrong credentials counts as one.
"""

from __future__ import annotations

import base64
import hashlib
import re
import threading
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from tests.testbed import onvif_soap, onvif_vendors
from tests.testbed.scripted_rtsp import ScriptedRtsp

NONCE = "4e6f6e6365"
REALMS = {"hikvision": "IP Camera(C1234)", "dahua": "Login to 3G0A1B2C3D4E5F6", "other": "ONVIF"}


@dataclass
class StreamState:
    """Settings of one encoder."""

    width: int
    height: int
    codec: str = "H264"
    fps: int = 25
    gov_length: int = 50
    smart: bool = False


@dataclass
class OnvifCamera:
    host: str
    vendor: str = "hikvision"  # hikvision, dahua or other
    model: str = "DS-2CD2143G2-I"
    firmware: str = "V5.7.3 build 220112"
    serial: str = "DS-2CD2143G2-I20220112AAWRJ00000001"
    mac: str = "C0:56:E3:00:00:01"
    user: str = "admin"
    password: str = "right"
    activated: bool = True
    onvif: bool = True
    vendor_api: bool = True
    auth: str = "wss"  # or digest
    onvif_password: str | None = None  # set where ONVIF users differ from the camera's own users
    lock_after: int = 5
    clock_offset_s: float = 0.0
    utc_offset_s: int = 25200
    zone: str = "CST-7:00:00"
    follows_ntp: bool = False
    ntp: str = "0.0.0.0"
    media2: bool = True
    ignores: frozenset[str] = frozenset()  # settings that it acknowledges and ignores: codec, gop, smart, ntp
    breaks_after: int | None = None  # after this many writes its connection ends
    garbage: bytes | None = None  # its answer to every request
    streams: dict[str, StreamState] = field(
        default_factory=lambda: {
            "main": StreamState(2688, 1520, "H265", 25, 100, True),
            "sub": StreamState(640, 360, "H265", 15, 60, True),
        }
    )
    logins: list[bool] = field(default_factory=list)  # accepted or refused, in order
    writes: list[str] = field(default_factory=list)  # settings that were written, in order
    anonymous: int = 0  # requests without credentials

    def __enter__(self) -> Self:
        self._http = _Server((self.host, 0), type("Handler", (_Handler,), {"camera": self}))
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))
        self._thread.start()
        login = f'Digest realm="{REALMS[self.vendor]}", nonce="1"'
        refusal = f"RTSP/1.0 401 Unauthorized\r\nWWW-Authenticate: {login}"
        self._rtsp = ScriptedRtsp({"DESCRIBE": refusal}, host=self.host).__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._rtsp.__exit__()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    @property
    def rtsp_port(self) -> int:
        return self._rtsp.port

    @property
    def device_url(self) -> str:
        return f"http://{self.host}:{self.port}/onvif/device_service"

    @property
    def failed_logins(self) -> int:
        return self.logins.count(False)

    @property
    def locked(self) -> bool:
        return self.failed_logins >= self.lock_after

    @property
    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.clock_offset_s)

    def stream_path(self, kind: str) -> str:
        if self.vendor == "hikvision":
            return f"/Streaming/Channels/10{1 if kind == 'main' else 2}"
        if self.vendor == "dahua":
            return f"/cam/realmonitor?channel=1&subtype={0 if kind == 'main' else 1}"
        return f"/live/{kind}"

    def booked(self, good: bool) -> bool:
        """Count one login; returns whether it is accepted."""
        let_in = good and not self.locked and self.activated
        self.logins.append(let_in)
        return let_in

    def wrote(self, what: str) -> None:
        """Count one write. Raises ``ConnectionError`` when the camera breaks down instead."""
        if self.breaks_after is not None and len(self.writes) >= self.breaks_after:
            raise ConnectionError
        self.writes.append(what)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away, or a camera that breaks down on purpose, is no news."""


class _Handler(BaseHTTPRequestHandler):
    camera: OnvifCamera
    protocol_version = "HTTP/1.1"
    # Headers and body in one packet: otherwise each answer waits 40 ms for a delayed ACK.
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:
        return

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_PUT = do_GET

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        camera = self.camera
        if camera.garbage is not None:
            self._send(200, camera.garbage, "application/soap+xml")
        elif self.path.startswith("/onvif/"):
            self._onvif(body)
        elif camera.vendor_api and camera.vendor == "hikvision" and self.path.startswith("/ISAPI/"):
            self._vendor(onvif_vendors.isapi, body)
        elif camera.vendor_api and camera.vendor == "dahua" and self.path.startswith("/cgi-bin/"):
            self._vendor(onvif_vendors.dahua, body)
        else:
            self._send(404, b"<html>no such page</html>", "text/html")

    def _vendor(self, answer: Any, body: bytes) -> None:
        camera = self.camera
        if self.path == "/ISAPI/System/activateStatus":
            word = b"true" if camera.activated else b"false"
            text = b"<ActivateStatus><Activated>" + word + b"</Activated></ActivateStatus>"
            self._send(200, text, "application/xml")
        elif not self._digest_ok(camera.password):
            self._challenge()
        else:
            status, text = answer(camera, self.command, self.path, body.decode())
            self._send(status, text.encode(), "text/plain" if camera.vendor == "dahua" else "application/xml")

    def _onvif(self, body: bytes) -> None:
        camera = self.camera
        if not camera.onvif:
            self._send(404, b"<html>no such page</html>", "text/html")
            return
        root = ET.fromstring(body)
        call = next(iter(root.iterfind(f"{{{onvif_soap.ENV}}}Body/*")))
        name = call.tag.rpartition("}")[2]
        if name not in onvif_soap.FREE:
            password = camera.password if camera.onvif_password is None else camera.onvif_password
            if camera.auth == "digest":
                if not self._digest_ok(password):
                    self._challenge()
                    return
            elif not self._wss_ok(root, password):
                self._send(400, onvif_soap.fault("ter:NotAuthorized", "Sender not Authorized"), "text/xml")
                return
        elif b"UsernameToken" in body:
            self._wss_ok(root, camera.password)
        self._send(200, onvif_soap.answer(camera, name, call), "application/soap+xml")

    def _wss_ok(self, root: ET.Element, password: str) -> bool:
        fields = {e.tag.rpartition("}")[2]: (e.text or "") for e in root.iter()}
        if "Username" not in fields:
            self.camera.anonymous += 1
            return False
        signed = base64.b64decode(fields["Nonce"]) + fields["Created"].encode() + password.encode()
        made = hashlib.sha1(signed)
        created = datetime.fromisoformat(fields["Created"])
        in_time = abs((created - self.camera.now).total_seconds()) < 30
        right = fields["Password"] == base64.b64encode(made.digest()).decode()
        return self.camera.booked(right and in_time and fields["Username"] == self.camera.user)

    def _digest_ok(self, password: str) -> bool:
        shown = self.headers.get("Authorization", "")
        if not shown:
            self.camera.anonymous += 1
            return False
        fields = dict(re.findall(r'(\w+)="?([^",]*)"?', shown.partition(" ")[2]))
        realm = REALMS[self.camera.vendor]
        first = _md5(f"{self.camera.user}:{realm}:{password}")
        second = _md5(f"{self.command}:{fields.get('uri')}")
        whole = f"{first}:{NONCE}:{fields.get('nc')}:{fields.get('cnonce')}:auth:{second}"
        right = shown.startswith("Digest ") and fields.get("response") == _md5(whole)
        return self.camera.booked(right and fields.get("username") == self.camera.user)

    def _challenge(self) -> None:
        challenge = f'Digest qop="auth", realm="{REALMS[self.camera.vendor]}", nonce="{NONCE}", stale="FALSE"'
        self._send(401, b"", "text/html", {"WWW-Authenticate": challenge})

    def _send(self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
