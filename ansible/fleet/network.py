"""Checks the sheet's columns about a site's network: SIM card, static addresses, time for the cameras.

A PIN and passwords are secrets: they are in the vault, never in the sheet.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from fleet.problems import Problems

NETWORK_COLUMNS = (
    *("apn", "modem", "interface", "address", "gateway", "dns"),
    *("camera_interface", "camera_address", "serve_time"),
)
"""All optional, in any row of the site."""
CAMERAS = "cameras"  # in ``serve_time``: exactly the addresses of the site's cameras
_APN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,98}[A-Za-z0-9])?")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}")
MAX_NAME_SERVERS = 3
MIN_PREFIX = 8
"""A network with a shorter prefix is a mistake: 0.0.0.0/0 would open the port of the time to everybody."""


@dataclass(frozen=True, slots=True)
class SiteNetwork:
    """The checked cells of one site; "" and () are empty cells."""

    apn: str = ""
    modem: str = ""  # name of the control port, such as cdc-wdm0
    interface: str = ""
    address: str = ""  # with its prefix; DHCP stays beside it
    gateway: str = ""
    dns: tuple[str, ...] = ()
    camera_interface: str = ""
    camera_address: str = ""  # the gateway's own in the cameras' network
    serve_time: tuple[str, ...] = ()  # networks whose cameras may ask for the time

    @property
    def time_interface(self) -> str:
        """The interface of the cameras' network, if the time is served to that network alone; other cameras
        are behind another one."""
        alone = self.camera_address and self.serve_time == (
            str(ipaddress.IPv4Interface(self.camera_address).network),
        )
        return self.camera_interface if alone else ""


NO_NETWORK = SiteNetwork()
"""DHCP, no SIM card, no time for cameras."""


@dataclass(frozen=True, slots=True)
class _Cells:
    """The cells of a site. ``value`` returns the text of a column, ``at`` its line in the sheet."""

    site: str
    value: Callable[[str], str]
    at: Callable[[str], int]
    problems: Problems

    def error(self, column: str, text: str, remedy: str) -> None:
        self.problems.error(self.at(column), f"{self.site}: {column} {text}", remedy)

    def matching(self, column: str, pattern: re.Pattern[str], what: str, such_as: str) -> str:
        text = self.value(column)
        if text and not pattern.fullmatch(text):
            self.error(column, f"'{text[:40]}' is not a valid {what}", f"such as {such_as}")
            return ""
        return text

    def address(self, column: str, such_as: str) -> ipaddress.IPv4Interface | None:
        """An address of a machine with its prefix."""
        text = self.value(column)
        if not text:
            return None
        try:
            found = ipaddress.IPv4Interface(text)
        except ValueError:
            self.error(column, f"'{text[:40]}' is not an IPv4 address", f"such as {such_as}")
            return None
        if "/" not in text:
            self.error(column, f"'{text}' has no network", f"write how long it is: {text}/24")
        elif not MIN_PREFIX <= found.network.prefixlen <= 30 or found.ip in (
            found.network[0],
            found.network[-1],
        ):
            self.error(column, f"'{text}' is not the address of a machine", f"such as {such_as}")
        else:
            return found
        return None


def site_network(
    site: str,
    value: Callable[[str], str],
    at: Callable[[str], int],
    camera_urls: Sequence[str],
    problems: Problems,
) -> SiteNetwork:
    cells = _Cells(site, value, at, problems)
    lan = cells.address("address", "10.0.0.9/24")
    cameras = cells.address("camera_address", "10.9.1.1/24")
    for column, own in (("address", lan), ("camera_address", cameras)):
        if own and str(own.ip) in {urlsplit(url).hostname for url in camera_urls if url}:
            cells.error(column, f"{own.ip} is the address of a camera of this site", "choose a free one")
    if value("modem") and not value("apn"):
        cells.error("modem", "without apn", "give the provider's access point too")
    if lan and cameras and lan.network.overlaps(cameras.network):
        cells.error(
            "camera_address", f"{cameras} is in the network of address {lan}", "one of them is enough"
        )
    if value("camera_interface") and not value("camera_address"):
        cells.error("camera_interface", "without camera_address", "give both, or neither")
    # Without a SIM card a wired port is the uplink, and root's program would take that one.
    if cameras and not (value("camera_interface") or value("apn")):
        remedy = "name the port of the cameras, such as eth1"
        cells.error("camera_address", "without camera_interface", remedy)
    return SiteNetwork(
        cells.matching("apn", _APN, "access point name", "v-internet or m3-world"),
        cells.matching("modem", _NAME, "control port of a modem", "cdc-wdm0 or ttyUSB2"),
        cells.matching("interface", _NAME, "interface", "eth0 or enp1s0"),
        str(lan) if lan else "",
        _gateway(cells, lan),
        _dns(cells),
        cells.matching("camera_interface", _NAME, "interface", "eth1 or enp2s0"),
        str(cameras) if cameras else "",
        _serve_time(cells, cameras, camera_urls),
    )


def _gateway(cells: _Cells, lan: ipaddress.IPv4Interface | None) -> str:
    text = cells.value("gateway")
    if not text or lan is None:
        if text and not cells.value("address"):
            cells.error("gateway", "without address", "a gateway with DHCP needs neither")
        return ""
    try:
        router = ipaddress.IPv4Address(text)
    except ValueError:
        cells.error(
            "gateway", f"'{text[:40]}' is not an IPv4 address", f"the router's, such as {lan.network[1]}"
        )
        return ""
    if router not in lan.network or router in (lan.ip, lan.network[0], lan.network[-1]):
        cells.error(
            "gateway", f"{router} is not another machine of {lan.network}", "the router's address there"
        )
        return ""
    return text


def _dns(cells: _Cells) -> tuple[str, ...]:
    servers = cells.value("dns").replace(",", " ").replace(";", " ").split()
    if servers and not cells.value("address"):
        cells.error("dns", "without address", "a gateway with DHCP gets its name servers from there")
    for each in servers:
        try:
            ipaddress.IPv4Address(each)
        except ValueError:
            cells.error(
                "dns", f"'{each[:40]}' is not an IPv4 address", "such as 10.0.0.1, or two with a space"
            )
            return ()
    if len(servers) > MAX_NAME_SERVERS:
        cells.error("dns", f"has {len(servers)} name servers", f"at most {MAX_NAME_SERVERS}")
    return tuple(servers)


def _serve_time(
    cells: _Cells, cameras: ipaddress.IPv4Interface | None, camera_urls: Sequence[str]
) -> tuple[str, ...]:
    """The networks that may ask for the time: by default the cameras' network that the gateway serves."""
    text = cells.value("serve_time").lower()
    if text == "no" or (not text and cameras is None):
        return ()
    if text in ("", "yes") and cameras is not None:
        return (str(cameras.network),)
    if text in ("yes", CAMERAS):
        return _camera_hosts(cells, camera_urls)
    try:
        network = ipaddress.IPv4Network(text)
    except ValueError:
        network = None
    if network is None or network.prefixlen < MIN_PREFIX:
        remedy = "'cameras', 'no', or a network such as 10.0.0.0/24"
        cells.error("serve_time", f"'{text[:40]}' is not a network of cameras", remedy)
        return ()
    return (str(network),)


