"""Finds devices by multicast, or by connections to each address of a subnet, without logins.

The library `onveef` implements WS-Discovery. SADP of Hikvision has no maintained library or public document;
its format is known from the vendor's own tool. The search sends only SADP's query, none of its commands.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import struct
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from onveef import parsers, wsdiscovery

from edge_agent.host.system import addresses
from edge_agent.onvif.web import clean
from edge_agent.tools.cameras.messages import Fact, fact, setup_error

LISTEN_S = 3.0
MAX_DEVICES = 256
"""More devices than a site has. A device that answers under thousands of names must not fill the memory."""

SITE_NETWORKS = tuple(
    map(ipaddress.IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"))
)
"""RFC 1918, and link-local addresses, which cameras use without DHCP. No other network is probed."""

_LOOPBACK = ipaddress.IPv4Network("127.0.0.0/8")
SMALLEST_PREFIX = 22
CONNECTS_AT_ONCE = 200
CONNECTS_PER_S = 200.0
CONNECT_TIMEOUT_S = 1.0

SADP_GROUP, SADP_PORT = "239.255.255.250", 37020
_SADP_QUESTION = '<?xml version="1.0" encoding="utf-8"?><Probe><Uuid>{}</Uuid><Types>inquiry</Types></Probe>'


@dataclass(frozen=True, slots=True)
class OnvifDevice:
    """The answer of a device to a WS-Discovery probe; its texts are single printable lines."""

    host: str
    device_url: str
    name: str
    hardware: str


@dataclass(frozen=True, slots=True)
class SadpDevice:
    host: str
    model: str
    activated: bool | None
    http_port: int


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of cameras; tests use others."""

    http: int = 80
    rtsp: int = 554
    discovery: int = wsdiscovery.WS_DISCOVERY_PORT
    sadp: int = SADP_PORT


def own_addresses() -> list[str]:
    """Return the IPv4 addresses of this gateway's interfaces, without loopback."""
    found = [each.address for each in addresses.own_addresses()]
    return [str(address) for address in found if address.version == 4 and not address.is_loopback]


def parse_subnet(text: str) -> ipaddress.IPv4Network:
    """Parse the network of a site: private, at most a /22. Raises ``CameraSetupError``."""
    try:
        network = ipaddress.IPv4Network(text, strict=False)
    except ValueError:
        raise setup_error("no-subnet", text=clean(text)) from None
    if network.prefixlen < SMALLEST_PREFIX:
        raise setup_error("subnet-large", network=str(network), prefix=SMALLEST_PREFIX)
    if not any(network.subnet_of(site) for site in (*SITE_NETWORKS, _LOOPBACK)):
        raise setup_error("subnet-public", network=str(network))
    return network


def usable_host(text: str, loopback: bool) -> str | None:
    """Return ``text`` if it is an IPv4 address in one of ``SITE_NETWORKS``, else None.

    A host name gives None, because it would need a DNS query. ``loopback``, for tests, allows 127.0.0.0/8;
    otherwise a device could make the search query services of this gateway.
    """
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        return None
    near = any(address in network for network in SITE_NETWORKS) or (address.is_loopback and loopback)
    return str(address) if near else None


def _on_loopback(addresses: Iterable[str]) -> bool:
    return any(ipaddress.IPv4Address(address).is_loopback for address in addresses)


# --- multicast ---


def search_onvif(addresses: Sequence[str], listen_s: float = LISTEN_S) -> list[OnvifDevice]:
    """Probe on all interfaces at once; blocks for ``listen_s``."""

    def ask(address: str) -> list[wsdiscovery.DiscoveredDevice]:
        return wsdiscovery.discover(timeout_s=listen_s, interface_ip=address, types="")

    if not addresses:
        return []
    with ThreadPoolExecutor(len(addresses)) as threads:
        answers = [device for found in threads.map(ask, addresses) for device in found]
    return _onvif_devices(answers, _on_loopback(addresses))


def ask_onvif(host: str, port: int, listen_s: float = 1.0) -> OnvifDevice | None:
    """Send the WS-Discovery probe to one address; return None if no device answers from there."""
    found = wsdiscovery.probe_device(host, timeout_s=listen_s, types="", port=port)
    return next(
        (device for device in _onvif_devices(found, _on_loopback([host])) if device.host == host), None
    )


