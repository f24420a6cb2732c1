"""Where the page can be reached, and from where."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge_agent.host.system.addresses import Address, InterfaceAddress, Network

LOCAL: tuple[Network, ...] = tuple(
    ipaddress.ip_network(each)
    for each in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7")
)
"""RFC 1122, 1918, 3927 and 4193. Not 100.64.0.0/10, which is the carrier's side of his NAT, and not
fe80::/10, whose addresses a browser cannot take."""
WAN_INTERFACES = ("wwan", "ppp", "tun", "tap", "wg", "rmnet")
"""Interfaces behind which strangers are, however private the address looks: carriers hand out 10.x too."""


@dataclass(frozen=True, slots=True)
class AimAddress:
    """One address to listen at."""

    address: Address
    network: Network  # who may ask

    @property
    def host(self) -> str:
        """As in a URL."""
        return f"[{self.address}]" if self.address.version == 6 else str(self.address)

    def admits(self, source: str) -> bool:
        """Whether ``source`` is a neighbour; a router in between makes it a stranger."""
        asker = ipaddress.ip_address(source.partition("%")[0])
        if isinstance(asker, ipaddress.IPv6Address) and asker.ipv4_mapped is not None:
            asker = asker.ipv4_mapped
        return asker.version == self.network.version and asker in self.network


def aim_addresses(found: Iterable[InterfaceAddress]) -> Sequence[AimAddress]:
    """Loopback is one of them: for a port forwarded by ssh. Others first."""
    near = [
        each for each in found if not each.point_to_point and not each.interface.startswith(WAN_INTERFACES)
    ]
    local = [AimAddress(each.address, each.network) for each in near if _is_local(each)]
    return sorted(local, key=lambda place: (place.address.is_loopback, place.address.version))


def _is_local(each: InterfaceAddress) -> bool:
    return any(each.address.version == net.version and each.address in net for net in LOCAL)
