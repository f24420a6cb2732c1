"""``edge-agent evidence verify``: files of events, bundles and media, judged."""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from edge_agent.errors import EvidenceError
from edge_agent.evidence.heads import SignedHead, read_head
from edge_agent.evidence.keys import KeyProblem, key_id, load_public, public_der
from edge_agent.evidence.records import MediaRef, NoEvent, Record, read_record
from edge_agent.evidence.verify import Finding, Keys, Verdict, judge_head, verify_events

SUMS = "SHA256SUMS"
_SUM = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9._/-]+)")


@dataclass(slots=True)
class Report:
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def genuine(self) -> bool:
        """All of it, and that it is not nothing."""
        return bool(self.findings) and all(found.verdict is Verdict.GENUINE for found in self.findings)

    def write(self, out: TextIO) -> None:
        """The count of each verdict, and a line for each finding that is not genuine."""
        for verdict in Verdict:
            count = sum(found.verdict is verdict for found in self.findings)
            if count or verdict is Verdict.GENUINE:
                out.write(f"{verdict}: {count}\n")
        for found in self.findings:
            if found.verdict is not Verdict.GENUINE:
                where = f" ({found.where})" if found.where else ""
                out.write(f"  {found.verdict}: {found.what}{where}: {found.why}\n")
        for note in self.notes:
            out.write(f"note: {note}\n")


def check_files(files: Sequence[Path], keys: Sequence[Path], media: Sequence[Path]) -> Report:
    """Raises ``EvidenceError`` for a file that cannot be read."""
    report, given = Report(), _load_keys(keys)
    records: list[Record] = []
    for path in files:
        if path.is_dir() or zipfile.is_zipfile(path):
            check_bundle(read_bundle(path), str(path), given, report)
        else:
            records += _read_lines(path, report)
    if records:
        found = verify_events(records, given)
        report.findings += found
        if not given and any(record.head for record in records):
            report.notes.append("no --key was given: the signatures of the heads were not checked")
    for path in media:
        report.findings.append(_judge_media(str(path), _read(path), records, report.findings))
    return report


def check_bundle(content: dict[str, bytes], name: str, given: Keys, report: Report) -> None:
    """``content``: the files by their names in the bundle."""
    report.findings += _check_sums(content, name)
    keys = given or _bundled_keys(content, name, report)
    heads: list[SignedHead] = []
    for file, text in content.items():
        if file.startswith("heads/") and file.endswith(".txt"):
            head = read_head(text, content.get(f"{file[:-4]}.sig", b""), Path(file).stem.rpartition("-")[2])
            doubt = (Verdict.ALTERED, "this is no text of a head") if head is None else judge_head(head, keys)
            if doubt is None and head is not None:
                heads.append(head)
            verdict, why = doubt or (Verdict.GENUINE, "signed by this gateway's key")
            report.findings.append(Finding(verdict, f"{name}: {file}", why))
    records = []
    for file, payload in content.items():
        if file.startswith("events/"):
            records += _read_one(payload, f"{name}: {file}", report)
    events = verify_events(records, keys, heads, excerpt=True)
    report.findings += events
    for file, payload in content.items():
        if file.startswith("media/"):
            report.findings.append(_judge_media(f"{name}: {file}", payload, records, events))


def read_bundle(path: Path) -> dict[str, bytes]:
    """Its files by name. Raises ``EvidenceError``."""
    try:
        if path.is_dir():
            files = {str(p.relative_to(path)): p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}
        else:
            with zipfile.ZipFile(path) as archive:
                files = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise EvidenceError(f"{path} cannot be read: {error}") from error
    if SUMS not in files:
        raise EvidenceError(f"{path} is no bundle: there is no {SUMS} in it")
    return files


def _check_sums(content: dict[str, bytes], name: str) -> list[Finding]:
    """What ``sha256sum -c`` says, and files that are not listed."""
    found, listed = [], set()
    for line in content[SUMS].decode("utf-8", errors="replace").split("\n")[:-1]:
        match = _SUM.fullmatch(line)
        if match is None:
            found.append(
                Finding(Verdict.ALTERED, f"{name}: {SUMS}", f"not a line of sha256sum: {line[:80]!r}")
            )
            continue
        digest, file = match.groups()
        listed.add(file)
        if file not in content:
            found.append(Finding(Verdict.MISSING, f"{name}: {file}", f"{SUMS} lists it, it is not there"))
        elif hashlib.sha256(content[file]).hexdigest() != digest:
            found.append(Finding(Verdict.ALTERED, f"{name}: {file}", f"not what {SUMS} says"))
    if not content[SUMS].endswith(b"\n"):
        found.append(Finding(Verdict.ALTERED, f"{name}: {SUMS}", "its last line is cut off"))
    for file in content.keys() - listed - {SUMS}:
        found.append(Finding(Verdict.ALTERED, f"{name}: {file}", f"{SUMS} does not list it"))
    return found


def _bundled_keys(content: dict[str, bytes], name: str, report: Report) -> Keys:
    keys = {}
    for file, pem in content.items():
        if file.startswith("keys/"):
            try:
                key = load_public(pem)
            except KeyProblem as error:
                report.findings.append(Finding(Verdict.ALTERED, f"{name}: {file}", str(error)))
                continue
            keys[key_id(public_der(key))] = key
    told = ", ".join(keys) or "none"
    report.notes.append(
        f"{name}: checked with the key in the bundle itself; the centre has to know it: {told}"
    )
    return keys


def _load_keys(paths: Sequence[Path]) -> Keys:
    keys = {}
    for path in paths:
        try:
            key = load_public(_read(path))
        except KeyProblem as error:
            raise EvidenceError(f"{path}: {error}") from error
        keys[key_id(public_der(key))] = key
    return keys


def _read_lines(path: Path, report: Report) -> list[Record]:
    """One event a line; line ends of either kind."""
    records = []
    for number, line in enumerate(_read(path).split(b"\n"), 1):
        if payload := line.removesuffix(b"\r"):
            records += _read_one(payload, f"{path}:{number}", report)
    return records


def _read_one(payload: bytes, where: str, report: Report) -> list[Record]:
    try:
        return [read_record(payload, where)]
    except NoEvent as error:
        report.findings.append(Finding(Verdict.ALTERED, where, str(error)))
        return []


def _judge_media(name: str, content: bytes, records: Iterable[Record], events: Iterable[Finding]) -> Finding:
    """A picture or clip is as genuine as the event that names its hash."""
    digest = hashlib.sha256(content).hexdigest()
    verdicts = {(found.what, found.where): found for found in events}
    best: Finding | None = None
    for record in records:
        for ref in record.media:
            if digest not in (ref.sha256, ref.sealed_sha256):
                continue
            event = verdicts.get((record.id, record.where))
            if event is None:  # the same event stands in another place too
                continue
            if event.verdict is Verdict.GENUINE:
                return Finding(Verdict.GENUINE, name, f"its hash is in {record.id}")
            best = Finding(event.verdict, name, f"the event that has its hash: {record.id}: {event.why}")
    return best or Finding(Verdict.ALTERED, name, _not_named(name, records))


def _not_named(name: str, records: Iterable[Record]) -> str:
    refs: list[tuple[Record, MediaRef]] = [(record, ref) for record in records for ref in record.media]
    for record, ref in refs:
        if ref.media_id in Path(name).name:
            return f"{record.id} names {ref.media_id}, with another hash"
    return "no event in these files has its hash"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise EvidenceError(f"{path} cannot be read: {error.strerror or error}") from error