def _onvif_devices(answers: Iterable[wsdiscovery.DiscoveredDevice], loopback: bool) -> list[OnvifDevice]:
    found: dict[str, OnvifDevice] = {}
    for answer in answers:
        for url in answer.xaddrs[:8]:
            host = _host_of(url, loopback)
            if host is None or host in found or len(found) >= MAX_DEVICES:
                continue
            name, hardware = scope_value(answer.scopes, "name"), scope_value(answer.scopes, "hardware")
            found[host] = OnvifDevice(host, url, name, hardware)
    return list(found.values())


def scope_value(scopes: list[str], name: str) -> str:
    """Return VALUE of ``onvif://www.onvif.org/NAME/VALUE``, decoded and printable; empty if none."""
    start = f"onvif://www.onvif.org/{name}/"
    for scope in scopes:
        if scope.lower().startswith(start):
            return clean(unquote(scope[len(start) :], errors="replace"))
    return ""


def _host_of(url: str, loopback: bool) -> str | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return usable_host(parts.hostname or "", loopback) if parts.scheme in ("http", "https") else None


def search_sadp(
    addresses: Sequence[str], port: int = SADP_PORT, listen_s: float = LISTEN_S
) -> list[SadpDevice]:
    """Find Hikvision cameras, also those without a password; blocks for ``listen_s``."""
    question = _SADP_QUESTION.format(str(uuid.uuid4()).upper()).encode()
    found: dict[str, SadpDevice] = {}
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        own.bind(("", port))  # cameras answer to the group, not to the sender
        for address in addresses:
            with contextlib.suppress(OSError):
                member = struct.pack("4s4s", socket.inet_aton(SADP_GROUP), socket.inet_aton(address))
                own.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
                own.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
                own.sendto(question, (SADP_GROUP, port))
        ends_mono = time.monotonic() + listen_s
        while (left_s := ends_mono - time.monotonic()) > 0:
            own.settimeout(left_s)
            try:
                data, (sender, _) = own.recvfrom(65535)
            except OSError:
                continue
            device = parse_sadp(data, sender, _on_loopback(addresses))
            if device is not None and len(found) < MAX_DEVICES:
                found[device.host] = device
    return list(found.values())


def parse_sadp(data: bytes, sender: str, loopback: bool = False) -> SadpDevice | None:
    """Parse a ProbeMatch. Return None for any other message, such as the gateway's own query."""
    root = parsers.parse_xml(data)
    if root is None or not root.tag.endswith("ProbeMatch"):
        return None
    fields = {element.tag.rpartition("}")[2]: element.text or "" for element in root}
    host = usable_host(fields.get("IPv4Address", ""), loopback) or usable_host(sender, loopback)
    if host is None:
        return None
    activated = {"true": True, "false": False}.get(fields.get("Activated", "").strip().lower())
    port = fields.get("HttpPort", "")
    return SadpDevice(
        host,
        clean(fields.get("DeviceDescription", "")),
        activated,
        int(port) if port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536 else 80,
    )


# --- each address of a subnet ---


@dataclass(frozen=True, slots=True)
class OpenPorts:
    host: str
    http: bool  # False: only the RTSP port is open


def sweep(network: ipaddress.IPv4Network, ports: Ports, progress: Callable[[Fact], None]) -> list[OpenPorts]:
    """Find the hosts that accept a connection on the HTTP or the RTSP port, with at most ``CONNECTS_PER_S``
    and ``CONNECTS_AT_ONCE`` attempts."""
    hosts = [str(host) for host in network.hosts()] or [str(network.network_address)]
    own = set(own_addresses())
    asked = [(host, port) for host in hosts if host not in own for port in (ports.http, ports.rtsp)]
    seconds = len(asked) / CONNECTS_PER_S + 1
    progress(fact("asking-subnet", hosts=len(hosts), network=str(network), seconds=seconds))
    answered = asyncio.run(_connects(asked))
    return [
        OpenPorts(host, (host, ports.http) in answered)
        for host in hosts
        if (host, ports.http) in answered or (host, ports.rtsp) in answered
    ]


async def _connects(asked: list[tuple[str, int]]) -> set[tuple[str, int]]:
    room = asyncio.Semaphore(CONNECTS_AT_ONCE)
    answered: set[tuple[str, int]] = set()

    async def connect(host: str, port: int) -> None:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                _, writer = await asyncio.open_connection(host, port)
        except OSError:  # TimeoutError is a subclass
            return
        finally:
            room.release()
        answered.add((host, port))
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async with asyncio.TaskGroup() as tasks:
        for host, port in asked:
            await room.acquire()
            tasks.create_task(connect(host, port))
            await asyncio.sleep(1 / CONNECTS_PER_S)
    return answered
