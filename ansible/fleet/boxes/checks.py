"""Checks a claim against what the control machine has: sheet, list of boxes, records, issued certificates.

It trusts neither the centre nor the broker: the box's signature is verified again, and of the certificate
request only the public key is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.x509.oid import NameOID

from edge_agent.core.problems import ProblemText, problem_text
from edge_agent.wire import Claim
from fleet.boxes.claim_records import DecidedClaim, DecidedClaims
from fleet.boxes.serials import KnownBox
from fleet.certificates import Authority, ClientKey
from fleet.keys import read_certificate
from fleet.sites import Site

WORKSHOP = "claim-site-has-certificate"


@dataclass(frozen=True, slots=True)
class FleetState:
    """What a claim is checked against. ``boxes`` None: there is no list. ``replaced``: sites whose former box
    is revoked when another one claims them."""

    sites: Mapping[str, Site]
    boxes: Mapping[str, KnownBox] | None
    records: DecidedClaims
    authority: Authority
    replaced: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CheckedClaim:
    """The result of a check. ``refusal``: why the claim is refused; ``question``: what a person has to decide
    first. ``former``: the confirmed claim of the same box, which the new claim ends. ``remarks``: what else a
    person should know; nothing in it is a reason to refuse."""

    key: ClientKey | None
    refusal: ProblemText | None = None
    question: ProblemText | None = None
    former: DecidedClaim | None = None
    remarks: tuple[str, ...] = ()


def check_claim(claim: Claim, state: FleetState) -> CheckedClaim:
    """Check a claim whose signature is verified. Raises OSError and ValueError for damaged files."""
    listed = None if state.boxes is None else state.boxes.get(claim.serial)
    remarks = tuple(_remarks(claim, state.sites.get(claim.site)))
    checked = replace(_checked(claim, state, listed), remarks=remarks)
    if state.boxes is not None and listed is None:
        return replace(checked, question=problem_text("claim-box-unknown", serial=claim.serial))
    return checked


def _remarks(claim: Claim, site: Site | None) -> Iterator[str]:
    if not claim.synced:
        yield "the box's clock was not synchronised: its times may be wrong"
    found = {each.id for each in claim.cameras if each.address}
    if site is not None and (missing := [each.id for each in site.cameras if each.id not in found]):
        yield f"cameras of the sheet that were not found: {', '.join(missing)}"


def _checked(claim: Claim, state: FleetState, listed: KnownBox | None) -> CheckedClaim:
    site = state.sites.get(claim.site)
    if site is None:
        return CheckedClaim(None, problem_text("claim-site-unknown", site=claim.site))
    if site.ward != claim.ward:
        wards = {"ward": site.ward, "claimed": claim.ward}
        return CheckedClaim(None, problem_text("claim-ward-differs", site=site.id, **wards))
    try:
        key = request_key(claim.csr, claim.site)
    except ValueError as error:
        return CheckedClaim(None, problem_text("claim-request-wrong", site=site.id, why=str(error)))
    if listed is not None and listed.key_sha256 and listed.key_sha256 != claim.key_sha256:
        return CheckedClaim(None, problem_text("claim-key-differs", serial=claim.serial))
    confirmed = list(state.records.confirmed())
    own = [each for each in confirmed if each.serial == claim.serial]
    if any(each.key_sha256 != claim.key_sha256 for each in own):
        return CheckedClaim(None, problem_text("claim-key-differs", serial=claim.serial))
    former = next((each for each in own if each.claim_id == claim.previous_claim_id), None)
    if elsewhere := [e.site for e in own if e is not former and e.site != claim.site]:
        return CheckedClaim(None, problem_text("claim-box-elsewhere", site=elsewhere[0]))
    refusal = _taken(claim, key, confirmed, state)
    if refusal is not None:
        return CheckedClaim(None, refusal)
    return CheckedClaim(key, former=former)


def request_key(csr: str, site: str) -> ClientKey:
    """The public key of a certificate request for this site alone. Raises ValueError that says what is wrong.

    Extensions of the request are not copied; one that asks for more than a client is refused nevertheless."""
    try:
        request = x509.load_pem_x509_csr(csr.encode("ascii", "replace"))
        is_valid, extensions = request.is_signature_valid, list(request.extensions)
        names = [(part.oid, part.value) for part in request.subject]
        key = request.public_key()
    except Exception as error:  # noqa: BLE001 - cryptography raises many kinds for a hostile request
        raise ValueError(f"it cannot be read ({type(error).__name__})") from None
    if not is_valid:
        raise ValueError("its signature is wrong")
    if names != [(NameOID.COMMON_NAME, site)]:
        raise ValueError("its subject has another name, or more than one")
    if any(not isinstance(each.value, x509.ExtendedKeyUsage) for each in extensions):
        raise ValueError("it asks for extensions")
    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return key
    if isinstance(key, Ed25519PublicKey):
        return key
    raise ValueError("its key is neither of P-256 nor Ed25519")


def _taken(
    claim: Claim, key: ClientKey, confirmed: list[DecidedClaim], state: FleetState
) -> ProblemText | None:
    """Whether the site has another box already."""
    if claim.site in state.replaced:
        return None
    others = [each.serial for each in confirmed if each.site == claim.site and each.serial != claim.serial]
    if others:
        return problem_text("claim-site-taken", site=claim.site, serial=others[0])
    path = state.authority.issued(claim.site)
    own = any(each.site == claim.site for each in confirmed)
    if not own and path.is_file() and read_certificate(path).public_key() != key:
        return problem_text(WORKSHOP, site=claim.site)
    return None
