"""Requests to root's program for updates, and its status. See docs/design/update.md.

The two exchange files: the agent writes the request, root's program its status.
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

from edge_agent.core.problems import ProblemText, problem_text
from edge_agent.core.state_file import create_file
from edge_agent.host.health.degraded import since_text
from edge_agent.wire import UpdateHealth

SETTINGS = Path("etc/edge-agent/update.json")
STATUS_FILE = Path("var/lib/edge-agent-update/told.json")
REQUEST = Path("run/edge-agent/requests/update")
RELEASES = Path("opt/edge-agent")
MAX_REASON_LENGTH = 200
"""Limit in a heartbeat; the reply to the command has the whole text."""


class UpdateProgressRecord(Struct, frozen=True):
    """The update in progress."""

    id: str  # of the command; empty for an update that the gateway fetched by itself
    version: str
    phase: Literal["fetching", "installing", "trial"]
    until: str | None = None  # latest end of the trial


class UpdateResultRecord(Struct, frozen=True):
    """The outcome of the last update."""

    id: str
    version: str
    outcome: Literal["in-force", "reverted", "refused"]  # refused: not installed
    text: str
    time: str


class UpdateStatusRecord(Struct, frozen=True):
    now: UpdateProgressRecord | None = None
    last: UpdateResultRecord | None = None


class _Settings(Struct, frozen=True):
    ca_file: str = ""


class RootUpdate:
    """The files that the agent exchanges with root's program. Thread-safe; each call uses one small file."""

    def __init__(self, sysroot: Path = Path("/")) -> None:
        self._settings, self._status_file, self._request = (
            sysroot / SETTINGS,
            sysroot / STATUS_FILE,
            sysroot / REQUEST,
        )
        self.releases = sysroot / RELEASES

    @property
    def is_available(self) -> bool:
        """Whether root's program is set up on this gateway."""
        return self._settings.exists()

    @property
    def ca_file(self) -> str | None:
        """CA file of the release server; None: the system's CAs."""
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
        """Whether that release is completely installed."""
        return (self.releases / version / ".complete").exists()

    def ask(self, id_: str, manifest: str, signature: str) -> None:
        """Write a request; root's program starts at once. Raises OSError."""
        folder = self._request.parent
        folder.mkdir(exist_ok=True)
        # Root's program runs without capabilities: it deletes the request as a member of the agent's group.
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
        status = self.status()
        reverted = status.last if status.last is not None and status.last.outcome == "reverted" else None
        return UpdateHealth(
            version=None if status.now is None else status.now.version,
            phase=None if status.now is None else status.now.phase,
            until=None if status.now is None else status.now.until,
            reverted=None if reverted is None else reverted.version,
            reverted_at=None if reverted is None else reverted.time,
            why=None if reverted is None else reverted.text[:MAX_REASON_LENGTH],
        )


def update_lines(update: UpdateHealth, now: datetime, zone: tzinfo) -> list[ProblemText]:
    """Lines for the heartbeat's ``degraded``, with times in the site's time zone."""
    lines = []
    if update.phase == "trial" and update.until:
        until = since_text(datetime.fromisoformat(update.until), now, zone)
        lines.append(problem_text("update-trial", version=str(update.version), until=until))
    elif update.phase:
        lines.append(problem_text(f"update-{update.phase}", version=str(update.version)))
    if update.reverted and update.reverted_at:
        at = since_text(datetime.fromisoformat(update.reverted_at), now, zone)
        lines.append(problem_text("update-reverted", at=at, why=str(update.why)))
    return lines
