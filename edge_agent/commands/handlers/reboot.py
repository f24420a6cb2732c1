"""``reboot``: asks root's program to reboot; the agent replies at its next start. docs/design/commands.md."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from edge_agent.commands.action import (
    CommandContext,
    CommandFailed,
    CommandRefused,
    CommandSucceeded,
    FunctionAction,
    InProgress,
)
from edge_agent.core.state_file import read_record, write_record
from edge_agent.wire import ARGUMENTS, NoArguments

MIN_UPTIME_S = 600.0
"""Root's program has the same limit (edge-agent-reboot.service), so that repeated commands cannot keep a
gateway rebooting."""
TAKEN_WITHIN_S = 15.0
"""systemd starts root's program at once; after this time the path unit does not run."""
ANSWERED_WITHIN_S = 5.0
"""Root's program removes the request before it decides. If it reboots, the agent is stopped meanwhile."""
POLL_INTERVAL_S = 0.1
WITHIN_S = 180.0


class RebootAnswer(Protocol):
    @property
    def outcome(self) -> str: ...
    @property
    def detail(self) -> str: ...


class RebootRequest(Protocol):
    """The request file for root's program."""

    @property
    def is_pending(self) -> bool: ...
    def ask(self) -> None: ...
    def withdraw(self) -> None: ...
    def answer(self) -> RebootAnswer | None: ...


class _PendingReboot(Struct, frozen=True):
    """The state file: the command, and the boot in which it arrived."""

    id: str
    boot_id: str


class RebootCommand:
    """The command ``reboot``. ``path``: the state file. ``up_s`` returns the time since the boot."""

    def __init__(
        self,
        request: RebootRequest,
        path: Path,
        boot_id: str,
        up_s: Callable[[], float],
        taken_within_s: float = TAKEN_WITHIN_S,
        answered_within_s: float = ANSWERED_WITHIN_S,
    ) -> None:
        self._request = request
        self._path = path
        self._boot_id = boot_id
        self._up_s = up_s
        self._taken_within_s = taken_within_s
        self._answered_within_s = answered_within_s
        self._poll = threading.Event()  # never set: only waited for

    def action(self) -> FunctionAction:
        return FunctionAction(
            "reboot",
            ARGUMENTS["reboot"],
            self.run,
            self.resume,
            signed=True,
            slow=True,
            within_s=WITHIN_S,
            may_be_unwritten=True,
        )

    def run(self, context: CommandContext[NoArguments]) -> InProgress:
        up_s = self._up_s()
        if up_s < MIN_UPTIME_S:
            raise CommandRefused(
                f"the box has booted {up_s:.0f} s ago, and reboots after {MIN_UPTIME_S:.0f} s at the earliest"
            )
        write_record(self._path, _PendingReboot(context.id, self._boot_id))
        before = self._request.answer()  # to an earlier request; root deletes it at a reboot
        try:
            self._request.ask()
        except OSError as error:
            raise CommandRefused(f"root cannot be asked: {error.strerror or error}") from error
        self._wait(lambda: not self._request.is_pending, self._taken_within_s, context)
        if self._request.is_pending and not context.stopping():
            self._request.withdraw()
            raise CommandRefused("nobody takes the request on this box: edge-agent-reboot.path does not run")
        self._wait(lambda: self._request.answer() not in (None, before), self._answered_within_s, context)
        answer = self._request.answer()
        if answer is not None and answer != before and answer.outcome == "refused":
            raise CommandRefused(f"root does not reboot: {answer.detail}")
        return InProgress("root reboots the box")

    def _wait(self, true: Callable[[], bool], within_s: float, context: CommandContext[NoArguments]) -> None:
        waited_s = 0.0
        while not true() and waited_s < within_s and not context.stopping():
            self._poll.wait(POLL_INTERVAL_S)
            waited_s += POLL_INTERVAL_S

    def resume(self, context: CommandContext[NoArguments]) -> CommandSucceeded | CommandFailed:
        pending = read_record(self._path, _PendingReboot)
        if pending is not None and pending.id == context.id and pending.boot_id != self._boot_id:
            return CommandSucceeded("the box has booted again")
        return CommandFailed("the agent was started again, the box was not", "interrupted")
