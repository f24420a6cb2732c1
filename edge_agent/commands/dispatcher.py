"""Takes commands, rejects or journals them, has them done, and answers. See docs/design/commands.md.

Which thread does what waits.

``commands``  messages, one by one, and the quick commands between them
``commands-<type>``  the slow commands of one type; it lives as long as one of them waits

So an upload to a host that is dead holds up other uploads of its type, and nothing else.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
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
from edge_agent.commands.document import CommandValidity
from edge_agent.commands.intake import CommandIntake, IncomingCommand
from edge_agent.commands.journal import CommandJournal
from edge_agent.commands.open_commands import OpenCommand, OpenCommands
from edge_agent.commands.replies import ReplyMaker, ReplyQueue
from edge_agent.commands.signature import OperatorKeyring
from edge_agent.core.clock import Clock
from edge_agent.core.worker import SupervisedThread
from edge_agent.wire import CommandsHealth, Reply

log = logging.getLogger(__name__)

MAX_INCOMING = 32
"""Messages that nobody has looked at yet; the broker keeps what finds no room."""
PATIENCE_S = 10.0
HANGS_AFTER_S = 60.0
"""A quick command that is so much later than it may be hangs, and the agent with it. A slow one is answered
for, and only its own type waits."""


class CommandExecutor:
    """``loop`` is to be watched; the slow threads hold up nobody, so nobody watches them."""

    def __init__(
        self,
        look_at: Callable[[IncomingCommand], None],
        keep_sent: Callable[[Reply], None],
        do: Callable[[OpenCommand], None],
    ) -> None:
        """None of these raises."""
        self.loop = SupervisedThread("commands", self._work)
        self._process = look_at
        self._record_sent = keep_sent
        self._execute = do
        self._stopping = False
        self._news = threading.Condition()  # protects what is below
        self._incoming: deque[IncomingCommand] = deque()
        self._sent: deque[Reply] = deque()
        self._quick: deque[OpenCommand] = deque()
        self._slow: dict[str, deque[OpenCommand]] = {}  # by type; a thread runs while there is one
        self._threads: dict[str, threading.Thread] = {}

    # --- any thread ---

    def start(self) -> None:
        self.loop.start()

    def stop(self) -> None:
        """Ask for the end; does not wait."""
        self.loop.stop()
        with self._news:
            self._stopping = True
            self._news.notify_all()

    def join(self, timeout_s: float) -> None:
        """A slow command that takes longer ends with the process, and is gone on with at the next start."""
        deadline = time.monotonic() + timeout_s
        self.loop.join(timeout_s)
        with self._news:
            threads = list(self._threads.values())
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def submit(self, arrival: IncomingCommand) -> bool:
        """False: there is no room for it now."""
        with self._news:
            if len(self._incoming) >= MAX_INCOMING:
                return False
            self._incoming.append(arrival)
            self._news.notify_all()
        return True

    def sent(self, reply: Reply) -> None:
        """The broker has it."""
        with self._news:
            self._sent.append(reply)
            self._news.notify_all()

    def queue(self, command: OpenCommand) -> None:
        with self._news:
            if not command.action.slow:
                self._quick.append(command)
                self._news.notify_all()
                return
            type_ = command.entry.type
            self._slow.setdefault(type_, deque()).append(command)
            if type_ not in self._threads:
                thread = threading.Thread(
                    target=self._execute_slow, args=(type_,), name=f"commands-{type_}", daemon=True
                )
                self._threads[type_] = thread
                thread.start()

    # --- the thread ``commands`` ---

    def _work(self, loop: SupervisedThread) -> None:
        while not loop.stopping:
            loop.beat()
            match self._next_job():
                case IncomingCommand() as arrival:
                    self._process(arrival)
                case Reply() as reply:
                    self._record_sent(reply)
                case OpenCommand() as command:
                    self._execute_quick(loop, command)

    def _next_job(self) -> IncomingCommand | Reply | OpenCommand | None:
        """Messages first: they are looked at between two commands."""
        sources: tuple[deque[Any], ...] = (self._incoming, self._sent, self._quick)
        with self._news:
            self._news.wait_for(lambda: self._stopping or any(sources), PATIENCE_S)
            return next((source.popleft() for source in sources if source and not self._stopping), None)

    def _execute_quick(self, loop: SupervisedThread, command: OpenCommand) -> None:
        allowed_s, loop.max_silence_s = loop.max_silence_s, command.action.within_s + HANGS_AFTER_S
        try:
            self._execute(command)
        finally:
            loop.beat()
            loop.max_silence_s = allowed_s

    # --- the threads ``commands-<type>`` ---

    def _execute_slow(self, type_: str) -> None:
        while (command := self._next_slow(type_)) is not None:
            self._execute(command)

    def _next_slow(self, type_: str) -> OpenCommand | None:
        """None: nothing of this type waits, and the thread ends."""
        with self._news:
            waiting = self._slow[type_]
            if waiting and not self._stopping:
                return waiting.popleft()
            del self._threads[type_]
            return None


class CommandDispatcher:
    """``take`` is for the publisher's thread, ``tend`` for the main one; actions run on the threads of
    ``dispatcher.py``."""

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
