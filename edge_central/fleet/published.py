"""Releases on the server from which gateways pull, and how far the chosen share of the gateways has come.

The centre only reads and shows the manifest that ``fleet publish`` wrote. It neither signs nor verifies
manifests.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from edge_agent.wire.base import END
from edge_central.console.fleet import SiteOverview
from edge_central.console.site_names import Names
from edge_central.fleet.progress import MemberProgress, member_progress
from edge_central.fleet.rollouts import BatchMember

log = logging.getLogger(__name__)

MAX_BYTES = 1_000_000
"""A manifest of 1,000 wheels has some 200 kB."""


class PublishedRelease(msgspec.Struct, frozen=True):
    """The fields of a manifest that are shown."""

    # The pattern that gateways accept: the page puts the version into a command to copy, and no code here
    # verifies the manifest's signature.
    version: Annotated[str, Meta(pattern=rf"^[0-9][A-Za-z0-9.+!-]{{0,63}}{END}")]
    serial: Annotated[int, Meta(ge=0, le=4_102_444_800)]  # seconds since 1970: when it was published
    percent: Annotated[int, Meta(ge=0, le=100)]  # share of the gateways that pull


@dataclass(frozen=True, slots=True)
class PublishedProgress:
    release: PublishedRelease
    share: tuple[MemberProgress, ...]  # the gateways that install it now
    later: int  # number of gateways that pull but are not in the share

    @property
    def running(self) -> int:
        return len(self.share) - len(self.unfinished)

    @property
    def unfinished(self) -> tuple[MemberProgress, ...]:
        return tuple(member for member in self.share if member.state != "runs")


def read_releases(manifests: Iterable[Path]) -> tuple[PublishedRelease, ...]:
    """Read the manifests. A manifest that cannot be read is logged and left out."""
    found = []
    for path in manifests:
        try:
            with path.open("rb") as file:
                found.append(msgspec.json.decode(file.read(MAX_BYTES), type=PublishedRelease))
        except (OSError, msgspec.DecodeError, UnicodeError, RecursionError) as error:
            log.warning("the manifest %s cannot be read, the console does not show it: %s", path, error)
    return tuple(found)


def place_of(version: str, gateway: str) -> int:
    """Return a gateway's place for a version, 0 to 99: the gateway installs the release if its place is below
    ``percent``.

    The same function is in ``edge_update/manifest.py``, which runs on the gateway.
    """
    digest = hashlib.sha256(f"{version}/{gateway}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % 100


def published_progress(
    release: PublishedRelease, sites: Iterable[SiteOverview], names: Names
) -> PublishedProgress:
    """Judge the gateways that pull: those without an ssh address in the sheet."""
    pulling = [site for site in sites if not names.site(site.id).has_ssh]
    share = [site for site in pulling if place_of(release.version, site.id) < release.percent]
    members = (member_progress(BatchMember(site.id, None, ""), release.version, site) for site in share)
    return PublishedProgress(release, tuple(members), len(pulling) - len(share))
