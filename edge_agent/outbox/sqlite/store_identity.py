"""Keeps a second agent off the state directory, and detects that the database was replaced or removed.

Between two runs, a database that was restored or cloned, or that lost its last commits, cannot be
recognised by its content. So a file in the run directory, which a reboot empties, names the newest event of
this state directory. If that file and the database agree, the database is the one that was written last.

While the agent runs, POSIX allows an open file to be removed. SQLite continues to write to it without
an error, and everything is lost when the process ends.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import stat
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from edge_agent.core.errors import OutboxError
from edge_agent.core.state_file import folder_digest, run_folder, sync_folder

log = logging.getLogger(__name__)


class StateLock:
    """An advisory lock on ``<state_dir>/outbox.lock``; the kernel drops it when the process ends."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._file: int | None = None

    def acquire(self) -> None:
        """Lock the state directory; lock it again if the lock file was removed since.

        Raises OutboxError when another process holds the lock.
        """
        path = self._state_dir / "outbox.lock"
        try:
            self._state_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if self._file is not None and os.path.sameopenfile(file, self._file):
                os.close(file)
                return
            self.release()
            self._file = file
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.release()
            raise OutboxError(f"{self._state_dir}: another agent uses it; nothing was started") from error
        except OSError as error:
            # A full or read-only disk is not a second agent: EventOutbox.open() handles it.
            log.warning("outbox: no lock on %s: %s", self._state_dir, error.strerror)

    def release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


SIZE_BYTES = 256
"""Fixed size of the file: truncating it would cost more than writing it."""


@dataclass(frozen=True, slots=True)
class ChainPosition:
    """Number and hash of the newest event of a store."""

    n: int  # events ever stored in it
    head: str  # SHA-256 of the newest one

    @property
    def line(self) -> str:
        return f"{self.n:016d} {self.head}"


class LastStored:
    """The file that names the newest event; one for each state directory.

    Without it the next start begins a new epoch. It is not synced: it has to survive the process, not a power
    cut. The caller locks; the methods raise nothing.
    """

    def __init__(self, state_dir: Path, boot_id: str) -> None:
        self._boot_id = boot_id
        self._file: int | None = None
        try:
            self._file = _open(_path(state_dir))
        except OSError as error:
            log.debug("outbox: no place to remember the newest event over a restart: %s", error)

    def is_at(self, position: ChainPosition) -> bool:
        """Return whether the last commit of this boot, finished or not, left the store at this position."""
        if self._file is None:
            return False
        try:
            boot_id, *lines = os.pread(self._file, SIZE_BYTES, 0).decode().split("\n")
        except (OSError, UnicodeDecodeError):
            return False
        return boot_id == self._boot_id and position.line in lines

    def note(self, *positions: ChainPosition) -> None:
        """Record the position of the store; before a commit, its current and its next position."""
        if self._file is None:
            return
        content = "\n".join([self._boot_id, *[position.line for position in positions], ""])
        try:
            os.pwrite(self._file, content.encode().ljust(SIZE_BYTES), 0)
        except OSError as error:
            log.warning("outbox: the newest event is not remembered over a restart: %s", error)
            self.close()

    def forget(self) -> None:
        """Erase the record, so that the next start begins an epoch."""
        self.note()
        self.close()

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _path(state_dir: Path) -> Path:
    """Return the path of the record: in systemd's run directory or, without one, in the temporary folder."""
    folder = run_folder() or Path(tempfile.gettempdir()) / f"edge-agent-{os.geteuid()}"
    return folder / f"last-event-{folder_digest(state_dir)}"


def _open(path: Path) -> int:
    """Open the file. Raises OSError, also if another user may have written it."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    status = os.fstat(file)
    owners = {status.st_uid, path.parent.stat().st_uid}
    if not stat.S_ISREG(status.st_mode) or owners != {os.geteuid()}:
        os.close(file)
        raise PermissionError(f"another user may have written {path}")
    return file


PARTS = ("", "-wal", "-shm")
"""Suffixes of SQLite's files: https://www.sqlite.org/walformat.html#files_on_disk"""


class OpenFiles:
    """The identities of a database's files when it was opened; construct it while they exist."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened = {part: _identity(_with(path, part)) for part in PARTS}

    def missing(self) -> str | None:
        """Return the name of a file that was removed or replaced since; None if there is none."""
        for part, opened in self._opened.items():
            path = _with(self._path, part)
            if _identity(path) != opened:
                return path.name
        return None

    def replaced(self) -> bool:
        """Return whether another file is at the path of the database."""
        return _identity(self._path) not in (None, self._opened[""])


def rewrite_file(db: sqlite3.Connection, path: Path) -> None:
    """Write the content of ``db`` to ``path``, durably. Raises sqlite3.Error and OSError.

    The caller must close ``db`` next: it still uses the removed files.
    """
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    copy = _with(path, ".new")
    for part in ("", "-journal"):
        _with(copy, part).unlink(missing_ok=True)
    with closing(sqlite3.connect(copy, isolation_level=None)) as target:
        target.execute("PRAGMA synchronous=FULL")
        db.backup(target)
    # SQLite would apply a log of the old file to the new one.
    for part in PARTS[1:]:
        _with(path, part).unlink(missing_ok=True)
    os.replace(copy, path)
    sync_folder(path.parent)


def _with(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _identity(path: Path) -> tuple[int, int] | None:
    """Return device and inode of the file; None when there is no such file."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_dev, status.st_ino
