"""Where the certificate files lie: those of ``mqtt`` in the configuration, and a next slot beside them.

The next slot is the folder ``next`` beside ``mqtt.cert_file``, with files of the same names. What it does not
have is taken from the first slot. Root moves it over the first, file by file, once it is in force: so what it
stands for is the same before, during and after that. See docs/design/certificates.md.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from msgspec import Struct

from edge_agent.config.model.settings import Mqtt
from edge_agent.core.state_file import read_record

NEXT_FOLDER = "next"
PROVEN_FILE = "certificates.json"
"""In the state directory; root's side reads it too (ansible/roles/pki/files/edge_certificates.py)."""


class ProvenCertificate(Struct, frozen=True):
    """Kept over restarts. ``proven``: fingerprint of the slot that the broker last let in."""

    proven: str = ""


def next_slot(first: Mqtt) -> Mqtt | None:
    """``first`` with the files of the next slot; None when there is none, or nothing else in it."""
    if first.cert_file is None:
        return None
    folder = first.cert_file.parent / NEXT_FOLDER

    def of(path: Path | None) -> Path | None:
        beside = None if path is None else folder / path.name
        return beside if beside is not None and os.path.isfile(beside) else path

    found = replace(
        first, ca_file=of(first.ca_file), cert_file=of(first.cert_file), key_file=of(first.key_file)
    )
    return None if found == first or fingerprint(found) == fingerprint(first) else found


def certificate_in_force(first: Mqtt, state_dir: Path) -> Mqtt:
    """The slot that an agent would connect with, for who only looks."""
    found, note = next_slot(first), read_record(state_dir / PROVEN_FILE, ProvenCertificate)
    return found if found is not None and note is not None and note.proven == fingerprint(found) else first


def fingerprint(slot: Mqtt) -> str:
    """Which certificate and CA a slot has. The key is not read: it fits the certificate or cannot be used."""
    digest = hashlib.sha256()
    for path in (slot.cert_file, slot.ca_file):
        try:
            content = b"" if path is None else path.read_bytes()
        except OSError:
            content = b""
        digest.update(b"%d:" % len(content) + content)
    return digest.hexdigest()


def file_stamps(first: Mqtt) -> tuple[object, ...]:
    """Differs after every change of a file in either slot; a few microseconds."""
    return tuple(_stamps(first))


def _stamps(first: Mqtt) -> Iterator[object]:
    for path in (first.ca_file, first.cert_file, first.key_file):
        for each in () if path is None else (path, path.parent / NEXT_FOLDER / path.name):
            try:
                found = os.stat(each)
                yield found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino
            except OSError as error:
                yield error.errno
