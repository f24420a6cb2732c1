"""Which events are genuine: hashes followed from each signed head back to where the links end.

A head with a good signature says what the bytes of one event are. An event whose bytes are so is genuine,
and what it names as the hash of the one before it is true as well. So each event is judged by itself: a
changed one does not spoil those after it, only the way to those before it, down to the next head.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from edge_agent.evidence.heads import SignedHead, published_head
from edge_agent.evidence.links import Links, Lost
from edge_agent.evidence.records import Record

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class Verdict(StrEnum):
    GENUINE = "genuine"
    ALTERED = "altered"
    MISSING = "missing link"
    WRONG_KEY = "wrong key"
    UNSIGNED = "not covered by a signature"


@dataclass(frozen=True, slots=True)
class Finding:
    verdict: Verdict
    what: str  # the id of an event, a range of them, a file
    why: str
    where: str = ""  # the file and the line


@dataclass(frozen=True, slots=True)
class GivenKey:
    public: Ed25519PublicKey
    gateway: str | None = None
    """Whose it is. None: anybody's; of many gateways one stolen key could then forge the heads of all."""


SIGNED_ITSELF = "its own signature holds; the fields around it, such as its time, only the next head signs"
NO_KEY = "no public key was given (--key): no signature was checked"
Keys = Mapping[str, GivenKey]
"""Public keys by their ids."""
Doubt = tuple[Verdict, str]
"""What is wrong with a head, and why."""


def judge_head(head: SignedHead, keys: Keys) -> Doubt | None:
    """None: the signature holds."""
    from cryptography.exceptions import InvalidSignature

    if not keys:
        return Verdict.UNSIGNED, NO_KEY
    key = next((key for name, key in keys.items() if head.key_id and name.startswith(head.key_id)), None)
    if key is None:
        return Verdict.WRONG_KEY, f"signed with the key {head.key_id[:16]}, which was not given"
    if key.gateway not in (None, head.gateway):
        return Verdict.WRONG_KEY, f"signed with the key of {key.gateway}"
    try:
        key.public.verify(head.signature, head.text)
    except InvalidSignature:
        return Verdict.ALTERED, "its signature does not hold: something in this head was changed"
    return None


def good_heads(records: Iterable[Record], keys: Keys) -> list[SignedHead]:
    """Of ``chain-head`` events, those whose signature holds."""
    heads = [published_head(record.gateway, record.head) for record in records if record.head is not None]
    return [head for head in heads if judge_head(head, keys) is None]


def verify_events(
    records: Iterable[Record], keys: Keys, heads: Iterable[SignedHead] = (), *, excerpt: bool = False
) -> list[Finding]:
    """One finding for each event, and one for each gap; by chain, ascending. Resends are no events.

    ``heads`` are further ones, whose signatures hold. In an ``excerpt`` gaps are none: what it leaves out, it
    does not speak of.
    """
    chains: dict[tuple[str, str], Links] = defaultdict(Links)
    for record in records:
        chains[record.gateway, record.epoch].add(record)
    doubts: dict[str, Doubt] = {}  # by where the head stands
    good = list(heads)
    for record in [record for chain in chains.values() for record in chain.records()]:
        if record.head is not None:
            head = published_head(record.gateway, record.head)
            doubt = judge_head(head, keys)
            if doubt is None:
                good.append(head)
            else:
                doubts[record.where] = doubt
    for head in good:
        chains[head.gateway, head.epoch].trust(head.sequence, head.sha256)
    for chain in chains.values():
        chain.follow()
    losses = _losses(chains)
    findings: list[Finding] = []
    for place, chain in sorted(chains.items()):
        lost = losses.get(place, [])
        if not excerpt:
            findings += _gaps("{} epoch {}".format(*place), chain, lost)
        findings += _events(chain, doubts, lost, keys)
    return findings


def _losses(chains: Mapping[tuple[str, str], Links]) -> dict[tuple[str, str], list[Lost]]:
    """By gateway and the epoch they speak of."""
    found: dict[tuple[str, str], list[Lost]] = defaultdict(list)
    for chain in chains.values():
        for record in chain.records():
            if record.loss is not None:
                proven = chain.is_proven(record)
                lost = [Lost(first, last, record.id, proven) for first, last in record.loss.ranges]
                found[record.gateway, record.loss.epoch] += lost
    return found


def _events(
    chain: Links, doubts: Mapping[str, Doubt], losses: Sequence[Lost], keys: Keys
) -> Iterator[Finding]:
    for record in chain.records():
        verdict, why = _judge(record, chain, doubts.get(record.where), losses)
        if verdict is Verdict.UNSIGNED and not keys:
            why = NO_KEY
        yield Finding(verdict, record.id, why, record.where)


def _judge(record: Record, chain: Links, doubt: Doubt | None, losses: Sequence[Lost]) -> Doubt:
    if chain.is_disputed(record.sequence):
        return Verdict.ALTERED, "two different events of this number are signed: somebody else has the key"
    if chain.is_proven(record):
        return Verdict.GENUINE, "as it was signed"
    if chain.is_known(record.sequence):
        return Verdict.ALTERED, "its bytes are not those that were signed"
    if doubt is not None:
        return doubt
    if not chain.fits(record):
        return Verdict.ALTERED, "it does not fit the event before or after it: one of the two was changed"
    if record.head is not None:
        return Verdict.GENUINE, SIGNED_ITSELF
    return Verdict.UNSIGNED, _why_unsigned(record.sequence, chain, losses)


def _why_unsigned(sequence: int, chain: Links, losses: Sequence[Lost]) -> str:
    later = chain.next_signed(sequence)
    if later is None:
        return "newer than the last event that a head signs"
    given_up = next((lost for lost in losses if lost.first == sequence + 1), None)
    if given_up is not None:
        return f"what came after it was given up ({given_up.by}), and no head names it itself"
    return f"the links from the signed event {later} do not reach it: see what comes between"


def _gaps(name: str, chain: Links, losses: Sequence[Lost]) -> Iterator[Finding]:
    """What is missing and that nobody announces; what was announced as lost is no finding."""
    for first, last in chain.gaps():
        for low, high, lost in _parts(first, last, losses):
            what = f"{name} " + (f"event {low}" if low == high else f"events {low} to {high}")
            if lost is None:
                yield Finding(Verdict.MISSING, what, "not in these files, and no loss event announces it")
            elif not lost.proven:
                why = f"announced as lost by {lost.by}, which is not proven to be genuine"
                yield Finding(Verdict.MISSING, what, why)


def _parts(first: int, last: int, losses: Sequence[Lost]) -> Iterator[tuple[int, int, Lost | None]]:
    """A range cut where the announcements begin and end; proven ones count first."""
    at = first
    while at <= last:
        covers = [lost for lost in losses if lost.first <= at <= lost.last]
        later = [lost.first for lost in losses if at < lost.first <= last]
        best = max(covers, key=lambda lost: (lost.proven, lost.last), default=None)
        end = min(last, best.last if best else last)
        if best is None or not best.proven:
            end = min([end, *(begin - 1 for begin in later)])
        yield at, end, best
        at = end + 1
