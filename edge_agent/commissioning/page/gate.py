"""Lets a phone use the page if it gives the code on the box's label, whenever the page is served."""

from __future__ import annotations

import hmac
import secrets
import threading

from edge_agent.core.clock import Clock
from edge_agent.tools.local_page.access import AccessEnd

TRIES, WITHIN_S = 5, 900.0
"""Number of wrong codes that are allowed within ``WITHIN_S``. With 100 million possible codes, an attacker
succeeds with a chance of one in 57,000 a year."""


class LabelGate:
    """Admits one phone at a time: the right code on another phone ends the access of the first. Any thread
    may call it."""

    def __init__(self, clock: Clock, code: str) -> None:
        self._clock, self._code = clock, code
        self._lock = threading.Lock()  # protects the fields below
        self._ticket: str | None = None
        self._wrong: list[float] = []  # monotonic times of wrong codes

    @property
    def left_s(self) -> int:
        """A constant, because this page has no time limit."""
        return round(WITHIN_S)

    @property
    def ended(self) -> AccessEnd | None:
        return None

    @property
    def is_claimed(self) -> bool:
        """Whether no code is accepted for a while, after too many wrong ones."""
        with self._lock:
            return self._is_closed()

    def _is_closed(self) -> bool:
        now = self._clock.monotonic()
        self._wrong = [at for at in self._wrong if now - at < WITHIN_S]
        return len(self._wrong) >= TRIES

    def claim(self, code: str) -> str | None:
        with self._lock:
            if self._is_closed():
                return None
            if not hmac.compare_digest(code.strip().encode(), self._code.encode()):
                self._wrong.append(self._clock.monotonic())
                return None
            self._ticket = secrets.token_urlsafe(32)
            return self._ticket

    def admits(self, ticket: str | None) -> bool:
        with self._lock:
            mine = self._ticket
        return ticket is not None and mine is not None and hmac.compare_digest(ticket.encode(), mine.encode())
