"""Updates as the agent sees them: root's side, the inbox of wheels, the commands, the event of a verdict."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from edge_agent import __version__
from edge_agent.commands.handlers.update import Updates
from edge_agent.commands.transfer.inbox import Inbox
from edge_agent.commands.transfer.upload import nobody
from edge_agent.core.clock import Clock
from edge_agent.core.state_file import read_record, write_record
from edge_agent.events import Appender, EventMaker
from edge_agent.host.health.root_update import Last, RootUpdate
from edge_agent.wire import UpdateData, UpdateHealth

FOLDER = "update"
FILE = "update-told.json"


class _Told(Struct, frozen=True):
    """The verdict that was told last."""

    id: str
    version: str
    time: str


class UpdateRoom:
    """For the main thread, which calls ``tend`` about once a second; any thread may ask for ``health``."""

    def __init__(
        self,
        state_dir: Path,
        clock: Clock,
        events: EventMaker,
        outbox: Appender,
        sysroot: Path = Path("/"),
        received: Callable[[int], None] = nobody,
    ) -> None:
        """``received`` is told how many bytes came from a server of releases."""
        self._root = RootUpdate(sysroot)
        self._events = events
        self._outbox = outbox
        self._path = state_dir / FILE
        self._known: _Told | None = None
        inbox = Inbox(state_dir / FOLDER, self._root.releases / "wheels", received)
        self.commands = Updates(self._root, inbox, clock, __version__)

    @property
    def ca_file(self) -> str | None:
        """Of the server of releases; None: the system's."""
        return self._root.ca_file

    def health(self) -> UpdateHealth:
        return self._root.health()

    def tend(self) -> None:
        self.commands.tend()
        last = self._root.told().last
        if last is not None and last.outcome != "refused":
            self._tell(last)

    def _tell(self, last: Last) -> None:
        """Once for each verdict; twice when the power fails between the event and the record."""
        verdict = _Told(last.id, last.version, last.time)
        if self._known is None:
            self._known = read_record(self._path, _Told)
        if verdict == self._known:
            return
        self._outbox.append(
            self._events.update(
                UpdateData(
                    version=last.version,
                    outcome="in-force" if last.outcome == "in-force" else "reverted",
                    why=last.text,
                    decided_at=last.time,
                    command_id=last.id or None,
                )
            )
        )
        self._known = verdict
        write_record(self._path, verdict)
