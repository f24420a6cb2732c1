"""Receives commands, refuses or journals them, executes them and replies. See docs/design/commands.md.

Threads:

``commands``  processes messages one by one, and executes the quick commands between them
``commands-<type>``  executes the slow commands of one type; it exists while one of them waits

So an upload to a host that does not answer delays other uploads of its type, and nothing else.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from edge_agent.commands import signature
from edge_agent.commands.action import (
    SEARCH_TYPES,
    Action,
    CommandFailed,
    CommandRefused,
    CommandSucceeded,
    InProgress,
)
from edge_agent.commands.document import CommandValidity, arguments, extract_id, parse
from edge_agent.commands.journal import CommandJournal
from edge_agent.commands.open_commands import OpenCommand, OpenCommands
from edge_agent.commands.replies import ReplyMaker, ReplyQueue, ReplyRateLimit
from edge_agent.commands.signature import OperatorKeyring
from edge_agent.core.clock import Clock
from edge_agent.core.problems import error_text, problem_text
from edge_agent.core.worker import SupervisedThread
from edge_agent.wire import CommandsHealth, Reply, ReplyStatus
from edge_agent.wire.topics import DownKind, DownMessage

log = logging.getLogger(__name__)

MAX_INCOMING = 32  # messages that wait to be processed; further ones stay at the broker
MAX_SEARCHES_A_MINUTE = 120
"""Limit of new searches. Each is written to the disk three times, even if it is refused later."""
SET_CONFIG = "set-config"  # the command on the retained topic ``down/config``
PATIENCE_S = 10.0
WAIT_S = 1.0  # seconds between two checks whether a waiting command may start
HANGS_AFTER_S = 60.0
"""A quick command that exceeds its time limit by this time is considered hung, and the supervisor restarts
the agent. A slow command gets the reply ``timed-out`` and delays only its own type."""


class CommandExecutor:
    """Holds the queues of messages and commands, and the threads that process them.

    The supervisor watches ``loop`` only: a slow thread that hangs delays no other type."""

    def __init__(
        self,
        process: Callable[[DownMessage, float | None], None],
        record_sent: Callable[[Reply], None],
        execute: Callable[[OpenCommand], None],
    ) -> None:
        """The callbacks must not raise."""
        self.loop = SupervisedThread("commands", self._work)
        self._process = process
        self._record_sent = record_sent
        self._execute = execute
        self._stopping = False
        self._changed = threading.Condition()  # protects the fields below
        self._incoming: deque[tuple[DownMessage, float | None]] = deque()  # each with its expiry
        self._sent: deque[Reply] = deque()
        self._quick: deque[OpenCommand] = deque()
        self._slow: dict[str, deque[OpenCommand]] = {}  # by type; a thread runs while a command waits
        self._threads: dict[str, threading.Thread] = {}

    # --- any thread ---

    def stop(self) -> None:
        """Ask the threads to end; does not wait for them."""
        self.loop.stop()
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def join(self, timeout_s: float) -> None:
        """Wait for the threads. A slow command that takes longer is resumed at the agent's next start."""
        deadline = time.monotonic() + timeout_s
        self.loop.join(timeout_s)
        with self._changed:
            threads = list(self._threads.values())
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def submit(self, message: DownMessage, until_mono: float | None) -> bool:
        """Queue a message that expires at ``until_mono`` (None: never). False: the queue is full."""
        with self._changed:
            if len(self._incoming) >= MAX_INCOMING:
                return False
            self._incoming.append((message, until_mono))
            self._changed.notify_all()
        return True

    def sent(self, reply: Reply) -> None:
        """Let the thread ``commands`` record that the broker has acknowledged this reply."""
        with self._changed:
            self._sent.append(reply)
            self._changed.notify_all()

    def queue(self, command: OpenCommand) -> None:
        with self._changed:
            if not command.action.slow:
                self._quick.append(command)
                self._changed.notify_all()
                return
            type_ = command.record.type
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
                case (message, until_mono):
                    self._process(message, until_mono)
                case Reply() as reply:
                    self._record_sent(reply)
                case OpenCommand() as command:
                    self._execute_quick(loop, command)

    def _next_job(self) -> tuple[DownMessage, float | None] | Reply | OpenCommand | None:
        """Return the next message, else acknowledged reply, else quick command; None on a timeout or stop."""
        sources: tuple[deque[Any], ...] = (self._incoming, self._sent, self._quick)
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or any(sources), PATIENCE_S)
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
            _lower_priority(command.action.niceness)
            if self._may_start(command):
                self._execute(command)

    def _may_start(self, command: OpenCommand) -> bool:
        """Wait until the action can start, or the command has expired. False: the agent stops."""
        while not command.closed and command.must_wait() is not None:
            with self._changed:
                if self._changed.wait_for(lambda: self._stopping, WAIT_S):
                    return False
        return True

    def _next_slow(self, type_: str) -> OpenCommand | None:
        """Return the next command of this type. None: none waits or the agent stops, and the thread ends."""
        with self._changed:
            waiting = self._slow[type_]
            if waiting and not self._stopping:
                return waiting.popleft()
            del self._threads[type_]
            return None


