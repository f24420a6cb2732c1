"""Requests to root's programs: a file starts a systemd path unit (docs/design/commands.md, update.md).

Root's program deletes the file, decides by itself, and may leave an answer in a folder of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from edge_agent.core.problems.problem import with_code_of
from edge_agent.core.state_file import create_file, replace_file
from edge_agent.wire import UpdateHealth
from edge_agent.wire.base import Time
from edge_agent.wire.received.bounds import with_problem

_Record = TypeVar("_Record", bound=msgspec.Struct)

RUN = Path("run/edge-agent")
MAX_BYTES = 100_000
READ_WITHIN_S = 15.0
"""If the request is still there after this time, systemd's path unit for root's program does not run."""
ANSWERED_WITHIN_S = 5.0
"""Longest wait for root's program to answer after deleting the request; it may stop the agent meanwhile."""
POLL_INTERVAL_S = 0.1


def _read(path: Path, kind: type[_Record]) -> _Record | None:
    """Return what root's program has written; None if there is nothing, or it cannot be read."""
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(MAX_BYTES), type=kind)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


class RootAnswer(msgspec.Struct, frozen=True):
    """The answer of root's program. ``uptime_s`` distinguishes two answers of one boot."""

    outcome: str
    detail: str = ""
    uptime_s: float = 0.0


class RequestNotRead(Exception):
    """Root's program has not read the request, which is withdrawn."""


class RootRequest:
    """The request file ``requests/<name>`` below the run directory, and its answer file. Not thread-safe."""

    def __init__(
        self,
        name: str,
        answer: Path,
        sysroot: Path = Path("/"),
        read_within_s: float = READ_WITHIN_S,
        answered_within_s: float = ANSWERED_WITHIN_S,
    ) -> None:
        self._path = sysroot / RUN / "requests" / name
        self._answer = sysroot / answer
        self._read_within_s = read_within_s
        self._answered_within_s = answered_within_s
        self._poll = threading.Event()  # never set, only used to wait

    def ask(self, content: bytes = b"") -> None:
        """Create the request. Raises ``OSError`` where there is no run directory, as without systemd."""
        with contextlib.suppress(FileExistsError):
            self._path.parent.mkdir(mode=0o750)
        try:
            handle = create_file(self._path, os.O_WRONLY, 0o640)
        except FileExistsError:
            return  # the earlier request has not been read yet
        with os.fdopen(handle, "wb") as file:
            file.write(content)

    def ask_and_wait(self, content: bytes, stopping: Callable[[], bool]) -> str | None:
        """Create the request, and wait until root's program answers; when ``stopping``, no longer.

        Returns why it refuses; None: it does not, or not within ``answered_within_s``. Raises ``OSError`` as
        ``ask`` does, and ``RequestNotRead``.
        """
        before = self.answer()  # the answer to an earlier request
        self.ask(content)
        self._wait(lambda: not self.is_pending, self._read_within_s, stopping)
        if self.is_pending and not stopping():
            self.withdraw()
            raise RequestNotRead
        self._wait(lambda: self.answer() not in (None, before), self._answered_within_s, stopping)
        answer = self.answer()
        if answer is None or answer == before or answer.outcome != "refused":
            return None
        return answer.detail

    def _wait(self, true: Callable[[], bool], within_s: float, stopping: Callable[[], bool]) -> None:
        waited_s = 0.0
        while not true() and waited_s < within_s and not stopping():
            self._poll.wait(POLL_INTERVAL_S)
            waited_s += POLL_INTERVAL_S

    @property
    def is_pending(self) -> bool:
        """Whether root's program has not read the request yet."""
        return self._path.exists()

    def withdraw(self) -> None:
        with contextlib.suppress(OSError):
            self._path.unlink()

    def answer(self) -> RootAnswer | None:
        """Return the last answer of this boot; None if there is none, or it cannot be read."""
        return _read(self._answer, RootAnswer)


SETTINGS = Path("etc/edge-agent/update.json")
STATUS_FILE = Path("var/lib/edge-agent-update/told.json")
REQUEST = RUN / "requests/update"
RELEASES = Path("opt/edge-agent")
MAX_REASON_LENGTH = 200  # limit in a heartbeat; the reply to the command has the whole text


class UpdateProgressRecord(msgspec.Struct, frozen=True):
    id: str  # id of the command; empty for an update that the gateway fetched by itself
    version: str
    phase: Literal["fetching", "installing", "trial"]
    until: Time | None = None  # latest end of the trial


class UpdateResultRecord(msgspec.Struct, frozen=True):
    """The outcome of the last update."""

    id: str
    version: str
    outcome: Literal["in-force", "reverted", "refused"]  # refused: not installed
    text: str
    time: Time
    problem: Any = None  # the code of ``text``

    @property
    def sentence(self) -> str:
        """``text`` with its code."""
        return with_problem(self.text, self.problem)


class UpdateStatusRecord(msgspec.Struct, frozen=True):
    now: UpdateProgressRecord | None = None
    last: UpdateResultRecord | None = None


class _Settings(msgspec.Struct, frozen=True):
    ca_file: str = ""


class RootUpdate:
    """The files that the agent exchanges with root's program. Thread-safe; each call uses one small file."""

    def __init__(self, sysroot: Path = Path("/")) -> None:
        self._settings = sysroot / SETTINGS
        self._status_file = sysroot / STATUS_FILE
        self._request = sysroot / REQUEST
        self.releases = sysroot / RELEASES

    @property
    def is_available(self) -> bool:
        """Whether root's program is set up on this gateway."""
        return self._settings.exists()

    @property
    def ca_file(self) -> str | None:
        """CA file of the release server; None: the system's CAs."""
        found = _read(self._settings, _Settings)
        return None if found is None else found.ca_file or None

    def status(self) -> UpdateStatusRecord:
        return _read(self._status_file, UpdateStatusRecord) or UpdateStatusRecord()

    def has(self, version: str) -> bool:
        """Return whether that release is completely installed."""
        return (self.releases / version / ".complete").exists()

    def ask(self, id_: str, manifest: str, signature: str) -> None:
        """Write a request; root's program starts at once. Raises OSError."""
        folder = self._request.parent
        folder.mkdir(exist_ok=True)
        # Root's program runs without capabilities: it deletes the request as a member of the agent's group.
        folder.chmod(0o770)
        request = json.dumps({"id": id_, "manifest": manifest, "signature": signature})
        replace_file(self._request, request.encode(), 0o640)

    def withdraw(self) -> None:
        with contextlib.suppress(OSError):
            self._request.unlink(missing_ok=True)

    def health(self) -> UpdateHealth:
        status = self.status()
        reverted = status.last if status.last is not None and status.last.outcome == "reverted" else None
        why = None if reverted is None else reverted.sentence
        return UpdateHealth(
            version=None if status.now is None else status.now.version,
            phase=None if status.now is None else status.now.phase,
            until=None if status.now is None else status.now.until,
            reverted=None if reverted is None else reverted.version,
            reverted_at=None if reverted is None else reverted.time,
            why=None if why is None else with_code_of(why[:MAX_REASON_LENGTH], why),
        )
