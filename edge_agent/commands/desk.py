"""Takes commands, rejects or journals them, has them done, and answers. See docs/design/commands.md."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from edge_agent.commands.action import (
    Action,
    CommandContext,
    CommandFailed,
    CommandRefused,
    CommandSucceeded,
    InProgress,
)
from edge_agent.commands.journal import CommandJournal
from edge_agent.commands.lanes import CommandExecutor
from edge_agent.commands.open_commands import OpenCommand, OpenCommands
from edge_agent.commands.reception import CommandIntake, IncomingCommand
from edge_agent.commands.replies import ReplyMaker, ReplyQueue
from edge_agent.commands.signature import OperatorKeyring
from edge_agent.commands.validity import CommandValidity
from edge_agent.core.clock import Clock
from edge_agent.core.worker import SupervisedThread
from edge_agent.wire import CommandsHealth, Reply

log = logging.getLogger(__name__)


class CommandDispatcher:
    """``take`` is for the publisher's thread, ``tend`` for the main one; actions run on the threads of
    ``lanes.py``."""

    def __init__(
        self,
        gateway: str,
        journal: CommandJournal,
        operators: OperatorKeyring,
        *,
        clock: Clock,
        synced: Callable[[], bool],
        session: Callable[[], str],
        wake: Callable[[], None],
    ) -> None:
        """``synced``: the clock is right; ``session``: of the broker; ``wake`` who sends the ``replies``."""
        self.actions: dict[str, Action[Any]] = {}
        self.replies = ReplyQueue(wake, self._note_sent)
        self._stopping = threading.Event()
        maker = ReplyMaker(gateway, clock, session, self.actions)
        self._open = OpenCommands(journal, self.replies, maker, CommandValidity(clock, synced), clock)
        self._executor = CommandExecutor(self._process, self._open.record_sent, self._execute)
        self._intake = CommandIntake(
            gateway, self.actions, operators, self._open, self.replies, maker, clock, self._executor.queue
        )

    def register(self, actions: Iterable[Action[Any]]) -> None:
        """Before the start."""
        self.actions.update((action.name, action) for action in actions)

    @property
    def loops(self) -> tuple[SupervisedThread, ...]:
        """To be watched."""
        return (self._executor.loop,)

    # --- any thread ---

    def start(self) -> None:
        """Go on with what was not done when the agent ended."""
        for open_ in self._open.restore(self.actions):
            self._executor.queue(open_)
        self._executor.start()

    def stop(self) -> None:
        """Ask for the end; does not wait."""
        self._stopping.set()
        self._executor.stop()

    def join(self, timeout_s: float) -> None:
        self._executor.join(timeout_s)

    def accept(self, arrival: IncomingCommand) -> None:
        """Returns at once; what finds no room is not ``taken``, and comes again with the next session."""
        if not self._executor.submit(arrival):
            log.warning("commands: they come faster than they are read; one is left with the broker")

    def tick(self) -> None:
        """Answer for what takes too long."""
        self._open.end_overdue()

    def health(self) -> CommandsHealth:
        return CommandsHealth(
            waiting=self._open.count,
            rejected=self._intake.rejected,
            unanswerable=self._intake.unanswerable,
            degraded=self._open.journal_error,
        )

    def _note_sent(self, reply: Reply) -> None:
        """On the publisher's thread, which must not wait for a disk."""
        self._executor.sent(reply)

    # --- the threads of the lanes ---

    def _process(self, arrival: IncomingCommand) -> None:
        self._intake.process(arrival)

    def _execute(self, open_: OpenCommand) -> None:
        """Never raises."""
        if not self._open.start(open_):
            return
        try:
            outcome: CommandSucceeded | InProgress | CommandFailed | CommandRefused = self._perform(open_)
        except (CommandRefused, CommandFailed) as error:
            outcome = error
        except Exception:
            log.exception("command %s: %s failed", open_.entry.id, open_.entry.type)
            outcome = CommandFailed("the gateway failed at it; its log says more")
        if isinstance(outcome, CommandFailed) and self._stopping.is_set():
            log.info("command %s: the agent stops in the middle of it: %.200s", open_.entry.id, outcome)
            return  # the next start goes on with it, or says that it was interrupted
        self._open.settle(open_, outcome)

    def _perform(self, open_: OpenCommand) -> CommandSucceeded | InProgress | CommandFailed:
        order = CommandContext(
            id=open_.entry.id,
            args=open_.args,
            signed_by=open_.entry.signed_by,
            progress=partial(self._open.progress, open_),
            finish=partial(self._open.settle, open_),
            stopping=self._stopping.is_set,
        )
        return open_.action.resume(order) if open_.resumed else open_.action.run(order)
