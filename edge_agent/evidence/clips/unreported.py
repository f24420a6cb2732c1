"""The file with the report of the clip that is being stored, until its ``evidence`` event is stored.

The clip's file alone does not tell a later run what the event says: the hash before sealing, the stream, the
pre-roll.
"""

from __future__ import annotations

import contextlib
import secrets
from pathlib import Path

import msgspec

from edge_agent.core.state_file import read_record, write_record
from edge_agent.wire import EvidenceData


class UnreportedClip(msgspec.Struct, frozen=True):
    """The content of the file."""

    run: str
    data: EvidenceData


class UnreportedClipFile:
    """The file. The recorder's thread changes it; any thread may call ``previous``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._run = secrets.token_hex(6)
        self._before: EvidenceData | None = None

    def write(self, data: EvidenceData) -> None:
        """Record what to report. Call it before the clip is stored; blocks for an fsync."""
        self.previous()  # read it before it is overwritten, also on a disk that was mounted late
        write_record(self._path, UnreportedClip(self._run, data))

    def remove(self) -> None:
        """Remove the record: the clip is reported."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)

    def previous(self) -> EvidenceData | None:
        """Return what an earlier run did not report."""
        found = read_record(self._path, UnreportedClip)
        if found is not None and found.run != self._run:
            self._before = found.data
        return self._before
