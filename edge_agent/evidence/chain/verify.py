"""Verifies events: it follows the hashes from each signed head back to earlier events.

A head with a valid signature names the hash of one event. An event with that hash is genuine, and so is the
hash that it names for the event before it. Each event gets its own verdict: an altered one does not affect
those after it, only those before it, down to the next head.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from edge_agent.core.problems import problem_text
from edge_agent.evidence.chain.links import ChainLinks, LossRange, LossRanges, epoch_joins
from edge_agent.evidence.chain.records import Record, SignedHead, SignedText, published_head

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class VerificationVerdict(StrEnum):
    GENUINE = "genuine"
    CONSISTENT = "consistent, but not checked against a known key"
    ALTERED = "altered"
    MISSING = "missing link"
    WRONG_KEY = "wrong key"
    UNSIGNED = "not covered by a signature"


@dataclass(frozen=True, slots=True)
class VerificationFinding:
    verdict: VerificationVerdict
    what: str  # the id of an event, a range of them, a file
    why: str
    where: str = ""  # the file and the line


def altered(what: str, why: str) -> VerificationFinding:
    return VerificationFinding(VerificationVerdict.ALTERED, what, why)


def missing(what: str, why: str) -> VerificationFinding:
    return VerificationFinding(VerificationVerdict.MISSING, what, why)


@dataclass(frozen=True, slots=True)
class GivenKey:
    """A public key that the user gave."""

    public: Ed25519PublicKey
    gateway: str | None = None
    """The gateway that owns the key. None if not known: then signed events are consistent but never genuine,
    because a forger can create a key as well."""


AS_SIGNED = problem_text("as-signed")
SIGNED_ITSELF = problem_text("signed-itself")
NO_KEY = problem_text("no-gateway-key")
Keys = Mapping[str, GivenKey]  # public keys by their ids
Doubt = tuple[VerificationVerdict, str]  # the verdict on a head that fails the check, and why


def check_signature(signed: SignedText, keys: Keys) -> Doubt | None:
    """Return None if the gateway's key made the signature, else the verdict and why. If no key of the gateway
    is given, a key without a known owner is accepted."""
    from cryptography.exceptions import InvalidSignature

    if not keys:
        return VerificationVerdict.UNSIGNED, NO_KEY
    name = signed.key_id
    key = next((key for known, key in keys.items() if name and known.startswith(name)), None)
    if key is None:
        return VerificationVerdict.WRONG_KEY, problem_text("other-key", key=name[:16])
    if key.gateway not in (None, signed.gateway):
        return VerificationVerdict.WRONG_KEY, problem_text("signed-with", name=str(key.gateway))
    if key.gateway is None and has_gateway_key(signed.gateway, keys):
        why = problem_text("other-key-of", key=name[:16], gateway=signed.gateway)
        return VerificationVerdict.WRONG_KEY, why
    try:
        key.public.verify(signed.signature, signed.text)
    except InvalidSignature:
        return VerificationVerdict.ALTERED, signed.broken
    return None


def has_gateway_key(gateway: str, keys: Keys) -> bool:
    """Return whether a key of this gateway was given: only then can its events be genuine."""
    return any(key.gateway == gateway for key in keys.values())


def verified_heads(records: Iterable[Record], keys: Keys) -> list[SignedHead]:
    """Return the heads with a valid signature among ``chain-head`` events."""
    heads = [published_head(record.gateway, record.head) for record in records if record.head is not None]
    return [head for head in heads if check_signature(head, keys) is None]


def verify_events(
    records: Iterable[Record], keys: Keys, heads: Iterable[SignedHead] = (), *, excerpt: bool = False
) -> list[VerificationFinding]:
    """Return one finding for each event and for each gap, by chain, ascending.

    Repeated copies of an event count once. Without a key of the gateway, none of its events is genuine.
    ``heads`` are further heads with valid signatures. In an ``excerpt`` gaps are not reported.
    """
    chains: dict[tuple[str, str], ChainLinks] = defaultdict(ChainLinks)
    for record in records:
        chains[record.gateway, record.epoch].add(record)
    doubts: dict[str, Doubt] = {}  # by file and line of the head
    good = list(heads)
    for record in [record for chain in chains.values() for record in chain.records()]:
        if record.head is not None:
            head = published_head(record.gateway, record.head)
            doubt = check_signature(head, keys)
            if doubt is None:
                good.append(head)
            else:
                doubts[record.where] = doubt
    for head in good:
        chains[head.gateway, head.epoch].trust(head.sequence, head.sha256)
    for chain in chains.values():
        chain.follow()
    _follow_into_older_epochs(chains)
    losses = _losses(chains)
    findings: list[VerificationFinding] = []
    for place, chain in sorted(chains.items()):
        lost = losses[place]
        if not excerpt:
            findings += _gaps("{} epoch {}".format(*place), chain, lost)
        found = _events(chain, doubts, lost, keys)
        findings += found if has_gateway_key(place[0], keys) else map(_without_gateway_key, found)
    return findings


def signed_verdict(gateway: str, keys: Keys) -> VerificationVerdict:
    """Return the verdict on a validly signed text: genuine only if the gateway's key was given."""
    known = has_gateway_key(gateway, keys)
    return VerificationVerdict.GENUINE if known else VerificationVerdict.CONSISTENT


