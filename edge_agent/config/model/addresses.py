"""Parses addresses of cameras and brokers, and never quotes a password.

Python's ``urlsplit`` is not used: it reads ``rtsp://user:pa#ss@host/`` as host ``user`` and port ``pa``,
which would put half a password into an error message or a payload. This module also recognises main streams:
the agent analyses 640 pixels of width, and a 4K main stream costs ten times the decoding for the same events.
The patterns are the vendors' own URL schemes; for other URLs there is no hint.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from edge_agent.config.fields import tree
from edge_agent.config.fields.schema_types import (
    InvalidValue,
    ReadContext,
    ScalarType,
    did_you_mean,
    either_of,
)
from edge_agent.config.texts.messages import message
from edge_agent.config.texts.phrases import phrase
from edge_agent.core.secrets import Credentials, Secret, masked

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), hint)
    for pattern, hint in (
        # Hikvision ISAPI: channel number, then 01 main, 02 sub.
        (r"/Streaming/(Unicast/)?Channels/\d+01([/?]|$)", message("sub-ends", tail="02")),
        # Hikvision before ISAPI.
        (r"/h264/ch\d+/main/", message("sub-instead", sub="sub", main="main")),
        # Dahua and its OEMs.
        (r"[?&]subtype=0(&|$)", message("sub-has", part="subtype=1")),
        # Reolink.
        (r"/(h26[45])?Preview_\d+_main$", message("sub-ends", tail="_sub")),
        # Uniview cameras, then its recorders.
        (r"/(media/)?video1([/?]|$)", message("sub-has", part="video2")),
        (r"/unicast/c\d+/s0/", message("sub-instead", sub="s1", main="s0")),
        # Foscam.
        (r"/videoMain([/?]|$)", message("sub-has", part="videoSub")),
        # Xiongmai and its OEMs.
        (r"[_&?]stream=0\.sdp", message("sub-has", part="stream=1")),
        # TP-Link Tapo and VIGI, and others; then plain names that several brands share.
        (r"/stream1([/?]|$)", message("sub-usual", part="stream2")),
        (r"/onvif1([/?]|$)", message("sub-usual", part="onvif2")),
        (r"/main([_-]?stream)?([/?]|$)", message("sub-usual", part="sub")),
    )
)


def main_stream_hint(url: str) -> str | None:
    """Return the usual name of the camera's sub-stream if ``url`` looks like its main stream."""
    for pattern, hint in _PATTERNS:
        if pattern.search(url):
            return message("sub-cheaper", hint=hint)
    return None


