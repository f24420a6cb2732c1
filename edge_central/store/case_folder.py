"""Stores the files of cases on disk: ``media/_cases/<case>/<sha256>``. No text of a person becomes a path.

A file is complete and durable before its row is committed. The next run of retention deletes the folders of
deleted cases, and temporary files that no process uses. An altered copy that was made again is deleted unless
an export names it. Any other file without a row is deleted together with its case.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import IO

from edge_agent.core.state_file import sync_folder
from edge_central.store.database import DatabaseUnavailable

CASES = "_cases"
"""Name of the folder; no gateway's id has an underscore."""
MIN_FREE_BYTES = 2_000_000_000
"""Space that stays free on the disk after a file was added, because events are more important."""
CHUNK_BYTES = 1 << 20


class CaseFolder:
    """The folders of all cases. ``media_dir``: the centre's folder for media."""

    def __init__(self, media_dir: Path) -> None:
        self._folder = media_dir / CASES

    def path(self, case_id: int, sha256: str) -> Path:
        """Return the path of a file. The caller must have read ``sha256`` from a row, or computed it."""
        return self._folder / str(case_id) / sha256

    def temporary(self) -> IO[bytes]:
        """Return an empty file on the same disk, deleted when closed. Raises DatabaseUnavailable."""
        try:
            self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            file = tempfile.NamedTemporaryFile(dir=self._folder)  # noqa: SIM115 (the caller closes it)
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # says that a process works on it
            return file
        except OSError as error:
            raise _unavailable(error) from error

    def used_bytes(self, case_id: int) -> int:
        """Return the bytes of all files of the case."""
        try:
            return sum(each.stat().st_size for each in (self._folder / str(case_id)).iterdir())
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise _unavailable(error) from error

    def has_space(self, size_bytes: int) -> bool:
        """Whether a file of this size leaves MIN_FREE_BYTES free."""
        there = self._folder if self._folder.exists() else self._folder.parent
        try:
            return shutil.disk_usage(there).free - size_bytes >= MIN_FREE_BYTES
        except OSError:
            return False

    def add(self, case_id: int, file: IO[bytes]) -> tuple[str, int]:
        """Store the content of ``file``, which ``temporary`` has made. Return its SHA-256 and size. Raises
        DatabaseUnavailable."""
        try:
            file.flush()
            os.fchmod(file.fileno(), 0o640)  # NamedTemporaryFile sets 0600; the group must read stored files
            os.fsync(file.fileno())
            file.seek(0)
            sha256, size = _digest(file)
            self._link(Path(file.name), case_id, sha256)
        except OSError as error:
            raise _unavailable(error) from error
        return sha256, size

    def copy(self, case_id: int, source: Path, sha256: str) -> bool:
        """Store a file that never changes: as a hard link if the disk allows it, else as a copy. Returns
        False if the file no longer exists. Raises DatabaseUnavailable."""
        try:
            self._link(source, case_id, sha256)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _unavailable(error) from error
        return True

    def discard(self, case_id: int, sha256: str) -> None:
        """Delete a file of a case, if it exists. Raises DatabaseUnavailable."""
        try:
            self.path(case_id, sha256).unlink(missing_ok=True)
        except OSError as error:
            raise _unavailable(error) from error

    def discard_others(self, case_ids: Collection[int]) -> None:
        """Delete the folders of all other cases, and temporary files that a killed process has left."""
        with contextlib.suppress(OSError):  # no folder yet, or a failed disk: the next file reports it
            for path in self._folder.iterdir():
                if not path.name.isdecimal():
                    _discard_abandoned(path)
                elif int(path.name) not in case_ids:
                    shutil.rmtree(path, ignore_errors=True)

    def _link(self, source: Path, case_id: int, sha256: str) -> None:
        target = self.path(case_id, sha256)
        if target.exists():
            return
        target.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        try:
            os.link(source, target)
        except FileExistsError:
            return
        except FileNotFoundError:
            raise
        except OSError:  # the file is on another disk, or the disk has no hard links
            with (
                tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as copied,
                source.open("rb") as file,
            ):
                shutil.copyfileobj(file, copied, CHUNK_BYTES)
                copied.flush()
                os.fsync(copied.fileno())
            os.replace(copied.name, target)
        sync_folder(target.parent)


def _discard_abandoned(path: Path) -> None:
    """Delete a temporary file unless a process uses it; the age does not show this: clocks may jump."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises while another process has the lock
        path.unlink()


def _digest(file: IO[bytes]) -> tuple[str, int]:
    """Return SHA-256 and size of the rest of the file."""
    digest, size = hashlib.sha256(), 0
    while chunk := file.read(CHUNK_BYTES):
        digest.update(chunk)
        size += len(chunk)
    return digest.hexdigest(), size


def _unavailable(error: OSError) -> DatabaseUnavailable:
    return DatabaseUnavailable(f"nothing is stored: a file of a case: {error.strerror or error}")
