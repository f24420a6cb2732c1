"""The settings of the gateway's network, checked, and the files made of them.

Part of ``edge_network.py``: nothing is read or written here."""

from __future__ import annotations

import ipaddress
import re
import uuid
from dataclasses import dataclass, field
from typing import Any

SIM, LAN = "edge-uplink", "edge-lan-"
NETWORKD, FORMER_NETWORKD = "05-edge-", "20-edge-"
"""networkd uses the first file in alphabetical order that matches an interface: netplan's begin with 10-."""
STATIC_METRIC, DHCP_METRIC, CAMERAS_METRIC = 600, 100, 2000
"""Of default routes. NetworkManager gives a modem 700: a static route is used before it, DHCP before both. A
router that a recorder names on the cameras' port is used last."""

TEXT = re.compile(r"[^\x00-\x1f\x7f]{0,128}")
APN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,98}[A-Za-z0-9])?")
PIN = re.compile(r"[0-9]{4,8}")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}")  # of an interface or a control port


class Refused(Exception):
    """The settings are not applied; the text is the reason. ``code``: names the page's own sentence for it,
    where it has one; ``names``: the interfaces in that sentence."""

    def __init__(self, text: str, code: str = "", names: str = "") -> None:
        super().__init__(text)
        self.code, self.names = code, names


@dataclass(frozen=True)
class SimCard:
    apn: str
    username: str = ""
    password: str = field(default="", repr=False)
    pin: str = field(default="", repr=False)
    modem: str = ""  # name of the control port; "": any modem


@dataclass(frozen=True)
class StaticAddress:
    interface: str  # "": the only wired one
    address: str
    gateway: str = ""
    dns: tuple[str, ...] = ()


def sim_card(found: Any) -> SimCard:
    """Check the settings of a SIM card. Raises Refused."""
    values = _texts(found, "sim", ("apn", "username", "password", "pin", "modem"))
    if not APN.fullmatch(values["apn"]):
        raise Refused(f"sim: apn {values['apn']!r} is not an access point name, such as v-internet")
    for name in ("username", "password"):
        if not TEXT.fullmatch(values[name]):
            raise Refused(f"sim: {name} is too long or has control characters")
    if values["pin"] and not PIN.fullmatch(values["pin"]):
        raise Refused("sim: a PIN has 4 to 8 digits")
    if values["modem"] and not NAME.fullmatch(values["modem"]):
        raise Refused(f"sim: modem {values['modem']!r} is not a control port, such as cdc-wdm0")
    return SimCard(**values)


def static_address(found: Any, key: str) -> StaticAddress:
    """Check a static address. Raises Refused. ``key``: lan or cameras."""
    dns = found.get("dns", []) if isinstance(found, dict) else []
    rest = (
        {name: value for name, value in found.items() if name != "dns"} if isinstance(found, dict) else found
    )
    values = _texts(rest, key, ("interface", "address", "gateway"))
    if not re.fullmatch(r"[0-9.]+/[0-9]+", values["address"]):
        raise Refused(f"{key}: write the address with its network, such as 10.0.0.9/24")
    try:
        address = ipaddress.IPv4Interface(values["address"])
        servers = tuple(str(ipaddress.IPv4Address(str(each))) for each in dns)  # a number is no address
        gateway = ipaddress.IPv4Address(values["gateway"]) if values["gateway"] else None
    except (ValueError, TypeError) as error:
        raise Refused(f"{key}: {error}") from None
    network = address.network
    used = (network.network_address, network.broadcast_address, address.ip)
    if not 8 <= network.prefixlen <= 30 or address.ip in used[:2]:
        raise Refused(f"{key}: {address} is not the address of a machine")
    if gateway is not None and (gateway not in network or gateway in used or key == "cameras"):
        raise Refused(
            f"{key}: the router must be another address of {network}; the cameras' network has none"
        )
    if len(servers) > 3 or (values["interface"] and not NAME.fullmatch(values["interface"])):
        raise Refused(f"{key}: at most 3 name servers, and an interface such as eth0")
    return StaticAddress(values["interface"], str(address), values["gateway"], servers)


