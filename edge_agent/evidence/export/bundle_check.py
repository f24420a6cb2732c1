"""Verifies a bundle: its events, media and manifest. Also lists its files that no signature covers.

A picture or clip gets the verdict of the event that names its hash.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from edge_agent.core.errors import EvidenceError
from edge_agent.evidence.chain.keys import KeyProblem, key_id, load_public, public_der
from edge_agent.evidence.chain.records import (
    MAX_EVENT_BYTES,
    MAX_LOSS_RANGES,
    NoEvent,
    Record,
    SignedHead,
    read_head,
    read_record,
)
from edge_agent.evidence.chain.verify import (
    SIGNED_ITSELF,
    Doubt,
    GivenKey,
    Keys,
    VerificationFinding,
    VerificationVerdict,
    altered,
    check_signature,
    missing,
    signed_verdict,
    verify_events,
)
from edge_agent.evidence.export.contents import Contents
from edge_agent.evidence.export.manifest import MANIFEST, READMES, SIGNATURE, SUMS, check_manifest
from edge_agent.evidence.export.report import VerificationReport

_WORD = re.compile(r"[^_.]+")
"""Matches the parts of a file name between ``_`` and ``.``; one of them is the media id."""
_BEST_FIRST = (VerificationVerdict.GENUINE, VerificationVerdict.CONSISTENT)


class MediaCheck:
    """Finds the event of a media file by hash, in constant time."""

    def __init__(self, records: Iterable[Record], findings: Iterable[VerificationFinding]) -> None:
        verdicts = {(found.what, found.where): found for found in findings}
        self._by_hash: dict[str, tuple[Record, VerificationFinding]] = {}
        self._by_media_id: dict[str, Record] = {}
        for record in records:
            event = verdicts.get((record.id, record.where))
            for ref in record.media:
                self._by_media_id.setdefault(ref.media_id, record)
                if event is None:  # no finding: the event is a repeated copy
                    continue
                for digest in filter(None, (ref.sha256, ref.sealed_sha256)):
                    known = self._by_hash.get(digest)
                    if known is None or _rank(event) < _rank(known[1]):
                        self._by_hash[digest] = record, event

    def judge(self, name: str, sha256: str) -> VerificationFinding:
        if sha256 not in self._by_hash:
            return self._not_named(name)
        record, event = self._by_hash[sha256]
        if event.verdict in _BEST_FIRST:
            return VerificationFinding(event.verdict, name, f"its hash is in {record.id}")
        why = f"the event that has its hash: {record.id}: {event.why}"
        return VerificationFinding(event.verdict, name, why)

    def _not_named(self, name: str) -> VerificationFinding:
        for word in _WORD.findall(Path(name).name):
            record = self._by_media_id.get(word)
            if record is not None:
                return altered(name, f"{record.id} names {word}, with another hash")
        why = "no event in these files has its hash: it was altered, or belongs to an event that is not here"
        return VerificationFinding(VerificationVerdict.UNSIGNED, name, why)


def _rank(event: VerificationFinding) -> int:
    return _BEST_FIRST.index(event.verdict) if event.verdict in _BEST_FIRST else len(_BEST_FIRST)


MAX_TEXT_BYTES = 16_000_000  # limit of manifest and sums, with a line for each file of the largest bundle
MAX_SMALL_BYTES = 4_000  # limit of a head, a signature or a key
MAX_KEYS = 100

_SUM = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9._/-]+)")
_ROOT = {MANIFEST, SIGNATURE, SUMS, *READMES}
_PLACES = re.compile(
    r"events/[A-Za-z0-9_-]+-\d{16}\.json|heads/[A-Za-z0-9_-]+-\d{16}-[0-9a-f]{16}\.(txt|sig)|"
    r"keys/[0-9a-f]{16}\.pem|media/[A-Za-z0-9_-]+\.(jpg|mp4)(\.sealed)?"
)


class BundleCheck:
    """Verifies one bundle. Raises ``EvidenceError`` for a bundle that cannot be read completely."""

    def __init__(
        self,
        contents: Contents,
        name: str,
        given: Keys,
        report: VerificationReport,
        arrived: Sequence[SignedHead] | None = None,
    ) -> None:
        """``arrived``: heads that the centre has stored. If they are given, only these heads are accepted."""
        if SUMS not in contents.names:
            raise EvidenceError(f"{name} is not a bundle: there is no {SUMS} in it")
        self._contents = contents
        self._name = name
        self._report = report
        self._arrived = arrived
        self._digests = {file: contents.sha256(file) for file in contents.names}
        self._keys = given or self._bundled_keys()

    def run(self) -> list[Record]:
        """Verify the bundle, and add the results to ``report``. Returns the events of the bundle."""
        self._find(_foreign(self._digests))
        self._find(_check_sums(self._contents.read(SUMS, MAX_TEXT_BYTES), self._digests))
        self._find(self._check_keys())
        heads = [*(self._arrived or ()), *self._check_heads()]
        records = list(self._read_events())
        events = verify_events(records, self._keys, heads, excerpt=True)
        self._report.findings += events
        self._report.notes += [f"{found.what}: {found.why}" for found in events if found.why == SIGNED_ITSELF]
        media = MediaCheck(records, events)
        self._find(media.judge(file, self._digests[file]) for file in self._in("media/"))
        self._judge_manifest(records)
        if not records:
            self._find([missing("events/", "there is no event in this bundle")])
        return records

    def _find(self, findings: Iterable[VerificationFinding]) -> None:
        """Add findings to the report, with the name of the bundle before the name of the file."""
        self._report.findings += [
            VerificationFinding(found.verdict, f"{self._name}: {found.what}", found.why) for found in findings
        ]

    def _in(self, folder: str, suffix: str = "") -> list[str]:
        return [file for file in self._digests if file.startswith(folder) and file.endswith(suffix)]

    def _small(self, file: str) -> bytes:
        return self._contents.read(file, MAX_SMALL_BYTES) if file in self._digests else b""

    def _bundled_keys(self) -> Keys:
        """Return the keys in the bundle itself. They make nothing genuine: a forger can add keys too."""
        keys = {}
        for file in self._in("keys/")[:MAX_KEYS]:
            try:
                key = load_public(self._small(file))
            except KeyProblem:
                continue  # ``_check_keys`` reports it
            keys[key_id(public_der(key))] = GivenKey(key)
        self._report.notes.append(
            f"{self._name}: checked with the keys in the bundle itself, which a forger would put there too; "
            f"compare with what the centre has: {', '.join(keys) or 'none'}"
        )
        return keys

    def _check_keys(self) -> Iterator[VerificationFinding]:
        files = self._in("keys/")
        if len(files) > MAX_KEYS:
            raise EvidenceError(
                f"{self._name} is not read: it contains {len(files)} keys, more than any gateway had"
            )
        for file in files:
            try:
                name = key_id(public_der(load_public(self._small(file))))
            except KeyProblem as error:
                yield altered(file, str(error))
                continue
            if file != f"keys/{name[:16]}.pem":
                yield altered(file, f"it holds the key {name[:16]}, which is not its name")

    def _check_heads(self) -> list[SignedHead]:
        """Return the heads with valid signatures. Report all heads, also the invalid ones."""
        good = []
        arrived = None if self._arrived is None else {head.text for head in self._arrived}
        for file in self._in("heads/", ".txt"):
            name = Path(file).stem.rpartition("-")[2]
            head = read_head(self._small(file), self._small(f"{file[:-4]}.sig"), name)
            doubt = _doubt_of(file, head, self._keys, arrived)
            if doubt is None and head is not None:
                good.append(head)
                doubt = signed_verdict(head.gateway, self._keys), f"signed with the key {head.key_id}"
            verdict, why = doubt or (VerificationVerdict.ALTERED, "")
            self._find([VerificationFinding(verdict, file, why)])
        return good

    def _read_events(self) -> Iterator[Record]:
        ranges = 0
        for file in self._in("events/"):
            try:
                record = read_record(self._contents.read(file, MAX_EVENT_BYTES), f"{self._name}: {file}")
            except NoEvent as error:
                self._find([altered(file, str(error))])
                continue
            if file != f"events/{record.epoch}-{record.sequence:016d}.json":
                self._find([altered(file, f"its name is not that of the event in it, {record.id}")])
            ranges += len(record.loss.ranges) if record.loss else 0
            if ranges > MAX_LOSS_RANGES:
                raise EvidenceError(
                    f"{self._name} announces more losses than a gateway can: it is not checked"
                )
            yield record

    def _judge_manifest(self, records: list[Record]) -> None:
        text, signature = (
            self._contents.read(file, size) if file in self._digests else None
            for file, size in ((MANIFEST, MAX_TEXT_BYTES), (SIGNATURE, MAX_SMALL_BYTES))
        )
        judged = check_manifest(text, signature, self._digests, records, self._keys)
        self._find(judged.findings)
        if judged.uncovered:  # not for a key that the user gave: its file was checked by its id
            given = {known[:16] for known in self._keys}
            judged.uncovered += [file for file in self._in("keys/") if Path(file).stem not in given]
            judged.uncovered += ["the names of the files in media/"] if self._in("media/") else []
        self._report.uncovered += [f"{self._name}: {file}" for file in judged.uncovered]
        self._report.notes += [f"{self._name}: {note}" for note in judged.notes]


def _doubt_of(file: str, head: SignedHead | None, keys: Keys, arrived: set[bytes] | None) -> Doubt | None:
    if head is None:
        return VerificationVerdict.ALTERED, "this is not the text of a head"
    if file != f"heads/{head.epoch}-{head.sequence:016d}-{head.key_id}.txt":
        return VerificationVerdict.ALTERED, "its name is not that of the head in it"
    doubt = check_signature(head, keys)
    if doubt is None and arrived is not None and head.text not in arrived:
        # With a stolen gateway's key anything can be signed, but the heads at the centre cannot be changed.
        why = "the signature holds, but this head is not among those that the centre has"
        return VerificationVerdict.UNSIGNED, why
    return doubt


def _foreign(digests: Mapping[str, str]) -> Iterator[VerificationFinding]:
    for file in digests:
        if file not in _ROOT and not _PLACES.fullmatch(file):
            yield altered(file, "no export writes a file of this name: it was added")
        elif file.startswith("heads/") and file.endswith(".sig") and f"{file[:-4]}.txt" not in digests:
            yield altered(file, "a signature whose text is not there")


def _check_sums(text: bytes, digests: Mapping[str, str]) -> Iterator[VerificationFinding]:
    """Yield a finding for each line that ``sha256sum -c`` would refuse and each file that is not listed."""
    listed = set()
    for line in text.decode("utf-8", errors="replace").split("\n")[:-1]:
        match = _SUM.fullmatch(line)
        if match is None:
            yield altered(SUMS, f"not a line of sha256sum: {line[:80]!r}")
            continue
        digest, file = match.groups()
        listed.add(file)
        if file not in digests:
            yield missing(file, f"{SUMS} lists it, it is not there")
        elif digests[file] != digest:
            yield altered(file, f"not what {SUMS} says")
    if not text.endswith(b"\n"):
        yield altered(SUMS, "its last line is cut off")
    for file in sorted(digests.keys() - listed - {SUMS}):
        yield altered(file, f"{SUMS} does not list it")
