"""Looks at what arrives on ``down/cmd/<type>``: obeyed, answered as before, or refused with a reason."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from edge_agent.commands import signature
from edge_agent.commands.action import Action, CommandRefused
from edge_agent.commands.document import LONGEST_UNSIGNED_LIFE, arguments, extract_id, parse
from edge_agent.commands.open_commands import OpenCommand, OpenCommands
from edge_agent.commands.replies import ReplyMaker, ReplyQueue
from edge_agent.commands.signature import OperatorKeyring
from edge_agent.core.clock import Clock
from edge_agent.wire import ReplyStatus

log = logging.getLogger(__name__)

ANSWERED, WITHIN_S = 60, 60.0
"""Refusals, and repeats. More than that are a flood: they are counted, and cost the uplink nothing."""


@dataclass(frozen=True, slots=True)
class IncomingCommand:
    """A message on ``down/cmd/<type>``, as it came. ``taken`` tells the broker that it is ours now."""

    type: str
    payload: bytes
    acknowledge: Callable[[], None]
    until_mono: float | None = None  # the message's own expiry
    retained: bool = False  # the broker kept it, and gives it again with every connection


class ReplyRateLimit:
    """At most ``ANSWERED`` in ``WITHIN_S``."""

    def __init__(self) -> None:
        self._answered_mono: deque[float] = deque(maxlen=ANSWERED)

    def is_exceeded(self, now_mono: float) -> bool:
        """False: one more is answered."""
        recent = self._answered_mono
        if len(recent) == ANSWERED and now_mono - recent[0] < WITHIN_S:
            return True
        recent.append(now_mono)
        return False


class CommandIntake:
    """``look_at`` is for one thread; it queues what is to be done. Any thread reads the counters."""

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

    def process(self, arrival: IncomingCommand) -> None:
        """Never raises: whatever it is, it is taken, and answered if it has an id."""
        is_signed = signature.is_jws(arrival.payload)
        id_ = extract_id(signature.payload_of(arrival.payload) if is_signed else arrival.payload)
        try:
            self._accept(arrival, is_signed)
        except CommandRefused as error:
            self._reject(id_, arrival.type, error)
        except Exception:
            log.exception("commands: a message of type %.63r could not be looked at", arrival.type)
            self._reject(id_, arrival.type, CommandRefused("the gateway failed at reading it", "malformed"))
        finally:
            arrival.acknowledge()

    def _accept(self, arrival: IncomingCommand, is_signed: bool) -> None:
        """Raises ``Refused``, and then nothing has changed."""
        signed = self._operators.open(arrival.payload) if is_signed else None
        document = parse(arrival.payload, LONGEST_UNSIGNED_LIFE) if signed is None else parse(signed.document)
        if document.gateway != self._gateway:
            raise CommandRefused(f"this is gateway {self._gateway}, not {document.gateway}", "wrong-gateway")
        action = self._actions.get(arrival.type)
        if action is None:
            known = ", ".join(self._actions)
            raise CommandRefused(f"this gateway obeys no such type; it knows: {known}", "unknown-type")
        if document.type != arrival.type:
            raise CommandRefused(f"a document of type {document.type} came as {arrival.type}", "malformed")
        args = arguments(action.arguments, document.args)
        if signed is None and action.needs_signature(args):
            raise CommandRefused(
                f"{action.name} has to be signed by an operator{self._signing_hint()}", "unsigned"
            )
        if (answer := self._open.reply_to_repeat(document)) is not None:
            if not self._repeats.is_exceeded(self._clock.monotonic()):
                log.info("command %s: came again, answered as before", document.id)
                self._replies.put(answer)
            return
        if arrival.retained:
            # The journal forgets one that has expired, and a box without a clock would obey it again.
            raise CommandRefused(
                "the broker keeps it (retain) and gives it again with every connection; send it without",
                "malformed",
            )
        by = None if signed is None else signed.by
        self._queue(self._open.begin(document, by, action, args, arrival.until_mono))

    def _signing_hint(self) -> str:
        """Says why a signature alone would not help."""
        return "" if self._operators.keys() else ", and this gateway has no commands.operator_keys"

    def _reject(self, id_: str | None, type_: str, error: CommandRefused) -> None:
        if id_ is None:
            self._count_unanswerable(error)
            return
        self.rejected += 1
        if self._rejections.is_exceeded(self._clock.monotonic()):
            log.debug("command %s: refused, and one of too many to answer: %s", id_, error)
            return
        status: ReplyStatus = "expired" if error.code == "expired" else "rejected"
        log.warning("command %s: %s: %.200s", id_, error.code, error)
        self._replies.put(self._maker.make(id_, type_, status, error.code, str(error)))

    def _count_unanswerable(self, error: CommandRefused) -> None:
        """Logged the 1st, 2nd, 4th, 8th time and so on."""
        self.unanswerable += 1
        is_power_of_two = self.unanswerable & (self.unanswerable - 1) == 0
        level = logging.WARNING if is_power_of_two else logging.DEBUG
        log.log(level, "commands: message %d without an id: %.200s", self.unanswerable, error)
