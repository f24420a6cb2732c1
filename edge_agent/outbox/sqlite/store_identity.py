"""Remembers the newest stored event outside of the state directory, until the next boot.

A store that was restored, cloned, or that lost its last commits cannot be recognised from its content. So a
file in the run directory, which a reboot empties, names the newest event of this state directory. If file and
store agree, the store is the one that was written last.

Whether the files of an open database are still the ones at its path, and putting a copy back there.

POSIX lets a file be removed while it is open: SQLite goes on writing into it without an error, and
all of it is gone when the process ends.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
import stat
import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)

SIZE_BYTES = 256
"""Of the whole file, always: to truncate it would cost more than to write it."""


@dataclass(frozen=True, slots=True)
class ChainPosition:
    """How far a store has come."""

    n: int  # events ever stored in it
    head: str  # SHA-256 of the newest one

    @property
    def line(self) -> str:
        return f"{self.n:016d} {self.head}"


class LastStored:
    """One file for each state directory. Without one nothing is remembered, which costs a new epoch.

    Not synced: it need not survive a power cut, only the process. The caller locks; raises nothing.
    """

    def __init__(self, state_dir: Path, boot_id: str, environ: Mapping[str, str] | None = None) -> None:
        self._boot_id = boot_id
        self._file: int | None = None
        try:
            self._file = _open(_path(state_dir, os.environ if environ is None else environ))
        except OSError as error:
            log.debug("outbox: nothing remembers the newest event over a restart: %s", error)

    def is_at(self, position: ChainPosition) -> bool:
        """Whether this boot's last commit, finished or not, left the store at this position."""
        if self._file is None:
            return False
        try:
            boot_id, *lines = os.pread(self._file, SIZE_BYTES, 0).decode().split("\n")
        except (OSError, UnicodeDecodeError):
            return False
        return boot_id == self._boot_id and position.line in lines

    def note(self, *positions: ChainPosition) -> None:
        """Before a commit: where the store is, and where it will be; after it: where it is."""
        if self._file is None:
            return
        content = "\n".join([self._boot_id, *(position.line for position in positions), ""])
        try:
            os.pwrite(self._file, content.encode().ljust(SIZE_BYTES), 0)
        except OSError as error:
            log.warning("outbox: the newest event is not remembered over a restart: %s", error)
            self.close()

    def forget(self) -> None:
        """The next start begins an epoch."""
        self.note()
        self.close()

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _path(state_dir: Path, environ: Mapping[str, str]) -> Path:
    """Below systemd's run directory; where there is none, below the temporary files."""
    run_dir = environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    folder = Path(run_dir) if run_dir else Path(tempfile.gettempdir()) / f"edge-agent-{os.geteuid()}"
    # One user may run several agents: the name tells their state directories apart.
    digest = hashlib.sha256(os.fsencode(state_dir.absolute())).hexdigest()[:12]
    return folder / f"last-event-{digest}"


def _open(path: Path) -> int:
    """Raises OSError, also where another user may have written it."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    status = os.fstat(file)
    owners = {status.st_uid, path.parent.stat().st_uid}
    if not stat.S_ISREG(status.st_mode) or owners != {os.geteuid()}:
        os.close(file)
        raise PermissionError(f"another user may have written {path}")
    return file


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
