"""``edge-agent evidence verify``: verifies events, bundles and media with the keys of ``--gateway-key``."""

from __future__ import annotations

import base64
import binascii
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import msgspec

from edge_agent.core.errors import EvidenceError
from edge_agent.evidence.chain.keys import KeyProblem, key_id, load_public, public_der, to_pem
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
    GivenKey,
    Keys,
    VerificationFinding,
    altered,
    verified_heads,
    verify_events,
)
from edge_agent.evidence.export.bundle_check import BundleCheck, MediaCheck
from edge_agent.evidence.export.contents import open_bundle, stream_sha256
from edge_agent.evidence.export.report import VerificationReport, spans

MAX_KEY_FILE_BYTES = 64_000_000  # enough for the birth messages of thousands of gateways

_OWNER = re.compile(r"([a-z0-9-]{1,63})=")
_BIRTH_TOPIC = re.compile(rb"(?:.*/)?([a-z0-9-]{1,63})/up/birth")


class _Birth(msgspec.Struct):
    gateway: str
    evidence_key: str | None = None


def load_keys(names: Sequence[str]) -> Keys:
    """Load public keys from ``names``. Raises ``EvidenceError``.

    Each name is ``[GATEWAY=]FILE``; the file is a PEM, or birth messages, each after its topic.
    """
    keys: dict[str, GivenKey] = {}
    for name in names:
        owner = _OWNER.match(name)
        path = Path(name[owner.end() :] if owner else name)
        content = _read(path)
        try:
            for pem, gateway in _keys_in(content, owner[1] if owner else None):
                public = load_public(pem)
                keys[key_id(public_der(public))] = GivenKey(public, gateway)
        except (KeyProblem, binascii.Error, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise EvidenceError(f"{path}: {error}") from error
    return keys


def _keys_in(content: bytes, owner: str | None) -> list[tuple[bytes, str | None]]:
    """Return the PEM and the gateway of each key. Raises ``KeyProblem`` when the content has no key."""
    if b"/up/birth " not in content:
        return [(content, owner)]
    found = [(pem, gateway) for pem, gateway in _of_births(content) if owner in (None, gateway)]
    if not found:
        raise KeyProblem(f"no birth message in the file has a public key{f' of {owner}' if owner else ''}")
    return [*found]


def _of_births(content: bytes) -> Iterator[tuple[bytes, str]]:
    """Yield each key as PEM, with its gateway: the one on whose topic the birth message came.

    The topic is reliable, because only that gateway may publish there; the payload alone is not.
    """
    for line in content.splitlines():
        topic, payload = split_topic(line)
        if (match := _BIRTH_TOPIC.fullmatch(topic)) is None:
            continue
        birth, gateway = msgspec.json.decode(payload, type=_Birth), match[1].decode()
        if birth.gateway != gateway:
            raise KeyProblem(f"the birth on the topic of {gateway} says that it is of {birth.gateway[:63]!r}")
        if birth.evidence_key is not None:
            yield to_pem(base64.b64decode(birth.evidence_key, validate=True)), gateway


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_KEY_FILE_BYTES + 1)
    except OSError as error:
        raise EvidenceError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(content) > MAX_KEY_FILE_BYTES:
        raise EvidenceError(f"{path} is larger than any file of keys")
    return content


MAX_LINE_BYTES = 2 * MAX_EVENT_BYTES  # a capture may contain pictures, which have no line ends


def check_files(
    files: Sequence[Path], keys: Sequence[str], media: Sequence[Path], kept: Sequence[Path] = ()
) -> VerificationReport:
    """Verify the files. Raises ``EvidenceError`` for a file that cannot be read.

    ``keys``: see ``load_keys``. ``kept``: files of events as the centre received them; only the heads in them
    are used.
    """
    report, given = VerificationReport(), load_keys(keys)
    if kept and not given:
        raise EvidenceError(
            "--heads needs --gateway-key, the key as the centre knows it: else no head is checked"
        )
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
            bundled += BundleCheck(contents, str(path), given, report, arrived).run()
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
    """Read a file with one event per line, with or without its topic; LF or CRLF line ends."""
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
                    raise EvidenceError(f"{path} announces more losses than a gateway can: it is not checked")
    except OSError as error:
        raise _unreadable(path, error) from error
    return records


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines. A line that is longer than any event is cut off after ``MAX_LINE_BYTES``."""
    while line := file.readline(MAX_LINE_BYTES):
        yield line
        while line and not line.endswith(b"\n"):
            line = file.readline(MAX_LINE_BYTES)


def _read_line(line: bytes, where: str, report: VerificationReport) -> list[Record]:
    """Return the event of a line as a list of one. Count other lines, and return an empty list."""
    topic, payload = split_topic(line)
    if is_of_an_event(topic, payload):
        return _read_one(payload, where, report)
    report.pass_over(where)
    return []


def _read_one(payload: bytes, where: str, report: VerificationReport) -> list[Record]:
    try:
        return [read_record(payload, where)]
    except NoEvent as error:
        report.findings.append(altered(where, str(error)))
        return []


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return stream_sha256(file)
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> EvidenceError:
    return EvidenceError(f"{path} cannot be read: {error.strerror or error}")
