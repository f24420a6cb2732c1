"""Until when the agent lived, for what it did not live to end."""

from __future__ import annotations

import secrets
from pathlib import Path

import msgspec

from edge_agent.core.clock import Clock
from edge_agent.core.state_file import read_record, write_record

ALIVE_EVERY_S = 30.0
"""One small write, while something is open only: events themselves cost the card more."""


class LastAlive(msgspec.Struct, frozen=True):
    """Wall time is not in it: it may have been set since."""

    run: str
    boot_id: str
    mono: float  # when it was last known to live


class LastAliveFile:
    """The file of one run. One thread."""

    def __init__(self, path: Path, clock: Clock, boot_id: str) -> None:
        self._path = path
        self._clock = clock
        self._boot_id = boot_id
        self._run = secrets.token_hex(6)
        self._before: LastAlive | None = None
        self._next_mono = 0.0

    def record(self) -> None:
        """The agent lives; written when it is time. Blocks for an fsync then."""
        now_mono = self._clock.monotonic()
        if now_mono < self._next_mono:
            return
        self._next_mono = now_mono + ALIVE_EVERY_S
        self.previous()  # a disk that came late has it still
        write_record(self._path, LastAlive(self._run, self._boot_id, now_mono))

    def previous(self) -> LastAlive | None:
        """The last one of an earlier run."""
        found = read_record(self._path, LastAlive)
        if found is not None and found.run != self._run:
            self._before = found
        return self._before
