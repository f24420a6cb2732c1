"""Checks across sites: duplicates, and names that do not resolve."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from fleet.hosts import is_address, is_private, url_host, url_key
from fleet.problems import Problems
from fleet.sites import Site

Resolve = Callable[[str], bool]


def check(sites: Sequence[Site], problems: Problems) -> None:
    _ssh_addresses(sites, problems)
    _cameras(sites, problems)
    _channels(sites, problems)
    _lookalikes(sites, problems)


def _channels(sites: Sequence[Site], problems: Problems) -> None:
    """Report a recorder channel that appears twice in a ward: technicians would go to the wrong site. Two
    wards may have a recorder each."""
    first: dict[tuple[str, str], str] = {}
    for site in sites:
        for camera in site.cameras:
            here = f"{site.id}, {camera.id}"
            other = first.setdefault((site.ward, camera.channel.casefold()), here) if camera.channel else here
            if other != here:
                text = f"{here}: recorder channel {camera.channel} is that of {other}"
                problems.warn(camera.line, text, "right if the ward has two recorders: write 1-07 and 2-07")


def _ssh_addresses(sites: Sequence[Site], problems: Problems) -> None:
    first: dict[tuple[str, int], Site] = {}
    for site in sites:
        if not site.ssh_host:
            continue
        other = first.setdefault((site.ssh_host, site.ssh_port), site)
        if other is not site:
            text = f"{site.id}: ssh address {site.ssh_host}:{site.ssh_port} is that of {other.id}"
            problems.error(site.line, f"{text} (line {other.line})", "two gateways cannot share it")


def _cameras(sites: Sequence[Site], problems: Problems) -> None:
    """Report a stream that appears twice on a site; on two sites only for addresses that are unique in the
    city."""
    first: dict[tuple[str, str], tuple[Site, str, int]] = {}
    for site in sites:
        for camera in site.cameras:
            if not camera.url:
                continue
            scope = site.id if is_private(url_host(camera.url)) else ""
            known = first.setdefault((scope, url_key(camera.url)), (site, camera.id, camera.line))
            if known != (site, camera.id, camera.line):
                text = f"{site.id}, {camera.id}: the address of {known[0].id}, {known[1]} (line {known[2]})"
                problems.error(camera.line, text, "give each camera its own, or remove one row")


def _lookalikes(sites: Sequence[Site], problems: Problems) -> None:
    places: dict[object, Site] = {}
    names: dict[object, Site] = {}
    for site in sites:
        same = {}
        if site.latitude:
            same["coordinates"] = places.setdefault((site.latitude, site.longitude), site)
        if site.name:
            same["name"] = names.setdefault((site.ward, site.name.casefold()), site)
        for what, other in same.items():
            if other is not site:
                text = f"{site.id} has the same {what} as {other.id} (line {other.line})"
                problems.warn(site.line, text, "right if there are two gateways, otherwise a copied row")


def check_names(sites: Iterable[Site], problems: Problems, resolve: Resolve | None = None) -> None:
    """Report each host name of a gateway or a camera that this machine cannot resolve."""
    uses_by_name: dict[str, list[tuple[int, str]]] = {}
    for site in sites:
        if site.ssh_host and not is_address(site.ssh_host):
            uses_by_name.setdefault(site.ssh_host, []).append((site.line, site.id))
        for camera in site.cameras:
            host = url_host(camera.url)
            if host and not is_address(host):
                uses_by_name.setdefault(host, []).append((camera.line, f"{site.id}, {camera.id}"))
    with ThreadPoolExecutor(32) as pool:
        for (name, uses), found in zip(
            uses_by_name.items(), pool.map(resolve or resolves, uses_by_name), strict=True
        ):
            for line, where in uses if not found else ():
                remedy = "correct the name or the DNS server, or write the address"
                problems.error(line, f"{where}: '{name}' does not resolve here", remedy)


def resolves(name: str) -> bool:
    try:
        socket.getaddrinfo(name, None)
    except OSError:
        return False
    return True
