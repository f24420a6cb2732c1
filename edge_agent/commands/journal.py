"""Keeps one durable record per command, so that no id runs twice, not even after a power cut.

Each record is a file ``<state_dir>/commands/<id>.json``, replaced as a whole at each step.
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

from edge_agent.commands.action import SEARCH_TYPES
from edge_agent.core.problems import problem_text
from edge_agent.core.state_file import read_record, sync_folder, write_record
from edge_agent.wire import Reply

log = logging.getLogger(__name__)

RETENTION = timedelta(days=7)  # time for which a repeated command is recognised, at least
MAX_RECORDS = 1024
MAX_UNSIGNED_RECORDS = 768
"""Limit for unsigned commands, so that a client that cannot sign leaves room for operators who can."""
MAX_RECORDS_PER_KEY = 512
"""Limit for the commands of one operator's key, so that a stolen key leaves room for the others."""
MAX_SEARCH_RECORDS = 256
"""Limit for searches, which are counted separately. The oldest finished searches make room for new ones: if
such a search is repeated it runs again, which changes nothing and is recorded."""
DELETE_BATCH = 16
"""Number of records deleted together when the journal is full, so that not every command deletes one."""

DAMAGED = ""  # ``signed_by`` of a record that cannot be read
_NAME = re.compile(r"[a-z0-9-]{1,63}\.json")


class CommandRecord(Struct, frozen=True, kw_only=True):
    """What is known about a command; made when it is parsed, and written to its file at each step."""

    id: str
    type: str
    digest: str  # SHA-256 of its document without the times
    issued: datetime
    expires: datetime
    received: datetime  # by the gateway's clock, which may have been wrong
    signed_by: str | None
    step: Literal["accepted", "running", "done"] = "accepted"
    reply: Reply | None = None  # the latest reply; None: the command is not accepted yet
    args: dict[str, Any] | None = None  # None once the command is done
    sent: bool = False  # the broker has acknowledged the latest reply


@dataclass(frozen=True, slots=True)
class _Summary:
    """The part of a record that is kept in memory."""

    digest: str
    expires: datetime
    until: datetime  # the record is not deleted before
    signed_by: str | None
    done: bool
    is_search: bool = False


class CommandJournal:
    """Stores records on disk. Each write blocks for an fsync. Not thread-safe: ``OpenCommands`` locks it."""

    def __init__(self, folder: Path) -> None:
        self.write_error: str | None = None  # why the last write failed; None: it succeeded
        self._folder = folder
        self._summaries: dict[str, _Summary] = {}  # oldest first
        self._unwritten: dict[str, CommandRecord] = {}  # writing failed; lost when the agent ends

    def open(self) -> list[CommandRecord]:
        """Read all records, and return those that were not done or whose reply was not sent.

        A record that cannot be read counts as done: its command must not run again."""
        left: list[CommandRecord] = []
        try:
            self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)
            for leftover in self._folder.glob("*.new"):
                leftover.unlink()
            paths = [path for path in self._folder.iterdir() if _NAME.fullmatch(path.name)]
        except OSError as error:
            failed = {"folder": str(self._folder), "error": str(error.strerror)}
            self.write_error = problem_text("command-journal-failed", **failed)
            return []
        found = [(path.stem, read_record(path, CommandRecord)) for path in paths]
        long_ago = datetime.fromisoformat("1970-01-01T00:00:00Z")
        for id_, entry in sorted(found, key=lambda each: each[1].received if each[1] else long_ago):
            if entry is None or entry.id != id_ or entry.reply is None:
                later = long_ago.replace(year=9999)
                self._summaries[id_] = _Summary("", later, later, signed_by=DAMAGED, done=True)
                continue
            self._summaries[id_] = _summary(entry)
            if entry.step != "done" or not entry.sent:
                left.append(entry)
        return left

    def digest(self, id_: str) -> str | None:
        """Return the digest of the document with this id; empty if its record is damaged; None: a new id."""
        summary = self._summaries.get(id_)
        return None if summary is None else summary.digest

    def read(self, id_: str) -> CommandRecord | None:
        return self._unwritten.get(id_) or read_record(self._path(id_), CommandRecord)

    def has_capacity(self, signed_by: str | None, now: datetime | None, *, is_search: bool = False) -> bool:
        """Return whether there is room for one more record; deletes old records if necessary. ``now`` is None
        while the clock is not synchronised."""
        if now is not None:
            self._forget(
                [id_ for id_, summary in self._summaries.items() if summary.done and summary.until < now]
            )
        if is_search:
            searches = {id_: summary for id_, summary in self._summaries.items() if summary.is_search}
            if len(searches) >= MAX_SEARCH_RECORDS:
                self._forget([id_ for id_, summary in searches.items() if summary.done][:DELETE_BATCH])
            return sum(summary.is_search for summary in self._summaries.values()) < MAX_SEARCH_RECORDS
        if self._is_full(signed_by):
            # A repeat of these commands is refused as expired. While the clock is not synchronised, only
            # unsigned commands run, so only their records may be deleted.
            over = [
                id_ for id_, summary in self._summaries.items() if summary.done and _is_expired(summary, now)
            ]
            self._forget(over[:DELETE_BATCH])
        if self._is_full(signed_by) and not self._is_full_of(signed_by):
            # Repeats of these commands run again, but the sender could as well send new unsigned commands.
            unsigned = [
                id_ for id_, summary in self._summaries.items() if summary.done and summary.signed_by is None
            ]
            self._forget(unsigned[:DELETE_BATCH])
        return not self._is_full(signed_by)

    def write(self, entry: CommandRecord) -> bool:
        """Replace the record. False: it could not be written and is kept only in memory."""
        self._summaries[entry.id] = _summary(entry)
        if write_record(self._path(entry.id), entry) and self._is_synced():
            self._unwritten.pop(entry.id, None)
            self.write_error = None
            return True
        self.write_error = problem_text("command-journal-unwritable", folder=str(self._folder))
        self._unwritten[entry.id] = entry
        if entry.step == "done":
            # With the old record, the next start would resume the command; without a record, a repeat would
            # run again. An empty file counts as done, and truncating works on a full disk.
            with contextlib.suppress(OSError):
                os.truncate(self._path(entry.id), 0)
        return False

    def drop(self, id_: str) -> None:
        """Delete the record of a command that does not run."""
        self._forget([id_])

    def _is_full(self, signed_by: str | None) -> bool:
        if sum(not each.is_search for each in self._summaries.values()) >= MAX_RECORDS:
            return True
        if self._is_full_of(signed_by):
            return True
        return signed_by is None and self._count_of(None) >= MAX_UNSIGNED_RECORDS

    def _is_full_of(self, signed_by: str | None) -> bool:
        return signed_by is not None and self._count_of(signed_by) >= MAX_RECORDS_PER_KEY

    def _count_of(self, signed_by: str | None) -> int:
        return sum(
            summary.signed_by == signed_by and not summary.is_search for summary in self._summaries.values()
        )

    def _forget(self, ids: list[str]) -> None:
        for id_ in ids:
            self._summaries.pop(id_, None)
            self._unwritten.pop(id_, None)
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


def _is_expired(summary: _Summary, now: datetime | None) -> bool:
    return summary.signed_by is None if now is None else summary.expires < now


def _summary(entry: CommandRecord) -> _Summary:
    until = max(entry.expires, entry.received + RETENTION, entry.issued + RETENTION)
    return _Summary(
        entry.digest, entry.expires, until, entry.signed_by, entry.step == "done", entry.type in SEARCH_TYPES
    )
