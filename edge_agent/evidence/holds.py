"""Holds: events whose media rotation never removes, ``<state_dir>/evidence/holds/<event_id>.json``.

Holds are files, because the command line writes them while the agent runs. The agent reads them again each
time before it removes a media file.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import msgspec

from edge_agent.core.clock import Clock, rfc3339
from edge_agent.core.errors import StorageError
from edge_agent.core.state_file import read_record, sync_folder, write_record
from edge_agent.evidence.media_index import check_id, is_id


class HoldRecord(msgspec.Struct, frozen=True):
    """The content of one file: who put the event on hold, when and why."""

    who: str
    when: str  # RFC 3339
    why: str


class HoldStore:
    """Reads and writes the hold files. Any process, any thread."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock

    def add(self, event_id: str, who: str, why: str) -> None:
        """Put the event on hold; durable when it returns. Raises ``StorageError``."""
        path = self._path(event_id)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            text = f"{self._folder} cannot be created ({error.strerror}); nothing is held"
            raise StorageError(text) from error
        if not write_record(path, HoldRecord(who, rfc3339(self._clock.now()), why)):
            raise StorageError(f"{path} cannot be written; nothing is held")
        with contextlib.suppress(OSError):  # the hold is written, but a power cut now could still lose it
            sync_folder(self._folder)

    def remove(self, event_id: str) -> bool:
        """Release the event. Returns False when it was not on hold. Raises ``StorageError``."""
        path = self._path(event_id)
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StorageError(f"cannot remove {path} ({error.strerror}); the hold goes on") from error
        return True

    def has(self, event_id: str) -> bool:
        """Return whether the event is on hold now."""
        return (self._folder / f"{event_id}.json").exists()

    def ids(self) -> frozenset[str]:
        """Return the events on hold. Raises ``OSError`` when the folder cannot be read: then nothing may be
        deleted."""
        try:
            names = os.listdir(self._folder)
        except FileNotFoundError:
            return frozenset()
        return frozenset(name.removesuffix(".json") for name in names if name.endswith(".json"))

    def all(self) -> dict[str, HoldRecord | None]:
        """Return the records by event id; None for an unreadable file: that event is on hold too.

        Raises ``OSError`` when the folder cannot be read.
        """
        try:
            names = [Path(name) for name in sorted(os.listdir(self._folder))]
        except FileNotFoundError:
            return {}
        ids = [name.stem for name in names if name.suffix == ".json" and is_id(name.stem)]
        return {event_id: read_record(self._path(event_id), HoldRecord) for event_id in ids}

    def _path(self, event_id: str) -> Path:
        check_id(event_id)
        return self._folder / f"{event_id}.json"
