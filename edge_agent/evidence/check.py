"""``edge-agent evidence verify``: files of events, bundles and media, judged."""

from __future__ import annotations

import hashlib
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from edge_agent.errors import EvidenceError
from edge_agent.evidence.heads import SignedHead, read_head
from edge_agent.evidence.keys import KeyProblem, key_id, load_public, public_der
from edge_agent.evidence.records import NoEvent, Record, is_of_an_event, read_record, split_topic
from edge_agent.evidence.report import Report, spans
from edge_agent.evidence.verify import (
    SIGNED_ITSELF,
    Doubt,
    Finding,
    GivenKey,
    Keys,
    Verdict,
    good_heads,
    judge_head,
    verify_events,
)

SUMS = "SHA256SUMS"
_OWNER = re.compile(r"([a-z0-9-]{1,63})=")
_SUM = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9._/-]+)")


def check_files(
    files: Sequence[Path], keys: Sequence[str], media: Sequence[Path], kept: Sequence[Path] = ()
) -> Report:
    """``keys``: ``[GATEWAY=]FILE`` each; ``kept``: events as they arrived at the centre, of which only the
    heads count. Raises ``EvidenceError`` for a file that cannot be read."""
    report, given = Report(), _load_keys(keys)
    if kept and not given:
        raise EvidenceError("--heads needs --key, the key as the centre knows it: else no head is checked")
    records: list[Record] = []
    bundles: list[Path] = []
    for path in files:
        if path.is_dir() or zipfile.is_zipfile(path):
            bundles.append(path)
        else:
            records += _read_lines(path, report)
    arrived = None
    if kept:
        arrived = good_heads([record for path in kept for record in _read_lines(path, report)], given)
    bundled: list[Record] = []
    for path in bundles:
        bundled += check_bundle(read_bundle(path), str(path), given, report, arrived)
    if records:
        report.findings += verify_events(records, given, arrived or ())
        report.notes += _notes(records, given, report.findings)
    for path in media:
        report.findings.append(_judge_media(str(path), _read(path), records + bundled, report.findings))
    return report


def _notes(records: Sequence[Record], given: Keys, findings: Sequence[Finding]) -> Iterator[str]:
    yield from spans(records)
    yield from (f"{found.what}: {found.why}" for found in findings if found.why == SIGNED_ITSELF)
    if len({record.gateway for record in records}) > 1 and any(not key.gateway for key in given.values()):
        yield "several gateways: --key GATEWAY=FILE says whose key it is; without, any may sign for all"


def check_bundle(
    content: dict[str, bytes],
    name: str,
    given: Keys,
    report: Report,
    arrived: Sequence[SignedHead] | None = None,
) -> list[Record]:
    """``content``: the files by their names in the bundle; ``arrived``: heads that the centre has kept,
    and no others are believed then. Returns its events."""
    report.findings += _check_sums(content, name)
    keys = given or _bundled_keys(content, name, report)
    heads = list(arrived or ())
    for file, text in content.items():
        if file.startswith("heads/") and file.endswith(".txt"):
            head = read_head(text, content.get(f"{file[:-4]}.sig", b""), Path(file).stem.rpartition("-")[2])
            doubt = _doubt_of(head, keys, arrived)
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
    return records


def _doubt_of(head: SignedHead | None, keys: Keys, arrived: Sequence[SignedHead] | None) -> Doubt | None:
    if head is None:
        return Verdict.ALTERED, "this is no text of a head"
    doubt = judge_head(head, keys)
    if doubt is None and arrived is not None and head.text not in {other.text for other in arrived}:
        # Who has stolen the box has its key, and signs what he likes; but not into the past.
        return Verdict.UNSIGNED, "the signature holds, but this head is not among those that the centre has"
    return doubt


def read_bundle(path: Path) -> dict[str, bytes]:
    """Its files by name. Raises ``EvidenceError``."""
    try:
        if path.is_dir():
            files = {str(p.relative_to(path)): p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}
        else:
            with zipfile.ZipFile(path) as archive:
                names = [name for name in archive.namelist() if not name.endswith("/")]
                files = {name: archive.read(name) for name in names}
                if len(files) < len(names):  # whoever unpacks it may get the other one of two
                    raise EvidenceError(f"{path} holds two files of one name: it was tampered with")
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError) as error:
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
    keys: dict[str, GivenKey] = {}
    for file, pem in content.items():
        if file.startswith("keys/"):
            try:
                key = load_public(pem)
            except KeyProblem as error:
                report.findings.append(Finding(Verdict.ALTERED, f"{name}: {file}", str(error)))
                continue
            keys[key_id(public_der(key))] = GivenKey(key)
    told = ", ".join(keys) or "none"
    report.notes.append(
        f"{name}: checked with the key in the bundle itself; the centre has to know it: {told}"
    )
    return keys


def _load_keys(names: Sequence[str]) -> Keys:
    """Each ``[GATEWAY=]FILE``."""
    keys = {}
    for name in names:
        owner = _OWNER.match(name)
        path = Path(name[owner.end() :] if owner else name)
        try:
            key = load_public(_read(path))
        except KeyProblem as error:
            raise EvidenceError(f"{path}: {error}") from error
        keys[key_id(public_der(key))] = GivenKey(key, owner[1] if owner else None)
    return keys


def _read_lines(path: Path, report: Report) -> list[Record]:
    """One event a line, alone or behind its topic; line ends of either kind."""
    records = []
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if payload := line.rstrip(b"\r\n"):
                    records += _read_line(payload, f"{path}:{number}", report)
    except OSError as error:
        raise _unreadable(path, error) from error
    return records


def _read_line(line: bytes, where: str, report: Report) -> list[Record]:
    """Nothing but a count of what neither is an event nor was one."""
    topic, payload = split_topic(line)
    if is_of_an_event(topic, payload):
        return _read_one(payload, where, report)
    report.pass_over(where)
    return []


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
    return best or _not_named(name, records)


def _not_named(name: str, records: Iterable[Record]) -> Finding:
    for record in records:
        for ref in record.media:
            if ref.media_id in Path(name).name:
                why = f"{record.id} names {ref.media_id}, with another hash"
                return Finding(Verdict.ALTERED, name, why)
    why = "no event in these files has its hash: it was altered, or belongs to an event that is not here"
    return Finding(Verdict.UNSIGNED, name, why)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> EvidenceError:
    return EvidenceError(f"{path} cannot be read: {error.strerror or error}")
