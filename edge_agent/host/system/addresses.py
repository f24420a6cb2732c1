"""The gateway's own addresses, by network interface."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass

import psutil

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class InterfaceAddress:
    """One address, with its directly connected network."""

    interface: str
    address: Address
    network: Network
    point_to_point: bool  # a modem or a tunnel: the other end is not on the local network


def own_addresses() -> list[InterfaceAddress]:
    """Return the addresses of all interfaces that are up."""
    states = psutil.net_if_stats()
    found = []
    for name, entries in psutil.net_if_addrs().items():
        state = states.get(name)
        if state is None or not state.isup:
            continue
        far = "pointopoint" in state.flags.split(",")
        for entry in entries:
            if entry.family in (socket.AF_INET, socket.AF_INET6) and entry.netmask:
                address = ipaddress.ip_address(entry.address.partition("%")[0])
                network = ipaddress.ip_network((address, _prefix(entry.netmask)), strict=False)
                found.append(InterfaceAddress(name, address, network, far))
    return found


def _prefix(netmask: str) -> int:
    """Return the prefix length of 255.255.255.0 or ffff::."""
    return int(ipaddress.ip_address(netmask)).bit_count()
