"""Keeps replies to commands in memory, in order, until the broker acknowledges them."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Collection, Container
from typing import Any

from msgspec import UNSET

from edge_agent.core.clock import Clock, rfc3339
from edge_agent.core.delivery import WaitingReply
from edge_agent.core.problems import masked_problem, optional_problem
from edge_agent.core.problems.problem import encode_json
from edge_agent.core.secrets import masked
from edge_agent.wire import Reply, ReplyStatus

log = logging.getLogger(__name__)

MAX_WAITING = 128
"""Limit of replies that wait for a broker, or because a client sends thousands of wrong commands."""

MAX_REPLIES, WINDOW_S = 60, 60.0
"""Limit of refusals, and of repeated replies, in ``WINDOW_S``; more are counted, but not published."""

INTERIM = ("accepted", "running")
MAX_RESULT_BYTES = 64_000
MAX_TEXT_LENGTH = 2000


class ReplyMaker:
    """Makes replies of bounded size, without passwords. Thread-safe."""

    def __init__(self, gateway: str, clock: Clock, session: Callable[[], str], types: Container[str]) -> None:
        """``session`` returns the id of the broker session. ``types``: commands of this gateway."""
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
        if result and len(encode_json(result)) > MAX_RESULT_BYTES:
            log.error("command %s: its result exceeds %d bytes and is left out", id_, MAX_RESULT_BYTES)
            result = None
        return Reply(
            id=id_,
            type=type_ if type_ in self._types else "unknown",
            gateway=self._gateway,
            session=self._session(),
            time=rfc3339(self._clock.now()),
            status=status,
            code=code,
            text=masked(text)[:MAX_TEXT_LENGTH],
            result=result or {},
            # A shortened text gets no code, because the values beside the code would not be shortened.
            problem=optional_problem(masked_problem(text)) if len(text) <= MAX_TEXT_LENGTH else UNSET,
        )


class ReplyRateLimit:
    """Limits replies, or commands, to a number in ``WINDOW_S``."""

    def __init__(self, most: int = MAX_REPLIES) -> None:
        self._recent_mono: deque[float] = deque(maxlen=most)

    def is_exceeded(self, now_mono: float) -> bool:
        """Count one more, unless it is too many. Return True if it is."""
        recent = self._recent_mono
        if len(recent) == recent.maxlen and now_mono - recent[0] < WINDOW_S:
            return True
        recent.append(now_mono)
        return False


class ReplyQueue:
    """Holds the replies that wait for the broker. Thread-safe.

    A full queue drops the least important reply, and among equals the oldest: first interim replies, which a
    later one repeats, then refusals, then any. The journal also has the replies of commands that ran."""

    def __init__(
        self, wake: Callable[[], None], sent: Callable[[Reply], None], max_waiting: int = MAX_WAITING
    ) -> None:
        """``wake`` wakes the publisher. ``sent`` is called on the publisher's thread when the broker has
        acknowledged a reply."""
        self._wake = wake
        self._sent = sent
        self._max_waiting = max_waiting
        self._lock = threading.Lock()  # protects the two fields below
        self._waiting: dict[int, Reply] = {}
        self._number = 0

    def put(self, reply: Reply) -> None:
        with self._lock:
            if len(self._waiting) >= self._max_waiting:
                del self._waiting[min(self._waiting, key=self._importance)]
            self._number += 1
            self._waiting[self._number] = reply
        self._wake()

    def pending(self, exclude: Collection[int]) -> WaitingReply | None:
        """Return the oldest reply whose number is not in ``exclude``."""
        with self._lock:
            for number, reply in self._waiting.items():
                if number not in exclude:
                    return WaitingReply(number, reply.id, encode_json(reply))
        return None

    def delivered(self, number: int) -> None:
        with self._lock:
            reply = self._waiting.pop(number, None)
        if reply is not None:
            self._sent(reply)

    def _importance(self, number: int) -> tuple[int, int]:
        reply = self._waiting[number]
        return (0 if reply.status in INTERIM else 1 if reply.status == "rejected" else 2), number
