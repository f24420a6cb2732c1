"""The agent's side of updates: its commands, the cache of wheels, and the event about each result.

Root's program installs releases; ``host/system/root_requests.py`` reads what that program reports.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from edge_agent import __version__
from edge_agent.commands.handlers.update import UpdateCommands
from edge_agent.commands.transfer.https import ignore_bytes
from edge_agent.commands.transfer.wheel_cache import WheelCache
from edge_agent.core.clock import Clock
from edge_agent.core.delivery import EventAppender
from edge_agent.core.problems import optional_problem
from edge_agent.core.state_file import read_record, write_record
from edge_agent.events import EventFactory
from edge_agent.host.system.root_requests import RootUpdate, UpdateResultRecord
from edge_agent.wire import UpdateData, UpdateHealth

FOLDER = "update"
FILE = "update-told.json"


class _ReportedUpdate(Struct, frozen=True):
    """The last result that was reported; the content of the state file."""

    id: str
    version: str
    time: str


class UpdateService:
    """The agent's side of updates. ``tick``: main thread, about once a second; ``health``: any thread."""

    def __init__(
        self,
        state_dir: Path,
        clock: Clock,
        events: EventFactory,
        outbox: EventAppender,
        sysroot: Path = Path("/"),
        received: Callable[[int], None] = ignore_bytes,
    ) -> None:
        """``received`` is called with the number of bytes that came from a release server."""
        self._root = RootUpdate(sysroot)
        self._events = events
        self._outbox = outbox
        self._path = state_dir / FILE
        self._reported: _ReportedUpdate | None = None
        inbox = WheelCache(state_dir / FOLDER, self._root.releases / "wheels", received)
        self.commands = UpdateCommands(self._root, inbox, clock, __version__)

    def ca_file(self) -> str | None:
        """Return the CA file of the release server; None: the system's CAs."""
        return self._root.ca_file

    def health(self) -> UpdateHealth:
        return self._root.health()

    def tick(self) -> None:
        self.commands.tick()
        last = self._root.status().last
        if last is not None and last.outcome != "refused":
            self._report(last)

    def _report(self, last: UpdateResultRecord) -> None:
        """Report each result once, or twice if the power fails between the event and the record."""
        verdict = _ReportedUpdate(last.id, last.version, last.time)
        if self._reported is None:
            self._reported = read_record(self._path, _ReportedUpdate)
        if verdict == self._reported:
            return
        self._outbox.append(
            self._events.update(
                UpdateData(
                    version=last.version,
                    outcome="in-force" if last.outcome == "in-force" else "reverted",
                    why=last.text,
                    problem=optional_problem(last.sentence),
                    decided_at=last.time,
                    command_id=last.id or None,
                )
            )
        )
        self._reported = verdict
        write_record(self._path, verdict)
