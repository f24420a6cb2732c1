"""The endpoint of a subscription: an address that a browser names, and to which the console then connects.

It must not lead into the city's own network. So the host must be on a list, and its addresses must be public,
unless the configuration says otherwise. The console connects to the address that was checked, so a second
look-up cannot change it.
"""

from __future__ import annotations

import errno
import http.client
import re
import socket
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from edge_central.alerts.json_post import TIMEOUT_S

MOST_CHARACTERS = 1_024
HTTPS_PORT = 443
ADDRESSES_TRIED = 3
GLOBAL_UNICAST = IPv6Network("2000::/3")
"""The network from which IANA assigns public addresses (RFC 4291, 2.4). Python also calls some old forms
outside this network global, such as ::10.0.0.1."""
_URL = re.compile(r"https://(?P<host>[a-z0-9.-]{1,253})(?::(?P<port>[0-9]{1,5}))?(?P<target>/[!\"$-~]*)")

Networks = Sequence[IPv4Network | IPv6Network]


class EndpointRefused(Exception):
    """A forbidden endpoint. ``key``: key of the user's sentence in edge_central/web/i18n/developers.py."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


@dataclass(frozen=True, slots=True)
class PushEndpoint:
    """A checked endpoint."""

    host: str
    port: int
    target: str  # path and query

    @property
    def service(self) -> str:
        """Return the host, followed by the port unless this is 443."""
        return self.host if self.port == HTTPS_PORT else f"{self.host}:{self.port}"


def checked_endpoint(url: str, services: Sequence[str]) -> PushEndpoint:
    """Parse the URL. Raises EndpointRefused unless it is an https URL of one of these services."""
    match = _URL.fullmatch(url) if len(url) <= MOST_CHARACTERS else None
    if match is None:
        raise EndpointRefused("push-endpoint-wrong")
    found = PushEndpoint(match["host"], int(match["port"] or HTTPS_PORT), match["target"])
    if not any(_is_of(found.service, each) for each in services):
        raise EndpointRefused("push-service-refused")
    return found


def _is_of(service: str, pattern: str) -> bool:
    return service.endswith(pattern[1:]) if pattern.startswith("*.") else service == pattern


def is_admitted(address: str, networks: Networks) -> bool:
    """Whether the console may connect to the address: it is public, or in one of the networks."""
    found = ip_address(address)
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if any(found in network for network in networks):
        return True
    return found.is_global and not found.is_multicast and not _may_lead_inside(found)


def _may_lead_inside(address: IPv4Address | IPv6Address) -> bool:
    """Whether the address belongs to a private network, or contains another address, which may be private."""
    if isinstance(address, IPv4Address):
        return False
    is_tunnel = address.sixtofour is not None or address.teredo is not None
    return is_tunnel or address not in GLOBAL_UNICAST


class CheckedConnection(http.client.HTTPSConnection):
    """Connects only to addresses that ``is_admitted`` admits. Use it once."""

    def __init__(self, endpoint: PushEndpoint, networks: Networks, tls: ssl.SSLContext) -> None:
        super().__init__(endpoint.host, endpoint.port, timeout=TIMEOUT_S, context=tls)
        self._networks, self._tls = networks, tls

    def connect(self) -> None:
        """Connect. Raises OSError, also if no address of the host is admitted."""
        error = OSError(errno.EACCES, "no address of this push service is public")
        for address in self._addresses():
            try:
                plain = socket.create_connection((address, self.port), TIMEOUT_S)
            except OSError as failed:
                error = failed
                continue
            self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)
            return
        raise error

    def _addresses(self) -> Iterator[str]:
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        admitted = (str(info[4][0]) for info in found)
        yield from [each for each in admitted if is_admitted(each, self._networks)][:ADDRESSES_TRIED]
