"""The identity that each camera reports: manufacturer, model, firmware, serial number and MAC; stored for
all programs.

``control/camera_identities.py`` reads it from the cameras. A camera that answers with another serial number
or MAC at the same address was replaced: that is a line in health for a week.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

from msgspec import Struct, structs

from edge_agent.core.problems import ProblemText, problem_text
from edge_agent.core.state_file import read_record
from edge_agent.host.health.degraded import since_text
from edge_agent.wire import CameraIdentity
from edge_agent.wire.base import Time
from edge_agent.wire.inventory import plain_mac

FILE = "camera-identities.json"
NEIGHBOURS = Path("proc/self/net/arp")  # below the root; /proc/net is hidden by systemd's ProcSubset=pid
REPORTED_FOR = timedelta(days=7)


class CameraSwap(Struct, frozen=True):
    """Another device answered at the address of a camera. ``what``: serial or mac."""

    at: Time
    what: str
    before: str
    after: str


class StoredIdentity(Struct, frozen=True):
    """A camera's identity: ``identity.mac`` from the camera, ``neighbour_mac`` from the gateway's network."""

    host: str
    identity: CameraIdentity
    read_at: Time
    neighbour_mac: str | None = None
    swap: CameraSwap | None = None

    @property
    def shown(self) -> CameraIdentity:
        """The identity. If the camera reports no MAC, it has the MAC from the network."""
        return structs.replace(self.identity, mac=self.identity.mac or self.neighbour_mac)


class StoredIdentities(Struct, frozen=True):
    """The content of the file: an entry for each camera id."""

    cameras: dict[str, StoredIdentity] = {}


def read_identities(state_dir: Path, hosts: Mapping[str, str]) -> dict[str, CameraIdentity]:
    """Return the stored identities of cameras still at the same address. ``hosts``: address by camera id."""
    record = read_record(state_dir / FILE, StoredIdentities) or StoredIdentities()
    return {
        camera: stored.shown
        for camera, stored in record.cameras.items()
        if hosts.get(camera, "").lower() == stored.host
    }


def updated(
    before: StoredIdentity | None, host: str, found: CameraIdentity | None, neighbour_mac: str | None, at: str
) -> StoredIdentity | None:
    """Return the new entry of a camera; None if nothing is known. ``found``: what the camera reports, or
    None: then the camera's earlier report stays, unless its MAC in the network has changed."""
    if before is not None and before.host != host:
        before = None  # the configuration has another address now
    if before is None:
        if found is None and neighbour_mac is None:
            return None
        return StoredIdentity(host, found or CameraIdentity(), at, neighbour_mac)
    new = StoredIdentity(
        host, found or before.identity, at, neighbour_mac or before.neighbour_mac, before.swap
    )
    swap = _swap(before, new, at)
    if swap is None:
        return new
    return StoredIdentity(host, found or CameraIdentity(), at, neighbour_mac, swap)


def _swap(before: StoredIdentity, after: StoredIdentity, at: str) -> CameraSwap | None:
    """Return the swap if a serial number or MAC has changed. Only MACs of the same source are compared:
    behind a router the neighbour table has the router's MAC."""
    values = (
        ("serial", before.identity.serial, after.identity.serial),
        ("mac", before.identity.mac, after.identity.mac),
        ("mac", before.neighbour_mac, after.neighbour_mac),
    )
    for what, old, new in values:
        if old and new and old != new:
            return CameraSwap(at, what, old, new)
    return None


def swap_lines(cameras: Mapping[str, StoredIdentity], now: datetime, zone: tzinfo) -> Iterator[ProblemText]:
    """Yield lines for the heartbeat's ``degraded``, for a week after a camera was replaced."""
    for camera, stored in cameras.items():
        swap = stored.swap
        if swap is None or now - (at := datetime.fromisoformat(swap.at)) > REPORTED_FOR:
            continue
        figures = {"camera": camera, "since": since_text(at, now, zone)}
        yield problem_text(f"camera-other-{swap.what}", before=swap.before, after=swap.after, **figures)


def find_neighbour_mac(host: str, sysroot: Path = Path("/")) -> str | None:
    """Return the MAC that the kernel knows for an IPv4 address of the same network; None if it knows none."""
    try:
        address = str(ipaddress.IPv4Address(host))
        table = (sysroot / NEIGHBOURS).read_text(encoding="ascii")
    except (OSError, ValueError):
        return None
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) >= 4 and fields[0] == address:
            return plain_mac(fields[3])
    return None
