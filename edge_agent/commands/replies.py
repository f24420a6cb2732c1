"""Answers on their way to the broker: in memory, in order, until it has them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Container
from typing import Any

import msgspec

from edge_agent.core.clock import Clock, rfc3339
from edge_agent.core.delivery import WaitingReply
from edge_agent.core.secrets import masked
from edge_agent.wire import Reply, ReplyStatus

log = logging.getLogger(__name__)

MOST = 128
"""Of answers that wait: while there is no broker, or when somebody sends thousands of wrong commands."""

INTERIM = ("accepted", "running")
LARGEST_RESULT = 64_000
LONGEST_TEXT = 2000


class ReplyMaker:
    """Words an answer: bounded, and without passwords. Any thread."""

    def __init__(self, gateway: str, clock: Clock, session: Callable[[], str], types: Container[str]) -> None:
        """``session``: of the broker; ``types`` of commands that there are."""
        self._gateway = gateway
        self._clock = clock
        self._session = session
        self._types = types

    def make(
        self,
        id_: str,
        type_: str,
        status: ReplyStatus,
        code: str,
        text: str,
        result: dict[str, Any] | None = None,
    ) -> Reply:
        if result and len(msgspec.json.encode(result)) > LARGEST_RESULT:
            log.error("command %s: its result is larger than %d bytes and left out", id_, LARGEST_RESULT)
            result = None
        return Reply(
            id=id_,
            type=type_ if type_ in self._types else "unknown",
            gateway=self._gateway,
            session=self._session(),
            time=rfc3339(self._clock.now()),
            status=status,
            code=code,
            text=masked(text)[:LONGEST_TEXT],
            result=result or {},
        )


class ReplyQueue:
    """The newest that finds no room pushes out the oldest that matters least: what a later answer of the same
    command says again, then a refusal, then any. What was obeyed is in the journal as well. Thread-safe."""

    def __init__(self, wake: Callable[[], None], sent: Callable[[Reply], None], most: int = MOST) -> None:
        """``wake`` the sender; ``sent``: the broker has this one. Called on the sender's thread."""
        self._wake = wake
        self._sent = sent
        self._most = most
        self._lock = threading.Lock()  # protects the two below
        self._waiting: dict[int, Reply] = {}
        self._number = 0

    def put(self, reply: Reply) -> None:
        with self._lock:
            if len(self._waiting) >= self._most:
                del self._waiting[min(self._waiting, key=self._worth)]
            self._number += 1
            self._waiting[self._number] = reply
        self._wake()

    def pending(self, exclude: Collection[int]) -> WaitingReply | None:
        """The oldest whose number is not in ``exclude``."""
        with self._lock:
            for number, reply in self._waiting.items():
                if number not in exclude:
                    return WaitingReply(number, reply.id, msgspec.json.encode(reply))
        return None

    def delivered(self, number: int) -> None:
        with self._lock:
            reply = self._waiting.pop(number, None)
        if reply is not None:
            self._sent(reply)

    def _worth(self, number: int) -> tuple[int, int]:
        reply = self._waiting[number]
        return (0 if reply.status in INTERIM else 1 if reply.status == "rejected" else 2), number
