"""Controls access to a page: it admits only the first browser with the right code, until the time is over.
Also finds the addresses at which the page is served and the networks that may reach them."""

from __future__ import annotations

import hmac
import ipaddress
import math
import secrets
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from edge_agent.core.clock import Clock
from edge_agent.host.system.addresses import Address, InterfaceAddress, Network

LIFE_S = 15 * 60.0
TRIES = 5
DIGITS = 6
"""``TRIES`` guesses at a million codes have a chance of 1 in 200,000."""


class AccessEnd(StrEnum):
    """Why access ended."""

    TIME = "time"
    GUESSED = "guessed"


class Gate(Protocol):
    """Decides which browser may see the page."""

    @property
    def left_s(self) -> int: ...

    @property
    def ended(self) -> AccessEnd | None: ...

    @property
    def is_claimed(self) -> bool:
        """Return whether a browser has used the code, so that no other browser can."""

    def claim(self, code: str) -> str | None: ...

    def admits(self, ticket: str | None) -> bool: ...


class AccessGate:
    """Admits one browser, by one code. Any thread may call its methods."""

    def __init__(self, clock: Clock, life_s: float = LIFE_S) -> None:
        self._clock = clock
        self._until_mono = clock.monotonic() + life_s
        self.code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
        self._ticket = secrets.token_urlsafe(32)
        # Protects the two fields below: of two simultaneous right codes, only one may be accepted.
        self._lock = threading.Lock()
        self._taken = False
        self._wrong = 0

    @property
    def left_s(self) -> int:
        return max(0, math.ceil(self._until_mono - self._clock.monotonic()))

    @property
    def ended(self) -> AccessEnd | None:
        if self._wrong >= TRIES:
            return AccessEnd.GUESSED
        return AccessEnd.TIME if self.left_s == 0 else None

    @property
    def is_claimed(self) -> bool:
        return self._taken

    def claim(self, code: str) -> str | None:
        """Return the ticket for the first right code, and None for every other attempt. Wrong codes are
        counted; after ``TRIES`` of them access ends."""
        with self._lock:
            if self.ended or self._taken:
                return None
            if not hmac.compare_digest(code.strip().encode(), self.code.encode()):
                self._wrong += 1
                return None
            self._taken = True
            return self._ticket

    def admits(self, ticket: str | None) -> bool:
        if ticket is None or self.ended or not self._taken:
            return False
        return hmac.compare_digest(ticket.encode(), self._ticket.encode())


LOCAL: tuple[Network, ...] = tuple(
    ipaddress.ip_network(each)
    for each in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7")
)
"""Local networks by RFC 1122, 1918, 3927 and 4193. Left out are 100.64.0.0/10, because it is a carrier's
network behind its NAT, and fe80::/10, because browsers do not accept its addresses."""
WAN_INTERFACES = ("wwan", "ppp", "tun", "tap", "wg", "rmnet")
"""Interfaces to networks of strangers, even at a private address: carriers assign 10.x too."""


@dataclass(frozen=True, slots=True)
class PageAddress:
    """One address to listen at."""

    address: Address
    network: Network  # clients in it are admitted

    @property
    def host(self) -> str:
        """Return the address as it is written in a URL."""
        return f"[{self.address}]" if self.address.version == 6 else str(self.address)

    def admits(self, source: str) -> bool:
        """Return whether ``source`` is in ``network``; a client behind a router is not."""
        asker = ipaddress.ip_address(source.partition("%")[0])
        if isinstance(asker, ipaddress.IPv6Address) and asker.ipv4_mapped is not None:
            asker = asker.ipv4_mapped
        return asker.version == self.network.version and asker in self.network


def page_addresses(found: Iterable[InterfaceAddress]) -> Sequence[PageAddress]:
    """Return the addresses to listen at. The last is loopback, for a port that ssh forwards."""
    near = [
        each for each in found if not each.point_to_point and not each.interface.startswith(WAN_INTERFACES)
    ]
    local = [
        PageAddress(each.address, each.network)
        for each in near
        if any(each.address.version == net.version and each.address in net for net in LOCAL)
    ]
    return sorted(local, key=lambda place: (place.address.is_loopback, place.address.version))
