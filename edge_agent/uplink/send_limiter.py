"""Decides what may be sent now: the sender asks before each event and picture.

A message waits for two reasons: the budget of the billing period is short (``step``), or the backlog of an
outage would fill the link (a token bucket). An alarm never waits. Waiting messages stay in the outbox.

``SendLimiter`` counts the bytes of all messages; ``SendRate`` counts messages that are not urgent.
"""

from __future__ import annotations

from edge_agent.core.clock import Clock
from edge_agent.core.delivery import StoredEvent
from edge_agent.core.model import Severity

MEDIA_STEP, INFO_STEP = 1, 2  # from these steps of ``budget.py`` on, pictures and infos wait
BURST_S = 4.0
"""The bytes of this many seconds may be sent at once, so that a site's usual traffic is not slowed down."""
WORTH_WAKING_S = 0.25
UNBOUNDED = 10**12


class SendLimiter:
    """Decides what may be sent. For one thread; any thread may set ``step``, valid from the next call on."""

    def __init__(self, clock: Clock, bytes_s: float = UNBOUNDED) -> None:
        self.step = 0
        self._clock = clock
        self._bytes_s = float(bytes_s)
        self._burst = self._bytes_s * BURST_S
        self._tokens = self._burst
        self._filled_mono = clock.monotonic()

    def allows(self, event: StoredEvent) -> bool:
        """Return whether the event may be sent now. If not, no event of a lower severity may be either."""
        if event.priority >= Severity.ALARM.number:
            return True
        if event.priority < Severity.WARNING.number and self.step >= INFO_STEP:
            return False
        return self._refill() > 0

    def allows_media(self) -> bool:
        return self.step < MEDIA_STEP and self._refill() > 0

    def count_sent(self, size_bytes: int) -> None:
        """Take the sent bytes out of the token bucket, which may become negative: later messages then wait.
        Alarms lower it at most to minus a burst, or minus the size of one larger message."""
        self._tokens = max(self._refill() - size_bytes, -max(self._burst, size_bytes))

    def wait_s(self) -> float | None:
        """Return the seconds until the token bucket allows a message; None if it allows one now."""
        tokens = self._refill()
        return None if tokens > 0 else WORTH_WAKING_S - tokens / self._bytes_s

    def _refill(self) -> float:
        now = self._clock.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._filled_mono) * self._bytes_s)
        self._filled_mono = now
        return self._tokens


class SendRate:
    """Limits messages to ``per_s`` a second on average, ``burst`` at once after a pause. For one thread."""

    def __init__(self, per_s: float, burst: int) -> None:
        self._per_s = per_s
        self._burst = burst
        self._tokens = float(burst)
        self._filled_mono: float | None = None

    def available(self, now_mono: float) -> int:
        """Return the number of messages that may be sent now."""
        if self._filled_mono is not None:
            new = max(0.0, now_mono - self._filled_mono) * self._per_s
            self._tokens = min(float(self._burst), self._tokens + new)
        self._filled_mono = now_mono
        return int(self._tokens)

    def count_sent(self, count: int) -> None:
        """Count messages that were sent."""
        self._tokens -= count

    @property
    def wait_s(self) -> float:
        """Return the seconds from the last ``available`` until a quarter of the burst may be sent; 0: now."""
        lacking = max(1.0, self._burst / 4) - self._tokens
        return max(0.0, lacking / self._per_s)
