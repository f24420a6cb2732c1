"""Leads commands from the first journal record to the last reply: each runs once, journalled at each step.

See docs/design/commands.md.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Struct

from edge_agent.commands.action import (
    SEARCH_TYPES,
    Action,
    CommandFailed,
    CommandRefused,
    CommandSucceeded,
    InProgress,
)
from edge_agent.commands.document import CommandValidity, arguments
from edge_agent.commands.journal import CommandJournal, CommandRecord
from edge_agent.commands.replies import INTERIM, ReplyMaker, ReplyQueue
from edge_agent.core.clock import Clock
from edge_agent.core.problems import error_text, problem_text
from edge_agent.core.problems.problem import encode_json
from edge_agent.wire import Reply, ReplyStatus

log = logging.getLogger(__name__)

MAX_OPEN = 16
MAX_OPEN_UNSIGNED = 12
"""Limit for unsigned commands, so that a client that cannot sign leaves room for operators who can."""
MAX_OPEN_PER_TYPE = 8  # so that commands that wait for a hung one leave room for other types
MAX_OPEN_SEARCHES = 64
"""Limit for searches, counted separately: they may wait for a day, and must not block other commands."""


@dataclass(slots=True)
class OpenCommand:
    """A command that is accepted or running. Its action gets it as its ``CommandContext``."""

    record: CommandRecord
    action: Action
    args: Any
    owner: OpenCommands
    until_mono: float | None = None  # when its message expires
    resumed: bool = False  # it was already running when the agent ended
    overdue_mono: float | None = None  # when its time limit ends; None: it has not started
    closed: bool = False
    waits_for: str | None = None  # the last reason for waiting that was reported

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def signed_by(self) -> str | None:
        return self.record.signed_by

    def progress(self, text: str, /) -> None:
        self.owner.progress(self, text)

    def finish(self, outcome: CommandSucceeded | CommandFailed, /) -> None:
        self.owner.settle(self, outcome)

    def stopping(self) -> bool:
        return self.owner.stopping()

    def must_wait(self) -> str | None:
        """Return why the action cannot start now; None: it can. Never raises."""
        try:
            return self.action.must_wait()
        except Exception:
            log.exception(
                "command %s: could not determine whether it must wait; it is executed now", self.record.id
            )
            return None

    @property
    def is_risky(self) -> bool:
        return self.record.signed_by is not None or self.action.needs_signature(self.args)


class OpenCommands:
    """The commands that are accepted or running. Thread-safe."""

    def __init__(
        self,
        journal: CommandJournal,
        replies: ReplyQueue,
        maker: ReplyMaker,
        validity: CommandValidity,
        clock: Clock,
        stopping: Callable[[], bool],
    ) -> None:
        """``stopping`` returns whether the agent stops."""
        self.stopping = stopping
        self._journal = journal
        self._replies = replies
        self._maker = maker
        self._validity = validity
        self._clock = clock
        self._lock = threading.RLock()  # protects the journal, and ``_open`` with its commands
        self._open: dict[str, OpenCommand] = {}

    @property
    def count(self) -> int:
        return len(self._open)

    @property
    def journal_error(self) -> str | None:
        """Why the journal cannot be written; None: it can."""
        return self._journal.write_error

    def restore(self, actions: Mapping[str, Action]) -> list[OpenCommand]:
        """Return the commands that were not done when the agent ended; queue the replies not yet sent."""
        with self._lock:
            found = [self._restored(record, actions) for record in self._journal.open()]
        return [each for each in found if each is not None]

    def _restored(self, record: CommandRecord, actions: Mapping[str, Action]) -> OpenCommand | None:
        if record.step == "done":
            self._put_reply(record)
            return None
        action = actions.get(record.type)
        try:
            if action is None:
                raise CommandRefused(problem_text("command-type-gone", type=record.type))
            args = arguments(action.arguments, record.args or {})
        except CommandRefused as error:
            reason = problem_text("command-dropped", why=error_text(error))
            self._finish(record, "failed", "interrupted", reason)
            return None
        command = OpenCommand(record, action, args, self, resumed=record.step == "running")
        self._open[record.id] = command
        return command

    def reply_to_repeat(self, new: CommandRecord) -> Reply | None:
        """Return the last reply to a command that has arrived before; None: the command is new.

        Raises CommandRefused when another document has used the id."""
        with self._lock:
            digest = self._journal.digest(new.id)
            if digest is None:
                return None
            if digest not in ("", new.digest):
                raise CommandRefused(problem_text("command-id-used", id=new.id), "id-reused")
            command = self._open.get(new.id)
            record = self._journal.read(new.id) if command is None else command.record
        if record is not None and record.reply is not None:
            return record.reply
        text = problem_text("command-done-before")
        return self._maker.make(new.id, new.type, "failed", "interrupted", text)

    def begin(
        self, record: CommandRecord, action: Action, args: Struct, until_mono: float | None
    ) -> OpenCommand:
        """Journal a new command and queue its reply. If this raises CommandRefused, nothing has changed."""
        reply = self._maker.make(record.id, record.type, "accepted", "ok", problem_text("command-waits"))
        record = msgspec.structs.replace(record, reply=reply)
        command = OpenCommand(record, action, args, self, until_mono)
        with self._lock:
            self._check_time(command)
            self._check_capacity(record.type, record.signed_by)
            if not self._journal.write(record) and not action.may_be_unwritten:
                self._journal.drop(record.id)
                raise CommandRefused(problem_text("command-not-recorded"))
            by = "" if record.signed_by is None else f", signed by {record.signed_by[:16]}"
            log.info("command %s: %s accepted%s", record.id, record.type, by)
            self._open[record.id] = command
            self._put_reply(record)
        return command

    def _check_time(self, command: OpenCommand) -> None:
        record = command.record
        self._validity.check(
            record.issued, record.expires, risky=command.is_risky, until_mono=command.until_mono
        )

    def _check_capacity(self, type_: str, signed_by: str | None) -> None:
        is_search = type_ in SEARCH_TYPES
        if (overload := self._overload(type_, signed_by is not None)) is not None:
            signing_helps = signed_by is None and self._overload(type_, signed=True) is None
            code = "commands-not-done-sign" if signing_helps else "commands-not-done"
            raise CommandRefused(problem_text(code, **overload, type=type_), "busy")
        if not self._journal.has_capacity(signed_by, self._validity.now(), is_search=is_search):
            code = "too-many-commands" if signed_by is None else "too-many-signed-commands"
            raise CommandRefused(problem_text(code), "busy")

    def _overload(self, type_: str, signed: bool) -> dict[str, int] | None:
        """Return the numbers of open commands, in all and of the type, if one more is too many; else None."""
        is_search = type_ in SEARCH_TYPES
        records = [
            each.record for each in self._open.values() if (each.record.type in SEARCH_TYPES) == is_search
        ]
        if is_search:
            counts = _counts(records, type_)
            # A rehearsal may take hours while other rehearsals wait: those must leave room for searches.
            waits = type_ == "rehearse" and counts["same"] >= MAX_OPEN_PER_TYPE
            return counts if waits or len(records) >= MAX_OPEN_SEARCHES else None
        unsigned = sum(record.signed_by is None for record in records)
        full = len(records) >= MAX_OPEN or (not signed and unsigned >= MAX_OPEN_UNSIGNED)
        counts = _counts(records, type_)
        return counts if full or counts["same"] >= MAX_OPEN_PER_TYPE else None

    def start(self, command: OpenCommand) -> bool:
        """Journal that the command runs. False: it expired, has its last reply, or cannot be recorded."""
        with self._lock:
            if command.closed:
                return False
            try:
                if not command.resumed:
                    self._check_time(command)
                reply = self._running_reply(command, problem_text("command-runs"))
                record = msgspec.structs.replace(command.record, step="running", reply=reply)
                if not self._journal.write(record) and not command.action.may_be_unwritten:
                    raise CommandRefused(problem_text("command-start-not-recorded"))
            except CommandRefused as error:
                self.settle(command, error)
                return False
            command.record = record
            command.overdue_mono = self._clock.monotonic() + command.action.within_s
            self._replies.put(reply)
            return True

    def progress(self, command: OpenCommand, text: str) -> None:
        with self._lock:
            if not command.closed:
                reply = self._running_reply(command, text)
                command.record = msgspec.structs.replace(command.record, reply=reply)
                self._replies.put(reply)

    def settle(
        self, command: OpenCommand, outcome: CommandSucceeded | InProgress | CommandFailed | CommandRefused
    ) -> None:
        match outcome:
            case InProgress(text):
                self.progress(command, text)
            case CommandSucceeded(text, result):
                self._close(command, "succeeded", "ok", text, dict(result))
            case CommandRefused():
                status: ReplyStatus = "expired" if outcome.code == "expired" else "rejected"
                self._close(command, status, outcome.code, error_text(outcome))
            case CommandFailed():
                self._close(command, "failed", outcome.code, error_text(outcome))

    def end_overdue(self) -> None:
        """Close, with a reply, commands that exceed their time limit and those that expired while waiting."""
        if not self._lock.acquire(blocking=False):
            return  # another thread writes to the disk; the main thread tries again in a second
        try:
            for command in list(self._open.values()):
                if command.overdue_mono is None:
                    self._end_expired(command)
                elif self._clock.monotonic() > command.overdue_mono:
                    reason = problem_text("command-too-slow", seconds=round(command.action.within_s))
                    self._close(command, "failed", "timed-out", reason)
        finally:
            self._lock.release()

    def report_waiting(self) -> None:
        """Reply ``running`` to commands that must wait, once for each reason."""
        for command in list(self._open.values()):
            why = command.must_wait() if command.overdue_mono is None else None
            if why is not None and why != command.waits_for:
                command.waits_for = why
                self.progress(command, why)

    def _end_expired(self, command: OpenCommand) -> None:
        if command.resumed:
            return
        try:
            self._check_time(command)
        except CommandRefused as error:
            if error.code == "expired":
                self.settle(command, error)

    def record_sent(self, reply: Reply) -> None:
        """Journal that the broker has acknowledged this reply, if it is the last one of its command."""
        if reply.status in INTERIM:
            return
        with self._lock:
            if self._journal.digest(reply.id) is None or reply.id in self._open:
                return
            record = self._journal.read(reply.id)
            # As they are stored: JSON has lists where a result has tuples.
            is_last = record is not None and encode_json(record.reply) == encode_json(reply)
            if record is not None and record.step == "done" and not record.sent and is_last:
                self._journal.write(msgspec.structs.replace(record, sent=True))

    def _close(
        self,
        command: OpenCommand,
        status: ReplyStatus,
        code: str,
        text: str,
        result: dict[str, Any] | None = None,
    ) -> None:
        with self._lock:
            if command.closed:
                log.info("command %s: %s, after its reply: %.200s", command.record.id, status, text)
                return
            command.closed = True
            self._open.pop(command.record.id, None)
            self._finish(command.record, status, code, text, result)

    def _finish(
        self,
        record: CommandRecord,
        status: ReplyStatus,
        code: str,
        text: str,
        result: dict[str, Any] | None = None,
    ) -> None:
        reply = self._maker.make(record.id, record.type, status, code, text, result)
        log.info("command %s: %s %s: %.200s", record.id, record.type, status, reply.text)
        self._journal.write(msgspec.structs.replace(record, step="done", reply=reply, args=None))
        self._replies.put(reply)

    def _put_reply(self, record: CommandRecord) -> None:
        if record.reply is not None:
            self._replies.put(record.reply)

    def _running_reply(self, command: OpenCommand, text: str) -> Reply:
        return self._maker.make(command.record.id, command.record.type, "running", "ok", text)


def _counts(records: Sequence[CommandRecord], type_: str) -> dict[str, int]:
    return {"commands": len(records), "same": sum(record.type == type_ for record in records)}
