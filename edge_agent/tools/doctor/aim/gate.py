"""Who may look: whoever has typed the code first, and nobody else, until the time is over."""

from __future__ import annotations

import hmac
import math
import secrets
import threading
from enum import StrEnum

from edge_agent.core.clock import Clock

LIFE_S = 15 * 60.0
TRIES = 5
DIGITS = 6
"""Five guesses at a million: 1 in 200,000 for the whole life of the page."""


class AccessEnd(StrEnum):
    """Why nobody may look any more."""

    TIME = "time"
    GUESSED = "guessed"


class AccessGate:
    """One code, one browser. Any thread."""

    def __init__(self, clock: Clock, life_s: float = LIFE_S) -> None:
        self._clock = clock
        self._until_mono = clock.monotonic() + life_s
        self.code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
        self._ticket = secrets.token_urlsafe(32)
        # Guards the two below: of two who type the right code at once, one is the first.
        self._lock = threading.Lock()
        self._taken = False
        self._wrong = 0

    @property
    def left_s(self) -> int:
        return max(0, math.ceil(self._until_mono - self._clock.monotonic()))

    @property
    def ended(self) -> AccessEnd | None:
        if self._wrong >= TRIES:
            return AccessEnd.GUESSED
        return AccessEnd.TIME if self.left_s == 0 else None

    @property
    def is_claimed(self) -> bool:
        return self._taken

    def claim(self, code: str) -> str | None:
        """The ticket for the first who has the right code, None for all others; each wrong one counts."""
        with self._lock:
            if self.ended or self._taken:
                return None
            if not hmac.compare_digest(code.strip().encode(), self.code.encode()):
                self._wrong += 1
                return None
            self._taken = True
            return self._ticket

    def admits(self, ticket: str | None) -> bool:
        if ticket is None or self.ended or not self._taken:
            return False
        return hmac.compare_digest(ticket.encode(), self._ticket.encode())