CAMERA_SCHEMES = ("rtsp", "rtsps", "http", "https", "file", "v4l2")
MAX_HOST, MAX_LABEL = 253, 63
"""Largest number of characters of a host name, and of a part between its dots; RFC 1035, section 2.3.4."""
BROKER_PORTS = {"mqtt": 1883, "mqtts": 8883}
_BROKER_ALIASES = {"tcp": "mqtt", "ssl": "mqtts", "tls": "mqtts", "http": "mqtt", "https": "mqtts"}

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?P<slashes>/*)(?P<rest>.*)", re.DOTALL)
_HOST = re.compile(
    r"(?P<host>\[[0-9A-Fa-f:.]+(%[\w.-]+)?\]|[^\s\x00-\x1f\x7f:\[\]<>\"'|\\^`{}%]+)?(:(?P<port>[^:]*))?"
)
_CLIP = re.compile(r"[\w. /-]+\.(mp4|avi|mkv|mov|webm|ts|mjpe?g|h?26[45])", re.IGNORECASE)
_ENCODE = message("encode")
_IF_LOGIN = message("if-login", encode=_ENCODE)


@dataclass(frozen=True)
class CameraUrl:
    url: str  # without user part
    credentials: Credentials | None


@dataclass(frozen=True)
class CameraAddress(ScalarType):
    """rtsp(s)://, http(s)://, a file or v4l2:/dev/videoN."""

    main: bool = False  # a main stream is expected

    def describe(self) -> str:
        return message("camera-url")

    def parse(self, scalar: tree.Scalar, reading: ReadContext) -> CameraUrl:
        text = scalar.text.strip()
        match = _URL.fullmatch(text)
        if match is None or text.startswith(("/", ".")):
            return self._clip(_file(text, reading.files.base), scalar, reading)
        scheme = match["scheme"].lower()
        if scheme == "v4l2":
            return CameraUrl(_device(match), None)
        if scheme == "file":
            return self._clip(_file_url(match), scalar, reading)
        if scheme not in CAMERA_SCHEMES or len(match["slashes"]) < 2:
            raise _wrong_scheme(match, CAMERA_SCHEMES, self.describe())
        if len(match["slashes"]) > 2:
            raise InvalidValue(message("no-host"))
        camera = _network(scheme, match["rest"])
        hint = None if self.main else main_stream_hint(camera.url)
        if hint:
            reading.warn(scalar.place, message("main-stream", hint=hint))
        if masked(camera.url) != camera.url:
            reading.warn(scalar.place, message("password-in-url"))
        return camera

    def _clip(self, path: str, scalar: tree.Scalar, reading: ReadContext) -> CameraUrl:
        if reading.files.required and not os.path.exists(path):
            reading.warn(scalar.place, message("no-such-clip"))
        return CameraUrl(path, None)


def host_of(url: str) -> str:
    """Return the host in a camera's URL (IPv6 in brackets), without a login; empty for a file or device."""
    match = _URL.fullmatch(url)
    if match is None or len(match["slashes"]) != 2:
        return ""
    address = _HOST.match(_split(match["rest"])[0].rpartition("@")[2])
    return (address and address["host"]) or ""


def _wrong_scheme(match: re.Match[str], valid: tuple[str, ...], what: str) -> InvalidValue:
    scheme = match["scheme"].lower()
    if scheme in valid:
        return InvalidValue(message("two-slashes", what=what, scheme=scheme))
    if len(match["slashes"]) < 2:  # "user:secret@host" and "host:554/x" look like a scheme too
        return InvalidValue(message("scheme-missing", what=what, scheme=valid[0]))
    near = did_you_mean(scheme, valid)
    return InvalidValue(message("scheme-unknown", scheme=scheme, what=what, near=near))


def _file(text: str, base: Path) -> str:
    if (text.startswith(("/", "./", "../")) or _CLIP.fullmatch(text)) and "\0" not in text:
        return str(base / text)
    raise InvalidValue(message("url-or-file"))


def _file_url(match: re.Match[str]) -> str:
    if not (match["slashes"] in ("/", "///") and match["rest"]):
        raise InvalidValue(message("file-url"))
    path = unquote(match["rest"])
    if "\0" in path:
        raise InvalidValue(message("file-url"))
    return f"/{path}"


def _device(match: re.Match[str]) -> str:
    path = f"/{match['rest']}"
    if match["slashes"] not in ("/", "///") or not re.fullmatch(r"/dev(/[\w-][\w.-]*)+", path):
        raise InvalidValue(message("v4l2"))
    return f"v4l2:{path}"


def _network(scheme: str, rest: str) -> CameraUrl:
    authority, tail = _split(rest)
    credentials, address = None, authority
    if "@" in authority:
        user, _, address = authority.rpartition("@")
        credentials = _credentials(user)
    if "@" in tail:
        raise InvalidValue(message("late-at", encode=_ENCODE))
    host, port = _host_and_port(address, _IF_LOGIN if credentials is None else message("after-the-at"))
    if re.search(r"[\s\x00-\x1f\x7f]", tail):
        raise InvalidValue(message("space-in-url"))
    return CameraUrl(f"{scheme}://{host}{'' if port is None else f':{port}'}{tail}", credentials)


def _split(rest: str) -> tuple[str, str]:
    """Split the text after ``//`` into the authority and the rest."""
    end = re.search(r"[/?#]", rest)
    return (rest[: end.start()], rest[end.start() :]) if end else (rest, "")


def _credentials(user: str) -> Credentials:
    name, _, password = user.partition(":")
    if "@" in user or ":" in password or re.search(r"%(?![0-9A-Fa-f]{2})", user):
        raise InvalidValue(message("user-unescaped", encode=_ENCODE))
    if re.search(r"[\s'\"<>\\]", user):  # illegal in a URL; ``secrets.masked`` relies on their absence
        raise InvalidValue(message("user-characters", encode=_ENCODE))
    try:
        plain = [unquote(part, errors="strict") for part in (name, password)]
    except UnicodeDecodeError:
        raise InvalidValue(message("user-not-utf-8", encode=_ENCODE)) from None
    if any(re.search(r"[\x00-\x1f\x7f]", part) for part in plain):
        raise InvalidValue(message("user-control-character"))
    if not plain[0]:
        raise InvalidValue(message("user-missing"))
    return Credentials(plain[0], Secret(plain[1]))


def _host_and_port(address: str, advice: str) -> tuple[str, int | None]:
    """Split an address into host and port. No message quotes it: without an @ it may be half a password."""
    match = _HOST.fullmatch(address)
    if match is None or (match["port"] is not None and not re.fullmatch(r"[0-9]{1,9}", match["port"])):
        raise InvalidValue(message("bad-host", advice=advice))
    if not match["host"]:
        raise InvalidValue(message("no-host"))
    if max(map(len, match["host"].split("."))) > MAX_LABEL or len(match["host"]) > MAX_HOST:
        raise InvalidValue(message("bad-host", advice=advice))
    port = int(match["port"]) if match["port"] is not None else None
    if port is not None and not 1 <= port <= 65535:
        raise InvalidValue(message("bad-port"))
    return match["host"], port


@dataclass(frozen=True, slots=True)
class Broker:
    """One broker address; several are tried in turn."""

    host: str
    port: int
    tls: bool


@dataclass(frozen=True)
class BrokerAddress(ScalarType):
    """mqtts://host[:port], or mqtt:// in a lab."""

    def describe(self) -> str:
        return message("broker-address")

    def parse(self, scalar: tree.Scalar, reading: ReadContext) -> Broker:
        return self.read_text(scalar.text)

    def read_text(self, text: str) -> Broker:
        """Parse an address. Raises InvalidValue."""
        match = _URL.fullmatch(text.strip())
        if match is None or len(match["slashes"]) != 2 or match["scheme"].lower() not in BROKER_PORTS:
            raise self._refused(match)
        if "@" in match["rest"]:
            raise InvalidValue(message("broker-no-user"))
        authority, tail = _split(match["rest"])
        if tail not in ("", "/"):
            raise InvalidValue(message("broker-no-path"))
        host, port = _host_and_port(authority, message("must-be", kind=self.describe()))
        scheme = match["scheme"].lower()
        return Broker(host.strip("[]"), port or BROKER_PORTS[scheme], scheme == "mqtts")

    def _refused(self, match: re.Match[str] | None) -> InvalidValue:
        schemes = tuple(BROKER_PORTS)
        if match is None or len(match["slashes"]) < 2:
            names = either_of(f"{scheme}://" for scheme in schemes)
            return InvalidValue(message("broker-scheme", what=self.describe(), schemes=names))
        known = _BROKER_ALIASES.get(match["scheme"].lower())
        if known:
            text = message("must-be", kind=self.describe())
            return InvalidValue(message("with-hint", text=text, hint=message("mean", name=known)))
        return _wrong_scheme(match, schemes, self.describe())


@dataclass(frozen=True, slots=True)
class ProbeTarget:
    """A host beyond the site; its reply shows that the network works."""

    host: str
    port: int


@dataclass(frozen=True)
class HostPort(ScalarType):
    """host:port."""

    def describe(self) -> str:
        return phrase("host:port")

    def parse(self, scalar: tree.Scalar, reading: ReadContext) -> ProbeTarget:
        host, port = _host_and_port(scalar.text.strip(), message("host-port"))
        if port is None:
            raise InvalidValue(message("port-missing"))
        return ProbeTarget(host.strip("[]"), port)