def _lower_priority(niceness: int) -> None:
    """Lower the priority of the calling thread; on Linux each thread has its own niceness. Raising it again
    needs privileges, so the thread keeps it. An agent that was started with a lower priority keeps that."""
    if niceness:
        thread = threading.get_native_id()
        with contextlib.suppress(OSError):
            own = os.getpriority(os.PRIO_PROCESS, thread)
            os.setpriority(os.PRIO_PROCESS, thread, max(own, niceness))


class CommandDispatcher:
    """Handles the commands of one gateway, from the arrival of a message to the reply.

    The publisher's thread calls ``accept``, the main thread ``tick``. Actions run on the threads of
    ``CommandExecutor``."""

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
        """``synced``: whether the clock is synchronised. ``session``: id of the broker session. ``wake``
        wakes the thread that publishes ``replies``."""
        self.actions: dict[str, Action] = {}
        self.replies = ReplyQueue(wake, self._note_sent)
        self._gateway = gateway
        self._operators = operators
        self._clock = clock
        self._maker = ReplyMaker(gateway, clock, session, self.actions)
        self._stopping = threading.Event()
        self._open = OpenCommands(
            journal, self.replies, self._maker, CommandValidity(clock, synced), clock, self._stopping.is_set
        )
        self._executor = CommandExecutor(self._process, self._open.record_sent, self._execute)
        self._rejected = 0
        self._unanswerable = 0
        self._rejections = ReplyRateLimit()
        self._repeats = ReplyRateLimit()
        self._searches = ReplyRateLimit(MAX_SEARCHES_A_MINUTE)

    def register(self, actions: Iterable[Action]) -> None:
        """Add commands. Call before ``start``."""
        self.actions.update((action.name, action) for action in actions)

    @property
    def loops(self) -> tuple[SupervisedThread, ...]:
        return (self._executor.loop,)

    # --- any thread ---

    def start(self) -> None:
        """Start the threads, and resume the commands that were not done when the agent ended."""
        for command in self._open.restore(self.actions):
            self._executor.queue(command)
        self._executor.loop.start()

    def stop(self) -> None:
        """Ask all commands to end; does not wait for them."""
        self._stopping.set()
        self._executor.stop()

    def join(self, timeout_s: float) -> None:
        self._executor.join(timeout_s)

    def accept(self, message: DownMessage) -> None:
        """Queue a message; returns at once. If the queue is full, the message is not acknowledged, so that
        the broker sends it again in the next session."""
        left_s = message.expires_in_s
        until_mono = None if left_s is None else self._clock.monotonic() + left_s
        if not self._executor.submit(message, until_mono):
            log.warning(
                "commands: the queue is full; the broker sends this command again in the next session"
            )

    def tick(self) -> None:
        """Reply ``timed-out`` or ``expired`` to commands that took or waited too long, and ``running`` to
        those that must wait for longer."""
        self._open.end_overdue()
        self._open.report_waiting()

    def health(self) -> CommandsHealth:
        return CommandsHealth(
            waiting=self._open.count,
            rejected=self._rejected,
            unanswerable=self._unanswerable,
            degraded=self._open.journal_error,
        )

    def _note_sent(self, reply: Reply) -> None:
        """Note that a reply was sent. Runs on the publisher's thread, which must not wait for a disk."""
        self._executor.sent(reply)

    # --- the thread ``commands``: check, and queue or refuse ---

    def _process(self, message: DownMessage, until_mono: float | None) -> None:
        """Accept or refuse a message, and acknowledge it. Never raises; replies if there is an id."""
        type_ = message.name if message.kind is DownKind.COMMAND else SET_CONFIG
        is_signed = signature.is_jws(message.payload)
        id_ = extract_id(signature.payload_of(message.payload) if is_signed else message.payload)
        try:
            self._accept(message, type_, is_signed, until_mono)
        except CommandRefused as error:
            self._reject(id_, type_, error)
        except Exception:
            log.exception("commands: a message of type %.63r could not be processed", type_)
            self._reject(id_, type_, CommandRefused(problem_text("command-unreadable"), "malformed"))
        finally:
            message.acknowledge()

    def _accept(self, message: DownMessage, type_: str, is_signed: bool, until_mono: float | None) -> None:
        """Accept a message. If this raises CommandRefused, nothing has changed."""
        text, signed_by = (
            self._operators.open(message.payload, type_) if is_signed else (message.payload, None)
        )
        record = parse(text, self._gateway, signed_by, self._clock.now())
        action = self._action(type_)
        if record.type != type_:
            reason = problem_text("command-other-type", type=record.type, topic=type_)
            raise CommandRefused(reason, "malformed")
        args = arguments(action.arguments, record.args or {})
        if signed_by is None and action.needs_signature(args):
            # Advice to sign would not help if this gateway has no keys.
            unsigned = "command-unsigned" if self._operators.keys(type_) else "command-unsigned-no-keys"
            raise CommandRefused(problem_text(unsigned, type=action.name), "unsigned")
        if (reply := self._open.reply_to_repeat(record)) is not None:
            if not self._repeats.is_exceeded(self._clock.monotonic()):
                log.info("command %s: came again, the earlier reply is repeated", record.id)
                self.replies.put(reply)
            return
        if message.retained and message.kind is DownKind.COMMAND:
            # The broker would send it after each connect. The journal drops expired records, so a gateway
            # whose clock is not synchronised would run the command again.
            raise CommandRefused(problem_text("command-retained"), "malformed")
        if action.name in SEARCH_TYPES and self._searches.is_exceeded(self._clock.monotonic()):
            raise CommandRefused(problem_text("search-too-often", limit=MAX_SEARCHES_A_MINUTE), "busy")
        self._executor.queue(self._open.begin(record, action, args, until_mono))

    def _action(self, type_: str) -> Action:
        action = self.actions.get(type_)
        if action is None:
            reason = problem_text("command-unknown-type", types=list(self.actions))
            raise CommandRefused(reason, "unknown-type")
        return action

    def _reject(self, id_: str | None, type_: str, error: CommandRefused) -> None:
        if id_ is None:
            self._count_unanswerable(error)
            return
        self._rejected += 1
        if self._rejections.is_exceeded(self._clock.monotonic()):
            log.debug("command %s: refused without a reply, there were too many: %s", id_, error)
            return
        status: ReplyStatus = "expired" if error.code == "expired" else "rejected"
        log.warning("command %s: %s: %.200s", id_, error.code, error)
        self.replies.put(self._maker.make(id_, type_, status, error.code, error_text(error)))

    def _count_unanswerable(self, error: CommandRefused) -> None:
        self._unanswerable += 1
        is_power_of_two = self._unanswerable & (self._unanswerable - 1) == 0
        # A flood must not fill the log: only the 1st, 2nd, 4th, 8th … message is a warning.
        level = logging.WARNING if is_power_of_two else logging.DEBUG
        log.log(level, "commands: message %d without an id: %.200s", self._unanswerable, error)

    # --- the threads of the executor: run ---

    def _execute(self, command: OpenCommand) -> None:
        """Run a command and reply. Never raises."""
        if not self._open.start(command):
            return
        try:
            outcome: CommandSucceeded | InProgress | CommandFailed | CommandRefused = (
                command.action.resume(command) if command.resumed else command.action.run(command)
            )
        except (CommandRefused, CommandFailed) as error:
            outcome = error
        except Exception:
            log.exception("command %s: %s failed", command.record.id, command.record.type)
            outcome = CommandFailed(problem_text("command-agent-failed"))
        if isinstance(outcome, CommandFailed) and self._stopping.is_set():
            log.info("command %s: the agent stops in the middle of it: %.200s", command.record.id, outcome)
            return  # the next start resumes the command, or replies that it was interrupted
        self._open.settle(command, outcome)
