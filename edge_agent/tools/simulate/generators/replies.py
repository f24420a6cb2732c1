"""Replies of a simulated gateway to commands: it publishes its birth again, and does nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from typing import Any

import msgspec

from edge_agent import wire
from edge_agent.core.clock import Clock, rfc3339
from edge_agent.core.delivery import WaitingReply
from edge_agent.wire.topics import DownMessage


class SimulatedReplies:
    """The ``RepliesPort`` of a publisher. Replies are in memory only."""

    def __init__(self, gateway: str, clock: Clock, wake: Callable[[], None]) -> None:
        self._gateway = gateway
        self._clock = clock
        self._wake = wake
        self._lock = threading.Lock()  # protects the fields below
        self._waiting: dict[int, WaitingReply] = {}
        self._count = 0

    def receive_command(self, message: DownMessage, publish_birth: Callable[[], None], session: str) -> None:
        """Handle a command, on the publisher's thread."""
        message.acknowledge()
        try:
            command = msgspec.json.decode(message.payload, type=wire.Command[Any])
        except (msgspec.MsgspecError, UnicodeError):
            return  # a signed or invalid command, whose id is not known
        if command.type == "rebirth":
            publish_birth()
            self._answer(command, session, "succeeded", "ok", "the birth is sent again")
        else:
            self._answer(command, session, "failed", "not-possible", "this gateway is simulated")

    def pending(self, exclude: Collection[int]) -> WaitingReply | None:
        with self._lock:
            return next((reply for number, reply in self._waiting.items() if number not in exclude), None)

    def delivered(self, number: int) -> None:
        with self._lock:
            self._waiting.pop(number, None)

    def _answer(
        self, command: wire.Command[Any], session: str, status: wire.ReplyStatus, code: str, text: str
    ) -> None:
        reply = wire.Reply(
            id=command.id,
            type=command.type,
            gateway=self._gateway,
            session=session,
            time=rfc3339(self._clock.now()),
            status=status,
            code=code,
            text=text,
        )
        with self._lock:
            self._count += 1
            payload = msgspec.json.encode(reply)
            self._waiting[self._count] = WaitingReply(self._count, command.id, payload)
        self._wake()
