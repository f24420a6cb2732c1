"""Checks each message on ``down/cmd/<type>``: queue it, repeat an earlier reply, or refuse it."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from edge_agent.commands import signature
from edge_agent.commands.action import Action, CommandRefused
from edge_agent.commands.document import MAX_UNSIGNED_LIFETIME, arguments, extract_id, parse
from edge_agent.commands.open_commands import OpenCommand, OpenCommands
from edge_agent.commands.replies import ReplyMaker, ReplyQueue
from edge_agent.commands.signature import OperatorKeyring
from edge_agent.core.clock import Clock
from edge_agent.wire import ReplyStatus

log = logging.getLogger(__name__)

MAX_REPLIES, WINDOW_S = 60, 60.0
"""Limit of refusals, and of repeated replies. Further ones are counted and not published."""


@dataclass(frozen=True, slots=True)
class IncomingCommand:
    """A message on ``down/cmd/<type>`` as it arrived. ``acknowledge`` sends the PUBACK."""

    type: str
    payload: bytes
    acknowledge: Callable[[], None]
    until_mono: float | None = None  # the message's own expiry
    retained: bool = False  # the broker keeps it and sends it again at every connection


class ReplyRateLimit:
    """At most ``MAX_REPLIES`` replies in ``WINDOW_S``."""

    def __init__(self) -> None:
        self._replied_mono: deque[float] = deque(maxlen=MAX_REPLIES)

    def is_exceeded(self, now_mono: float) -> bool:
        """Count one more reply. True: it is too many."""
        recent = self._replied_mono
        if len(recent) == MAX_REPLIES and now_mono - recent[0] < WINDOW_S:
            return True
        recent.append(now_mono)
        return False


class CommandIntake:
    """Checks messages and queues the commands that are accepted.

    One thread calls ``process``; any thread reads the counters."""

    def __init__(
        self,
        gateway: str,
        actions: Mapping[str, Action[Any]],
        operators: OperatorKeyring,
        open_commands: OpenCommands,
        replies: ReplyQueue,
        maker: ReplyMaker,
        clock: Clock,
        queue: Callable[[OpenCommand], None],
    ) -> None:
        self.unanswerable = 0
        self.rejected = 0
        self._gateway = gateway
        self._actions = actions
        self._operators = operators
        self._open = open_commands
        self._replies = replies
        self._maker = maker
        self._clock = clock
        self._queue = queue
        self._rejections = ReplyRateLimit()
        self._repeats = ReplyRateLimit()

    def process(self, message: IncomingCommand) -> None:
        """Accept or refuse a message, and acknowledge it. Never raises; replies if there is an id."""
        is_signed = signature.is_jws(message.payload)
        id_ = extract_id(signature.payload_of(message.payload) if is_signed else message.payload)
        try:
            self._accept(message, is_signed)
        except CommandRefused as error:
            self._reject(id_, message.type, error)
        except Exception:
            log.exception("commands: a message of type %.63r could not be processed", message.type)
            self._reject(id_, message.type, CommandRefused("the gateway failed at reading it", "malformed"))
        finally:
            message.acknowledge()

    def _accept(self, message: IncomingCommand, is_signed: bool) -> None:
        """Raises CommandRefused, and then nothing has changed."""
        signed = self._operators.open(message.payload) if is_signed else None
        document = parse(message.payload, MAX_UNSIGNED_LIFETIME) if signed is None else parse(signed.document)
        if document.gateway != self._gateway:
            raise CommandRefused(f"this is gateway {self._gateway}, not {document.gateway}", "wrong-gateway")
        action = self._actions.get(message.type)
        if action is None:
            known = ", ".join(self._actions)
            raise CommandRefused(f"this gateway obeys no such type; it knows: {known}", "unknown-type")
        if document.type != message.type:
            raise CommandRefused(f"a document of type {document.type} came as {message.type}", "malformed")
        args = arguments(action.arguments, document.args)
        if signed is None and action.needs_signature(args):
            raise CommandRefused(
                f"{action.name} has to be signed by an operator{self._signing_hint()}", "unsigned"
            )
        if (answer := self._open.reply_to_repeat(document)) is not None:
            if not self._repeats.is_exceeded(self._clock.monotonic()):
                log.info("command %s: came again, the earlier reply is repeated", document.id)
                self._replies.put(answer)
            return
        if message.retained:
            # The journal drops expired records, and a gateway without a clock would run it again.
            raise CommandRefused(
                "the broker keeps it (retain) and gives it again with every connection; send it without",
                "malformed",
            )
        by = None if signed is None else signed.by
        self._queue(self._open.begin(document, by, action, args, message.until_mono))

    def _signing_hint(self) -> str:
        """Say so if a signature would not help, because this gateway has no keys."""
        return "" if self._operators.keys() else ", and this gateway has no commands.operator_keys"

    def _reject(self, id_: str | None, type_: str, error: CommandRefused) -> None:
        if id_ is None:
            self._count_unanswerable(error)
            return
        self.rejected += 1
        if self._rejections.is_exceeded(self._clock.monotonic()):
            log.debug("command %s: refused without a reply, there were too many: %s", id_, error)
            return
        status: ReplyStatus = "expired" if error.code == "expired" else "rejected"
        log.warning("command %s: %s: %.200s", id_, error.code, error)
        self._replies.put(self._maker.make(id_, type_, status, error.code, str(error)))

    def _count_unanswerable(self, error: CommandRefused) -> None:
        self.unanswerable += 1
        is_power_of_two = self.unanswerable & (self.unanswerable - 1) == 0
        # A flood must not fill the log: only the 1st, 2nd, 4th, 8th … message is a warning.
        level = logging.WARNING if is_power_of_two else logging.DEBUG
        log.log(level, "commands: message %d without an id: %.200s", self.unanswerable, error)
