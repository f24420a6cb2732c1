"""Commands from their journalling to their last answer: begun once, written down at each step, answered once.

See docs/design/commands.md.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Struct

from edge_agent.commands.action import Action, CommandFailed, CommandRefused, CommandSucceeded, InProgress
from edge_agent.commands.document import CommandValidity, Document, arguments
from edge_agent.commands.journal import CommandJournal, CommandRecord
from edge_agent.commands.replies import ReplyMaker, ReplyQueue
from edge_agent.core.clock import Clock
from edge_agent.wire import Reply, ReplyStatus

log = logging.getLogger(__name__)

MOST_OPEN = 16
MOST_OPEN_UNSIGNED = 12
"""Of them: who may write commands, but not sign them, leaves room for those who may."""
MOST_OF_A_TYPE = 8
"""Where one hangs, those behind it leave room for other types."""


@dataclass(slots=True)
class OpenCommand:
    """A command that is not done."""

    entry: CommandRecord
    action: Action[Any]
    args: Struct
    until_mono: float | None = None  # the expiry of its message
    resumed: bool = False  # it was begun by the agent before this one
    overdue_mono: float | None = None  # when it will have taken too long; None: not begun
    closed: bool = False

    @property
    def is_risky(self) -> bool:
        return self.entry.signed_by is not None or self.action.needs_signature(self.args)


class OpenCommands:
    """Any thread: an action's own, the main one, or who looks at what arrives."""

    def __init__(
        self,
        journal: CommandJournal,
        replies: ReplyQueue,
        maker: ReplyMaker,
        validity: CommandValidity,
        clock: Clock,
    ) -> None:
        self._journal = journal
        self._replies = replies
        self._maker = maker
        self._validity = validity
        self._clock = clock
        self._lock = threading.RLock()  # protects the journal, the next line and what is in it
        self._open: dict[str, OpenCommand] = {}

    @property
    def count(self) -> int:
        return len(self._open)

    @property
    def journal_error(self) -> str | None:
        """Why the journal cannot be written."""
        return self._journal.write_error

    # --- begin ---

    def restore(self, actions: Mapping[str, Action[Any]]) -> list[OpenCommand]:
        """What was not done when the agent ended; what was done and not answered is answered."""
        with self._lock:
            found = [self._restored(entry, actions) for entry in self._journal.open()]
        return [each for each in found if each is not None]

    def _restored(self, entry: CommandRecord, actions: Mapping[str, Action[Any]]) -> OpenCommand | None:
        if entry.step == "done":
            self._replies.put(entry.reply)
            return None
        action = actions.get(entry.type)
        try:
            if action is None:
                raise CommandRefused(f"this version obeys no {entry.type}")
            args = arguments(action.arguments, entry.args or {})
        except CommandRefused as error:
            told = f"the agent was restarted before it was done: {error}"
            self._finish(entry, "failed", "interrupted", told)
            return None
        open_ = OpenCommand(entry, action, args, resumed=entry.step == "running")
        self._open[entry.id] = open_
        return open_

    def reply_to_repeat(self, document: Document) -> Reply | None:
        """The last answer to a command that came before; None: it did not. Raises ``Refused``."""
        with self._lock:
            digest = self._journal.digest(document.id)
            if digest is None:
                return None
            if digest not in ("", document.digest):
                raise CommandRefused(f"the id {document.id} was used by another command", "id-reused")
            open_ = self._open.get(document.id)
            entry = self._journal.read(document.id) if open_ is None else open_.entry
        if entry is not None:
            return entry.reply
        text = "it was obeyed before; what came of it is not known any more"
        return self._maker.make(document.id, document.type, "failed", "interrupted", text)

    def begin(
        self,
        document: Document,
        signed_by: str | None,
        action: Action[Any],
        args: Struct,
        until_mono: float | None,
    ) -> OpenCommand:
        """Journal a new one. Raises ``Refused``, and then nothing has changed."""
        open_ = OpenCommand(self._entry(document, signed_by), action, args, until_mono)
        entry = open_.entry
        with self._lock:
            self._check_time(open_)
            self._check_capacity(entry.type, signed_by)
            if not self._journal.write(entry) and not _may_do_unwritten(action):
                self._journal.drop(entry.id)
                raise CommandRefused(
                    "the box cannot write down that it has obeyed this: its disk is full or read-only"
                )
            log.info("command %s: %s accepted%s", entry.id, entry.type, _by(entry))
            self._open[entry.id] = open_
            self._replies.put(entry.reply)
        return open_

    def _check_time(self, open_: OpenCommand) -> None:
        entry = open_.entry
        self._validity.check(entry.issued, entry.expires, risky=open_.is_risky, until_mono=open_.until_mono)

    def _check_capacity(self, type_: str, signed_by: str | None) -> None:
        if (told := self._overload(type_, signed_by is not None)) is not None:
            signing_helps = signed_by is None and self._overload(type_, signed=True) is None
            hint = ", or sign it: there is room kept for those" if signing_helps else ""
            raise CommandRefused(f"{told}; send it again later{hint}", "busy")
        if not self._journal.has_capacity(signed_by, self._validity.now()):
            whose = "commands" if signed_by is None else "commands signed with this key"
            raise CommandRefused(f"too many {whose} have come in the last days; send it again later", "busy")

    def _overload(self, type_: str, signed: bool) -> str | None:
        """Why there is no place for one more beside those that are not done; None: there is."""
        entries = [each.entry for each in self._open.values()]
        unsigned = sum(entry.signed_by is None for entry in entries)
        of_the_type = sum(entry.type == type_ for entry in entries)
        full = len(entries) >= MOST_OPEN or (not signed and unsigned >= MOST_OPEN_UNSIGNED)
        if full or of_the_type >= MOST_OF_A_TYPE:
            return f"{len(entries)} commands are not done yet, {of_the_type} of them {type_}"
        return None

    # --- do ---

    def start(self, open_: OpenCommand) -> bool:
        """Journal that it is begun; False: it was answered meanwhile, or its time is over."""
        with self._lock:
            if open_.closed:
                return False
            try:
                if not open_.resumed:
                    self._check_time(open_)
                reply = self._reply_to(open_, "running", "it is being done")
                entry = msgspec.structs.replace(open_.entry, step="running", reply=reply)
                if not self._journal.write(entry) and not _may_do_unwritten(open_.action):
                    raise CommandRefused(
                        "the box cannot write down that it is obeyed: its disk is full or read-only"
                    )
            except CommandRefused as error:
                self.settle(open_, error)
                return False
            open_.entry = entry
            open_.overdue_mono = self._clock.monotonic() + open_.action.within_s
            self._replies.put(reply)
            return True

    def progress(self, open_: OpenCommand, text: str) -> None:
        with self._lock:
            if not open_.closed:
                reply = self._reply_to(open_, "running", text)
                open_.entry = msgspec.structs.replace(open_.entry, reply=reply)
                self._replies.put(reply)

    # --- end ---

    def settle(
        self, open_: OpenCommand, outcome: CommandSucceeded | InProgress | CommandFailed | CommandRefused
    ) -> None:
        match outcome:
            case InProgress(text):
                self.progress(open_, text)
            case CommandSucceeded(text, result):
                self._close(open_, "succeeded", "ok", text, dict(result))
            case CommandRefused():
                status: ReplyStatus = "expired" if outcome.code == "expired" else "rejected"
                self._close(open_, status, outcome.code, str(outcome))
            case CommandFailed():
                self._close(open_, "failed", outcome.code, str(outcome))

    def end_overdue(self) -> None:
        """Answer for what takes too long, and for what has expired while it waited for its turn. Where
        somebody waits for the disk with the lock, the next time will do."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            for open_ in list(self._open.values()):
                if open_.overdue_mono is None:
                    self._end_expired(open_)
                elif self._clock.monotonic() > open_.overdue_mono:
                    limit = f"it has taken more than {open_.action.within_s:.0f} s"
                    self._close(open_, "failed", "timed-out", f"{limit}; what comes of it is not told")
        finally:
            self._lock.release()

    def _end_expired(self, open_: OpenCommand) -> None:
        if open_.resumed:
            return
        try:
            self._check_time(open_)
        except CommandRefused as error:
            if error.code == "expired":
                self.settle(open_, error)

    def record_sent(self, reply: Reply) -> None:
        """The broker has it."""
        with self._lock:
            if self._journal.digest(reply.id) is None or reply.id in self._open:
                return
            entry = self._journal.read(reply.id)
            if entry is not None and entry.step == "done" and not entry.sent and entry.reply == reply:
                self._journal.write(msgspec.structs.replace(entry, sent=True))

    def _close(
        self,
        open_: OpenCommand,
        status: ReplyStatus,
        code: str,
        text: str,
        result: dict[str, Any] | None = None,
    ) -> None:
        with self._lock:
            if open_.closed:
                log.info("command %s: %s, too late to be told: %.200s", open_.entry.id, status, text)
                return
            open_.closed = True
            self._open.pop(open_.entry.id, None)
            self._finish(open_.entry, status, code, text, result)

    def _finish(
        self,
        entry: CommandRecord,
        status: ReplyStatus,
        code: str,
        text: str,
        result: dict[str, Any] | None = None,
    ) -> None:
        reply = self._maker.make(entry.id, entry.type, status, code, text, result)
        log.info("command %s: %s %s: %.200s", entry.id, entry.type, status, reply.text)
        self._journal.write(msgspec.structs.replace(entry, step="done", reply=reply, args=None))
        self._replies.put(reply)

    # --- records and answers ---

    def _entry(self, document: Document, signed_by: str | None) -> CommandRecord:
        return CommandRecord(
            id=document.id,
            type=document.type,
            digest=document.digest,
            issued=document.issued,
            expires=document.expires,
            received=self._clock.now(),
            signed_by=signed_by,
            step="accepted",
            reply=self._maker.make(document.id, document.type, "accepted", "ok", "it waits for its turn"),
            args=document.args,
        )

    def _reply_to(self, open_: OpenCommand, status: ReplyStatus, text: str) -> Reply:
        return self._maker.make(open_.entry.id, open_.entry.type, status, "ok", text)


def _may_do_unwritten(action: Action[Any]) -> bool:
    """Where the disk is broken a status, and a reboot, are wanted most of all."""
    return bool(getattr(action, "may_be_unwritten", False))


def _by(entry: CommandRecord) -> str:
    return "" if entry.signed_by is None else f", signed by {entry.signed_by[:16]}"