def _camera_hosts(cells: _Cells, camera_urls: Sequence[str]) -> tuple[str, ...]:
    hosts = {urlsplit(url).hostname or "" for url in camera_urls if url}
    found = []
    for host in sorted(hosts):
        try:
            found.append(ipaddress.IPv4Network(host))
        except ValueError:
            cells.error("serve_time", f"cannot serve the camera '{host[:60]}'", "write the cameras' network")
            return ()
    if not found:
        cells.error("serve_time", "has no camera to serve", "write a network such as 10.0.0.0/24")
    return tuple(str(each) for each in sorted(found))


def network_vars(network: SiteNetwork) -> dict[str, Any]:
    """The variables of the roles base and time; what is empty is left out."""
    lan = {"address": network.address, "interface": network.interface, "gateway": network.gateway}
    lan = {name: text for name, text in lan.items() if text}
    cameras = {"address": network.camera_address, "interface": network.camera_interface}
    found: dict[str, Any] = {
        "edge_agent_sim": bool(network.apn),
        "base_modem_apn": network.apn,
        "base_modem_port": network.modem,
        "base_lan": lan | ({"dns": list(network.dns)} if network.dns else {}) if network.address else {},
        "base_camera_network": (
            {name: text for name, text in cameras.items() if text} if network.camera_address else {}
        ),
        "time_serve_cameras": list(network.serve_time),
        "base_ntp_interface": network.time_interface,
    }
    return {name: value for name, value in found.items() if value}
