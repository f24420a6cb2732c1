"""Reads from verified claims who signed in, and which role and wards the table of the configuration grants.
Uses no database."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge_central.oidc_settings import OidcSettings
from edge_central.web.auth.accounts import ProviderIdentity, Role
from edge_central.web.auth.oidc.errors import SignInFailed, SignInFault
from edge_central.web.auth.sessions import SIGN_IN_S

SKEW_S = 60
"""Accepted difference between the clocks of the provider and the centre."""
MOST_SUBJECT = 255
"""Maximum length of a subject (OpenID Connect Core 1.0, section 2)."""
MOST_NAME = 60
"""Maximum length of a name: it leaves space for a number if the name is taken; see accounts.NAME."""
STRONGEST_FIRST = (Role.ADMIN, Role.OFFICER, Role.VIEWER)


@dataclass(frozen=True, slots=True)
class ProviderRights:
    role: Role
    wards: tuple[str, ...]  # empty for an admin, who sees all


@dataclass(frozen=True, slots=True)
class ProviderPerson:
    identity: ProviderIdentity
    name: str
    """The name for a new account; it may be taken already."""
    rights: ProviderRights | None
    """None: no row of the table applies."""
    is_fresh: bool = False
    """The provider says that the user has logged in during this sign-in, not only had an open session."""


def read_person(claims: Mapping[str, Any], settings: OidcSettings, begun_s: int = 0) -> ProviderPerson:
    """Read the person from verified ``claims``; ``begun_s``: begin of the sign-in. Raises SignInFailed."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= MOST_SUBJECT or not subject.isprintable():
        raise SignInFailed(SignInFault.PROVIDER_WRONG, "its ID token has no valid sub")
    _check_strength(claims, settings)
    identity = ProviderIdentity(settings.issuer, subject)
    name = account_name(claims.get(settings.name_claim), identity)
    proved_s = claims.get("auth_time")
    is_fresh = (
        isinstance(proved_s, int | float) and begun_s - SKEW_S <= proved_s <= begun_s + SIGN_IN_S + SKEW_S
    )
    return ProviderPerson(identity, name, granted(claims.get(settings.role_claim), settings), is_fresh)


def granted(claim: object, settings: OidcSettings) -> ProviderRights | None:
    """Return the role and the wards of a user: the strongest role among the rows that match, with the wards
    of the rows of this role only. So a viewer of one ward who is an officer of another does not become an
    officer of both. None: no row matches."""
    values = set(_texts(claim))
    rows = [mapping for mapping in settings.roles if mapping.value in values]
    for role in STRONGEST_FIRST:
        wards = {ward for mapping in rows if mapping.role == role for ward in mapping.wards}
        if any(mapping.role == role for mapping in rows):
            return ProviderRights(role, tuple(sorted(wards)))
    return None


def account_name(claim: object, identity: ProviderIdentity) -> str:
    """Return a valid name of an account, without accents and without the domain of a mail address."""
    text = claim.partition("@")[0] if isinstance(claim, str) else ""
    plain = unicodedata.normalize("NFKD", text[:200].lower().replace("đ", "d")).encode("ascii", "ignore")
    name = re.sub(r"[^a-z0-9._-]+", "-", plain.decode()).strip("-._")[:MOST_NAME]
    return name or f"user-{hashlib.sha256(str(identity).encode()).hexdigest()[:8]}"


def _check_strength(claims: Mapping[str, Any], settings: OidcSettings) -> None:
    if settings.acr and claims.get("acr") not in settings.acr:
        raise SignInFailed(SignInFault.WEAK, "its ID token has none of the required acr")
    if not set(settings.amr) <= set(_texts(claims.get("amr"))):
        raise SignInFailed(SignInFault.WEAK, "its ID token lacks a required amr")


def _texts(claim: object) -> list[str]:
    listed = claim if isinstance(claim, list) else [claim]
    return [each for each in listed if isinstance(each, str)]
