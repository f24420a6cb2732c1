"""Reads and verifies the bundle of all sites on the box, and finds the site for a label, a text or a
place."""

from __future__ import annotations

import math
import re
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge_agent.commands.signature import read_public
from edge_agent.commissioning.messages import CommissioningError
from edge_agent.core.errors import os_reason
from edge_agent.core.languages import Bilingual, in_lang
from edge_agent.wire import BundleSite, PhoneLocation, SiteBundle
from edge_agent.wire.claims import MAX_BUNDLE_BYTES, check_character

BUNDLE = "sites.json"
NEAREST = 5
EARTH_RADIUS_M = 6_371_000.0


def read_bundle(folder: Path, release_key: Path) -> SiteBundle:
    """Read ``sites.json``, which the fleet's key for releases has signed. Raises CommissioningError."""
    path = folder / BUNDLE
    try:
        if path.stat().st_size > MAX_BUNDLE_BYTES:
            raise CommissioningError("bundle-invalid", reason="too large")
        content = path.read_bytes()
        signature = path.with_name(f"{BUNDLE}.sig").read_bytes()
        Ed25519PublicKey.from_public_bytes(_read_release_key(release_key)).verify(signature, content)
        return msgspec.json.decode(content, type=SiteBundle)
    except FileNotFoundError as error:
        raise CommissioningError("bundle-missing", file=str(error.filename)) from error
    except InvalidSignature:
        raise CommissioningError("bundle-unsigned") from None
    except OSError as error:
        why = os_reason(error)
        reason = Bilingual(f"{error.filename}: {why}", f"{error.filename}: {in_lang(why, 'vi')}")
        raise CommissioningError("bundle-invalid", reason=reason) from error
    except (ValueError, RecursionError) as error:
        raise CommissioningError("bundle-invalid", reason=str(error)[:200]) from error


def _read_release_key(path: Path) -> bytes:
    try:
        return read_public(path.read_text(encoding="ascii", errors="replace"))
    except FileNotFoundError as error:
        raise CommissioningError("release-key-missing", file=str(path)) from error
    except (OSError, ValueError) as error:
        reason = os_reason(error) if isinstance(error, OSError) else str(error)
        raise CommissioningError("release-key-invalid", file=str(path), reason=reason) from error


def site_of_label(bundle: SiteBundle, text: str) -> BundleSite:
    """Return the site of a label. Raises CommissioningError."""
    id_ = id_of_label(text)
    for site in bundle.sites:
        if site.id == id_:
            return site
    raise CommissioningError("site-unknown", site=id_)


def id_of_label(text: str) -> str:
    """Return the site id on a label. It is given as the label's web address, or typed by hand with its check
    character.

    Raises CommissioningError."""
    word = text.strip().lower().rstrip("/").rpartition("/")[2]
    match = re.fullmatch(r"([a-z0-9-]{1,63})-([a-z0-9])", word)
    if match is None or match[2] != check_character(match[1]):
        raise CommissioningError("site-check", site=word[:70])
    return match[1]


def nearest_sites(bundle: SiteBundle, place: PhoneLocation) -> list[tuple[BundleSite, float]]:
    """Return the sites nearest to the phone with their distance in metres, the nearest first. Sites without a
    location in the sheet are left out."""
    found = [(site, distance_m(site, place)) for site in bundle.sites]
    near = [(site, distance) for site, distance in found if distance is not None]
    return sorted(near, key=lambda each: each[1])[:NEAREST]


def distance_m(site: BundleSite, place: PhoneLocation) -> float | None:
    """Return the distance on a sphere, by the haversine formula; None: the sheet has no location of the
    site."""
    if site.location is None:
        return None
    first, second = math.radians(site.location.latitude), math.radians(place.latitude)
    of_longitude = math.radians(place.longitude - site.location.longitude)
    half = math.sin((second - first) / 2) ** 2
    half += math.cos(first) * math.cos(second) * math.sin(of_longitude / 2) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(math.sqrt(min(1.0, half)))
