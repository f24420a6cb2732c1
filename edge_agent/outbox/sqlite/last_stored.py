"""Remembers the newest stored event outside of the state directory, until the next boot.

A store that was restored, cloned, or that lost its last commits cannot be recognised from its content. So a
file in the run directory, which a reboot empties, names the newest event of this state directory. If file and
store agree, the store is the one that was written last.
"""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import tempfile
from collections.abc import Mapping
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
