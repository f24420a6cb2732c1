"""Field types of the centre's configuration only: addresses, the webhook's URL, days by kind of event."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Any
from urllib.parse import SplitResult, urlsplit

from edge_agent import wire
from edge_agent.config.fields import tree
from edge_agent.config.fields.collections import MapOf
from edge_agent.config.fields.field_types import text_of
from edge_agent.config.fields.schema_types import (
    InvalidValue,
    ReadContext,
    ScalarType,
    did_you_mean,
    quoted,
)

SQLITE = "sqlite"
_POSTGRESQL = re.compile(
    r"postgres(?:ql)?://(?:(?P<user>[^\s:/?#@]+)@)?(?P<host>[^\s/?#@]*)/(?P<name>[A-Za-z0-9_-]+)(?P<rest>\?[^\s#]*)?"
)


@dataclass(frozen=True)
class DatabaseAddress(ScalarType):
    """``sqlite``, or postgresql://user@host/name."""

    def describe(self) -> str:
        return "sqlite, or postgresql://user@host/name"

    def parse(self, scalar: tree.Scalar, reading: ReadContext) -> str:
        text = text_of(scalar, self.describe()).strip()
        if text == SQLITE:
            return text
        if re.search(r"//[^/@]*:[^/@]*@|password=", text, re.IGNORECASE):
            raise InvalidValue(
                "a database address has no password in it; name a file in database_password_file"
            )
        match = _POSTGRESQL.fullmatch(text)
        if match is None:
            # The error does not quote the text: a mistyped address may contain a password.
            raise InvalidValue(f"must be {self.describe()}")
        user = f"{match['user']}@" if match["user"] else ""
        return f"postgresql+psycopg://{user}{match['host']}/{match['name']}{match['rest'] or ''}"


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Address of the console or of the metrics server; ``host`` is an IP address."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class AddressAndPort(ScalarType):
    """An address and a port of this machine."""

    def describe(self) -> str:
        return "address:port, such as 127.0.0.1:8443, 0.0.0.0:8443 or '[::]:8443'"

    def parse(self, scalar: tree.Scalar, reading: ReadContext) -> ListenAddress:
        text = text_of(scalar, self.describe())
        match = re.fullmatch(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<four>[0-9.]+)):(?P<port>\d{1,5})", text)
        if match is None or not 0 < int(match["port"]) < 65_536:
            raise InvalidValue(f"must be {self.describe()}, not {quoted(text)}")
        try:
            host = ipaddress.ip_address(match["six"] or match["four"])
        except ValueError:
            raise InvalidValue(f"must be {self.describe()}, not {quoted(text)}") from None
        return ListenAddress(str(host), int(match["port"]))


@dataclass(frozen=True)
class AddressOrNetwork(ScalarType):
    """The address of a machine, or of a network."""

    def describe(self) -> str:
        return "an address or network, such as 127.0.0.1 or 10.0.0.0/24"

    def parse(self, scalar: tree.Scalar, reading: ReadContext) -> IPv4Network | IPv6Network:
        text = text_of(scalar, self.describe())
        try:
            return ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise InvalidValue(f"must be {self.describe()}, not {quoted(text)}") from None


@dataclass(frozen=True)
class DaysByKind(MapOf):
    """Days by kind of event; unknown kinds are refused."""

    def describe(self) -> str:
        return "a mapping of days by kind of event"

    def read(self, node: tree.Node, reading: ReadContext) -> Any:
        if isinstance(node, tree.Mapping):
            for name, entry in node.entries.items():
                if name not in wire.DATA_OF_KIND:
                    near = did_you_mean(name, wire.DATA_OF_KIND)
                    reading.refuse(entry.key, f"no kind of event is called {quoted(name)}{near}")
        return super().read(node, reading)


IN_CLEAR = "alerts would cross the network in clear: write https://"


@dataclass(frozen=True)
class WebhookUrl(ScalarType):
    """An https URL, or http on this machine. Error texts never quote it: many URLs have a secret in the
    path."""

    any_http: bool = False  # the type accepts http to other machines; the section may refuse it

    def describe(self) -> str:
        return "https://host/path, or http:// with an address of this machine"

    def parse(self, scalar: tree.Scalar, reading: ReadContext) -> str:
        text = text_of(scalar, self.describe()).strip()
        url, host = _split_url(text, self.describe())
        if not host or not text.isascii() or any(c.isspace() or not c.isprintable() for c in text):
            raise InvalidValue(f"must be {self.describe()}")
        if "@" in url.netloc:
            raise InvalidValue("a webhook's URL has no user part; name a file in secret_file")
        if not self.any_http and crosses_in_clear(text):
            raise InvalidValue(IN_CLEAR)
        if url.scheme not in ("http", "https"):
            raise InvalidValue(f"must be {self.describe()}")
        return text


@dataclass(frozen=True)
class IssuerUrl(ScalarType):
    """The issuer of an OpenID Connect provider."""

    def describe(self) -> str:
        return "https://host/path, or http:// with an address of this machine; no query and no fragment"

    def parse(self, scalar: tree.Scalar, reading: ReadContext) -> str:
        text = text_of(scalar, self.describe()).strip()
        if not is_encrypted_or_here(text) or set("@?#\\") & set(text):
            raise InvalidValue(f"must be {self.describe()}")
        return text


@dataclass(frozen=True)
class RecorderUrl(ScalarType):
    """The address of the recorder's page for a channel, with ``{channel}`` in its path, query or fragment."""

    def describe(self) -> str:
        return "https://host/path with {channel} in it; {gateway} and {camera} may be in it too"

    def parse(self, scalar: tree.Scalar, reading: ReadContext) -> str:
        text = text_of(scalar, self.describe()).strip()
        url, host = _split_url(text, self.describe())
        rest = re.sub(r"\{(channel|gateway|camera)\}", "", text)
        is_url = url.scheme in ("http", "https") and host and text.isascii() and text.isprintable()
        if not is_url or "{channel}" not in text or set(rest) & set("{} ") or "{" in url.netloc:
            raise InvalidValue(f"must be {self.describe()}, not {quoted(text)}")
        if "@" in url.netloc:
            raise InvalidValue("the address of a recorder has no user part: every page shows it")
        return text


def is_encrypted_or_here(text: str) -> bool:
    """Return whether ``text`` is an https URL, or an http URL of this machine, in printable ASCII."""
    try:
        url = urlsplit(text)
        host, _ = url.hostname, url.port
    except ValueError:
        return False
    is_url = bool(host) and text.isascii() and text.isprintable() and " " not in text
    return is_url and (url.scheme == "https" or (url.scheme == "http" and _is_here(host or "")))


def _split_url(text: str, kind: str) -> tuple[SplitResult, str | None]:
    """Return the parts of a URL, and its host. Raises InvalidValue."""
    try:
        url = urlsplit(text)
        host, _ = url.hostname, url.port
    except ValueError:
        raise InvalidValue(f"must be {kind}") from None
    return url, host


def crosses_in_clear(url: str) -> bool:
    """Return whether others on the network can read what the centre posts to this valid URL."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not _is_here(parts.hostname or "")


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
