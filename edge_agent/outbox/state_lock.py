"""Keeps two agents from using one state directory."""

from __future__ import annotations

import fcntl
import logging
import os
from pathlib import Path

from edge_agent.core.errors import OutboxError

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
