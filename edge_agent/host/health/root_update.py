"""What the agent says to root's program for updates, and what that has told. See docs/design/update.md.

Root writes one file, the agent another; neither calls the other.
"""

from __future__ import annotations

import contextlib
import json
import os
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from edge_agent.core.state_file import create_file
from edge_agent.host.health.degraded import since_text
from edge_agent.wire import UpdateHealth

SETTINGS = Path("etc/edge-agent/update.json")
STATUS_FILE = Path("var/lib/edge-agent-update/told.json")
REQUEST = Path("run/edge-agent/requests/update")
RELEASES = Path("opt/edge-agent")
LONGEST_REASON = 200
"""In a heartbeat; the answer to the command has all of it."""


class UpdateProgressRecord(Struct, frozen=True):
    """What root is doing."""

    id: str  # of the command; empty for what the box fetched by itself
    version: str
    phase: Literal["fetching", "installing", "trial"]
    until: str | None = None  # when there is a verdict at the latest


class UpdateResultRecord(Struct, frozen=True):
    """What came of it."""

    id: str
    version: str
    outcome: Literal["in-force", "reverted", "refused"]  # refused: nothing was switched
    text: str
    time: str


class UpdateStatusRecord(Struct, frozen=True):
    now: UpdateProgressRecord | None = None
    last: UpdateResultRecord | None = None


class _Settings(Struct, frozen=True):
    ca_file: str = ""


class RootUpdate:
    """Any thread may call it; each call reads or writes one small file."""

    def __init__(self, sysroot: Path = Path("/")) -> None:
        self._settings, self._status_file, self._request = (
            sysroot / SETTINGS,
            sysroot / STATUS_FILE,
            sysroot / REQUEST,
        )
        self.releases = sysroot / RELEASES

    @property
    def is_available(self) -> bool:
        """Whether this box takes signed releases at all."""
        return self._settings.exists()

    @property
    def ca_file(self) -> str | None:
        """Of the server of releases; None: the system's."""
        try:
            found = msgspec.json.decode(self._settings.read_bytes(), type=_Settings)
        except (OSError, msgspec.DecodeError):
            return None
        return found.ca_file or None

    def status(self) -> UpdateStatusRecord:
        try:
            return msgspec.json.decode(self._status_file.read_bytes(), type=UpdateStatusRecord)
        except (OSError, msgspec.DecodeError):
            return UpdateStatusRecord()

    def has(self, version: str) -> bool:
        """Whether that release is installed, whole."""
        return (self.releases / version / ".complete").exists()

    def ask(self, id_: str, manifest: str, signature: str) -> None:
        """Leave a request; root looks at it at once. Raises OSError."""
        folder = self._request.parent
        folder.mkdir(exist_ok=True)
        # Root has given up its capabilities, and takes what is done with away as one of the agent's group.
        folder.chmod(0o770)
        new = self._request.with_suffix(".new")
        new.unlink(missing_ok=True)
        with os.fdopen(create_file(new, os.O_WRONLY, 0o640), "w", encoding="utf-8") as file:
            json.dump({"id": id_, "manifest": manifest, "signature": signature}, file)
        new.replace(self._request)

    def withdraw(self) -> None:
        with contextlib.suppress(OSError):
            self._request.unlink(missing_ok=True)

    def health(self) -> UpdateHealth:
        told = self.status()
        reverted = told.last if told.last is not None and told.last.outcome == "reverted" else None
        return UpdateHealth(
            version=None if told.now is None else told.now.version,
            phase=None if told.now is None else told.now.phase,
            until=None if told.now is None else told.now.until,
            reverted=None if reverted is None else reverted.version,
            reverted_at=None if reverted is None else reverted.time,
            why=None if reverted is None else reverted.text[:LONGEST_REASON],
        )


def update_lines(update: UpdateHealth, now: datetime, zone: tzinfo) -> list[str]:
    """For the heartbeat's ``degraded``; times are the site's own."""
    lines = []
    if update.phase == "trial" and update.until:
        until = since_text(datetime.fromisoformat(update.until), now, zone)
        lines.append(f"update: {update.version} on trial until {until}")
    elif update.phase:
        lines.append(f"update: {update.version}, {update.phase}")
    if update.reverted and update.reverted_at:
        at = since_text(datetime.fromisoformat(update.reverted_at), now, zone)
        lines.append(f"update: went back at {at}: {update.why}")
    return lines
