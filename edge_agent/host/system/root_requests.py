"""Requests to root's programs: an empty file starts a systemd path unit (docs/design/commands.md).

Root's program deletes the file, decides by itself, and may leave an answer in a folder of its own.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import msgspec

from edge_agent.core.state_file import create_file

RUN = Path("run/edge-agent")
MAX_BYTES = 10_000


class RootAnswer(msgspec.Struct, frozen=True):
    """The answer of root's program. ``uptime_s`` distinguishes two answers of one boot."""

    outcome: str
    detail: str = ""
    uptime_s: float = 0.0


class RootRequest:
    """The request file ``requests/<name>`` below the run directory, and its answer file. Not thread-safe."""

    def __init__(self, name: str, answer: Path, sysroot: Path = Path("/")) -> None:
        self._path = sysroot / RUN / "requests" / name
        self._answer = sysroot / answer

    def ask(self) -> None:
        """Create the request. Raises ``OSError`` where there is no run directory, as without systemd."""
        with contextlib.suppress(FileExistsError):
            self._path.parent.mkdir(mode=0o750)
        with contextlib.suppress(FileExistsError):  # the last request still waits
            os.close(create_file(self._path, os.O_WRONLY, 0o640))

    @property
    def is_pending(self) -> bool:
        """Whether root's program has not picked it up yet."""
        return self._path.exists()

    def withdraw(self) -> None:
        with contextlib.suppress(OSError):
            self._path.unlink()

    def answer(self) -> RootAnswer | None:
        """Return the last answer of this boot; None without one, or when it cannot be read."""
        try:
            with self._answer.open("rb") as file:
                return msgspec.json.decode(file.read(MAX_BYTES), type=RootAnswer)
        except (OSError, msgspec.DecodeError):
            return None
