"""Addresses of cameras and brokers, taken apart without ever quoting a password.

Python's ``urlsplit`` is not used: it takes ``rtsp://user:pa#ss@host/`` for host ``user`` and port
``pa``, which would put half a password into an error message or, worse, into a payload.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from edge_agent.config import tree
from edge_agent.config.mainstream import main_stream_hint
from edge_agent.config.settings import Broker, Witness
from edge_agent.config.spec import Reading, Refused, ScalarKind
from edge_agent.config.words import did_you_mean, listed
from edge_agent.secrets import Credentials, Secret, masked

CAMERA_SCHEMES = ("rtsp", "rtsps", "http", "https", "file", "v4l2")
BROKER_PORTS = {"mqtt": 1883, "mqtts": 8883}
_BROKER_ALIASES = {"tcp": "mqtt", "ssl": "mqtts", "tls": "mqtts", "http": "mqtt", "https": "mqtts"}

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?P<slashes>/*)(?P<rest>.*)", re.DOTALL)
_HOST = re.compile(
    r"(?P<host>\[[0-9A-Fa-f:.]+(%[\w.-]+)?\]|[^\s\x00-\x1f\x7f:\[\]<>\"'|\\^`{}%]+)?(:(?P<port>[^:]*))?"
)
_CLIP = re.compile(r"[\w. /-]+\.(mp4|avi|mkv|mov|webm|ts|mjpe?g|h?26[45])", re.IGNORECASE)
_ENCODE = (
    "percent-encode it there (@ is %40, : is %3A, / is %2F, # is %23, ? is %3F, % is %25), "
    "or use username and password_file"
)
_IF_LOGIN = f"if what stands there is a user name and password, {_ENCODE}"


@dataclass(frozen=True)
class CameraUrl:
    url: str  # without user part
    credentials: Credentials | None


@dataclass(frozen=True)
class CameraAddress(ScalarKind):
    """rtsp(s)://, http(s)://, a file or v4l2:/dev/videoN."""

    main: bool = False  # a main stream is what is wanted

    def describe(self) -> str:
        return "rtsp(s)://, http(s)://, a file path or v4l2:/dev/videoN"

    def parse(self, scalar: tree.Scalar, reading: Reading) -> CameraUrl:
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
            raise Refused("this URL has no host")
        camera = _network(scheme, match["rest"])
        self._warn(camera.url, scalar.place, reading)
        return camera

    def _clip(self, path: str, scalar: tree.Scalar, reading: Reading) -> CameraUrl:
        if reading.files.required and not os.path.exists(path):
            reading.warn(scalar.place, "there is no such file; the camera stays offline until there is one")
        return CameraUrl(path, None)

    def _warn(self, url: str, place: tree.Place, reading: Reading) -> None:
        hint = None if self.main else main_stream_hint(url)
        if hint:
            reading.warn(place, f"this looks like the camera's main stream; {hint}")
        if masked(url) != url:
            text = "a password stands in the path or query of this URL; everyone who sees the file has it"
            reading.warn(place, text)


def host_of(url: str) -> str:
    """Of a camera's URL, with or without a login in it; IPv6 in its brackets. Empty for a file or device."""
    match = _URL.fullmatch(url)
    if match is None or len(match["slashes"]) != 2:
        return ""
    address = _HOST.match(_split(match["rest"])[0].rpartition("@")[2])
    return (address and address["host"]) or ""


def _wrong_scheme(match: re.Match[str], valid: tuple[str, ...], what: str) -> Refused:
    scheme = match["scheme"].lower()
    if scheme in valid:
        return Refused(f"must be {what}; after {scheme}: come two slashes")
    if len(match["slashes"]) < 2:  # "user:secret@host" and "host:554/x" look like a scheme too
        return Refused(f"must be {what}; a scheme such as {valid[0]}:// is missing")
    return Refused(f"unknown scheme '{scheme}', must be {what}{did_you_mean(scheme, valid)}")


def _file(text: str, base: Path) -> str:
    if (text.startswith(("/", "./", "../")) or _CLIP.fullmatch(text)) and "\0" not in text:
        return str(base / text)
    raise Refused(
        "must be a URL, or a file path that starts with / or ./; a scheme such as rtsp:// is missing"
    )


def _file_url(match: re.Match[str]) -> str:
    if not (match["slashes"] in ("/", "///") and match["rest"]):
        raise Refused("a file URL is file:///absolute/path")
    path = unquote(match["rest"])
    if "\0" in path:
        raise Refused("a file URL is file:///absolute/path")
    return f"/{path}"


def _device(match: re.Match[str]) -> str:
    path = f"/{match['rest']}"
    if match["slashes"] not in ("/", "///") or not re.fullmatch(r"/dev(/[\w-][\w.-]*)+", path):
        raise Refused(
            "a V4L2 camera is v4l2:/dev/video0, with the number that `v4l2-ctl --list-devices` shows"
        )
    return f"v4l2:{path}"


