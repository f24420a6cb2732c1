"""Messages that were sent and are not acknowledged, and what a refusal means for the following ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar

from edge_agent.core.delivery import Media, StoredEvent, WaitingReply
from edge_agent.core.model import Severity

WINDOW = 20
"""Most QoS 1 messages without PUBACK (protocol.md, Delivery); fewer when the broker asks for fewer."""

OWN_SLOTS = 1
"""Reserved for state and birth: ``stopped`` can be sent while nothing else is acknowledged."""

ALARM_SLOTS = 4  # reserved for alarms in addition; at most half of a small window

ACK_TIMEOUT_S = 60.0
IGNORED_AFTER_S = 20.0
"""The broker hangs if everything has arrived there and it has acknowledged nothing for this long."""

SLOWEST_BYTES_S = 1_000  # a slower link counts as dead: 200 kB may take 200 s

FIRST_DEFERRAL_S, MAX_DEFERRAL_S = 60.0, 900.0
FAILURE_PAUSE_S = 10.0
"""Wait after a picture or part fails: after a restart a broker has no subscriber until the centre is back."""

SUCCESS, NO_SUBSCRIBER = 0x00, 0x10
PACKET_TOO_LARGE, TOPIC_INVALID = 0x95, 0x90


@dataclass(frozen=True, slots=True)
class AccessProbe:
    """An empty message whose PUBACK says whether the broker lets the gateway write to the topic."""

    topic: str
    foreign: bool  # the topic is another gateway's


Sent = StoredEvent | Media | WaitingReply | AccessProbe | str
"""An event, a picture, a reply, a probe, or the name of one of the gateway's own messages."""


def deferral_s(attempts: int, first_s: float = FIRST_DEFERRAL_S) -> float:
    """Return the delay before an undelivered message is sent again: 60 s, doubling to 15 min."""
    return min(MAX_DEFERRAL_S, first_s * 2.0 ** min(attempts, 10))


_Kind = TypeVar("_Kind", StoredEvent, Media, WaitingReply, AccessProbe)


@dataclass(frozen=True, slots=True)
class _InFlight:
    sent: Sent
    sent_mono: float
    size_bytes: int


class Window:
    """Messages in flight on the present connection, by packet id. One thread uses it."""

    def __init__(self, limit: int = WINDOW) -> None:
        self.limit = limit
        self._in_flight: dict[int, _InFlight] = {}
        self._keys: set[tuple[int, str]] = set()
        self._ignored_since_mono: float | None = None

    def __len__(self) -> int:
        return len(self._in_flight)

    @property
    def free(self) -> int:
        """Return how many more messages may be sent, of which ``OWN_SLOTS`` are only for state and birth."""
        return max(0, self.limit - len(self._in_flight))

    @property
    def free_for_alarms(self) -> int:
        return max(0, self._for_alarms - len(self._in_flight))

    @property
    def free_for_others(self) -> int:
        """Return how many more events below severity alarm, or pictures, may be sent."""
        reserved = min(ALARM_SLOTS, self._for_alarms // 2)
        return max(0, self._for_alarms - reserved - len(self._in_flight))

    @property
    def _for_alarms(self) -> int:
        # With a window of one message nothing can be reserved: then a message of any kind may use it.
        return max(1, self.limit - OWN_SLOTS)

    def accepts(self, event: StoredEvent) -> bool:
        """Return whether the window has room for this event."""
        alarm = event.priority >= Severity.ALARM.number
        return (self.free_for_alarms if alarm else self.free_for_others) > 0

    def in_flight(self, kind: type[_Kind]) -> list[_Kind]:
        """Return the messages of this kind that the broker has not acknowledged."""
        return [entry.sent for entry in self._in_flight.values() if isinstance(entry.sent, kind)]

    @property
    def keys(self) -> frozenset[tuple[int, str]]:
        """(sequence, epoch) of the events in flight."""
        return frozenset(self._keys)

    def add(self, packet_id: int, sent: Sent, size_bytes: int, now_mono: float) -> None:
        self._in_flight[packet_id] = _InFlight(sent, now_mono, size_bytes)
        if isinstance(sent, StoredEvent):
            self._keys.add(sent.key)

    def take(self, packet_id: int) -> Sent | None:
        """Remove and return the message that this PUBACK acknowledges; None for an unknown id."""
        self._ignored_since_mono = None
        entry = self._in_flight.pop(packet_id, None)
        if entry is None:
            return None
        if isinstance(entry.sent, StoredEvent):
            self._keys.discard(entry.sent.key)
        return entry.sent

    def clear(self) -> None:
        self._in_flight.clear()
        self._keys.clear()
        self._ignored_since_mono = None

    def observe(self, arrived: bool, now_mono: float) -> None:
        """Note whether everything sent has arrived. ``arrived``: the broker's machine has every byte."""
        if not arrived or not self._in_flight:
            self._ignored_since_mono = None
        elif self._ignored_since_mono is None:
            self._ignored_since_mono = now_mono

    def overdue(self, now_mono: float) -> bool:
        """Whether the broker ignores what it has received, or the oldest message has waited longer than a
        working link can explain."""
        if not self._in_flight:
            return False
        if self._ignored_since_mono is not None and now_mono - self._ignored_since_mono > IGNORED_AFTER_S:
            return True
        oldest_mono = min(entry.sent_mono for entry in self._in_flight.values())
        in_flight_bytes = sum(entry.size_bytes for entry in self._in_flight.values())
        return now_mono - oldest_mono > ACK_TIMEOUT_S + in_flight_bytes / SLOWEST_BYTES_S


class CircuitBreaker:
    """Holds messages back while the broker accepts none, so that a backlog is not sent again and again over a
    paid link.

    After ``after`` failures in a row, one message every ``every_s`` is tried until one succeeds. After each
    earlier failure nothing is tried for ``pause_s``, and further failures in that time do not count: they
    have the same cause.
    """

    def __init__(self, after: int, every_s: float, pause_s: float = 0.0) -> None:
        self._after = after
        self._every_s = every_s
        self._pause_s = pause_s
        self._failures = 0
        self._next_try_mono = 0.0
        self._failed_mono = -math.inf  # the last failure that counted

    @property
    def is_open(self) -> bool:
        """Whether only single messages are tried."""
        return self._failures >= self._after

    def failed(self, now_mono: float, sent_mono: float = math.inf) -> None:
        """Count a failure, unless the message was sent before the last one: then it has the same cause."""
        if sent_mono < self._failed_mono or (not self.is_open and now_mono < self._next_try_mono):
            return
        self._failed_mono = now_mono
        self._failures += 1
        self._next_try_mono = now_mono + (self._every_s if self.is_open else self._pause_s)

    def succeeded(self) -> None:
        self._failures = 0
        self._next_try_mono = 0.0

    def try_now(self) -> None:
        """Allow the next try at once, because the receiver may work again."""
        self._next_try_mono = 0.0

    def allowed(self, free: int, in_flight: int, now_mono: float) -> int:
        """Return how many messages may be sent now: ``free``, or at most one while the breaker is open."""
        if now_mono < self._next_try_mono:
            return 0
        if not self.is_open:
            return free
        return min(1, free) if in_flight == 0 else 0
