"""Asks root for what the agent's user may not do: an empty file wakes a path unit (docs/design/commands.md).

Root takes the file away, decides by itself, and may leave an answer in a folder of its own.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import msgspec

from edge_agent.core.state_file import create_file

RUN = Path("run/edge-agent")
MOST_BYTES = 10_000


class RootAnswer(msgspec.Struct, frozen=True):
    """What root's program left. ``uptime_s`` makes two answers of one boot differ."""

    outcome: str
    detail: str = ""
    uptime_s: float = 0.0


class RootRequest:
    """One thing to ask for: ``requests/<name>`` below the run directory, answered in ``answer``. Any one
    thread."""

    def __init__(self, name: str, answer: Path, sysroot: Path = Path("/")) -> None:
        self._path = sysroot / RUN / "requests" / name
        self._answer = sysroot / answer

    def ask(self) -> None:
        """Raises ``OSError`` where there is no run directory, as without systemd."""
        with contextlib.suppress(FileExistsError):
            self._path.parent.mkdir(mode=0o750)
        with contextlib.suppress(FileExistsError):  # still asked for
            os.close(create_file(self._path, os.O_WRONLY, 0o640))

    @property
    def is_pending(self) -> bool:
        """Whether nobody has taken it yet."""
        return self._path.exists()

    def withdraw(self) -> None:
        with contextlib.suppress(OSError):
            self._path.unlink()

    def answer(self) -> RootAnswer | None:
        """The last one of this boot; None without one, or when it cannot be read."""
        try:
            with self._answer.open("rb") as file:
                return msgspec.json.decode(file.read(MOST_BYTES), type=RootAnswer)
        except (OSError, msgspec.DecodeError):
            return None