def _network(scheme: str, rest: str) -> CameraUrl:
    authority, tail = _split(rest)
    credentials, address = None, authority
    if "@" in authority:
        user, _, address = authority.rpartition("@")
        credentials = _credentials(user)
    if "@" in tail:
        raise Refused(
            "there is an @ after the first / ? or # of this URL; if it is part of the path, write %40; "
            f"if it ends a password with such a character, {_ENCODE}"
        )
    host, port = _host_and_port(address, _IF_LOGIN if credentials is None else "after the @ comes host:port")
    if re.search(r"[\s\x00-\x1f\x7f]", tail):
        raise Refused("there is a space or control character in this URL; write a space as %20")
    return CameraUrl(f"{scheme}://{host}{'' if port is None else f':{port}'}{tail}", credentials)


def _split(rest: str) -> tuple[str, str]:
    """Authority and what follows it."""
    end = re.search(r"[/?#]", rest)
    return (rest[: end.start()], rest[end.start() :]) if end else (rest, "")


def _credentials(user: str) -> Credentials:
    name, _, password = user.partition(":")
    if "@" in user or ":" in password or re.search(r"%(?![0-9A-Fa-f]{2})", user):
        raise Refused(f"the user part has an unescaped @, : or %; if the password contains one, {_ENCODE}")
    if re.search(r"[\s'\"<>\\]", user):  # not legal in a URL, and secrets.masked relies on it
        raise Refused(f"the user part has a space, quote, < or > in it; {_ENCODE}")
    try:
        plain = [unquote(part, errors="strict") for part in (name, password)]
    except UnicodeDecodeError:
        raise Refused(f"the user part is not UTF-8 after percent-decoding; {_ENCODE}") from None
    if any(re.search(r"[\x00-\x1f\x7f]", part) for part in plain):
        raise Refused("the user part holds a control character")
    if not plain[0]:
        raise Refused("the user part has no user name before the colon")
    return Credentials(plain[0], Secret(plain[1]))


def _host_and_port(address: str, advice: str) -> tuple[str, int | None]:
    """Never quotes the address: without an @ it may be the first half of a password."""
    match = _HOST.fullmatch(address)
    if match is None or (match["port"] is not None and not re.fullmatch(r"[0-9]{1,9}", match["port"])):
        raise Refused(f"this URL has no valid host and port; {advice}")
    if not match["host"]:
        raise Refused("this URL has no host")
    port = int(match["port"]) if match["port"] is not None else None
    if port is not None and not 1 <= port <= 65535:
        raise Refused("the port of this URL is outside 1 to 65535")
    return match["host"], port


@dataclass(frozen=True)
class BrokerAddress(ScalarKind):
    """mqtts://host[:port], or mqtt:// in a lab."""

    def describe(self) -> str:
        return "mqtts://host:port, or mqtt://host:port in a lab"

    def parse(self, scalar: tree.Scalar, reading: Reading) -> Broker:
        return self.read_text(scalar.text)

    def read_text(self, text: str) -> Broker:
        """Raises Refused."""
        match = _URL.fullmatch(text.strip())
        if match is None or len(match["slashes"]) != 2 or match["scheme"].lower() not in BROKER_PORTS:
            raise self._refused(match)
        if "@" in match["rest"]:
            raise Refused("a broker address has no user part; use username and password_file beside it")
        authority, tail = _split(match["rest"])
        if tail not in ("", "/"):
            raise Refused("a broker address ends after the port; the topic root is mqtt.root")
        host, port = _host_and_port(authority, f"must be {self.describe()}")
        scheme = match["scheme"].lower()
        return Broker(host.strip("[]"), port or BROKER_PORTS[scheme], scheme == "mqtts")

    def _refused(self, match: re.Match[str] | None) -> Refused:
        schemes = tuple(BROKER_PORTS)
        if match is None or len(match["slashes"]) < 2:
            return Refused(
                f"must be {self.describe()}; the scheme {listed(f'{s}://' for s in schemes)} is missing"
            )
        known = _BROKER_ALIASES.get(match["scheme"].lower())
        if known:
            return Refused(f"must be {self.describe()} (did you mean '{known}'?)")
        return _wrong_scheme(match, schemes, self.describe())


@dataclass(frozen=True)
class HostPort(ScalarKind):
    """host:port."""

    def describe(self) -> str:
        return "host:port"

    def parse(self, scalar: tree.Scalar, reading: Reading) -> Witness:
        host, port = _host_and_port(scalar.text.strip(), "must be host:port, without a scheme")
        if port is None:
            raise Refused("must be host:port; the port is missing")
        return Witness(host.strip("[]"), port)
