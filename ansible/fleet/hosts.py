"""Addresses of gateways and cameras. Messages never quote a text that could be a password."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from fleet.problems import Problems

SCHEMES = ("rtsp", "rtsps", "http", "https")
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*\.?")
PASSWORD_PARAMETER = re.compile(r"(?i)(pass(word|wd|phrase)?|pas|psw|pwd)=")
"""A password in a URL, by the names that cameras use: ``loginpas`` and ``userpwd`` too."""
_PRIVATE = [
    ipaddress.ip_network(n) for n in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16")
]


def is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_private(host: str) -> bool:
    """Whether the address is private (RFC 1918, link-local): several sites may use it."""
    if not is_address(host):
        return False
    address = ipaddress.ip_address(host)
    return address.is_link_local or any(address in network for network in _PRIVATE if address.version == 4)


def host_is_possible(host: str) -> bool:
    if is_address(host):
        return True
    return bool(_NAME.fullmatch(host)) and not re.fullmatch(r"[0-9.]+", host)


def ssh_host(text: str, site: str, line: int, problems: Problems) -> str:
    if not text:
        return ""
    if host_is_possible(text):
        return text.lower().rstrip(".")
    if "@" in text:
        problems.error(line, f"{site}: ssh_host has a user in it", "the host alone; the user is a variable")
    else:
        problems.error(
            line, f"{site}: '{text}' is not a host name or an address", "such as 10.20.0.7 or dt-001.lan"
        )
    return ""


def camera_url(text: str, what: str, line: int, problems: Problems) -> str:
    """Return the URL, or an empty text if it is invalid or contains a login."""
    if not text:
        problems.error(line, f"{what}: no camera_url", "such as rtsp://10.20.0.11:554/sub")
    elif "@" in text or PASSWORD_PARAMETER.search(text):
        remedy = (
            "user in camera_user, password in the vault; an @ of the path is %40; "
            "change a password that was written here"
        )
        problems.error(line, f"{what}: camera_url has a login in it", remedy)
    elif re.search(r"\s", text) or _parts(text) is None:
        remedy = f"{', '.join(SCHEMES)} and a host, such as rtsp://10.20.0.11:554/sub"
        problems.error(line, f"{what}: camera_url '{text}' cannot be used", remedy)
    else:
        return text
    return ""


def url_host(url: str) -> str:
    parts = _parts(url)
    return parts[0] if parts else ""


def url_key(url: str) -> str:
    """A key that is equal for two spellings of the same stream."""
    parts = _parts(url)
    if parts is None:
        return url
    host, port, rest = parts
    return f"{host.lower()}:{port}{rest}"


def _parts(url: str) -> tuple[str, int, str] | None:
    """Host, port, and the rest; None for a URL that no camera could have."""
    try:
        split = urlsplit(url)
        host, port = split.hostname or "", split.port
    except ValueError:
        return None
    if split.scheme not in SCHEMES or not host_is_possible(host) or port == 0:
        return None
    default = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}[split.scheme]
    query = f"?{split.query}" if split.query else ""
    return host, port or default, f"{split.path}{query}"
