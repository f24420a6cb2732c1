"""What may go now: the sender asks before each event and picture.

Two reasons to wait: the budget of the billing period runs short (its step), and what has piled up in an
outage must not fill the link (a token bucket). An alarm never waits for either. What waits stays in the
outbox.
"""

from __future__ import annotations

from edge_agent.core.clock import Clock
from edge_agent.core.delivery import StoredEvent
from edge_agent.core.model import Severity

MEDIA_STEP, INFO_STEP = 1, 2
"""Steps of ``budget.py`` from which on pictures and infos are held."""
BURST_S = 4.0
"""So many seconds' worth go at once: what a site usually says is not slowed down."""
WORTH_WAKING_S = 0.25
UNBOUNDED = 10**12


class SendLimiter:
    """The publisher's thread uses it; ``step`` is set by any thread and counts from the next question on."""

    def __init__(self, clock: Clock, bytes_s: float = UNBOUNDED) -> None:
        self.step = 0
        self._clock = clock
        self._bytes_s = float(bytes_s)
        self._burst = self._bytes_s * BURST_S
        self._tokens = self._burst
        self._filled_mono = clock.monotonic()

    def allows(self, event: StoredEvent) -> bool:
        """Whether it may go now. Where one may not, none of a lower severity may."""
        if event.priority >= Severity.ALARM.number:
            return True
        if event.priority < Severity.WARNING.number and self.step >= INFO_STEP:
            return False
        return self._refill() > 0

    def allows_media(self) -> bool:
        return self.step < MEDIA_STEP and self._refill() > 0

    def count_sent(self, size_bytes: int) -> None:
        """It was sent. A large one is paid for afterwards; alarms owe no more than a burst."""
        self._tokens = max(self._refill() - size_bytes, -max(self._burst, size_bytes))

    def wait_s(self) -> float | None:
        """How long until it is worth asking again; None: nothing waits for the bucket."""
        tokens = self._refill()
        return None if tokens > 0 else WORTH_WAKING_S - tokens / self._bytes_s

    def _refill(self) -> float:
        now = self._clock.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._filled_mono) * self._bytes_s)
        self._filled_mono = now
        return self._tokens
