"""Reads the files of a bundle, a zip or a folder, within limits: the bundle may come from an attacker.

Nothing is unpacked to disk. Large files are only hashed, one piece at a time.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from edge_agent.core.errors import EvidenceError

MAX_FILES = 50_000
MAX_BYTES = 4_000_000_000  # limit of all files together, unpacked
MAX_RATIO = 100
"""Limit of the bundle's unpacked to packed size: events have a ratio of 2, deflate can reach 1,000."""
MAX_LIST_BYTES = 8_000_000  # limit of a zip's list of files, which is read into memory
PIECE = 1 << 20

_SAFE_NAME = re.compile(r"(?!(.*/)?\.\.?(/|\Z))[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*", re.DOTALL)
"""A safe file name: no ``..``, root, drive or backslash, which would unpack the file elsewhere."""
_END, _END_MARK = struct.Struct("<4s4H2LH"), b"PK\x05\x06"  # the last record of a zip
_END_64, _END_64_BYTES = b"PK\x06\x07", 20  # stands before ``_END`` if a zip has over 65,534 files or 4 GB
_ENTRY = b"PK\x01\x02"  # begins each file in the list
_OTHER_NAME = 0x7075  # extra field with another file name, which some programs use
_BAD_ZIP = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, RuntimeError, OverflowError)
_UNREADABLE = (OSError, *_BAD_ZIP)
"""Errors of ``zipfile`` for a damaged or encrypted zip; ``NotImplementedError`` is a ``RuntimeError``."""


class Contents:
    """The names and contents of the files. Its methods raise ``EvidenceError``."""

    def __init__(self, where: str, names: Sequence[str], opener: Callable[[str], IO[bytes]]) -> None:
        self.names = names
        self._where = where
        self._open = opener

    def read(self, name: str, max_bytes: int) -> bytes:
        """Read a file. Raises ``EvidenceError`` when it is larger than ``max_bytes``."""
        where = f"{self._where}: {name}"
        with _readable(where), self._open(name) as file:
            content = file.read(max_bytes + 1)
        if len(content) > max_bytes:
            raise EvidenceError(f"{where} is larger than {max_bytes} bytes: the bundle is not read")
        return content

    def sha256(self, name: str) -> str:
        with _readable(f"{self._where}: {name}"), self._open(name) as file:
            return stream_sha256(file)


@contextmanager
def open_bundle(path: Path) -> Iterator[Contents]:
    """Open a zip or a folder. Raises ``EvidenceError`` for one that cannot be read or is not safe to read."""
    with ExitStack() as stack:
        with _readable(path):
            contents = _folder(path) if path.is_dir() else _zip(path, stack)
        yield contents


def _folder(path: Path) -> Contents:
    names = _files_of(path)
    _check_names(path, names)
    return Contents(str(path), names, lambda name: (path / name).open("rb"))


def _zip(path: Path, stack: ExitStack) -> Contents:
    file = stack.enter_context(path.open("rb"))
    _check_list(path, file)
    archive = stack.enter_context(zipfile.ZipFile(file))
    entries = archive.infolist()
    _check_names(path, [entry.filename.removesuffix("/") for entry in entries])
    for entry in entries:
        _check_entry(path, entry)
    packed, unpacked = path.stat().st_size, sum(entry.file_size for entry in entries)
    if unpacked > min(MAX_BYTES, MAX_RATIO * packed):
        raise EvidenceError(
            f"{path} is not read: its {packed} bytes would unpack to {unpacked}, which no export does"
        )
    return Contents(str(path), [entry.filename for entry in entries if not entry.is_dir()], archive.open)


@contextmanager
def _readable(where: Path | str) -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        raise EvidenceError(f"{where} cannot be read: {error}") from error


def _files_of(folder: Path) -> list[str]:
    """Return the file names; refuse links, which lead out of the bundle, and devices, which may never end."""
    names: list[str] = []
    total = 0
    for place, folders, files in os.walk(folder, onerror=_raise):
        for name in (*files, *folders):
            path = Path(place, name)
            mode, size = (status := path.lstat()).st_mode, status.st_size
            if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                raise EvidenceError(f"{path} is a link or a device, not a file: the bundle is not read")
            if stat.S_ISREG(mode):
                names.append(str(path.relative_to(folder)))
                total += size
        if len(names) > MAX_FILES or total > MAX_BYTES:
            raise EvidenceError(_too_large(folder))
    return sorted(names)


def _raise(error: OSError) -> None:
    raise error


def _check_names(path: Path, names: Sequence[str]) -> None:
    for name in names:
        if not _SAFE_NAME.fullmatch(name):
            raise EvidenceError(
                f"{path} holds a file of the name {name[:200]!r}, which no export gives and which may be "
                "unpacked outside of the bundle: it was tampered with, unpack it nowhere"
            )
    if len(set(names)) < len(names):  # other programs may read the other one of two files with one name
        raise EvidenceError(f"{path} holds two files of one name: it was tampered with")


def _check_list(path: Path, file: IO[bytes]) -> None:
    """Check the size of the list of files, and that the zip contains nothing else.

    This check runs before ``zipfile`` makes an object of each entry.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _END.size - _END_64_BYTES))
    tail = file.read()
    mark, *_, list_bytes, list_at, _ = _END.unpack(tail[-_END.size :].rjust(_END.size, b"\0"))
    too_many = mark == _END_MARK and (tail.startswith(_END_64) or list_bytes > MAX_LIST_BYTES)
    if not too_many and (mark != _END_MARK or list_at + list_bytes + _END.size != size):
        raise EvidenceError(
            f"{path} is not read: something stands before or behind the zip in it, or it is damaged"
        )
    file.seek(0 if too_many else list_at)
    if too_many or file.read(list_bytes).count(_ENTRY) > MAX_FILES:
        raise EvidenceError(_too_large(path))


def _check_entry(path: Path, entry: zipfile.ZipInfo) -> None:
    """Refuse features of an entry that ``zipfile`` ignores and other programs use."""
    where = f"{path}: {entry.filename}"
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise EvidenceError(f"{where} is packed in a way that no export uses: the bundle is not read")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if entry.comment or kind not in (0, stat.S_IFREG, stat.S_IFDIR) or (entry.is_dir() and entry.file_size):
        raise EvidenceError(f"{where} has a comment, or is a link or a folder with bytes: it is not read")
    if entry.orig_filename != entry.filename or _OTHER_NAME in _extra_fields(entry.extra):
        raise EvidenceError(f"{where} has a second name: it was tampered with, unpack it nowhere")


def _extra_fields(extra: bytes) -> Iterator[int]:
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, at)
        yield kind
        at += 4 + size


def _too_large(path: Path) -> str:
    return f"{path} is not read: a bundle has at most {MAX_FILES} files and {MAX_BYTES} bytes"


def stream_sha256(file: IO[bytes]) -> str:
    """Return the SHA-256 of a file, read one piece at a time."""
    digest = hashlib.sha256()
    while piece := file.read(PIECE):
        digest.update(piece)
    return digest.hexdigest()
