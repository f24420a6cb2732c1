"""Whether a command's time is now, as far as the clock can tell."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from edge_agent.commands.action import CommandRefused
from edge_agent.commands.document import TOLERANCE
from edge_agent.core.clock import Clock, rfc3339


class CommandValidity:
    """Asked when a command arrives, and again when its turn comes. Any thread."""

    def __init__(self, clock: Clock, synced: Callable[[], bool]) -> None:
        """``synced``: the clock is right."""
        self._clock = clock
        self._synced = synced

    def now(self) -> datetime | None:
        """None while nobody knows the time."""
        return self._clock.now() if self._synced() else None

    def check(self, issued: datetime, expires: datetime, *, risky: bool, until_mono: float | None) -> None:
        """Raises ``Refused``. ``until_mono``: the message's own expiry; ``risky``: not without a clock."""
        if until_mono is not None and self._clock.monotonic() > until_mono:
            raise CommandRefused("its message had expired before it could be obeyed", "expired")
        now = self.now()
        if now is None:
            if risky:
                text = "the clock of the box is not synchronised: nobody can say whether this has expired"
                raise CommandRefused(text, "clock-not-synchronised")
            return
        if now > expires:
            raise CommandRefused(f"it expired at {rfc3339(expires)}", "expired")
        if issued > now + TOLERANCE:
            raise CommandRefused(f"it is not valid before {rfc3339(issued)}", "not-yet-valid")
