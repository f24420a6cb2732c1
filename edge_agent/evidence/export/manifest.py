"""Verifies the manifest of a bundle, which is signed at the export so that a later change is detected.

The gateway's key signs the bytes of ``manifest.json``; ``manifest.sig`` is the signature. The manifest lists
the SHA-256 of all other files. Bundles of older agents have no signature, so nothing covers their manifest
and README files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import msgspec

from edge_agent.evidence.chain.records import Record, SignedText
from edge_agent.evidence.chain.verify import (
    Keys,
    VerificationFinding,
    VerificationVerdict,
    altered,
    check_signature,
    missing,
    signed_verdict,
)

MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
SUMS = "SHA256SUMS"
READMES = ("README.en.txt", "README.vi.txt")
UNLISTED = {MANIFEST, SIGNATURE, SUMS}
"""Files whose hash cannot be in the manifest; the lines of ``SUMS`` are checked one by one."""


class _Device(msgspec.Struct):
    gateway: str


class _Event(msgspec.Struct):
    id: str


class _Manifest(msgspec.Struct):
    """The fields of a manifest that verification needs."""

    device: _Device
    events: list[_Event]
    files: dict[str, str]
    missing: list[str] = []
    signed_by: str | None = None  # id of the key; None: the manifest is older than signatures


class SignedManifest(SignedText):
    broken: ClassVar[str] = "its signature is not valid: something in this manifest was changed"


@dataclass(slots=True)
class ManifestVerification:
    findings: list[VerificationFinding] = field(default_factory=list)
    uncovered: list[str] = field(default_factory=list)  # files that no signature covers
    notes: list[str] = field(default_factory=list)


def check_manifest(
    text: bytes | None, signature: bytes | None, digests: Mapping[str, str], records: list[Record], keys: Keys
) -> ManifestVerification:
    """Verify the manifest.

    ``text`` and ``signature``: the two files, None if missing; ``digests``: the SHA-256 of all files.
    """
    judged = ManifestVerification()
    if text is None:
        judged.uncovered = [MANIFEST, *(name for name in READMES if name in digests)]
        judged.notes = list(left_out(records))
        if signature is not None:
            judged.findings.append(missing(MANIFEST, f"{SIGNATURE} is there, and it is not"))
        return judged
    try:
        manifest = msgspec.json.decode(text, type=_Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        judged.findings.append(altered(MANIFEST, f"no manifest as an export writes it: {error}"))
        return judged
    if signature is None and manifest.signed_by is None:
        judged.uncovered = [MANIFEST, *(name for name in READMES if name in digests)]
    else:
        judged.findings.append(_judge_signature(manifest, text, signature or b"", records, keys))
    judged.findings += _judge_list(manifest, digests, records)
    judged.notes = [f"{MANIFEST} says what is not in the bundle: {line}" for line in manifest.missing]
    requested = None if judged.uncovered else {event.id for event in manifest.events}
    judged.notes += left_out(record for record in records if requested is None or record.id in requested)
    return judged


def _judge_signature(
    manifest: _Manifest, text: bytes, signature: bytes, records: Iterable[Record], keys: Keys
) -> VerificationFinding:
    gateway = manifest.device.gateway
    signed = SignedManifest(gateway, text, signature, manifest.signed_by or "")
    doubt = check_signature(signed, keys)
    if doubt is not None:
        return VerificationFinding(doubt[0], MANIFEST, doubt[1])
    others = sorted({record.gateway for record in records} - {gateway})
    if others:
        why = f"signed by {gateway}, with events of {others[0]}"
        return VerificationFinding(VerificationVerdict.WRONG_KEY, MANIFEST, why)
    why = f"as the key of {gateway} signed it at the export"
    return VerificationFinding(signed_verdict(gateway, keys), MANIFEST, why)


def _judge_list(
    manifest: _Manifest, digests: Mapping[str, str], records: Iterable[Record]
) -> Iterator[VerificationFinding]:
    """Yield a finding for each difference between the manifest's list of files and the bundle's files."""
    for name, digest in manifest.files.items():
        if name not in digests:
            yield missing(name, f"{MANIFEST} lists it, it is not there")
        elif digests[name] != digest:
            yield altered(name, f"not what {MANIFEST} says")
    unlisted = UNLISTED if manifest.signed_by else UNLISTED.union(READMES)
    for name in sorted(digests.keys() - manifest.files.keys() - unlisted):
        yield altered(name, f"{MANIFEST} does not list it")
    here = {record.id for record in records}
    for event in manifest.events:
        if event.id not in here:
            yield missing(event.id, f"{MANIFEST} names this event, it is not there")


def left_out(records: Iterable[Record]) -> Iterator[str]:
    """Yield a note for each event with phases that lacks its start or its end in the bundle."""
    phases: dict[str, set[str]] = {}
    for record in records:
        if record.event_id is not None and record.phase in ("start", "update", "end"):
            phases.setdefault(record.event_id, set()).add(record.phase)
    for event_id, found in phases.items():
        gone = [phase for phase in ("start", "end") if phase not in found]
        if gone:
            what = " and its ".join(gone)
            yield f"{event_id}: its {what} is not in this bundle: it was not exported, or was left out"
