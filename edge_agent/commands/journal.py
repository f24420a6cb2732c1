"""One durable record a command: an id that was obeyed is never obeyed again, also after a power cut.

A record is a file of its own, ``<state_dir>/commands/<id>.json``, replaced as a whole at each step.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from edge_agent.core.state_file import read_record, sync_folder, write_record
from edge_agent.wire import Reply

log = logging.getLogger(__name__)

KEPT = timedelta(days=7)
"""A repeat is known for at least so long."""
MOST = 1024
MOST_UNSIGNED = 768
"""Of them: who may write commands, but not sign them, leaves room for those who may."""
MOST_OF_A_KEY = 512
"""Signed by one operator: a key that was stolen leaves room for the others."""
AT_ONCE = 16
"""Records that are deleted together when one has to go, so that not each command has to delete one."""

DAMAGED = ""
"""In place of the key of a record that cannot be read."""
_NAME = re.compile(r"[a-z0-9-]{1,63}\.json")


class CommandRecord(Struct, frozen=True, kw_only=True):
    """What is known of a command."""

    id: str
    type: str
    digest: str  # of its document
    issued: datetime
    expires: datetime
    received: datetime  # by our clock, which may have been wrong
    signed_by: str | None
    step: Literal["accepted", "running", "done"]
    reply: Reply  # the last one
    args: dict[str, Any] | None = None  # until it is done
    sent: bool = False  # the broker has the last reply


@dataclass(frozen=True, slots=True)
class _Summary:
    """What is kept in memory of each."""

    digest: str
    expires: datetime
    until: datetime  # kept at least until then
    signed_by: str | None
    done: bool


class CommandJournal:
    """Not thread-safe: the desk's lock is around it. Blocks for an fsync a write."""

    def __init__(self, folder: Path) -> None:
        self.write_error: str | None = None  # why nothing can be written; None: the last one was
        self._folder = folder
        self._summaries: dict[str, _Summary] = {}  # the oldest first
        self._unwritten: dict[str, CommandRecord] = {}  # of this run only: the disk did not take them

    def open(self) -> list[CommandRecord]:
        """What was not done, or not answered, when the agent ended. A record that cannot be read counts as
        done: what it was about is never begun again."""
        left: list[CommandRecord] = []
        try:
            self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            for leftover in self._folder.glob("*.new"):
                leftover.unlink()
            paths = [path for path in self._folder.iterdir() if _NAME.fullmatch(path.name)]
        except OSError as error:
            self.write_error = f"{self._folder}: {error.strerror}"
            return []
        found = [(path.stem, read_record(path, CommandRecord)) for path in paths]
        long_ago = datetime.fromisoformat("1970-01-01T00:00:00Z")
        for id_, entry in sorted(found, key=lambda each: each[1].received if each[1] else long_ago):
            if entry is None or entry.id != id_:
                later = long_ago.replace(year=9999)
                self._summaries[id_] = _Summary("", later, later, signed_by=DAMAGED, done=True)
                continue
            self._summaries[id_] = _summary(entry)
            if entry.step != "done" or not entry.sent:
                left.append(entry)
        return left

    def digest(self, id_: str) -> str | None:
        """Of the document that had this id; empty where its record is damaged; None: there was none."""
        known = self._summaries.get(id_)
        return None if known is None else known.digest

    def read(self, id_: str) -> CommandRecord | None:
        return self._unwritten.get(id_) or read_record(self._path(id_), CommandRecord)

    def has_capacity(self, signed_by: str | None, now: datetime | None) -> bool:
        """For another one; makes room where it may. ``now``: None while nobody knows the time."""
        if now is not None:
            self._forget([id_ for id_, known in self._summaries.items() if known.done and known.until < now])
        if self._is_full(signed_by):
            # A repeat is refused as expired from now on, and runs nothing either. Without the time only what
            # is not risky is obeyed.
            over = [id_ for id_, known in self._summaries.items() if known.done and _is_expired(known, now)]
            self._forget(over[:AT_ONCE])
        if self._is_full(signed_by) and not self._is_full_of(signed_by):
            # A repeat of these runs again. A client that can send one could send a new command as well.
            unsigned = [
                id_ for id_, known in self._summaries.items() if known.done and known.signed_by is None
            ]
            self._forget(unsigned[:AT_ONCE])
        return not self._is_full(signed_by)

    def write(self, entry: CommandRecord) -> bool:
        """Replace the record. False when the disk refuses: then it is known until the agent ends."""
        self._summaries[entry.id] = _summary(entry)
        if write_record(self._path(entry.id), entry) and self._is_synced():
            self._unwritten.pop(entry.id, None)
            self.write_error = None
            return True
        self.write_error = f"{self._folder} cannot be written"
        self._unwritten[entry.id] = entry
        if entry.step == "done":
            self._void(entry.id)
        return False

    def drop(self, id_: str) -> None:
        """It is not obeyed after all."""
        self._unwritten.pop(id_, None)
        self._forget([id_])

    def _is_full(self, signed_by: str | None) -> bool:
        if len(self._summaries) >= MOST or self._is_full_of(signed_by):
            return True
        return signed_by is None and self._count_of(None) >= MOST_UNSIGNED

    def _is_full_of(self, signed_by: str | None) -> bool:
        """Of the commands of this one key."""
        return signed_by is not None and self._count_of(signed_by) >= MOST_OF_A_KEY

    def _count_of(self, signed_by: str | None) -> int:
        return sum(known.signed_by == signed_by for known in self._summaries.values())

    def _forget(self, ids: list[str]) -> None:
        for id_ in ids:
            self._summaries.pop(id_, None)
            self._unlink(id_)

    def _void(self, id_: str) -> None:
        """What its record says would be taken up again after a restart, and without one a repeat would be
        obeyed again. An empty one counts as obeyed, and a full disk takes it."""
        with contextlib.suppress(OSError):
            os.truncate(self._path(id_), 0)

    def _unlink(self, id_: str) -> None:
        with contextlib.suppress(OSError):
            self._path(id_).unlink(missing_ok=True)

    def _is_synced(self) -> bool:
        try:
            sync_folder(self._folder)
        except OSError as error:
            log.warning("%s cannot be synced: %s", self._folder, error.strerror)
            return False
        return True

    def _path(self, id_: str) -> Path:
        return self._folder / f"{id_}.json"


def _is_expired(known: _Summary, now: datetime | None) -> bool:
    return known.signed_by is None if now is None else known.expires < now


def _summary(entry: CommandRecord) -> _Summary:
    until = max(entry.expires, entry.received + KEPT, entry.issued + KEPT)
    return _Summary(entry.digest, entry.expires, until, entry.signed_by, entry.step == "done")