def _follow_into_older_epochs(chains: Mapping[tuple[str, str], ChainLinks]) -> None:
    """Follow the proven first event of each epoch to the event that it names in an older epoch."""
    joins: dict[tuple[str, str], list[tuple[Record, Record]]] = defaultdict(list)
    for first, last in epoch_joins(record for chain in chains.values() for record in chain.records()):
        joins[first.gateway, first.epoch].append((first, last))
    to_do = list(joins)
    while to_do:
        place = to_do.pop()
        for first, last in joins.get(place, ()):
            older = last.gateway, last.epoch
            if chains[place].is_proven(first) and chains[older].follow_from(last.sequence, last.sha256):
                to_do.append(older)


def _losses(chains: Mapping[tuple[str, str], ChainLinks]) -> Mapping[tuple[str, str], LossRanges]:
    """Return the announced losses by gateway and by the epoch whose events are lost."""
    found: dict[tuple[str, str], list[LossRange]] = defaultdict(list)
    for chain in chains.values():
        for record in chain.records():
            if record.loss is not None:
                proven = chain.is_proven(record)
                lost = [LossRange(first, last, record.id, proven) for first, last in record.loss.ranges]
                found[record.gateway, record.loss.epoch] += lost
    return {place: LossRanges(found.get(place, ())) for place in chains}


def _events(
    chain: ChainLinks, doubts: Mapping[str, Doubt], losses: LossRanges, keys: Keys
) -> Iterator[VerificationFinding]:
    for record in chain.records():
        verdict, why = _judge(record, chain, doubts.get(record.where), losses)
        if verdict is VerificationVerdict.UNSIGNED and not keys:
            why = NO_KEY
        yield VerificationFinding(verdict, record.id, why, record.where)


def _without_gateway_key(found: VerificationFinding) -> VerificationFinding:
    if found.verdict is not VerificationVerdict.GENUINE:
        return found
    return replace(found, verdict=VerificationVerdict.CONSISTENT)


def _judge(record: Record, chain: ChainLinks, doubt: Doubt | None, losses: LossRanges) -> Doubt:
    if chain.is_disputed(record.sequence):
        return VerificationVerdict.ALTERED, problem_text("signed-twice")
    if chain.is_proven(record):
        return VerificationVerdict.GENUINE, AS_SIGNED
    if chain.has_trusted_hash(record.sequence):
        return VerificationVerdict.ALTERED, problem_text("bytes-changed")
    if doubt is not None:
        return doubt
    if not chain.fits(record):
        return VerificationVerdict.ALTERED, problem_text("links-broken")
    if record.head is not None:
        return VerificationVerdict.GENUINE, SIGNED_ITSELF
    return VerificationVerdict.UNSIGNED, _why_unsigned(record.sequence, chain, losses)


def _why_unsigned(sequence: int, chain: ChainLinks, losses: LossRanges) -> str:
    later = chain.next_signed(sequence)
    if later is None:
        return problem_text("not-signed-yet")
    given_up = losses.beginning_at(sequence + 1)
    if given_up is not None:
        return problem_text("next-given-up", event=given_up.by)
    return problem_text("not-reached", event=later)


def _gaps(name: str, chain: ChainLinks, losses: LossRanges) -> Iterator[VerificationFinding]:
    """Yield a finding for each gap that no proven loss event announces."""
    for first, last in chain.gaps():
        for low, high, lost in losses.unproven_parts(first, last):
            what = f"{name} " + (f"event {low}" if low == high else f"events {low} to {high}")
            if lost is None:
                yield missing(what, "not in these files, and no loss event announces it")
            else:
                yield missing(what, f"announced as lost by {lost.by}, which is not proven to be genuine")
