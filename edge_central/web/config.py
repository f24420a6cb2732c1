"""``console:`` of the centre's configuration."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from zoneinfo import ZoneInfo

from edge_agent.config.fields import tree
from edge_agent.config.fields.collections import ListOf
from edge_agent.config.fields.field_types import Number, ReadableFile, text_of
from edge_agent.config.fields.schema_types import (
    Field,
    InvalidValue,
    ReadContext,
    ScalarType,
    Section,
    SectionValues,
    quoted,
)
from edge_agent.config.fields.times import TimeZone
from edge_central.settings import Console, ListenAddress, Tls

DEFAULT_LISTEN = ListenAddress("127.0.0.1", 8443)
DEFAULT_TIMEZONE = "Asia/Ho_Chi_Minh"


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
    """An address, or a network of them."""

    def describe(self) -> str:
        return "an address or network, such as 127.0.0.1 or 10.0.0.0/24"

    def parse(self, scalar: tree.Scalar, reading: ReadContext) -> IPv4Network | IPv6Network:
        text = text_of(scalar, self.describe())
        try:
            return ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise InvalidValue(f"must be {self.describe()}, not {quoted(text)}") from None


def _check(values: SectionValues) -> None:
    values.require_both("cert_file", "key_file")
    listen: ListenAddress | None = values.valid("listen")
    if listen is None or values.given("cert_file") or values.given("proxies"):
        return
    if not ipaddress.ip_address(listen.host).is_loopback:
        values.reading.refuse(
            values.place("listen"),
            f"passwords would cross the network in clear at {listen}: give cert_file and key_file, or "
            "proxies that speak TLS, or listen at 127.0.0.1",
        )


def _build(values: SectionValues) -> Console:
    cert_file, key_file = values["cert_file"], values["key_file"]
    return Console(
        listen=values["listen"],
        tls=None if cert_file is None else Tls(cert_file, key_file),
        proxies=values["proxies"],
        idle_s=values["idle_min"] * 60,
        session_s=values["session_h"] * 3600,
        timezone=values["timezone"],
        sites_file=values["sites_file"],
        wards_file=values["wards_file"],
        access_days=values["access_days"],
    )


CONSOLE = Section(
    "console",
    "The web server: the console and the API. Without this section nothing listens.",
    (
        Field(
            "listen",
            AddressAndPort(),
            "where; other addresses than loopback need TLS, of its own or of a proxy",
            DEFAULT_LISTEN,
            f"`{DEFAULT_LISTEN}`",
        ),
        Field(
            "cert_file",
            ReadableFile("a certificate file"),
            "server certificate with its chain; a renewed one is taken within a minute",
            None,
            "none",
        ),
        Field("key_file", ReadableFile("a key file", private=True), "private key of cert_file", None, "none"),
        Field(
            "proxies",
            ListOf(AddressOrNetwork(), "addresses", most=16, unique=True),
            "reverse proxies that speak TLS: their X-Forwarded-For and X-Forwarded-Proto are believed, "
            "nobody else's",
            (),
        ),
        Field("idle_min", Number(5, 1440, "minutes"), "a session that nobody uses ends after this", 60.0),
        Field("session_h", Number(1, 720, "hours"), "every session ends after this: a shift", 12.0),
        Field(
            "timezone", TimeZone(), "in which times show", ZoneInfo(DEFAULT_TIMEZONE), f"`{DEFAULT_TIMEZONE}`"
        ),
        Field(
            "sites_file",
            ReadableFile("a CSV file"),
            "the sheet of the fleet, sites.csv: names of cameras, coordinates; read again when it changes",
            None,
            "none: what the gateways say of themselves",
        ),
        Field(
            "wards_file",
            ReadableFile("a CSV file"),
            "names of the wards, wards.csv; read again when it changes",
            None,
            "none: their ids",
        ),
        Field(
            "access_days",
            Number(1, 3660, "days"),
            "who opened which picture or clip is remembered for so long",
            365.0,
        ),
    ),
    _build,
    _check,
    {"port": "write listen: 127.0.0.1:8443", "tls": "write cert_file: and key_file:"},
)
