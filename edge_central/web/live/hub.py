"""Passes messages from one thread to many listeners, each with a scope and a bounded queue.

Every message has a *mark*: ``<id of this process>-<number>``. A client that reconnects with the mark of the
last message it has seen gets the messages after it. If they are no longer kept, or the mark is of another
process, it gets one ``stale`` message: its page has to be loaded again.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from edge_central.store.scope import Scope

RING_SIZE = 2_000
"""Messages kept for listeners that reconnect: 15 s at a peak of 120 events/s, hours on most days."""
MOST_QUEUED = 500
"""Limit of messages queued for a listener. A slower one gets ``stale`` and has to load its page again."""


@dataclass(frozen=True, slots=True)
class LiveMessage:
    """A message for the listeners with ``ward`` in their scope; None: for all listeners. If ``account`` is
    set, only streams of this account and of administrators get it."""

    kind: str
    ward: str | None
    body: bytes  # JSON in one line
    account: str | None = None


@dataclass(frozen=True, slots=True)
class NumberedMessage:
    number: int
    content: LiveMessage


STALE = LiveMessage("stale", None, b"{}")


@dataclass(eq=False)
class LiveListener:
    """The stream of one browser or program. It is used only on the event loop."""

    scope: Scope
    key: str  # key of the session or token that opened the stream
    person: bool  # True for a person's session, which its open stream keeps in use; False for a token
    account: str = ""
    is_admin: bool = False
    newest_number: int = 0  # number of the newest message that this listener has been offered
    ended: bool = False
    waiting: deque[NumberedMessage] = field(default_factory=deque)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def take_waiting(self) -> list[NumberedMessage]:
        """Remove and return all queued messages."""
        taken = list(self.waiting)
        self.waiting.clear()
        self.news.clear()
        return taken

    def enqueue(self, message: NumberedMessage) -> None:
        if len(self.waiting) >= MOST_QUEUED:
            self.waiting.clear()
            message = NumberedMessage(message.number, STALE)
        self.waiting.append(message)
        self.news.set()

    def end(self) -> None:
        self.ended = True
        self.news.set()


class LiveHub:
    def __init__(self) -> None:
        self._life = secrets.token_hex(4)
        # Protects the number and the ring: the follower's thread writes, pages read the mark.
        self._lock = threading.Lock()
        self._number = 0
        self._ring: deque[NumberedMessage] = deque(maxlen=RING_SIZE)
        self._listeners: set[LiveListener] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self.joined = threading.Event()  # set when a listener joins: the follower then polls at once

    # --- any thread

    def mark(self) -> str:
        """Return the newest message's mark. Read it before the database, to miss no later message."""
        with self._lock:
            return f"{self._life}-{self._number}"

    def publish(self, messages: Iterable[LiveMessage]) -> None:
        with self._lock:
            first = self._number + 1
            numbered = [NumberedMessage(number, each) for number, each in enumerate(messages, first)]
            self._number += len(numbered)
            self._ring.extend(numbered)
            loop = self._loop
            if loop is not None and numbered and not self._closed:
                loop.call_soon_threadsafe(self.distribute, numbered)

    def listener_keys(self) -> dict[str, bool]:
        """Return the keys of the listeners, and for each whether it is the session of a person."""
        with self._lock:
            return {each.key: each.person for each in self._listeners}

    def end(self, keys: set[str]) -> None:
        """End the streams with these keys, because their session or token is no longer valid."""
        with self._lock:
            if self._loop is not None and not self._closed:
                self._loop.call_soon_threadsafe(self._end, keys)

    def text(self, message: NumberedMessage) -> bytes:
        """Encode a message as a Server-Sent Event (HTML Standard, 9.2)."""
        head = f"id: {self._life}-{message.number}\nevent: {message.content.kind}\ndata: ".encode()
        return head + message.content.body + b"\n\n"

    # --- on the event loop

    def open(self) -> None:
        self._loop = asyncio.get_running_loop()

    def close(self) -> None:
        """End all streams and accept no more listeners."""
        with self._lock:
            self._closed = True
            listeners = list(self._listeners)
        for listener in listeners:
            listener.end()

    def join(
        self,
        scope: Scope,
        key: str,
        person: bool,
        after: str | None,
        account: str = "",
        *,
        is_admin: bool = False,
    ) -> LiveListener:
        """Add a listener. ``after``: mark of the last message that it has seen; None: it starts now."""
        listener = LiveListener(scope, key, person, account, is_admin)
        with self._lock:
            if self._closed:
                listener.end()
            for message in self._missed(after):
                if _is_admitted(listener, message):
                    listener.enqueue(message)
            # The missed messages include those that are on their way to the loop.
            listener.newest_number = self._number
            self._listeners.add(listener)
        self.joined.set()
        return listener

    def leave(self, listener: LiveListener) -> None:
        with self._lock:
            self._listeners.discard(listener)

    @property
    def count(self) -> int:
        return len(self._listeners)

    def count_of(self, key: str) -> int:
        return sum(each.key == key for each in self._listeners)

    def count_of_account(self, account: str) -> int:
        """Return the number of streams of an account, in all its sessions."""
        return sum(each.account == account for each in self._listeners)

    def _missed(self, after: str | None) -> list[NumberedMessage]:
        if after is None:
            return []
        life, _, number = after.partition("-")
        seen = int(number) if number.isdecimal() and len(number) < 16 else -1
        oldest = self._ring[0].number if self._ring else self._number + 1
        if life != self._life or not oldest - 1 <= seen <= self._number:
            return [NumberedMessage(self._number, STALE)]
        # A slow listener's queue holds fewer than the ring.
        missed = [message for message in self._ring if message.number > seen]
        return missed if len(missed) <= MOST_QUEUED else [NumberedMessage(self._number, STALE)]

    def distribute(self, messages: list[NumberedMessage]) -> None:
        """Queue these messages, which ``publish`` has numbered, for all listeners."""
        for listener in self._listeners:
            for message in messages:
                if message.number > listener.newest_number and _is_admitted(listener, message):
                    listener.enqueue(message)

    def _end(self, keys: set[str]) -> None:
        for listener in self._listeners:
            if listener.key in keys:
                listener.end()


def _is_admitted(listener: LiveListener, message: NumberedMessage) -> bool:
    ward, account = message.content.ward, message.content.account
    of_ward = ward is None or listener.scope.admits(ward)
    return of_ward and (account is None or listener.is_admin or account == listener.account)