def _texts(found: Any, key: str, names: tuple[str, ...]) -> dict[str, str]:
    if not isinstance(found, dict) or not set(found) <= set(names):
        raise Refused(f"{key}: it has the settings {', '.join(names)}")
    values = {name: found.get(name, "") for name in names}
    if not all(isinstance(value, str) for value in values.values()):
        raise Refused(f"{key}: each setting is a text")
    return values


def sim_profile(sim: SimCard) -> str:
    """The connection of the SIM card for NetworkManager. No limit of retries: no person is at the pole."""
    lines = ["[connection]", f"id={SIM}", f"uuid={_uuid(SIM)}", "type=gsm"]
    lines += [f"interface-name={sim.modem}"] if sim.modem else []
    lines += ["autoconnect=true", "autoconnect-retries=0", "", "[gsm]", f"apn={sim.apn}"]
    for name in ("username", "password", "pin"):
        if value := getattr(sim, name):
            lines.append(f"{name}={_keyfile_text(value)}")
    return "\n".join([*lines, "", "[ipv4]", "method=auto", "", "[ipv6]", "method=auto", "may-fail=true", ""])


def asks_dhcp(text: str) -> bool:
    """Whether the interface of this profile or network is a client of DHCP."""
    return not {"method=auto", "DHCP=yes"}.isdisjoint(text.splitlines())


def lan_profile(
    interface: str, lan: StaticAddress | None, cameras: StaticAddress | None, *, keeps_dhcp: bool
) -> str:
    """The static addresses of one interface for NetworkManager. ``keeps_dhcp``: also without ``lan``."""
    name = LAN + interface
    lines = ["[connection]", f"id={name}", f"uuid={_uuid(name)}", "type=ethernet"]
    lines += [f"interface-name={interface}", "autoconnect=true", "autoconnect-priority=50"]
    lines += ["autoconnect-retries=0", "", "[ipv4]"]
    # The timeout is "never": without a DHCP server the connection stays, with its static address.
    if lan or keeps_dhcp:
        lines += ["method=auto", "dhcp-timeout=2147483647"]
        lines += [] if lan else [f"route-metric={CAMERAS_METRIC}"]
    else:
        lines += ["method=manual", "never-default=true"]
    addresses = [each for each in (lan, cameras) if each is not None]
    lines += [f"address{number}={each.address}" for number, each in enumerate(addresses, 1)]
    if lan and lan.gateway:
        lines.append(f"route1=0.0.0.0/0,{lan.gateway},{STATIC_METRIC}")
    if lan and lan.dns:
        lines.append(f"dns={';'.join(lan.dns)};")
    # link-local is there at once, so that the connection counts as up while DHCP still asks.
    lines += ["dad-timeout=3000", "", "[ipv6]", "method=link-local", "may-fail=true"]
    return "\n".join([*lines, ""])


def lan_network(
    interface: str, lan: StaticAddress | None, cameras: StaticAddress | None, *, keeps_dhcp: bool
) -> str:
    """The static addresses of one interface for systemd-networkd. ``keeps_dhcp``: also without ``lan``."""
    dhcp = lan is not None or keeps_dhcp
    lines = ["[Match]", f"Name={interface}", "", "[Network]", f"DHCP={'yes' if dhcp else 'no'}"]
    lines += ["LinkLocalAddressing=yes", *(f"DNS={each}" for each in (lan.dns if lan else ()))]
    for each in (lan, cameras):
        if each is not None:
            # An address that another machine has is not used, instead of disturbing both.
            lines += ["", "[Address]", f"Address={each.address}", "DuplicateAddressDetection=ipv4"]
    if lan and lan.gateway:
        lines += ["", "[Route]", f"Gateway={lan.gateway}", f"Metric={STATIC_METRIC}"]
    if dhcp:
        lines += ["", "[DHCPv4]", f"RouteMetric={DHCP_METRIC if lan else CAMERAS_METRIC}"]
    return "\n".join([*lines, ""])


def _uuid(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"edge-agent {name}"))


def _keyfile_text(value: str) -> str:
    """As GLib's key files escape a value."""
    text = value.replace("\\", "\\\\")
    return "\\s" + text[1:] if text.startswith(" ") else text
