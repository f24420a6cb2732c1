"""Answers of gateways to searches, stored a few at a time between batches of events.

A city answers within seconds, and its answers take a second of CPU to store: an alarm must not wait for them.
They wait in memory, and are confirmed to the broker before they are stored: if a kill or a full queue loses
an answer, the gateway is asked again, because its row has no answer (see ``sender.py``).
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence

from sqlalchemy import Connection

from edge_agent.wire.received.messages import ReplyMessage
from edge_central.searches.answers import record_answers, says_nothing
from edge_central.store.batch import Store
from edge_central.store.database import DatabaseUnavailable

log = logging.getLogger(__name__)

AT_ONCE = 4
"""Number of answers in one transaction: 4 ms of CPU, of which 1 ms is for the transaction."""
MAX_BYTES = 64_000_000
"""Ten searches of 465 gateways, answered at once, have 51 MB."""
MAX_OF_GATEWAY = 64
"""Limit for one gateway: a gateway that floods does not displace the answers of others."""


class AnswerQueue:
    """Queues the answers of gateways until they are stored. Not thread-safe: the ingest thread owns it."""

    def __init__(
        self,
        store: Store,
        record: Callable[[Connection, Sequence[ReplyMessage], int], None] = record_answers,
    ) -> None:
        """``record`` stores answers; its last argument is the time in milliseconds since 1970."""
        self._store = store
        self._record_in = record
        self._waiting: deque[ReplyMessage] = deque()
        self._of_gateway: Counter[str] = Counter()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, answers: Iterable[ReplyMessage]) -> None:
        """Queue answers. Answers without content are dropped, and so are answers that exceed a limit: their
        gateway is asked again."""
        for answer in answers:
            if says_nothing(answer):
                continue
            size = len(answer.result)
            if self._bytes + size > MAX_BYTES or self._of_gateway[answer.gateway] >= MAX_OF_GATEWAY:
                log.debug("%s: dropped its answer to %s; it is asked again", answer.gateway, answer.command)
                continue
            self._waiting.append(answer)
            self._of_gateway[answer.gateway] += 1
            self._bytes += size

    def store_some(self, now_ms: int) -> None:
        """Store up to AT_ONCE answers. Raises DatabaseUnavailable; the answers then stay in the queue."""
        some = [self._waiting[n] for n in range(min(AT_ONCE, len(self._waiting)))]
        try:
            self._record(some, now_ms)
        except DatabaseUnavailable:
            raise
        except Exception:  # noqa: BLE001 - one bad answer must not keep the others from being stored
            for answer in some:
                self._record_alone(answer, now_ms)
        for answer in some:
            self._waiting.popleft()
            self._of_gateway[answer.gateway] -= 1
            self._bytes -= len(answer.result)
        self._of_gateway += Counter()  # forget gateways without answers

    def _record_alone(self, answer: ReplyMessage, now_ms: int) -> None:
        try:
            self._record([answer], now_ms)
        except DatabaseUnavailable:
            raise
        except Exception:
            log.exception("%s: its answer to %s cannot be stored", answer.gateway, answer.command)

    def _record(self, answers: list[ReplyMessage], now_ms: int) -> None:
        with self._store.batch() as batch:
            self._record_in(batch.connection, answers, now_ms)
