"""Controls access to the aiming page: only the first browser with the right code, until the time is over.
Also finds the addresses at which the page is served and the networks that may reach them, and opens the
port in the gateway's firewall while the page exists (docs/design/deployment.md, Aiming)."""

from __future__ import annotations

import hmac
import ipaddress
import json
import logging
import math
import os
import secrets
import subprocess
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from edge_agent.core.clock import Clock
from edge_agent.host.system.addresses import Address, InterfaceAddress, Network

log = logging.getLogger(__name__)

LIFE_S = 15 * 60.0
TRIES = 5
DIGITS = 6
"""Five guesses at a million codes: a chance of 1 in 200,000 while the page exists."""


class AccessEnd(StrEnum):
    """Why access ended."""

    TIME = "time"
    GUESSED = "guessed"


class AccessGate:
    """One code for one browser. Any thread may call it."""

    def __init__(self, clock: Clock, life_s: float = LIFE_S) -> None:
        self._clock = clock
        self._until_mono = clock.monotonic() + life_s
        self.code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
        self._ticket = secrets.token_urlsafe(32)
        # Protects the two fields below: of two simultaneous right codes, one is the first.
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
        """Return the ticket for the first right code, None for all other attempts; a wrong code is
        counted."""
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
"""RFC 1122, 1918, 3927 and 4193. Without 100.64.0.0/10, the carrier's side of its NAT, and without fe80::/10,
whose addresses browsers do not accept."""
WAN_INTERFACES = ("wwan", "ppp", "tun", "tap", "wg", "rmnet")
"""Interfaces to networks of strangers, although the address may be private: carriers assign 10.x too."""


@dataclass(frozen=True, slots=True)
class AimAddress:
    """One address to listen at."""

    address: Address
    network: Network  # clients in it are admitted

    @property
    def host(self) -> str:
        """The address as it is written in a URL."""
        return f"[{self.address}]" if self.address.version == 6 else str(self.address)

    def admits(self, source: str) -> bool:
        """Whether ``source`` is in the same network; a client behind a router is not."""
        asker = ipaddress.ip_address(source.partition("%")[0])
        if isinstance(asker, ipaddress.IPv6Address) and asker.ipv4_mapped is not None:
            asker = asker.ipv4_mapped
        return asker.version == self.network.version and asker in self.network


def aim_addresses(found: Iterable[InterfaceAddress]) -> Sequence[AimAddress]:
    """Addresses to listen at. Loopback is the last: for a port forwarded by ssh."""
    near = [
        each for each in found if not each.point_to_point and not each.interface.startswith(WAN_INTERFACES)
    ]
    local = [
        AimAddress(each.address, each.network)
        for each in near
        if any(each.address.version == net.version and each.address in net for net in LOCAL)
    ]
    return sorted(local, key=lambda place: (place.address.is_loopback, place.address.version))


# --- the firewall ---

FIREWALL_SET = "edge_agent_aim"
ANSWER_S = 10.0

# Runs as root and outlives any failure of the page: its input ends when the page's process ends.
_CLOSE_AT_EXIT = """trap '' INT TERM HUP; cat >/dev/null; exec "$0" delete element inet "$1" "$2" "{ $3 }" """


class FirewallOpening(Enum):
    OPENED = auto()
    NO_FIREWALL = auto()  # no nft on this machine
    NO_SET = auto()  # no firewall, or one without the set for aiming
    ALREADY = auto()  # another run opened the port and will close it
    REFUSED = auto()  # not root, or nft failed or did not answer


@contextmanager
def open_port(port: int, life_s: float, nft: str = "nft") -> Iterator[FirewallOpening]:
    """Open the port. The kernel closes it after ``life_s`` in any case; the end of the ``with`` block, or of
    this process, closes it at once. Root is needed only at the start."""
    table, opening = _firewall_table(nft)
    if table is not None:
        element = f"{{ {port} timeout {round(life_s)}s }}"
        opening = _create_element(nft, table, element)
    if table is None or opening is not FirewallOpening.OPENED:
        yield opening
        return
    watch = subprocess.Popen(
        ["sh", "-c", _CLOSE_AT_EXIT, nft, table, FIREWALL_SET, str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield opening
    finally:
        assert watch.stdin is not None
        watch.stdin.close()
        try:
            watch.wait(ANSWER_S)
        except subprocess.TimeoutExpired:
            log.warning("nft has not closed port %d in %g s; the kernel closes it in time", port, ANSWER_S)


def _firewall_table(nft: str) -> tuple[str | None, FirewallOpening]:
    """Find the table that has the set."""
    try:
        done = _run_nft(nft, "-j", "list", "sets", "inet")
    except OSError:
        return None, FirewallOpening.NO_FIREWALL
    if done is None or done.returncode != 0:
        return None, FirewallOpening.REFUSED
    sets = (each["set"] for each in json.loads(done.stdout)["nftables"] if "set" in each)
    table = next((each["table"] for each in sets if each["name"] == FIREWALL_SET), None)
    return table, FirewallOpening.NO_SET


def _create_element(nft: str, table: str, element: str) -> FirewallOpening:
    # "add" would succeed for a port that another run opened, and closing it would stop that run.
    done = _run_nft(nft, "create", "element", "inet", table, FIREWALL_SET, element)
    if done is None:
        return FirewallOpening.REFUSED
    if done.returncode == 0:
        return FirewallOpening.OPENED
    return FirewallOpening.ALREADY if b"File exists" in done.stderr else FirewallOpening.REFUSED


def _run_nft(*command: str) -> subprocess.CompletedProcess[bytes] | None:
    """Run nft. None: no answer in time, which is logged. Raises OSError when the program is missing."""
    in_english = {**os.environ, "LC_ALL": "C"}
    try:
        return subprocess.run(command, capture_output=True, timeout=ANSWER_S, check=False, env=in_english)
    except subprocess.TimeoutExpired:
        log.warning("%s: no answer in %g s; the firewall stays as it is", " ".join(command), ANSWER_S)
        return None
