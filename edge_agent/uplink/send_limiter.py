"""What may go now: the sender asks before each event and picture.

Two reasons to wait: the budget of the billing period runs short (its step), and what has piled up in an
outage must not fill the link (a token bucket). An alarm never waits for either. What waits stays in the
outbox.

How many messages a second may go that are not urgent. In bytes, for all that goes: ``send_limiter.py``.
"""

from __future__ import annotations

import math

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


class SendRate:
    """``per_s`` messages a second on average, ``burst`` at once after a pause. One thread uses it.

    ``per_s`` may be changed at any time, by any thread; ``math.inf`` is no limit.
    """

    def __init__(self, per_s: float, burst: int) -> None:
        self.per_s = per_s
        self._burst = burst
        self._tokens = float(burst)
        self._filled_mono: float | None = None

    def available(self, now_mono: float) -> int:
        """How many may go now."""
        if self.per_s == math.inf:
            return self._burst
        if self._filled_mono is not None:
            new = max(0.0, now_mono - self._filled_mono) * self.per_s
            self._tokens = min(float(self._burst), self._tokens + new)
        self._filled_mono = now_mono
        return int(self._tokens)

    def count_sent(self, count: int) -> None:
        """So many went."""
        if self.per_s != math.inf:
            self._tokens -= count

    @property
    def wait_s(self) -> float:
        """Until a fair part of the burst may go, from the last ``available`` on; 0: now."""
        lacking = max(1.0, self._burst / 4) - self._tokens
        return max(0.0, lacking / self.per_s) if self.per_s > 0 else math.inf
