"""Compares a claim with the sheet, the list of boxes, and other claims, and says what does not fit. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from edge_agent.core.problems import ProblemText
from edge_central.claims.model import BoxList, StoredClaim, StoredClaimState
from edge_central.console.site_names import Names, SiteNames
from edge_central.sentences import problem_text

MAX_DISTANCE_M = 300.0
"""Limit for the distance from the sheet's coordinates to the phone, beyond the accuracy that the phone
reports. A crossing is 50 m wide, and a sheet's coordinates are often those of its middle or of the nearest
house."""
MAX_ACCURACY_M = 1_000.0
"""If the phone reports a worse accuracy than this, this value is used: otherwise a bad accuracy would explain
every distance."""
EARTH_RADIUS_M = 6_371_000.0
MAX_IDS = 8


@dataclass(frozen=True, slots=True)
class JudgedClaim:
    """A claim, what does not fit, and how far the phone was from the site (metres; None: unknown)."""

    stored: StoredClaim
    misfits: tuple[ProblemText, ...]
    distance_m: float | None

    @property
    def is_wrong(self) -> bool:
        """Return whether something does not fit, and the claim is pending or in force."""
        return bool(self.misfits) and self.stored.is_undoable


def judge_claims(
    claims: Sequence[StoredClaim], names: Names, boxes: BoxList, active: Iterable[str]
) -> list[JudgedClaim]:
    """Judge each claim. ``claims``: all of the wards; ``active``: ids of the gateways that have reported."""
    reporting = frozenset(active)
    return [_judged(each, claims, names, boxes, reporting) for each in claims]


def distance_m(stored: StoredClaim, site: SiteNames) -> float | None:
    """Metres between the phone and the coordinates of the sheet, on a sphere (haversine formula)."""
    here = stored.claim.location
    if here is None or site.latitude is None or site.longitude is None:
        return None
    first, second = math.radians(here.latitude), math.radians(site.latitude)
    across = math.radians(site.longitude - here.longitude)
    chord = math.sin((second - first) / 2) ** 2
    chord += math.cos(first) * math.cos(second) * math.sin(across / 2) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(chord)))


def _judged(
    each: StoredClaim, claims: Sequence[StoredClaim], names: Names, boxes: BoxList, reporting: frozenset[str]
) -> JudgedClaim:
    site = names.sites.get(each.claim.site)
    metres = None if site is None else distance_m(each, site)
    found = [*_of_box(each, claims, boxes), *_of_site(each, claims, reporting)]
    if names.sites and site is None:
        found.append(problem_text("claim-site-unknown", site=each.claim.site))
    if site is not None:
        found += _of_sheet(each, site, metres)
    return JudgedClaim(each, tuple(found), metres)


def _of_box(each: StoredClaim, claims: Sequence[StoredClaim], boxes: BoxList) -> Iterator[ProblemText]:
    claim = each.claim
    listed = boxes.keys.get(claim.serial)
    if boxes.is_there and listed is None:
        yield problem_text("claim-box-unknown", serial=claim.serial)
    others = [other for other in claims if other is not each and other.claim.serial == claim.serial]
    keys = {other.claim.key_sha256 for other in others if other.state is not StoredClaimState.REFUSED}
    if (keys | ({listed} if listed else set())) - {claim.key_sha256}:
        yield problem_text("claim-key-differs", serial=claim.serial)
    elsewhere = [
        other.claim.site
        for other in others
        if other.state is StoredClaimState.CONFIRMED and other.claim.site != claim.site
    ]
    if elsewhere and each.state is StoredClaimState.PENDING:
        yield problem_text("claim-box-elsewhere", site=elsewhere[0])


def _of_site(
    each: StoredClaim, claims: Sequence[StoredClaim], reporting: frozenset[str]
) -> Iterator[ProblemText]:
    claim = each.claim
    confirmed = [o for o in claims if o.state is StoredClaimState.CONFIRMED and o.claim.site == claim.site]
    others = [other.claim.serial for other in confirmed if other.claim.serial != claim.serial]
    if others:
        yield problem_text("claim-site-taken", site=claim.site, serial=others[0])
    elif each.state is StoredClaimState.PENDING and not confirmed and claim.site in reporting:
        yield problem_text("claim-site-has-certificate", site=claim.site)


def _of_sheet(each: StoredClaim, site: SiteNames, metres: float | None) -> Iterator[ProblemText]:
    claim = each.claim
    if site.ward and site.ward != claim.ward:
        yield problem_text("claim-ward-differs", site=claim.site, ward=site.ward, claimed=claim.ward)
    there = {camera.id for camera in claim.cameras if camera.address}
    if missing := sorted(site.cameras.keys() - there):
        yield problem_text("claim-cameras-missing", cameras=missing[:MAX_IDS])
    if unknown := sorted(there - site.cameras.keys()):
        yield problem_text("claim-cameras-unknown", cameras=unknown[:MAX_IDS])
    accuracy_m = 0.0 if claim.location is None else min(claim.location.accuracy_m, MAX_ACCURACY_M)
    if metres is not None and metres > MAX_DISTANCE_M + accuracy_m:
        yield problem_text("claim-far", metres=round(metres), site=claim.site)
