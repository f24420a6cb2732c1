"""Whether the files of an open database are still the ones at its path, and putting a copy back there.

POSIX lets a file be removed while it is open: SQLite goes on writing into it without an error, and
all of it is gone when the process ends.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

PARTS = ("", "-wal", "-shm")
"""What SQLite appends to the name: https://www.sqlite.org/walformat.html#files_on_disk"""


class OpenFiles:
    """Made while the files are known to be there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened = {part: _identity(_with(path, part)) for part in PARTS}

    def missing(self) -> str | None:
        """Name of a file that was removed or replaced since; None: all are there."""
        for part, opened in self._opened.items():
            path = _with(self._path, part)
            if _identity(path) != opened:
                return path.name
        return None

    def replaced(self) -> bool:
        """Whether the database's own path names a file, and it is another one."""
        return _identity(self._path) not in (None, self._opened[""])


def put_back(db: sqlite3.Connection, path: Path) -> None:
    """Write what ``db`` holds to ``path``, durably. Raises sqlite3.Error and OSError.

    ``db`` must be closed next: its files have another owner then.
    """
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    copy = _with(path, ".new")
    for part in ("", "-journal"):
        _with(copy, part).unlink(missing_ok=True)
    with closing(sqlite3.connect(copy, isolation_level=None)) as target:
        target.execute("PRAGMA synchronous=FULL")
        db.backup(target)
    # A log of the old file beside the new one would be taken for its own and applied to it.
    for part in PARTS[1:]:
        _with(path, part).unlink(missing_ok=True)
    os.replace(copy, path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _with(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode; None when there is no such file."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_dev, status.st_ino
