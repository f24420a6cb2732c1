"""``edge-agent evidence verify``: files of events, bundles and media, judged."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from edge_agent.core.errors import EvidenceError
from edge_agent.evidence.chain.records import (
    MAX_EVENT_BYTES,
    MAX_LOSS_RANGES,
    NoEvent,
    Record,
    is_of_an_event,
    read_record,
    split_topic,
)
from edge_agent.evidence.chain.verify import (
    SIGNED_ITSELF,
    VerificationFinding,
    VerificationVerdict,
    verified_heads,
    verify_events,
)
from edge_agent.evidence.export.bundle_check import check_bundle
from edge_agent.evidence.export.contents import open_bundle, stream_sha256
from edge_agent.evidence.export.given_keys import load_keys
from edge_agent.evidence.export.media_check import MediaCheck
from edge_agent.evidence.export.report import VerificationReport, spans

MAX_LINE_BYTES = 2 * MAX_EVENT_BYTES  # a picture in a capture is no line, but what it looks like to one


def check_files(
    files: Sequence[Path], keys: Sequence[str], media: Sequence[Path], kept: Sequence[Path] = ()
) -> VerificationReport:
    """``keys``: ``[GATEWAY=]FILE`` each; ``kept``: events as they arrived at the centre, of which only the
    heads count. Raises ``EvidenceError`` for a file that cannot be read."""
    report, given = VerificationReport(), load_keys(keys)
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
        arrived = verified_heads([record for path in kept for record in _read_lines(path, report)], given)
    bundled: list[Record] = []
    for path in bundles:
        with open_bundle(path) as contents:
            bundled += check_bundle(contents, str(path), given, report, arrived)
    if records:
        report.findings += verify_events(records, given, arrived or ())
        report.notes += _notes(records, report.findings)
    report.gateways = {record.gateway for record in (*records, *bundled)}
    if media:
        check = MediaCheck([*records, *bundled], report.findings)
        report.findings += [check.judge(str(path), _sha256(path)) for path in media]
    return report


def _notes(records: Sequence[Record], findings: Sequence[VerificationFinding]) -> Iterator[str]:
    yield from spans(records)
    yield from (f"{found.what}: {found.why}" for found in findings if found.why == SIGNED_ITSELF)


def _read_lines(path: Path, report: VerificationReport) -> list[Record]:
    """One event a line, alone or behind its topic; line ends of either kind."""
    records: list[Record] = []
    ranges = 0
    try:
        with path.open("rb") as file:
            for number, line in enumerate(_lines(file), 1):
                if payload := line.rstrip(b"\r\n"):
                    found = _read_line(payload, f"{path}:{number}", report)
                    ranges += sum(len(record.loss.ranges) for record in found if record.loss)
                    records += found
                if ranges > MAX_LOSS_RANGES:
                    raise EvidenceError(f"{path} announces more losses than a box can: it is not judged")
    except OSError as error:
        raise _unreadable(path, error) from error
    return records


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """What is longer than any event comes as its beginning only: it cannot be read as one."""
    while line := file.readline(MAX_LINE_BYTES):
        yield line
        while line and not line.endswith(b"\n"):
            line = file.readline(MAX_LINE_BYTES)


def _read_line(line: bytes, where: str, report: VerificationReport) -> list[Record]:
    """Nothing but a count of what neither is an event nor was one."""
    topic, payload = split_topic(line)
    if is_of_an_event(topic, payload):
        return _read_one(payload, where, report)
    report.pass_over(where)
    return []


def _read_one(payload: bytes, where: str, report: VerificationReport) -> list[Record]:
    try:
        return [read_record(payload, where)]
    except NoEvent as error:
        report.findings.append(VerificationFinding(VerificationVerdict.ALTERED, where, str(error)))
        return []


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return stream_sha256(file)
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> EvidenceError:
    return EvidenceError(f"{path} cannot be read: {error.strerror or error}")
