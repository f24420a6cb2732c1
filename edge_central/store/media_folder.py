"""Stores pictures, clips and bundles as files. A file is named by its digest, so that no text from the wire
becomes a path.

``media/<gateway>/<first two digits>/<sha256>.jpg``, or ``.mp4``, ``.gz``, and ``.sealed`` for a file that
only the centre's key opens. A file is complete and durable before its row is committed. A file without a row
is harmless: a later attempt finds it by its name, and retention deletes it when it is old.

A file that arrives in parts is ``media/_parts/<number of its row>`` until it is complete; no gateway's id has
an underscore.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from edge_agent.core.delivery import SEALED_MAGIC, content_type_of
from edge_agent.core.state_file import replace_file, sync_folder
from edge_agent.wire.received.messages import MediaMessage, has_file_type
from edge_central.store.case_folder import CaseFolder
from edge_central.store.database import DatabaseUnavailable

PARTS = "_parts"
HEAD_BYTES = 64  # enough to recognise the type of a file
PLAIN_SUFFIXES = {"image/jpeg": ".jpg", "video/mp4": ".mp4", "application/gzip": ".gz"}


class DamagedFile(Exception):
    """All parts of a file have arrived, but together they are not the announced file."""


class MediaFolder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.of_cases = CaseFolder(folder)

    def path(self, gateway: str, sha256: str, sealed: bool) -> Path:
        """Return the path of a stored file; if it is not stored, the path that it would have as a picture.
        The caller must have checked ``gateway`` (an id) and ``sha256`` (64 hex digits)."""
        suffixes = (".sealed",) if sealed else PLAIN_SUFFIXES.values()
        paths = [self._folder / gateway / sha256[:2] / f"{sha256}{suffix}" for suffix in suffixes]
        return next((path for path in paths if path.exists()), paths[0])

    def store(self, media: MediaMessage) -> None:
        """Write the file and return when it is durable. Raises DatabaseUnavailable."""
        path = self._path_of(media.gateway, media.sha256, media.payload)
        try:
            if _has(path, len(media.payload)):
                return
            _make_folders(path.parent)
            replace_file(path, media.payload, 0o666)
            sync_folder(path.parent)
        except OSError as error:
            raise DatabaseUnavailable(
                f"nothing is stored: the picture {path.name} cannot be written: {error.strerror or error}"
            ) from error

    # --- files in parts ---

    def stored_head(self, gateway: str, sha256: str, size_bytes: int) -> bytes | None:
        """Return the first bytes of a file of this size; None: not stored. Raises DatabaseUnavailable."""
        try:
            for sealed in (False, True):
                path = self.path(gateway, sha256, sealed)
                if _has(path, size_bytes):
                    return _head(path)
        except OSError as error:
            raise DatabaseUnavailable(
                f"the file {sha256} cannot be read: {error.strerror or error}"
            ) from error
        return None

    def write_part(self, row: int, offset: int, payload: bytes) -> None:
        """Write a part of an incomplete file and return when it is durable. Raises DatabaseUnavailable."""
        path = self._folder / PARTS / str(row)
        try:
            is_new = not path.exists()
            _make_folders(path.parent)
            # Not "r+b", which fails if the file does not exist yet.
            with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o640), "wb", buffering=0) as file:
                file.seek(offset)
                rest = memoryview(payload)
                while rest:
                    rest = rest[file.write(rest) or 0 :]
                os.fsync(file.fileno())
            if is_new:
                sync_folder(path.parent)
        except OSError as error:
            raise DatabaseUnavailable(
                f"nothing is stored: a part of a file cannot be written: {error.strerror or error}"
            ) from error

    def complete(self, row: int, gateway: str, sha256: str, size_bytes: int) -> bytes:
        """Check and store a file when all its parts have been written; return its first bytes.

        Raises DamagedFile, and DatabaseUnavailable."""
        path = self._folder / PARTS / str(row)
        try:
            if not path.exists():
                raise DamagedFile("its parts are gone")
            os.truncate(path, size_bytes)  # an older file with this row number may have been longer
            with path.open("rb") as file:
                actual = hashlib.file_digest(file, "sha256").hexdigest()
            head = _head(path)
            if actual != sha256:
                raise DamagedFile("the sha256 is another one than its parts say")
            if not has_file_type(head):
                raise DamagedFile("neither a JPEG, an MP4, a gzip file nor a sealed one")
            target = self._path_of(gateway, sha256, head)
            _make_folders(target.parent)
            os.replace(path, target)
            sync_folder(target.parent)
        except OSError as error:
            raise DatabaseUnavailable(
                f"nothing is stored: the file {sha256} cannot be written: {error.strerror or error}"
            ) from error
        return head

    def discard_parts(self, rows: Collection[int]) -> None:
        """Delete incomplete files. If one cannot be deleted now, ``discard_other_parts`` deletes it later."""
        self._discard(lambda row: row in rows)

    def discard_other_parts(self, rows: Collection[int]) -> None:
        """Delete the incomplete files of all other rows."""
        self._discard(lambda row: row not in rows)

    def _discard(self, is_gone: Callable[[int], bool]) -> None:
        try:
            for path in (self._folder / PARTS).iterdir():
                if path.name.isdecimal() and is_gone(int(path.name)):
                    path.unlink(missing_ok=True)
        except OSError:
            return  # no folder yet, or a failed disk: the next file reports it

    def _path_of(self, gateway: str, sha256: str, head: bytes) -> Path:
        sealed = head.startswith(SEALED_MAGIC)
        suffix = ".sealed" if sealed else PLAIN_SUFFIXES[content_type_of(head)]
        return self._folder / gateway / sha256[:2] / f"{sha256}{suffix}"

    def files_of(self, gateway: str, digit: str) -> Iterator[tuple[Path, int]]:
        """Yield the files of a gateway whose digest begins with this hex digit, and when each was written, in
        milliseconds since 1970."""
        with contextlib.suppress(OSError):  # no folder yet, or a failed disk: the next file reports it
            for folder in (self._folder / gateway).glob(f"{digit}?"):
                for path in folder.iterdir():
                    yield path, round(path.stat().st_mtime * 1000)

    def remove(self, gateway: str, sha256: str, sealed: bool) -> None:
        """Delete the file if it exists. Raises OSError."""
        self.path(gateway, sha256, sealed).unlink(missing_ok=True)


def _has(path: Path, size_bytes: int) -> bool:
    try:
        return path.stat().st_size == size_bytes
    except FileNotFoundError:
        return False


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def _make_folders(folder: Path) -> None:
    """Create the missing folders durably: the entry of a new folder is synced in its parent."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o750, exist_ok=True)
        sync_folder(each.parent)
